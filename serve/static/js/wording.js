// What the service says in codes, in plain words.

export const PATHS = {
  direct: "Translated directly: the model has learnt this pair of languages.",
  zero_shot: "Zero-shot: the model was never shown this pair of languages.",
  pivot: "Translated by way of a third language.",
  unknown: "The language of the text is not known.",
  unchanged: "Nothing to translate: the text is as it was.",
};

export const FLAGS = {
  truncated: "The end is missing: the translation grew too long.",
  repetition: "Something is repeated that should not be.",
  copied: "It came back untranslated.",
  off_target: "It seems to be in another language than asked for.",
};
