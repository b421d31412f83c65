// The view that translates a text while it is typed.

import { ask } from "./api.js";
import { $, copyText, html, setText } from "./dom.js";
import { codes, fillSelect, isKnown, languageName } from "./languages.js";
import { latest } from "./latest.js";
import { announce, showProblem } from "./notices.js";
import { FLAGS, PATHS } from "./wording.js";

const PAUSE_MS = 350; // after the last key before a translation is asked for
const ALTERNATIVES = 3;
const DETECTED = "Detect language";

let settings = {};
let detected = ""; // the language of the text, where the page was told to find out
let shown = { text: "", language: "" };

const fetching = latest("translate", [$("translation")], async (signal, onWait) => {
  const q = $("text").value;
  const target = $("target").value;
  if (!q.trim()) return show({ translatedText: "", flags: [] }, target);
  if (isTooLong(q)) return;
  const alternatives = Math.min(ALTERNATIVES, settings.alternativesLimit ?? ALTERNATIVES);
  const body = { q, source: $("source").value, target, alternatives };
  show(await ask("translate", { body, signal, onWait }), target);
});

/** Fills the choices; `loaded` is what GET frontend/settings says. */
export function startTranslate(loaded) {
  settings = loaded;
  fillSelect($("source"), { auto: DETECTED });
  fillSelect($("target"));
  // Most visitors read English, so begin with what is not.
  $("target").value = codes().find((code) => code !== "en") ?? "en";
  $("text").addEventListener("input", () => {
    countCharacters();
    fetching.soon(settings.frontendTimeout ?? PAUSE_MS);
  });
  for (const id of ["source", "target"]) $(id).addEventListener("change", fetching.now);
  $("swap").addEventListener("click", swap);
  $("clear").addEventListener("click", () => fill(""));
  $("copy").addEventListener("click", () => copyText(shown.text, $("copy"), $("translation")));
  countCharacters();
  if ($("text").value) fetching.now(); // what the browser has kept over a reload
}

function fill(text) {
  $("text").value = text;
  countCharacters();
  $("text").focus();
  return fetching.now();
}

function swap() {
  const [source, target] = [$("source").value, $("target").value];
  const from = source === "auto" ? detected : source;
  $("source").value = target;
  if (isKnown(from)) $("target").value = from;
  else $("target").value = codes().find((code) => code !== target);
  if (shown.text) $("text").value = shown.text;
  countCharacters();
  fetching.now();
}

function limit() {
  return settings.charLimit > 0 ? settings.charLimit : Infinity;
}

function isTooLong(text) {
  return [...text].length > limit();
}

function countCharacters() {
  const text = $("text").value;
  const most = limit() === Infinity ? "" : ` of ${limit().toLocaleString("en")}`;
  const count = [...text].length;
  const label = `${count.toLocaleString("en")}${most} characters`;
  setText($("count"), text && isTooLong(text) ? `${label}: too long` : label);
  $("count").classList.toggle("wrong", isTooLong(text));
  $("clear").hidden = !text;
  if (!isTooLong(text)) showProblem("length", "");
  else showProblem("length", `The text is too long: at most ${limit().toLocaleString("en")} characters.`);
}

function show(answer, language) {
  const found = answer.detectedLanguage;
  detected = found?.confidence ? found.language : "";
  const isDetected = $("source").value === "auto" && detected;
  setText($("source").options[0], isDetected ? `${languageName(detected)} (detected)` : DETECTED);
  const flags = answer.flags ?? [];
  $("flags").replaceChildren(...flags.map((flag) => html("li", {}, FLAGS[flag] ?? flag)));
  const path = PATHS[answer.path] ?? "";
  showTranslation(answer.translatedText, language, path);
  showAlternatives(answer.alternatives ?? [], language, path);
  const wrong = flags.map((flag) => FLAGS[flag] ?? flag);
  if (shown.text) announce([`${languageName(language)}: ${shown.text}`, ...wrong].join(" "));
}

function showTranslation(text, language, note) {
  shown = { text, language };
  setText($("translation"), text);
  $("translation").lang = language;
  setText($("path"), note);
  $("copy").disabled = !text;
}

function showAlternatives(texts, language, path) {
  $("alternatives-part").hidden = !texts.length;
  const items = texts.map((text) => {
    const button = html("button", { type: "button", lang: language, dir: "auto" }, text);
    // The one that was shown takes its place, so that it is a click away.
    button.addEventListener("click", () => {
      const before = shown.text;
      showTranslation(button.textContent, language, path);
      button.textContent = before;
      announce(`${languageName(language)}: ${shown.text}`);
    });
    return html("li", {}, button);
  });
  $("alternatives").replaceChildren(...items);
}
