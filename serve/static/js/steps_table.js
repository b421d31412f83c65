// All steps of a mix as a table.

import { $, html } from "./dom.js";
import { languageName, percent } from "./languages.js";
import { colouredWords } from "./words.js";

let rows = new Map(); // by step

export function showTable(steps, languages) {
  // Of two shares that sum to one, the second tells both.
  const shown = languages.length === 2 ? languages.slice(1) : languages;
  const heads = [...shown.map(languageName), "Translation", "Looks like"];
  const head = html("tr", {}, ...heads.map((words) => html("th", { scope: "col" }, words)));
  $("step-head").replaceChildren(head);
  rows = new Map(
    steps.map((step, i) => {
      const isSwitch = languages.length === 2 && i > 0 && steps[i - 1].translatedText !== step.translatedText;
      return [step, row(step, shown, isSwitch)];
    }),
  );
  $("step-rows").replaceChildren(...rows.values());
}

export function markCurrent(step) {
  for (const [one, element] of rows) element.classList.toggle("current", one === step);
}

function row(step, languages, isSwitch) {
  const weights = languages.map((code) => html("td", { class: "number" }, percent(step.weights[code])));
  const text = html("td", {}, ...colouredWords(step.words));
  return html("tr", { class: isSwitch ? "switch" : "" }, ...weights, text, html("td", {}, seen(step)));
}

function seen({ detectedLanguage: found }) {
  return found ? `${languageName(found.language)} ${percent(found.confidence / 100)}` : "no letters";
}
