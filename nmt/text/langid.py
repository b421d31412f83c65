"""Which language a text is in, out of those that are possible. Only this module knows py3langid.

The library was chosen by measurement; `scripts/measure_langid.py` repeats it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from py3langid import __version__ as VERSION
from py3langid.langid import MODEL_FILE
from py3langid.langid import LanguageIdentifier as NaiveBayes

from nmt.errors import ConfigError

# More text makes no answer surer, only slower: 4,000 characters take some milliseconds.
JUDGED_CHARACTERS = 4000


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
            for label, confidence in self._model.rank(text[:JUDGED_CHARACTERS])
        ]
