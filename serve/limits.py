"""How much a request may ask for."""

from __future__ import annotations

from collections.abc import Sequence

from serve.errors import InvalidRequest
from serve.settings import Settings


def check_texts(texts: Sequence[str], settings: Settings) -> None:
    """InvalidRequest if a request has too many texts, or too many characters in all of them."""
    if len(texts) > settings.max_texts:
        raise InvalidRequest(
            f"Invalid request: request ({len(texts)}) exceeds text limit ({settings.max_texts}):"
            f" q may hold at most {settings.max_texts} texts"
        )
    check_characters(sum(map(len, texts)), settings.max_characters)


def check_characters(characters: int, limit: int) -> None:
    """InvalidRequest if a request has more characters than `limit`."""
    if characters > limit:
        raise InvalidRequest(
            f"Invalid request: request ({characters}) exceeds text limit ({limit}):"
            f" q may have at most {limit} characters here"
        )
