// Three languages: a point that is dragged over a honeycomb of translations.

import { $, svg } from "./dom.js";
import { edge, gridPoints, hexagon, nearest, neighbours, place } from "./honeycomb.js";
import { colourClass } from "./languages.js";
import { shares } from "./words.js";

/** `onMove(step)` is called whenever another point is shown, undefined before it is known. */
export function makeTriangle(onMove) {
  const picture = $("triangle");
  const knob = $("point");
  let n = 10;
  let point = [4, 3, 3];
  let known = new Map(); // by the point's weights: its step
  const cells = new Map();

  const step = () => known.get(key(point));

  function move(to) {
    point = to;
    const { x, y } = place(point);
    knob.setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
    knob.setAttribute("aria-valuenow", Math.round((100 * point[2]) / n));
    onMove(step());
  }

  /** Begins a triangle of n steps a side, with nothing known, or what was known before. */
  function begin(steps, { keep = false } = {}) {
    const weights = point.map((part) => part / n);
    n = steps;
    if (!keep) known = new Map();
    cells.clear();
    $("borders").replaceChildren();
    $("cells").replaceChildren(...gridPoints(n).map(cell));
    for (const one of gridPoints(n)) paint(one);
    drawBorders();
    toWeights(weights);
  }

  function cell(one) {
    const polygon = svg("polygon", { points: hexagon(one, n), class: "cell" });
    cells.set(key(one), polygon);
    return polygon;
  }

  function paint(one) {
    const found = known.get(key(one));
    if (!found) return;
    const { language, share } = shares(found.words)[0] ?? { language: "", share: 1 };
    const polygon = cells.get(key(one));
    polygon.setAttribute("class", `cell known ${colourClass(language)}`);
    polygon.setAttribute("fill-opacity", (0.25 + 0.75 * share).toFixed(2));
  }

  function drawBorders() {
    const differ = ([one, other]) => {
      const [a, b] = [known.get(key(one)), known.get(key(other))];
      return a && b && a.translatedText !== b.translatedText;
    };
    const lines = neighbours(n).filter(differ).map(([one, other]) => svg("line", edge(one, other, n)));
    $("borders").replaceChildren(...lines);
  }

  /** The points that are not known yet, the nearest to the one that is shown first. */
  function open() {
    const here = place(point);
    const distance = (one) => Math.hypot(place(one).x - here.x, place(one).y - here.y);
    return gridPoints(n)
      .filter((one) => !known.has(key(one)))
      .sort((a, b) => distance(a) - distance(b));
  }

  function fill(points, steps) {
    points.forEach((one, i) => {
      known.set(key(one), steps[i]);
      paint(one);
    });
    drawBorders();
    move(point);
  }

  function toWeights(weights) {
    const sum = weights.reduce((total, weight) => total + weight, 0) || 1;
    const [, j, k] = weights.map((weight) => Math.round((n * weight) / sum));
    const top = Math.min(k, n);
    const right = Math.min(j, n - top);
    move([n - right - top, right, top]);
  }

  function drag(event) {
    if (event.type === "pointermove" && !picture.hasPointerCapture(event.pointerId)) return;
    if (event.type === "pointerdown") picture.setPointerCapture(event.pointerId);
    const at = new DOMPoint(event.clientX, event.clientY);
    move(nearest(at.matrixTransform(picture.getScreenCTM().inverse()), n));
  }

  function press(event) {
    const to = moved(point, event.key);
    if (!to) return;
    event.preventDefault();
    move(to);
  }

  picture.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    knob.focus();
    drag(event);
  });
  picture.addEventListener("pointermove", drag);
  knob.addEventListener("keydown", press);
  const all = () => gridPoints(n).map((one) => known.get(key(one))).filter(Boolean);
  const describe = (words) => knob.setAttribute("aria-valuetext", words);
  const weights = () => point.map((part) => part / n);
  return { begin, fill, open, step, all, weights, toWeights, describe, size: () => n };
}

/** Where a key takes a point to; undefined for other keys. */
function moved([i, j, k], pressed) {
  const n = i + j + k;
  const to = {
    ArrowRight: [i - 1, j + 1, k],
    ArrowLeft: [i + 1, j - 1, k],
    // Rows are shifted by half a cell: a bit to the right and a bit to the left in turn is straight.
    ArrowUp: (k % 2 === 0 || j === 0) && i > 0 ? [i - 1, j, k + 1] : [i, j - 1, k + 1],
    ArrowDown: k % 2 ? [i + 1, j, k - 1] : [i, j + 1, k - 1],
    Home: [n, 0, 0],
    End: [0, n, 0],
    PageUp: [0, 0, n],
  }[pressed];
  if (!to) return undefined;
  return Math.min(...to) < 0 ? [i, j, k] : to;
}

function key(point) {
  const n = point[0] + point[1] + point[2];
  return point.map((part) => (part / n).toFixed(4)).join();
}
