// Starts the page: its languages, its views, and what the address asks for.

import { ask, Problem, useApiKey } from "./api.js";
import { startDocuments } from "./documents.js";
import { $ } from "./dom.js";
import { loadLanguages } from "./languages.js";
import { openMap } from "./map.js";
import { openMix, startMix } from "./mix.js";
import { showProblem, showWait, tryAgain } from "./notices.js";
import { readState, VIEWS } from "./state.js";
import { startTranslate } from "./translate.js";

const TITLES = { translate: "Macaronic", mix: "Between languages · Macaronic", map: "Map · Macaronic" };

function showView({ isMove = false } = {}) {
  const { view, fields } = readState();
  for (const name of VIEWS) {
    $(`${name}-view`).hidden = name !== view;
    const link = document.querySelector(`nav a[href="#${name}"]`);
    if (name === view) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = TITLES[view];
  if (isMove) $(`${view}-title`).focus();
  if (view === "mix") openMix(fields);
  if (view === "map") openMap();
}

async function settingsOf() {
  try {
    return await ask("frontend/settings");
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return {}; // all of them have defaults
  }
}

function offerKey(settings) {
  $("key-form").hidden = !(settings.keyRequired || settings.apiKeys);
  $("key-form").addEventListener("submit", (event) => {
    event.preventDefault();
    useApiKey($("key").value.trim());
    tryAgain();
  });
}

async function start() {
  const onWait = (words) => showWait("start", words);
  try {
    await loadLanguages({ onWait, tries: Infinity });
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return showProblem("start", error.message, start);
  }
  const settings = await settingsOf();
  offerKey(settings);
  startTranslate(settings);
  startDocuments(settings);
  startMix();
  showView();
  addEventListener("hashchange", () => showView({ isMove: true }));
  document.documentElement.dataset.ready = "";
}

$("retry").addEventListener("click", tryAgain);
// The part of the address after # belongs to the views.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  $("main").focus();
});
start();
