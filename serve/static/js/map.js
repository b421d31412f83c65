// The view of the model's map of sentences, in which translations of each other are one group.

import { ask, Problem } from "./api.js";
import { $, html, setText, svg } from "./dom.js";
import { chip, colourClass, languageName } from "./languages.js";
import { announce, showProblem, showWait } from "./notices.js";

const REACH = 0.12; // how near to a dot is near enough, in units of the map, which goes from -1 to 1
const DOT = 0.013;
const ZOOMS = [1, 2, 4, 8];
const METHODS = { pca: "PCA", tsne: "t-SNE", umap: "UMAP" };

let groups = null; // by number: the points of a group; null before the map is there
let chosen; // the number of the group that is shown
let zoom = 0;
const hidden = new Set(); // languages
const dots = new Map(); // by point

/** Loads the map when its view is seen for the first time. */
export async function openMap() {
  if (groups) return;
  groups = new Map();
  try {
    draw(await ask("map", { onWait: (words) => showWait("map", words) }));
    showProblem("map", "");
  } catch (error) {
    groups = null;
    if (!(error instanceof Problem)) throw error;
    if (error.status !== 404) return showProblem("map", error.message, openMap);
    setText($("no-map"), error.message);
    $("no-map").hidden = false;
  }
}

function draw({ method, languages, points }) {
  $("no-map").hidden = true;
  $("map-card").hidden = false;
  groups = Map.groupBy ? Map.groupBy(points, (point) => point.group) : grouped(points);
  for (const point of points) {
    const at = { cx: point.x, cy: -point.y, class: `point ${colourClass(point.language)}` };
    dots.set(point, svg("circle", at));
  }
  const lines = svg("g", { id: "map-lines" });
  $("plane").replaceChildren(lines, ...dots.values());
  $("plane").addEventListener("pointermove", choosePoint);
  $("plane").addEventListener("pointerdown", choosePoint);
  $("map-languages").replaceChildren(...languages.map(toggle));
  const titles = [...groups].map(([number, members]) => new Option(title(members), number));
  $("group").replaceChildren(...titles);
  $("group").addEventListener("change", () => choose(Number($("group").value)));
  $("group-back").addEventListener("click", () => step(-1));
  $("group-forth").addEventListener("click", () => step(1));
  $("zoom-in").addEventListener("click", () => zoomTo(zoom + 1));
  $("zoom-out").addEventListener("click", () => zoomTo(zoom - 1));
  $("map-list").addEventListener("toggle", () => fillTable(languages));
  const count = `${points.length.toLocaleString("en")} sentences in ${languages.length} languages`;
  setText($("map-note"), `${count}, laid out by ${METHODS[method] ?? method}.`);
  choose(points[0].group, { isQuiet: true });
  zoomTo(0);
}

function grouped(points) {
  const found = new Map();
  for (const point of points) found.set(point.group, [...(found.get(point.group) ?? []), point]);
  return found;
}

function title(members) {
  return (members.find((point) => point.language === "en") ?? members[0]).text;
}

// ---- choosing a group ----

function choose(number, { isQuiet = false } = {}) {
  for (const point of groups.get(chosen) ?? []) dots.get(point).classList.remove("chosen");
  chosen = number;
  const members = groups.get(number);
  for (const point of members) dots.get(point).classList.add("chosen");
  $("group").value = number;
  $("group-texts").replaceChildren(...members.map(reading));
  drawLines();
  if (zoom) zoomTo(zoom);
  if (!isQuiet) announce(`${title(members)} In ${members.length} languages.`);
}

function reading(point) {
  const name = chip("span", point.language, languageName(point.language));
  return html("li", { class: hidden.has(point.language) ? "away" : "" }, name, html("span", { lang: point.language, dir: "auto" }, point.text));
}

function drawLines() {
  const seen = groups.get(chosen).filter((point) => !hidden.has(point.language));
  const middle = middleOf(seen);
  const lines = seen.map((point) => svg("line", { x1: middle.x, y1: -middle.y, x2: point.x, y2: -point.y }));
  $("map-lines").replaceChildren(...lines);
}

function middleOf(points) {
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / Math.max(values.length, 1);
  return { x: mean(points.map((point) => point.x)), y: mean(points.map((point) => point.y)) };
}

function step(by) {
  const numbers = [...groups.keys()];
  const next = numbers.indexOf(chosen) + by;
  choose(numbers[(next + numbers.length) % numbers.length]);
}

function choosePoint(event) {
  const matrix = $("plane").getScreenCTM().inverse();
  const { x, y } = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix);
  let best;
  let least = REACH / ZOOMS[zoom];
  for (const point of dots.keys()) {
    const distance = Math.hypot(point.x - x, -point.y - y);
    if (distance < least && !hidden.has(point.language)) [best, least] = [point, distance];
  }
  // A zoomed map would move away under a pointer that only passes.
  if (best && best.group !== chosen && (zoom === 0 || event.type === "pointerdown")) {
    choose(best.group);
  }
}

// ---- what is seen of the map ----

function toggle(code) {
  const box = html("input", { type: "checkbox", checked: true });
  box.addEventListener("change", () => {
    if (box.checked) hidden.delete(code);
    else hidden.add(code);
    for (const [point, dot] of dots) dot.classList.toggle("away", hidden.has(point.language));
    choose(chosen, { isQuiet: true });
  });
  const label = chip("label", code, languageName(code));
  label.prepend(box);
  return label;
}

function zoomTo(level) {
  zoom = level;
  const half = 1.06 / ZOOMS[zoom];
  const middle = zoom ? middleOf(groups.get(chosen)) : { x: 0, y: 0 };
  const inside = (value) => Math.max(half - 1.06, Math.min(1.06 - half, value));
  const [x, y] = [inside(middle.x) - half, -inside(middle.y) - half];
  $("plane").setAttribute("viewBox", `${x} ${y} ${2 * half} ${2 * half}`);
  $("plane").style.setProperty("--dot", DOT / ZOOMS[zoom]);
  $("zoom-in").disabled = zoom === ZOOMS.length - 1;
  $("zoom-out").disabled = zoom === 0;
}

function fillTable(languages) {
  if ($("map-table").childElementCount) return;
  const head = html("tr", {}, ...languages.map((code) => html("th", { scope: "col" }, languageName(code))));
  const rows = [...groups.values()].map((members) => {
    const text = (code) => members.find((point) => point.language === code)?.text ?? "";
    return html("tr", {}, ...languages.map((code) => html("td", { lang: code }, text(code))));
  });
  $("map-table").append(html("thead", {}, head), html("tbody", {}, ...rows));
}
