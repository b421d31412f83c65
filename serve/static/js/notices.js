// What the page says besides its results: problems, waits, and quiet words for screen readers.

import { $, setText } from "./dom.js";

const QUIET_MS = 1000; // nothing is announced while things still change

const problems = new Map(); // by part of the page: its message and what tries again
const waits = new Map();
let announcing = 0;

/** A problem of one part of the page; an empty message takes it away. */
export function showProblem(part, message, retry = null) {
  if (message) problems.set(part, { message, retry });
  else problems.delete(part);
  const words = [...new Set([...problems.values()].map((problem) => problem.message))].join(" ");
  setText($("problem-words"), words);
  $("problem").hidden = !words;
  $("retry").hidden = ![...problems.values()].some((problem) => problem.retry);
}

/** What one part of the page waits for; "" when it is over. */
export function showWait(part, message) {
  if (message) waits.set(part, message);
  else waits.delete(part);
  setText($("waiting"), [...new Set(waits.values())].join(" "));
}

/** Tells screen readers once things have come to rest. */
export function announce(words) {
  clearTimeout(announcing);
  announcing = setTimeout(() => setText($("announcement"), words), QUIET_MS);
}

/** Everything that failed is tried again. */
export function tryAgain() {
  const failed = [...problems.values()];
  problems.clear();
  showProblem("", "");
  for (const { retry } of failed) retry?.();
}
