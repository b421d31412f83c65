"""A text as the sentences that are translated, and what is between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

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

    def join(self, translations: Sequence[str]) -> str:
        """The text with a translation in the place of each sentence."""
        return join(self.segments, translations)


def make_plan(text: str, language: str, fits: Callable[[str], bool]) -> Plan:
    """The sentences of a text in a language; one that does not fit is cut into clauses."""
    return Plan(
        tuple(
            part
            for segment in split(text, language)
            for part in (split_long(segment.text, fits) if segment.is_sentence else [segment])
        )
    )
