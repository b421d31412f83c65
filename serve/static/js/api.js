// Talking to the service: what goes wrong for a while is tried again, and said.

const MAX_TRIES = 8;
const LONGEST_WAIT_SECONDS = 60;
const KEY = "api_key";

/** What the user is told; `seconds` is when to try again, absent where that does not help. */
export class Problem extends Error {
  constructor(message, { status = 0, seconds } = {}) {
    super(message);
    this.status = status;
    this.seconds = seconds;
  }
}

export function apiKey() {
  return sessionStorage.getItem(KEY) ?? "";
}

export function useApiKey(key) {
  if (key) sessionStorage.setItem(KEY, key);
  else sessionStorage.removeItem(KEY);
}

/**
 * The answer of a route as JSON. `body` goes as JSON, `form` (a FormData) as it is, neither is a
 * GET. `onWait` is told in words what is waited for, and "" when that is over.
 */
export async function ask(route, options = {}) {
  const response = await send(route, options);
  return response.json();
}

/** The response of a route, for those that are no JSON. */
export async function send(route, { body, form, signal, onWait = () => {}, tries = MAX_TRIES } = {}) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const response = await sendOnce(route, body, form, signal);
      onWait("");
      return response;
    } catch (error) {
      const seconds = error instanceof Problem ? error.seconds : undefined;
      const isOver = seconds === undefined || seconds > LONGEST_WAIT_SECONDS || attempt >= tries;
      if (isOver) {
        onWait("");
        throw error;
      }
      const when = seconds > 5 ? `in ${seconds} seconds` : "in a moment";
      onWait(`${error.message} Trying again ${when}.`);
      await pause(seconds * 1000, signal);
    }
  }
}

async function sendOnce(route, body, form, signal) {
  let response;
  try {
    response = await fetch(route, { ...request(body, form), signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("The server does not answer. Is it still running?", { seconds: 2 });
  }
  if (response.ok) return response;
  const answer = await response.json().catch(() => ({}));
  throw problemOf(response, answer.error ?? answer.message);
}

function request(body, form) {
  const key = apiKey();
  if (form) {
    if (key) form.set(KEY, key);
    return { method: "POST", body: form };
  }
  if (!body) return {};
  return {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(key ? { ...body, [KEY]: key } : body),
  };
}

function problemOf({ status, headers }, words) {
  const said = words ? sentence(words) : `The server answered with status ${status}.`;
  if (status !== 503 && status !== 429) return new Problem(said, { status });
  const seconds = Math.max(1, Number(headers.get("Retry-After")) || 1);
  // What comes after a semicolon is advice that the page takes itself.
  return new Problem(sentence(said.split(";")[0]), { status, seconds });
}

function sentence(words) {
  const start = words.charAt(0).toUpperCase() + words.slice(1);
  return /[.!?]$/.test(start) ? start : `${start}.`;
}

function pause(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}
