// Sentences of a lecture on mixed targets (Levine, CS 182 at Berkeley, 2021, on Johnson et al. 2017).

const EXAMPLES = [
  { text: "Here the other guinea-pig cheered, and was suppressed.", languages: ["es", "pt"] },
  { text: "I must be getting somewhere near the centre of the earth.", languages: ["ja", "ko"] },
  { text: "I wonder what they'll do next!", languages: ["ru", "be"] },
  { text: "I wonder what they'll do next!", languages: ["ru", "be", "uk"] },
];

/** Those whose languages the model has all; the first sentence with others where there is none. */
export function examplesFor(codes) {
  const possible = EXAMPLES.filter(({ languages }) => languages.every((code) => codes.includes(code)));
  if (possible.length) return possible;
  const foreign = codes.filter((code) => code !== "en");
  return foreign.length < 2 ? [] : [{ text: EXAMPLES[0].text, languages: foreign.slice(0, 2) }];
}
