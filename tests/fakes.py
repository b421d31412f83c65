"""A translator for tests of the service in which time, failures or plain answers matter."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from scripted import Reply, ScriptedTranslator

from nmt import Hypothesis, Translation, Translator

LANGUAGES = ("en", "es", "pt", "fr")


class _Fake(ScriptedTranslator):
    max_pieces = 100

    def count_pieces(self, text: str) -> int:
        return len(text.split())

    def translate(self, *args: Any, **kwargs: Any) -> list[Translation]:
        return [
            replace(one, hypotheses=tuple(Hypothesis(text, -0.5) for text in one.text.split("|")))
            for one in super().translate(*args, **kwargs)
        ]


def fake(reply: Reply) -> Translator:
    """Answers each sentence with `reply(text, target, via)`, which may be `best|second|third`."""
    return cast(Translator, _Fake(LANGUAGES, [("en", "es")], reply))
