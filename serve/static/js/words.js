// A text whose words show the language that they are in.

import { html } from "./dom.js";
import { chip, colourClass, languageName, percent } from "./languages.js";

/** Stretches of words in one language, with what stands between these words. */
export function stretches(words) {
  const found = [];
  let gap = "";
  for (const { text, language } of words) {
    const last = found.at(-1);
    if (language === null) gap += text;
    else if (last?.language === language) {
      last.text += gap + text;
      gap = "";
    } else {
      if (gap) found.push({ text: gap, language: null });
      found.push({ text, language });
      gap = "";
    }
  }
  if (gap) found.push({ text: gap, language: null });
  return found;
}

/** Elements to show: coloured, and with names for those who see no colours. */
export function colouredWords(words) {
  return stretches(words).map(({ text, language }) =>
    language === null
      ? text
      : html(
          "span",
          { class: `word ${colourClass(language)}`, lang: language, title: languageName(language) },
          text,
        ),
  );
}

/** The share of the letters in each language, the largest first. */
export function shares(words) {
  const letters = new Map();
  for (const { text, language } of words) {
    if (language !== null) letters.set(language, (letters.get(language) ?? 0) + text.length);
  }
  const total = [...letters.values()].reduce((sum, count) => sum + count, 0);
  return [...letters]
    .map(([language, count]) => ({ language, share: count / total }))
    .sort((a, b) => b.share - a.share);
}

export function legendOf(words) {
  return shares(words).map(({ language, share }) =>
    chip("li", language, `${languageName(language)} ${percent(Math.round(100 * share) / 100)}`),
  );
}
