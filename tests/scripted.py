"""Translators that say what a test tells them to, where it is not about learned weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import cast

from nmt.decode.engine import DecodeOptions
from nmt.decode.flags import Flag
from nmt.decode.sentences import (
    Hypothesis,
    SentenceTranslator,
    Translation,
    TranslationPath,
    sources_of,
    targets_of,
)
from nmt.decode.translator import Translator
from nmt.text.alignment import Link
from nmt.text.langid import LanguageIdentifier
from nmt.text.target_mix import TargetMix

Reply = Callable[[str, TargetMix, str | None], str]


class ScriptedSentences:
    """Answers `reply(text, target, via)`, which may be `best|second|third`; notes each call."""

    max_pieces = 100

    def __init__(
        self, languages: Sequence[str], directions: Sequence[tuple[str, str]], reply: Reply
    ) -> None:
        self.languages = tuple(languages)
        self.directions = frozenset(directions)
        self.calls: list[tuple[list[str], str | None, str | None]] = []
        self._reply = reply

    def fits(self, text: str) -> bool:
        return self.count_pieces(text) <= self.max_pieces

    def count_pieces(self, text: str) -> int:
        return len(text.split())

    def is_known(self, word: str) -> bool:
        return True

    def align(self, texts: Sequence[str], *_: object, **__: object) -> list[tuple[Link, ...]]:
        return [() for _ in texts]

    def translate(
        self,
        texts: Sequence[str],
        target: str | TargetMix | Sequence[str | TargetMix],
        *,
        source: str | Sequence[str | None] | None = None,
        via: str | None = None,
        options: DecodeOptions | None = None,
    ) -> list[Translation]:
        if not texts:
            return []
        translations = []
        sources, targets = sources_of(source, len(texts)), targets_of(target, len(texts))
        self.calls.append((list(texts), sources[0], via))
        for text, mix, code in zip(texts, targets, sources, strict=True):
            trained = (code, str(mix)) in self.directions
            path: TranslationPath = "pivot" if via else "direct" if trained else "zero_shot"
            is_complete = not text.startswith("cut")
            hypotheses = tuple(
                Hypothesis(one, -0.5 - i / 10, is_complete)
                for i, one in enumerate(self._reply(text, mix, via).split("|"))
            )
            flags: tuple[Flag, ...] = () if is_complete else ("truncated",)
            translations.append(Translation(hypotheses, path, code, mix, flags))
        return translations


def scripted_sentences(
    languages: Sequence[str], directions: Sequence[tuple[str, str]], reply: Reply
) -> SentenceTranslator:
    """The same, to type checkers a SentenceTranslator."""
    return cast(SentenceTranslator, ScriptedSentences(languages, directions, reply))


def scripted(
    languages: Sequence[str], directions: Sequence[tuple[str, str]], reply: Reply
) -> Translator:
    """A translator whose model is scripted; all else is real."""
    sentences = scripted_sentences(languages, directions, reply)
    return Translator(sentences, identifier(tuple(languages)))


identifier = cache(LanguageIdentifier)
