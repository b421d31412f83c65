// What the service says in codes, in plain words.

export const PATHS = {
  direct: "Direct: the model has learnt this pair.",
  zero_shot: "Zero-shot: the model was never shown this pair.",
  pivot: "By way of a third language.",
  unknown: "The language of the text is not known.",
  unchanged: "Nothing to translate: the text is as it was.",
};

export const FLAGS = {
  truncated: "The end is missing: the translation grew too long.",
  repetition: "Something is repeated that should not be.",
  copied: "It came back untranslated.",
  off_target: "It seems to be in another language than asked for.",
};
