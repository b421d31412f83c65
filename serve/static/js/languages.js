// The languages of the model: their names, and the colour of each everywhere on the page.

import { ask } from "./api.js";
import { html } from "./dom.js";

const COLOURS = 9; // lang-0 … lang-8 in base.css; more languages share them

const names = new Map();
const percents = new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 1 });

export async function loadLanguages(options) {
  for (const { code, name } of await ask("languages", options)) names.set(code, name);
  return codes();
}

export function codes() {
  return [...names.keys()];
}

export function isKnown(code) {
  return names.has(code);
}

export function languageName(code) {
  return names.get(code) ?? code;
}

/** The class that gives an element the colour of a language. */
export function colourClass(code) {
  const place = codes().indexOf(code);
  return place < 0 ? "lang-none" : `lang-${place % COLOURS}`;
}

export function percent(share) {
  return percents.format(share);
}

export function fillSelect(select, { auto = "" } = {}) {
  const options = codes().map((code) => new Option(languageName(code), code));
  select.replaceChildren(...(auto ? [new Option(auto, "auto")] : []), ...options);
}

/** A dot in the colour of a language, and words beside it. */
export function chip(tag, code, words, attributes = {}) {
  const dot = html("span", { class: "dot", "aria-hidden": "true" });
  return html(tag, { class: `chip ${colourClass(code)}`, ...attributes }, dot, words);
}
