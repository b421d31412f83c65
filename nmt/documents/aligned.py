"""What a translator gives back to documents: a text, and which of its words came from which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nmt.decode.flags import Flag
from nmt.decode.sentences import Translation
from nmt.text.alignment import Link


@dataclass(frozen=True)
class Aligned:
    """A translation; without links, nothing is known about its words."""

    text: str
    links: tuple[Link, ...] = ()


# One result for each text, in the same order.
Translate = Callable[[Sequence[str]], Sequence[Aligned]]


class TranslateWith:
    """A `Translate` by way of `Translator.translate`, which also counts what is wrong.

    `translate` is that method with all its arguments but the texts.
    """

    def __init__(self, translate: Callable[..., Sequence[Translation]]) -> None:
        self._translate = translate
        self.texts = 0
        self.flags: Counter[Flag] = Counter()

    def __call__(self, texts: Sequence[str]) -> list[Aligned]:
        """The texts translated, with links between the words."""
        found = self._translate(texts, align=True)
        self.texts += len(texts)
        self.flags.update(flag for translation in found for flag in translation.flags)
        return [Aligned(translation.text, translation.links) for translation in found]
