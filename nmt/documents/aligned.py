"""What a translator gives back to documents: a text, and which of its words came from which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nmt.decode.engine import DecodeOptions
from nmt.decode.flags import Flag
from nmt.decode.glossary import Glossary
from nmt.decode.translator import Translator
from nmt.text.alignment import Link
from nmt.text.target_mix import TargetLike


@dataclass(frozen=True)
class Aligned:
    """A translation; without links, nothing is known about its words."""

    text: str
    links: tuple[Link, ...] = ()


# One result for each text, in the same order.
Translate = Callable[[Sequence[str]], Sequence[Aligned]]


class TranslateWith:
    """A `Translate` that asks a translator, and counts what is wrong with what it said."""

    def __init__(
        self,
        translator: Translator,
        target: TargetLike,
        source: str | None = None,
        via: str | None = None,
        options: DecodeOptions | None = None,
        glossary: Glossary | None = None,
    ) -> None:
        """Options as of `Translator.translate`."""
        self._translator = translator
        self._target = target
        self._source = source
        self._via = via
        self._options = options
        self._glossary = glossary
        self.texts = 0
        self.flags: Counter[Flag] = Counter()

    def __call__(self, texts: Sequence[str]) -> list[Aligned]:
        """The texts translated, with links between the words."""
        found = self._translator.translate(
            texts,
            self._target,
            source=self._source,
            via=self._via,
            options=self._options,
            glossary=self._glossary,
            align=True,
        )
        self.texts += len(texts)
        self.flags.update(flag for translation in found for flag in translation.flags)
        return [Aligned(translation.text, translation.links) for translation in found]
