// The view that shows what lies between languages.

import { ask } from "./api.js";
import { $, copyText, html, setText } from "./dom.js";
import { examplesFor } from "./examples.js";
import { chip, codes, fillSelect, isKnown, languageName, percent } from "./languages.js";
import { latest } from "./latest.js";
import { pictureOfSlider, pictureOfTriangle } from "./picture.js";
import { savePicture, saveTable } from "./save.js";
import { changes, makeSlider } from "./slider.js";
import { keepState, linkTo } from "./state.js";
import { markCurrent, showTable } from "./steps_table.js";
import { makeTriangle } from "./triangle.js";
import { colouredWords, legendOf } from "./words.js";

const PAUSE_MS = 900; // longer than for one translation: a sweep is as much work as many
const STEPS = 20; // between two languages at first
const FINER = 10; // parts of a step where the translation changes, on demand
const SIDE = 10; // steps of a side of the triangle at first
const FINER_SIDE = 20;
const BATCH = 22; // points of the triangle in a request

const MODES = document.getElementsByName("mode");
const CORNERS = ["corner-0", "corner-1", "corner-2"];

let sweep = []; // the steps between two languages, in order
let isOpen = false;

const slider = makeSlider(showStep);
const triangle = makeTriangle(showStep);

// ---- asking ----

// What the next request is for: one at a time, whatever it is.
let task = askSweep;
const asking = latest("mix", [$("blend")], (signal, onWait) => task(signal, onWait));

async function askSweep(signal, onWait) {
  const languages = chosen();
  if (!isPossible(languages)) return drawSweep([], languages);
  const body = { ...question(), languages, steps: STEPS + 1 };
  drawSweep((await ask("mix", { body, signal, onWait })).steps, languages);
}

/** Between those steps only whose translations differ. */
async function askFinerSweep(signal, onWait) {
  const languages = chosen();
  const [first, second] = languages;
  const shares = changes(sweep, second).flatMap(({ low, high }) =>
    Array.from({ length: FINER - 1 }, (_, i) => low + ((high - low) * (i + 1)) / FINER),
  );
  const weights = shares.map((share) => ({ [first]: 1 - share, [second]: share }));
  const found = [];
  for (let i = 0; i < weights.length; i += BATCH) {
    const body = { ...question(), languages, weights: weights.slice(i, i + BATCH) };
    found.push(...(await ask("mix", { body, signal, onWait })).steps);
  }
  const steps = [...sweep, ...found].sort((a, b) => a.weights[second] - b.weights[second]);
  drawSweep(steps, languages, 1 / (STEPS * FINER));
}

async function askTriangle(signal, onWait) {
  const languages = chosen();
  if (isPossible(languages)) await fillTriangle(languages, signal, onWait);
}

async function askFinerTriangle(signal, onWait) {
  triangle.begin(FINER_SIDE, { keep: true });
  await fillTriangle(chosen(), signal, onWait);
}

async function fillTriangle(languages, signal, onWait) {
  const side = triangle.size();
  for (let open = triangle.open(); open.length; open = triangle.open()) {
    const points = open.slice(0, BATCH);
    const weights = points.map((point) =>
      Object.fromEntries(languages.map((code, i) => [code, point[i] / side])),
    );
    const body = { ...question(), languages, weights };
    triangle.fill(points, (await ask("mix", { body, signal, onWait })).steps);
    showTable(triangle.all(), languages);
    keepRoom(triangle.all());
    $("steps").hidden = false;
  }
  $("finer").disabled = side === FINER_SIDE;
}

// ---- what is chosen ----

const mode = () => ([...MODES].find((radio) => radio.checked).value === "3" ? 3 : 2);
const selects = () => (mode() === 3 ? CORNERS : ["first", "second"]).map($);
const chosen = () => selects().map((select) => select.value);
const question = () => ({ q: $("mix-text").value, source: $("mix-source").value });

function isPossible(languages) {
  const isText = Boolean($("mix-text").value.trim());
  const differ = new Set(languages).size === languages.length;
  $("mixed").dataset.empty = differ ? "" : "Choose different languages.";
  return isText && differ;
}

function setMode(count) {
  for (const radio of MODES) radio.checked = radio.value === String(count);
  $("two").hidden = count !== 2;
  $("three").hidden = count !== 3;
  $("blend").classList.toggle("of-three", count === 3);
}

function choose(languages) {
  setMode(languages.length);
  selects().forEach((select, i) => (select.value = languages[i]));
}

/** Asks anew, at once or after a pause in typing. */
async function refresh(milliseconds = 0) {
  task = mode() === 3 ? askTriangle : askSweep;
  $("finer").disabled = true;
  if (mode() === 3) triangle.begin(SIDE); // nothing of the old text is left
  keep();
  if (milliseconds) asking.soon(milliseconds);
  else await asking.now();
}

// ---- what is shown ----

function drawSweep(steps, languages, precision = 1 / STEPS) {
  sweep = steps;
  slider.draw(steps, languages, { precision });
  showTable(steps, languages);
  $("steps").hidden = !steps.length;
  $("finer").disabled = !steps.length || precision < 1 / STEPS;
  keepRoom(steps);
  setText($("changes"), steps.length ? wordsOfChanges(changes(steps, languages[1]), languages[1]) : "");
}

function wordsOfChanges(found, second) {
  if (!found.length) return "The translation is the same all the way.";
  const count = found.length === 1 ? "1 change" : `${found.length} changes`;
  return `${count}, between ${percent(found[0].low)} and ${percent(found.at(-1).high)} of ${languageName(second)}.`;
}

/** Keeps as much room as the longest translation needs, so that nothing moves while one slides. */
function keepRoom(steps) {
  const longer = (best, { translatedText: text }) => (text.length > best.length ? text : best);
  setText($("room"), steps.reduce(longer, ""));
}

function showStep(step) {
  const languages = chosen();
  $("mixed").classList.toggle("empty", !step);
  $("mixed").replaceChildren(...(step ? colouredWords(step.words) : []));
  $("mixed").lang = step?.detectedLanguage?.language ?? "";
  $("legend").replaceChildren(...(step ? legendOf(step.words) : []));
  const weights = step ? languages.map((code) => [code, step.weights[code]]) : [];
  $("weights").replaceChildren(
    ...weights.map(([code, weight]) => chip("span", code, `${languageName(code)} ${percent(weight)}`)),
  );
  const shares = weights.map(([code, weight]) => `${languageName(code)} ${percent(weight)}`);
  const words = step ? `${shares.join(", ")}: ${step.translatedText}` : "not translated yet";
  (mode() === 3 ? triangle : slider).describe(words);
  markCurrent(step);
  keep();
}

// ---- the address ----

function fields() {
  const weights = mode() === 3 ? triangle.weights().slice(0, 2) : [Number($("share").value)];
  return {
    q: $("mix-text").value,
    from: $("mix-source").value,
    languages: chosen().join(),
    at: weights.map((weight) => Number(weight.toFixed(4))).join(),
  };
}

function keep() {
  if (isOpen) keepState("mix", fields());
}

/** Shows what the address asks for; what it does not name stays. */
export function openMix({ q, from, languages, at }) {
  const isFirst = !isOpen;
  isOpen = true;
  if (q === undefined && !isFirst) return;
  const wanted = (languages ?? "").split(",").filter(isKnown);
  if (q !== undefined) $("mix-text").value = q;
  if (from === "auto" || isKnown(from)) $("mix-source").value = from;
  if (wanted.length === 2 || wanted.length === 3) choose(wanted);
  const shares = (at ?? "").split(",").map(Number);
  if (at && shares.every(Number.isFinite)) {
    if (mode() === 3) triangle.toWeights([shares[0], shares[1], 1 - shares[0] - shares[1]]);
    else $("share").value = shares[0];
  }
  refresh();
}

// ---- the controls ----

function exampleButton({ text, languages }) {
  const button = html("button", { type: "button", lang: "en" });
  const names = html("b", {}, languages.map(languageName).join(" · "));
  button.append(names, html("span", {}, text));
  button.addEventListener("click", () => {
    $("mix-text").value = text;
    $("mix-source").value = "auto";
    choose(languages);
    refresh();
  });
  return button;
}

function prefill() {
  const examples = examplesFor(codes());
  $("examples").append(...examples.map(exampleButton));
  const foreign = codes().filter((code) => code !== "en");
  const others = [...foreign, ...codes()];
  CORNERS.forEach((id, i) => ($(id).value = others[i]));
  choose(examples[0]?.languages ?? others.slice(0, 2));
  $("mix-text").value ||= examples[0]?.text ?? "";
}

/** Three languages begin with the two that were chosen, and the other way round. */
function changeMode() {
  const before = mode() === 3 ? [$("first").value, $("second").value] : CORNERS.map((id) => $(id).value);
  const third = codes().find((code) => !before.includes(code) && code !== "en") ?? codes()[0];
  choose(mode() === 3 ? [...before, third] : before.slice(0, 2));
  refresh();
}

function lookCloser() {
  task = mode() === 3 ? askFinerTriangle : askFinerSweep;
  $("finer").disabled = true; // the finest that there is
  asking.now();
}

function save(kind) {
  const languages = chosen();
  const steps = mode() === 3 ? triangle.all() : sweep;
  if (!steps.length) return;
  const q = $("mix-text").value;
  if (kind === "csv" || kind === "tsv") return saveTable(kind, steps, languages);
  const picture = mode() === 3 ? pictureOfTriangle(q, steps, languages) : pictureOfSlider(q, steps, languages);
  return savePicture(kind, picture, languages);
}

export function startMix() {
  fillSelect($("mix-source"), { auto: "detected" });
  for (const id of ["first", "second", ...CORNERS]) fillSelect($(id));
  prefill();
  $("mix-text").addEventListener("input", () => refresh(PAUSE_MS));
  $("mix-source").addEventListener("change", () => refresh());
  for (const id of ["first", "second", ...CORNERS]) $(id).addEventListener("change", () => refresh());
  for (const radio of MODES) radio.addEventListener("change", changeMode);
  $("finer").addEventListener("click", lookCloser);
  $("link").addEventListener("click", () => copyText(linkTo("mix", fields()), $("link")));
  for (const button of document.querySelectorAll("[data-save]")) {
    button.addEventListener("click", () => save(button.dataset.save));
  }
}
