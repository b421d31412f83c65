// Documents: dropped or chosen, translated by the service, given back to save.

import { ask, Problem, send } from "./api.js";
import { $, html } from "./dom.js";
import { languageName } from "./languages.js";

/**
 * The translated file as {name, url}. The service is asked for progress; one that has no
 * `translate_stream` translates without.
 */
async function translateDocument(file, { source, target, signal, onProgress, onWait }) {
  const form = () => {
    const data = new FormData();
    data.append("file", file);
    data.append("source", source);
    data.append("target", target);
    return data;
  };
  try {
    const response = await send("translate_stream", { form: form(), signal, onWait });
    return await readStream(response, file, onProgress);
  } catch (error) {
    if (!(error instanceof Problem) || (error.status !== 404 && error.status !== 405)) throw error;
  }
  const answer = await ask("translate_file", { form: form(), signal, onWait });
  return { name: nameOf(file, target), url: answer.translatedFileUrl };
}

async function readStream(response, file, onProgress) {
  for await (const { event, data } of events(response.body)) {
    if (event === "progress") onProgress(data.done, data.total);
    if (event === "error") throw new Problem(data.error ?? data.message);
    if (event === "result") return { name: data.name, url: data.url ?? blobUrl(data.content, file) };
  }
  throw new Problem("The server stopped before the document was done.");
}

/** The server-sent events of a body, one after the other. */
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (rest + value).replaceAll("\r\n", "\n").split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const lines = block.split("\n").map((line) => line.match(/^(\w+): ?(.*)$/)).filter(Boolean);
      const all = (name) => lines.filter((line) => line[1] === name).map((line) => line[2]);
      if (all("data").length) {
        yield { event: all("event")[0] ?? "message", data: JSON.parse(all("data").join("\n")) };
      }
    }
  }
}

function blobUrl(content, file) {
  const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
  return URL.createObjectURL(new Blob([bytes], { type: file.type }));
}

/** The name with the language before its ending: page.html becomes page.es.html. */
function nameOf(file, target) {
  const [, stem, ending] = file.name.match(/^(.*?)(\.[^.]*)?$/s);
  return `${stem}.${target}${ending ?? ""}`;
}

// ---- what is seen of it ----

/** Lets files be chosen, or dropped on the whole view. */
export function startDocuments(settings) {
  if (settings.filesTranslation === false) {
    $("documents").hidden = true;
    return;
  }
  const formats = settings.supportedFilesFormat;
  if (formats?.length) {
    $("file").accept = formats.join(",");
    $("formats").textContent = `Drop a file anywhere on this page (${formats.join(" ")}): all that is no text stays as it was.`;
  }
  $("file").addEventListener("change", () => {
    add($("file").files);
    $("file").value = ""; // the same file may be chosen again
  });
  const view = $("translate-view");
  document.addEventListener("dragover", (event) => {
    if (view.hidden || !event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    $("documents").classList.add("over");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) $("documents").classList.remove("over");
  });
  document.addEventListener("drop", (event) => {
    $("documents").classList.remove("over");
    if (view.hidden || !event.dataTransfer?.files.length) return;
    event.preventDefault();
    add(event.dataTransfer.files);
  });
}

function add(files) {
  for (const file of files) translateFile(file);
}

async function translateFile(file) {
  const [source, target] = [$("source").value, $("target").value];
  const stopper = new AbortController();
  const label = `${file.name}, into ${languageName(target)}`;
  const bar = html("progress", { "aria-label": label });
  const state = html("span", { class: "note", role: "status" }, "Waiting");
  const stop = html("button", { type: "button", class: "quiet", "aria-label": `Stop ${file.name}` }, "Stop");
  const row = html("li", {}, html("span", { class: "name" }, label), bar, state, stop);
  stop.addEventListener("click", () => {
    stopper.abort();
    row.remove();
  });
  $("files").append(row);
  const onProgress = (done, total) => {
    bar.max = Math.max(total, 1);
    bar.value = done;
    state.textContent = done < total ? "Translating" : "Writing";
  };
  const onWait = (words) => (state.textContent = words || "Translating");
  try {
    const options = { source, target, signal: stopper.signal, onProgress, onWait };
    const { name, url } = await translateDocument(file, options);
    bar.replaceWith(html("a", { href: url, download: name, class: "button" }, `Save ${name}`));
    state.textContent = "Done";
    stop.textContent = "Remove";
    stop.setAttribute("aria-label", `Remove ${file.name}`);
  } catch (error) {
    if (error.name === "AbortError") return;
    bar.remove();
    state.className = "wrong";
    state.textContent = error instanceof Problem ? error.message : "The connection broke off.";
    if (!(error instanceof Problem || error instanceof TypeError)) throw error;
    stop.textContent = "Remove";
  }
}
