"""A translator for tests of the service in which time, failures or plain answers matter."""

from __future__ import annotations

from typing import cast

from scripted import Reply, ScriptedTranslator

from nmt import Translator

LANGUAGES = ("en", "es", "pt", "fr")


class _Fake(ScriptedTranslator):
    max_pieces = 100

    def count_pieces(self, text: str) -> int:
        return len(text.split())


def fake(reply: Reply) -> Translator:
    """Answers each sentence with `reply(text, target, via)`, which may wait or fail."""
    return cast(Translator, _Fake(LANGUAGES, [("en", "es")], reply))
