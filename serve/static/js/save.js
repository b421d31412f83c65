// Tables and pictures as files.

import { html } from "./dom.js";

const PNG_SCALE = 2; // sharp on dense screens

function saveBlob(blob, name) {
  const url = URL.createObjectURL(blob);
  html("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000); // the download may begin late
}

/** One line for each step: its weights, the translation, and the language that it looks like. */
export function saveTable(kind, steps, languages) {
  const head = [...languages.map((code) => `w_${code}`), "translation", "language", "confidence"];
  const rows = steps.map((step) => [
    ...languages.map((code) => step.weights[code]),
    step.translatedText,
    step.detectedLanguage?.language ?? "",
    step.detectedLanguage?.confidence ?? "",
  ]);
  const line = kind === "csv" ? csvLine : tsvLine;
  const text = [head, ...rows].map((row) => line(row.map(String))).join("");
  // The mark in front tells spreadsheets that this is UTF-8.
  const blob = new Blob(kind === "csv" ? ["\ufeff", text] : [text], { type: `text/${kind}` });
  saveBlob(blob, `mix-${languages.join("-")}.${kind}`);
}

function csvLine(values) {
  const quoted = values.map((value) => (/[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value));
  return `${quoted.join(",")}\r\n`;
}

function tsvLine(values) {
  return `${values.map((value) => value.replace(/\s+/g, " ")).join("\t")}\n`;
}

export async function savePicture(kind, picture, languages) {
  const name = `mix-${languages.join("-")}.${kind}`;
  const vector = new Blob([new XMLSerializer().serializeToString(picture)], { type: "image/svg+xml" });
  saveBlob(kind === "svg" ? vector : await bitmap(vector, picture), name);
}

async function bitmap(vector, picture) {
  const image = new Image();
  image.src = URL.createObjectURL(vector);
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = PNG_SCALE * picture.getAttribute("width");
  canvas.height = PNG_SCALE * picture.getAttribute("height");
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(image.src);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}
