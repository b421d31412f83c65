// One request at a time for each part of the page: a newer one aborts the older.

import { Problem } from "./api.js";
import { showProblem, showWait } from "./notices.js";

/**
 * Runs `task(signal, onWait)`, now or soon. From the moment that something was changed, `outputs`
 * have the class `stale`, until an answer to the newest state is shown.
 */
export function latest(part, outputs, task) {
  let running = new AbortController();
  let timer = 0;

  function begin() {
    clearTimeout(timer);
    running.abort();
    showWait(part, "");
    running = new AbortController();
    for (const output of outputs) output.classList.add("stale");
  }

  async function now() {
    begin();
    const mine = running;
    try {
      await task(mine.signal, (words) => running === mine && showWait(part, words));
      if (running !== mine) return;
      for (const output of outputs) output.classList.remove("stale");
      showProblem(part, "");
    } catch (error) {
      if (running !== mine || error.name === "AbortError") return;
      if (!(error instanceof Problem)) throw error;
      showProblem(part, error.message, now);
    }
  }

  function soon(milliseconds) {
    begin();
    timer = setTimeout(now, milliseconds);
  }

  return { now, soon };
}
