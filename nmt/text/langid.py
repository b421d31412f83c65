"""Which language a text is in, out of those that are possible. Only this module knows py3langid.

The library was chosen by measurement; `scripts/measure_langid.py` repeats it.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import regex
from py3langid import __version__ as VERSION
from py3langid.langid import MODEL_FILE
from py3langid.langid import LanguageIdentifier as NaiveBayes

from nmt.errors import ConfigError

# More text makes no answer surer, only slower: 4,000 characters take some milliseconds.
JUDGED_CHARACTERS = 4000
RANKINGS_KEPT = 2048


# A word: a run of letters, or one character of a script that writes no spaces.
_WORD = regex.compile(
    r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]|[\p{L}\p{M}'’]+"
)
# What a change of language within a text costs, in nats; scripts/measure_langid.py tells how
# often words are labelled right.
SWITCH_COST = 2.0
# No single word rules out a language altogether.
LEAST_LIKELY = -50.0


@dataclass(frozen=True)
class Word:
    """A stretch of a text, [start, end) in characters, and the language that it is in."""

    start: int
    end: int
    language: str


@dataclass(frozen=True)
class Detection:
    """A language and how sure that is, from 0 to 1."""

    language: str
    confidence: float


class LanguageIdentifier:
    """Tells some languages apart; threads may share it.

    It takes about a second to make and 55 MB of memory.
    """

    def __init__(self, languages: Sequence[str]) -> None:
        """Load the library's model for these languages only.

        Of variants such as pt-BR and pt-PT the first stands for all, as texts do not tell.
        Raises ConfigError for languages that the library does not know.
        """
        full = NaiveBayes.from_model_file(MODEL_FILE)
        self._code_of: dict[str, str] = {}
        for code in languages:
            self._code_of.setdefault(code.partition("-")[0], code)
        if unknown := self._code_of.keys() - set(full.labels):
            raise ConfigError(
                f"{', '.join(sorted(unknown))} cannot be identified: the language identifier "
                f"knows {', '.join(sorted(full.labels))}"
            )
        full.set_languages(list(self._code_of))
        # Made anew from the columns of these languages, so that the full table can be freed.
        self._model = NaiveBayes(
            full.nb_ptc,
            full.nb_pc,
            full.nb_classes,
            full.tk_nextmove,
            full.tk_output,
            norm_probs=True,
            tk_row=full.tk_row,
        )
        # A translation is judged more than once, and words come again.
        self._rank = lru_cache(RANKINGS_KEPT)(self._model.rank)

    @property
    def signature(self) -> str:
        """The library, the candidates and the version: what a measured rate depends on."""
        return f"lid:py3langid|langs:{'.'.join(sorted(self._code_of))}|version:{VERSION}"

    def detect(self, text: str) -> Detection | None:
        """The most likely language; None for a text without letters to judge by."""
        if not any(character.isalpha() for character in text):
            return None
        return self.ranked(text)[0]

    def detect_all(self, texts: Sequence[str]) -> list[Detection | None]:
        """The most likely language of each text."""
        return [self.detect(text) for text in texts]

    def ranked(self, text: str) -> list[Detection]:
        """All languages, the most likely first, with confidences that sum to 1."""
        return [
            Detection(self._code_of[label], float(confidence))
            for label, confidence in self._rank(text[:JUDGED_CHARACTERS])
        ]

    def words(self, text: str, languages: Collection[str] | None = None) -> list[Word]:
        """The words of a text, each with its language, of those given or of all.

        The most likely sequence of languages (Viterbi), given what each word alone looks like and
        that languages seldom change from word to word.
        """
        found = list(_WORD.finditer(text))
        codes = [code for code in self._code_of.values() if not languages or code in languages]
        path = _best_path([self._log_likelihoods(match[0], codes) for match in found])
        return [
            Word(match.start(), match.end(), codes[language])
            for match, language in zip(found, path, strict=True)
        ]

    def shares(self, text: str) -> dict[str, float]:
        """The share of the letters of a text in each language that it has words in."""
        letters: dict[str, int] = {}
        for word in self.words(text):
            letters[word.language] = letters.get(word.language, 0) + word.end - word.start
        total = sum(letters.values())
        ranked = sorted(letters.items(), key=lambda item: -item[1])
        return {language: count / total for language, count in ranked}

    def _log_likelihoods(self, word: str, codes: Sequence[str]) -> list[float]:
        text = f" {word} "  # so that its beginning and end are seen
        # The library divides by the root of the length, which makes single words look alike.
        scale = math.sqrt(len(text.encode(errors="surrogatepass")))
        likely = {d.language: d.confidence for d in self.ranked(text)}
        return [
            max(scale * math.log(likely[code]), LEAST_LIKELY) if likely[code] else LEAST_LIKELY
            for code in codes
        ]


def _best_path(looks: Sequence[Sequence[float]]) -> list[int]:
    """The states of a chain that explain best what was seen, where a change costs the same."""
    if not looks:
        return []
    best, origins = np.array(looks[0]), []
    for look in looks[1:]:
        change = best.max() - SWITCH_COST
        origins.append(np.where(best >= change, np.arange(len(best)), best.argmax()))
        best = np.maximum(best, change) + look
    path = [int(best.argmax())]
    for origin in reversed(origins):
        path.append(int(origin[path[-1]]))
    return path[::-1]
