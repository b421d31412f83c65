// The way from one language to another: a ribbon of what each step is written in, and a slider.

import { $, svg } from "./dom.js";
import { colourClass } from "./languages.js";
import { shares } from "./words.js";

const WIDTH = 1000; // of the ribbon's viewBox, which is stretched
const HEIGHT = 100;

/** `onMove(step)` is called whenever another step is shown, undefined where there is none. */
export function makeSlider(onMove) {
  const input = $("share");
  let steps = [];
  let second = "";

  function step() {
    const share = Number(input.value);
    return steps.reduce(
      (best, one) => (best && away(best, share) <= away(one, share) ? best : one),
      undefined,
    );
  }

  function away(one, share) {
    return Math.abs(one.weights[second] - share);
  }

  function move() {
    const here = steps.indexOf(step());
    $("back").disabled = change(here, -1) === undefined;
    $("forth").disabled = change(here, 1) === undefined;
    onMove(steps[here]);
  }

  /** The nearest step in one direction whose translation is another. */
  function change(from, by) {
    for (let i = from + by; i >= 0 && i < steps.length; i += by) {
      if (steps[i].translatedText !== steps[from].translatedText) return steps[i];
    }
    return undefined;
  }

  function jump(by) {
    const found = change(steps.indexOf(step()), by);
    if (found) to(found.weights[second]);
  }

  function to(share) {
    input.value = share;
    move();
  }

  /** Shows these steps, in order; an empty list takes the slider out of use. */
  function draw(newSteps, languages, { precision }) {
    steps = newSteps;
    second = languages[1];
    input.disabled = !steps.length;
    input.step = precision;
    $("ribbon").replaceChildren(...ribbon(steps, second));
    $("switches").replaceChildren(...changes(steps, second).map(switchMark));
    move();
  }

  input.addEventListener("input", move);
  $("back").addEventListener("click", () => jump(-1));
  $("forth").addEventListener("click", () => jump(1));
  return { draw, step, to, describe: (words) => input.setAttribute("aria-valuetext", words) };
}

/** The shares of the second language between which the translation changes. */
export function changes(steps, second) {
  const found = [];
  for (let i = 1; i < steps.length; i += 1) {
    if (steps[i].translatedText !== steps[i - 1].translatedText) {
      found.push({ low: steps[i - 1].weights[second], high: steps[i].weights[second] });
    }
  }
  return found;
}

/** A column for each step, of bars for the languages of its words. */
export function ribbon(steps, second) {
  return steps.flatMap((step, i) => {
    const [before, here, after] = [steps[i - 1], step, steps[i + 1]].map((s) => s?.weights[second]);
    const left = before === undefined ? 0 : (WIDTH * (before + here)) / 2;
    const right = after === undefined ? WIDTH : (WIDTH * (here + after)) / 2;
    return bars(step, left, right);
  });
}

function bars(step, x, right) {
  let y = 0;
  // In one order everywhere, so that the bars of a language meet those beside them.
  const parts = shares(step.words).sort((a, b) => (a.language < b.language ? -1 : 1));
  if (!parts.length) parts.push({ language: "", share: 1 });
  return parts.map(({ language, share }) => {
    const height = HEIGHT * share;
    const width = right - x + 0.5; // no hairline between neighbours
    const bar = svg("rect", { x, y, width, height, class: `bar ${colourClass(language)}` });
    y += height;
    return bar;
  });
}

function switchMark({ low, high }) {
  const mark = document.createElement("span");
  mark.style.left = `${50 * (low + high)}%`;
  return mark;
}
