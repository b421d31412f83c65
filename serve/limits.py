"""How much a request may ask for."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve.errors import BodyTooLarge, InvalidRequest
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


class BodyLimit:
    """Refuses a request body of more than `max_bytes`, announced or not, with BodyTooLarge."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting the bytes of its body as they are read."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        received = 0

        async def counted() -> Message:
            nonlocal received
            if announced.isdigit() and int(announced) > self._max_bytes:
                raise self._too_large()
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._max_bytes:
                raise self._too_large()
            return message

        await self._app(scope, counted, send)

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(f"the request body may have at most {self._max_bytes} bytes")
