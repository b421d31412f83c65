"""How much a request may ask for."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import Request

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


async def admit(
    request: Request,
    key: str | None = None,
    texts: int = 1,
    characters: int = 0,
    scope: str = "translate",
) -> None:
    """Let a request in, or raise what is against it; `key` is that of its body or query."""
    address = request.client.host if request.client else "unknown"
    await request.app.state.guard.admit(
        key or header_key(request), address, scope, texts, characters
    )


def header_key(request: Request) -> str | None:
    """The key in the Authorization header, as DeepL's clients or others send it."""
    kind, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip() if kind.lower() in ("deepl-auth-key", "bearer") else None
