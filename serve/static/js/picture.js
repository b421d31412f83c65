// A mix as a picture to save: an SVG with all its colours in it, as on paper.

import { html, svg } from "./dom.js";
import { edge, gridPoints, hexagon, neighbours, place } from "./honeycomb.js";
import { colourClass, languageName, percent } from "./languages.js";
import { changes, ribbon } from "./slider.js";
import { shares } from "./words.js";

const WIDTH = 960;
const MARGIN = 40;
const INK = "#1f2328";
const SOFT = "#5c5f66";
const FONT = "system-ui, 'Segoe UI', Roboto, 'Noto Sans', sans-serif";
const LABEL_WIDTH = 110;
const LINE = 30;

/** The ribbon of two languages, and below it each translation with its range. */
export function pictureOfSlider(q, steps, languages) {
  const second = languages[1];
  const sheet = makeSheet(q);
  const [scale, top, height] = [(WIDTH - 2 * MARGIN) / 1000, sheet.y, 64];
  const bars = svg("g", { transform: `translate(${MARGIN} ${top}) scale(${scale} ${height / 100})` });
  bars.append(...ribbon(steps, second));
  sheet.add(bars);
  for (const { low, high } of changes(steps, second)) {
    const x = MARGIN + 1000 * scale * ((low + high) / 2);
    sheet.add(svg("line", { x1: x, x2: x, y1: top, y2: top + height + 8, stroke: INK, "stroke-width": 1.5 }));
  }
  sheet.y += height + 30;
  sheet.add(label(languageName(languages[0]), MARGIN, sheet.y));
  sheet.add(label(languageName(second), WIDTH - MARGIN, sheet.y, "end"));
  sheet.y += 44;
  for (const run of runs(steps)) {
    const [low, high] = [run[0], run.at(-1)].map((step) => percent(step.weights[second]));
    sheet.entry(low === high ? low : `${low} – ${high}`, run[0].words);
  }
  return sheet.close();
}

/** The honeycomb of three languages; each number in it is that of a translation below. */
export function pictureOfTriangle(q, steps, languages) {
  const sheet = makeSheet(q);
  const [left, scale] = [(WIDTH - 1.6 * 400) / 2, 1.6];
  const group = svg("g", { transform: `translate(${left} ${sheet.y + 14}) scale(${scale})` });
  group.append(...honeycomb(steps, languages));
  sheet.add(group);
  sheet.add(label(languageName(languages[2]), WIDTH / 2, sheet.y + 14, "middle"));
  sheet.y += 356 * scale + 24;
  sheet.add(label(languageName(languages[0]), left, sheet.y));
  sheet.add(label(languageName(languages[1]), WIDTH - left, sheet.y, "end"));
  sheet.y += 48;
  const firsts = new Map(steps.map((step) => [step.translatedText, step]));
  [...firsts.values()].forEach((step, i) => sheet.entry(String(i + 1), step.words));
  return sheet.close();
}

function honeycomb(steps, languages) {
  const side = Math.round((Math.sqrt(8 * steps.length + 1) - 3) / 2); // of the triangle of so many
  const at = new Map();
  gridPoints(side).forEach((point) => {
    const near = (step) => languages.every((code, i) => Math.abs(step.weights[code] - point[i] / side) < 0.001);
    at.set(point.join(), steps.find(near));
  });
  const numbers = new Map([...new Set(steps.map((step) => step.translatedText))].map((text, i) => [text, i + 1]));
  const known = gridPoints(side).filter((point) => at.get(point.join()));
  const cells = known.map((point) => {
    const { language, share } = shares(at.get(point.join()).words)[0] ?? { language: "", share: 1 };
    const opacity = (0.25 + 0.75 * share).toFixed(2);
    return svg("polygon", { points: hexagon(point, side), class: colourClass(language), "fill-opacity": opacity });
  });
  const lines = neighbours(side).filter(([a, b]) => {
    const [one, other] = [at.get(a.join()), at.get(b.join())];
    return one && other && one.translatedText !== other.translatedText;
  });
  const borders = lines.map(([a, b]) => svg("line", { ...edge(a, b, side), stroke: "#fff", "stroke-width": 2 }));
  const digits = known.map((point) => {
    const { x, y } = place(point);
    const size = side > 10 ? 6 : 10;
    const attributes = { x, y: y + size / 3, "font-size": size, "text-anchor": "middle", fill: "#fff" };
    return svg("text", attributes, String(numbers.get(at.get(point.join()).translatedText)));
  });
  return [...cells, ...borders, ...digits];
}

/** Neighbouring steps with the same translation, together. */
function runs(steps) {
  const found = [];
  for (const step of steps) {
    if (found.at(-1)?.[0].translatedText === step.translatedText) found.at(-1).push(step);
    else found.push([step]);
  }
  return found;
}

// ---- the sheet of paper ----

function makeSheet(q) {
  const root = svg("svg", { width: WIDTH, "font-family": FONT });
  const paper = svg("rect", { width: WIDTH, fill: "#fff" });
  root.append(paper);
  const sheet = {
    y: MARGIN + 16,
    add: (node) => root.append(node),
    entry(name, words) {
      root.append(svg("text", { x: MARGIN, y: sheet.y, "font-size": 15, fill: SOFT }, name));
      sheet.y = write(root, words, MARGIN + LABEL_WIDTH, sheet.y, 19) + LINE;
    },
    close() {
      root.setAttribute("height", sheet.y);
      root.setAttribute("viewBox", `0 0 ${WIDTH} ${sheet.y}`);
      paper.setAttribute("height", sheet.y);
      paint(root);
      return root;
    },
  };
  const title = q.split(/(\s+)/).map((text) => ({ text, language: null }));
  sheet.y = write(root, title, MARGIN, sheet.y, 24) + 28;
  return sheet;
}

function label(words, x, y, anchor = "start") {
  return svg("text", { x, y, "font-size": 17, "font-weight": 600, fill: INK, "text-anchor": anchor }, words);
}

/** Writes words from x to the right margin, on as many lines as they need; the y of the last. */
function write(root, words, x, y, size) {
  const pen = document.createElement("canvas").getContext("2d");
  pen.font = `${size}px ${FONT}`;
  let at = x;
  for (const { text, language } of words) {
    const width = pen.measureText(text).width;
    if (at > x && at + width > WIDTH - MARGIN) {
      at = x;
      y += LINE;
    }
    if (at === x && !text.trim()) continue;
    const attributes = { x: at.toFixed(1), y, "font-size": size, fill: INK, "xml:space": "preserve" };
    root.append(svg("text", { ...attributes, class: language ? colourClass(language) : null }, text));
    at += width;
  }
  return y;
}

/** Puts the page's colours, as they are in the light, where its classes are. */
function paint(root) {
  const probe = html("span", { class: "paper" });
  document.body.append(probe);
  for (const node of root.querySelectorAll("[class]")) {
    probe.className = `paper ${node.getAttribute("class")}`;
    node.setAttribute("fill", getComputedStyle(probe).color);
    node.removeAttribute("class");
  }
  probe.remove();
}
