// The page of the service. All it knows about languages comes from GET languages.

const STEPS = 21;
const PAUSE_MS = 400; // after the last key before a translation is asked for
const SWEEP_PAUSE_MS = 1200; // the same for a sweep, which is as much work as many translations
const RETRY_MS = 1500; // while the server is away or loads its model

const EXAMPLES = [
  "My sister lives in a small house near the sea.",
  "Here the other guinea-pig cheered, and was suppressed.",
  "I must be getting somewhere near the centre of the earth.",
  "I wonder what they'll do next!",
  "Where did you learn to cook so well?",
];

const PATHS = {
  direct: "Direct: the model was trained on this pair of languages.",
  zero_shot: "Zero-shot: the model never saw this pair of languages in training.",
  pivot: "Through a third language.",
  unknown: "",
  unchanged: "Nothing to translate: the text is as it was.",
};

const FLAGS = {
  truncated: "The end is missing: the translation grew too long.",
  repetition: "Something is repeated that should not be.",
  copied: "It came back untranslated.",
  off_target: "It seems to be in another language than asked for.",
};

const $ = (id) => document.getElementById(id);
const text = $("text");
const names = new Map();
const percent = new Intl.NumberFormat("en", { style: "percent" });
const problems = new Map();
let edits = 0; // how often the text was changed
let sweep = null; // the answer of POST mix that the slider shows

// ---- talking to the service ----

class Problem extends Error {}

async function ask(route, body, signal) {
  const options = body && {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  };
  let response;
  try {
    response = await fetch(route, { ...options, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("The server does not answer. Is it still running?");
  }
  const answer = await response.json().catch(() => ({}));
  if (response.ok) return answer;
  throw new Problem(capital(answer.error ?? `The server answered with status ${response.status}.`));
}

/**
 * Runs one task at a time: a newer one aborts the older, whose answer is dropped.
 * What `output` shows stays dimmed until it is up to date.
 */
function latest(task, output) {
  let running = null;
  return async () => {
    running?.abort();
    const mine = (running = new AbortController());
    const editsBefore = edits;
    dim(output);
    output.setAttribute("aria-busy", "true");
    try {
      await task(mine.signal);
      if (running !== mine) return;
      if (edits === editsBefore) output.classList.remove("waiting");
      showProblem(output, "");
    } catch (error) {
      if (running !== mine || error.name === "AbortError") return;
      if (!(error instanceof Problem)) throw error;
      showProblem(output, error.message);
    } finally {
      if (running === mine) output.removeAttribute("aria-busy");
    }
  };
}

function dim(...outputs) {
  for (const output of outputs) output.classList.add("waiting");
}

/** Shows the problems of all parts of the page in one place; an empty message takes one away. */
function showProblem(part, message) {
  problems.set(part, message);
  const words = [...new Set(problems.values())].filter(Boolean).join(" ");
  if ($("problem").textContent !== words) $("problem").textContent = words;
  $("problem").hidden = !words;
}

function capital(sentence) {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}

// ---- translating ----

const translate = latest(async (signal) => {
  if (!text.value.trim()) return showTranslation("", "");
  const answer = await ask(
    "translate",
    { q: text.value, source: $("source").value, target: $("target").value },
    signal,
  );
  const found = answer.detectedLanguage;
  const from = found?.confidence ? `From ${names.get(found.language)}, it seems. ` : "";
  const flags = answer.flags.map((flag) => ` ${FLAGS[flag]}`).join("");
  showTranslation(answer.translatedText, from + PATHS[answer.path] + flags, $("target").value);
}, $("translation"));

function showTranslation(words, note, language = "") {
  $("translation").textContent = words;
  $("translation").lang = language;
  $("translation-note").textContent = note;
  $("copy").disabled = !words;
}

async function copy() {
  try {
    await navigator.clipboard.writeText($("translation").textContent);
    announceCopy("Copied");
  } catch {
    // Browsers keep the clipboard from pages that came over plain HTTP.
    getSelection().selectAllChildren($("translation"));
    announceCopy("Selected: now press Ctrl+C");
  }
}

function announceCopy(words) {
  $("copy").textContent = words;
  setTimeout(() => ($("copy").textContent = "Copy"), 2000);
}

// ---- mixing ----

const fetchSweep = latest(async (signal) => {
  const languages = [$("first").value, $("second").value];
  const possible = text.value.trim() && languages[0] !== languages[1];
  const body = { q: text.value, source: $("source").value, languages, steps: STEPS };
  sweep = possible ? await ask("mix", body, signal) : null;
  drawSweep();
}, $("mixed"));

function drawSweep() {
  const ready = sweep !== null;
  const same = $("first").value === $("second").value;
  $("weight").disabled = !ready;
  $("steps").hidden = !ready;
  $("mixed").dataset.empty = same ? "Choose two different languages." : "";
  $("switches").replaceChildren(...(ready ? sweep.switches.map(switchMark) : []));
  $("switches-note").textContent = ready ? describeSwitches() : "";
  $("share-head").textContent = ready ? names.get(sweep.languages[1]) : "";
  $("step-rows").replaceChildren(...(ready ? sweep.steps.map(stepRow) : []));
  if (ready) $("weight").max = sweep.steps.length - 1;
  slide();
}

function switchMark({ after, before }) {
  const mark = document.createElement("span");
  mark.style.left = `${(50 * (after + before)) / (sweep.steps.length - 1)}%`;
  return mark;
}

function describeSwitches() {
  const second = sweep.languages[1];
  const places = sweep.switches.map(({ after, before }) => {
    const [low, high] = [after, before].map((i) => percent.format(sweep.steps[i].weights[second]));
    return `${low}–${high}`;
  });
  if (!places.length) return "The translation is the same all the way.";
  return `The translation changes at ${places.join(", ")} of ${names.get(second)}.`;
}

function stepRow(step, index) {
  const row = document.createElement("tr");
  const words = [percent.format(step.weights[sweep.languages[1]]), step.translatedText, seen(step)];
  row.append(...words.map((word) => Object.assign(document.createElement("td"), { textContent: word })));
  row.classList.toggle("switch", sweep.switches.some(({ before }) => before === index));
  return row;
}

function seen({ detectedLanguage: found }) {
  return found ? `${names.get(found.language)} ${percent.format(found.confidence / 100)}` : "no letters";
}

function slide() {
  const step = sweep?.steps[$("weight").value];
  $("mixed").textContent = step?.translatedText ?? "";
  $("mixed").lang = step?.detectedLanguage?.language ?? "";
  const shares = step
    ? sweep.languages.map((code) => `${names.get(code)} ${percent.format(step.weights[code])}`)
    : [];
  $("weights").textContent = shares.join(" · ");
  $("weight").setAttribute("aria-valuetext", shares.join(", "));
  [...$("step-rows").children].forEach((row, index) =>
    row.classList.toggle("current", index === Number($("weight").value)),
  );
}

// ---- the page ----

function fillChoices(languages) {
  for (const { code, name } of languages) names.set(code, name);
  const options = () => languages.map(({ code, name }) => new Option(name, code));
  $("source").replaceChildren(new Option("detected", "auto"), ...options());
  for (const id of ["target", "first", "second"]) $(id).replaceChildren(...options());
  // The examples are English, so begin with what is not.
  const foreign = languages.map(({ code }) => code).filter((code) => code !== "en");
  $("target").value = foreign[0] ?? "en";
  $("first").value = foreign[0] ?? "en";
  $("second").value = foreign[1] ?? "en";
}

function addExamples() {
  $("examples").append(
    ...EXAMPLES.map((example) => {
      const button = Object.assign(document.createElement("button"), { type: "button" });
      button.textContent = example;
      button.addEventListener("click", () => {
        text.value = example;
        refresh();
      });
      return button;
    }),
  );
}

async function refresh() {
  await Promise.all([translate(), fetchSweep()]);
}

let pauses = [];
function typed() {
  edits += 1;
  pauses.forEach(clearTimeout);
  dim($("translation"), $("mixed"));
  if (!$("live").checked) return;
  pauses = [setTimeout(translate, PAUSE_MS), setTimeout(fetchSweep, SWEEP_PAUSE_MS)];
}

async function start() {
  addExamples();
  for (;;) {
    try {
      fillChoices(await ask("languages"));
      break;
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      showProblem(document, error.message);
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
  showProblem(document, "");
  text.addEventListener("input", typed);
  $("translate").addEventListener("click", translate);
  $("target").addEventListener("change", translate);
  $("source").addEventListener("change", refresh);
  $("sweep").addEventListener("click", fetchSweep);
  $("first").addEventListener("change", fetchSweep);
  $("second").addEventListener("change", fetchSweep);
  $("weight").addEventListener("input", slide);
  $("copy").addEventListener("click", copy);
  text.value ||= EXAMPLES[0];
  await refresh();
}

start();
