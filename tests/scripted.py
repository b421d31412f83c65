"""A translator that says what a test tells it to, for tests that are not about learned weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

from nmt.decode.engine import DecodeOptions
from nmt.decode.translator import Hypothesis, Translation, TranslationPath, Translator
from nmt.text.target_mix import TargetMix

Reply = Callable[[str, TargetMix, str | None], str]


class ScriptedTranslator:
    """Answers `reply(text, target, via)` and notes each call."""

    def __init__(
        self, languages: Sequence[str], directions: Sequence[tuple[str, str]], reply: Reply
    ) -> None:
        self.languages = tuple(languages)
        self.directions = frozenset(directions)
        self.calls: list[tuple[list[str], str | None, str | None]] = []
        self._reply = reply

    def translate(
        self,
        texts: Sequence[str],
        target: str | TargetMix | Sequence[str | TargetMix],
        *,
        source: str | None = None,
        via: str | None = None,
        options: DecodeOptions | None = None,
    ) -> list[Translation]:
        self.calls.append((list(texts), source, via))
        targets = [target] * len(texts) if isinstance(target, (str, TargetMix)) else target
        translations = []
        for text, one in zip(texts, targets, strict=True):
            mix = TargetMix.of(one)
            trained = (source, str(mix)) in self.directions
            path: TranslationPath = "pivot" if via else "direct" if trained else "zero_shot"
            best = Hypothesis(self._reply(text, mix, via), -0.5)
            translations.append(Translation((best,), path, source, mix, text.startswith("cut")))
        return translations


def scripted(
    languages: Sequence[str], directions: Sequence[tuple[str, str]], reply: Reply
) -> Translator:
    """The same, to type checkers a Translator."""
    return cast(Translator, ScriptedTranslator(languages, directions, reply))
