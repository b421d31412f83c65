"""A text as the sentences that are translated, and what is between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nmt.text.alignment import Link
from nmt.text.segment import Segment, join, split, split_long


@dataclass(frozen=True)
class Plan:
    """The segments of a text; those that are sentences are translated."""

    segments: tuple[Segment, ...]

    @property
    def text(self) -> str:
        """The text itself."""
        return "".join(segment.text for segment in self.segments)

    @property
    def sentences(self) -> list[str]:
        """What is to be translated, in order."""
        return [segment.text for segment in self.segments if segment.is_sentence]

    def parts(self, translations: Sequence[str]) -> list[str]:
        """What stands in the place of each segment: in that of a sentence, a translation."""
        return join(self.segments, translations)

    def join(self, translations: Sequence[str]) -> str:
        """The text with a translation in the place of each sentence."""
        return "".join(self.parts(translations))

    def join_links(
        self, translations: Sequence[str], links: Sequence[Sequence[Link]]
    ) -> tuple[Link, ...]:
        """The links of the whole text from those of its sentences."""
        remaining = iter(links)
        joined: list[Link] = []
        source = target = 0
        for segment, part in zip(self.segments, self.parts(translations), strict=True):
            if segment.is_sentence:
                joined += [link.moved(source, target) for link in next(remaining)]
            source, target = source + len(segment.text), target + len(part)
        return tuple(joined)


def make_plan(text: str, language: str, fits: Callable[[str], bool]) -> Plan:
    """The sentences of a text in a language; one that does not fit is cut into clauses."""
    return Plan(
        tuple(
            part
            for segment in split(text, language)
            for part in (split_long(segment.text, fits) if segment.is_sentence else [segment])
        )
    )
