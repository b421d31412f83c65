"""What every request passes first and last, in one layer, as each layer takes its time.

Refuses what is too large or comes at a bad time before any work is done; names, logs and counts
requests; and adds the headers that all answers have.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Awaitable, Callable, Mapping

from fastapi import Request, Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serve.answers import ANSWERS, DEEPL, INTERNAL, error_response, message_response
from serve.backend import Backend
from serve.batcher import QueueFull
from serve.errors import BodyTooLarge, HeadersTooLarge
from serve.logs import log_request
from serve.metrics import Metrics
from serve.settings import Settings

log = logging.getLogger(__name__)

Endpoint = Callable[[Request], Awaitable[Response]]

# A request id that a proxy gave; others might be anything.
_REQUEST_ID = re.compile(rb"[\w.-]{1,64}")
SECURITY = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
)
CORS = (
    (b"access-control-allow-headers", b"Authorization, Content-Type"),
    (b"access-control-max-age", b"1728000"),
)
METHODS = (b"access-control-allow-methods", b"GET, POST")
DEEPL_METHODS = (b"access-control-allow-methods", b"GET, POST, PUT, PATCH, DELETE")
# Routes that cost decoding, which a full queue closes.
WORKING = frozenset({"/translate", "/mix", "/translate_file", "/translate_stream", "/v2/translate"})


class Edge:
    """The outermost layer of the service."""

    def __init__(
        self,
        framework: ASGIApp,
        *,
        settings: Settings,
        backend: Backend,
        metrics: Metrics,
        shortcuts: Mapping[str, Endpoint],
    ) -> None:
        """`framework` answers what has no shortcut: a path whose POST goes to an endpoint.

        The framework's layers take longer than such an endpoint does.
        """
        self._framework = framework
        self._settings = settings
        self._backend = backend
        self._metrics = metrics
        self._shortcuts = shortcuts
        self._origins = frozenset(origin.encode() for origin in settings.cors_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass on what is none."""
        if scope["type"] != "http":
            await self._framework(scope, receive, send)
            return
        if scope["method"] == "HEAD":
            # As GET; the server that called leaves the body out.
            scope = {**scope, "method": "GET"}
        path, method = scope["path"], scope["method"]
        # A browser that only asks whether it may (OPTIONS) has to be told, or it shows no 503.
        if path in WORKING and method == "POST" and self._backend.is_full:
            await self._refuse(scope, receive, send)
            return
        start = time.perf_counter()
        headers = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"")
        name = given if _REQUEST_ID.fullmatch(given) else os.urandom(8).hex().encode()
        added = self._headers(path, headers, name)
        status = 0  # stays so if there is no answer

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *added]
            await send(message)

        self._metrics.in_flight.inc()
        try:
            await self._answer(scope, receive, noted, headers)
        finally:
            self._metrics.in_flight.dec()
            # The route's own path: the one asked for, and its query, may hold text of users.
            known = path if path in self._shortcuts else "(no route)"
            route = getattr(scope.get("route"), "path", None) or known
            seconds = time.perf_counter() - start
            self._metrics.requests.labels(route, scope["method"], status).inc()
            self._metrics.request_seconds.labels(route, status).observe(seconds)
            log_request(scope["method"], route, status, seconds, name.decode())

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Turn a request away with as little work as can be, which others need: not even a line."""
        error = QueueFull("too many requests are waiting; try again in a moment")
        self._metrics.note_error(error)
        self._metrics.requests.labels(scope["path"], scope["method"], 503).inc()
        response = error_response(scope["path"], error)
        response.raw_headers += [*SECURITY, (b"access-control-allow-origin", b"*")]
        await response(scope, receive, send)

    async def _answer(
        self, scope: Scope, receive: Receive, send: Send, headers: Mapping[bytes, bytes]
    ) -> None:
        path, receive = scope["path"], self._counted(receive)
        response: ASGIApp
        try:
            self._check(path, headers)
            endpoint = self._shortcuts.get(path)
            if scope["method"] == "OPTIONS":
                response = Response(status_code=200)
            elif endpoint is None or scope["method"] != "POST":
                response = self._framework
            else:
                response = await endpoint(Request(scope, receive, send))
        except tuple(ANSWERS) as error:
            self._metrics.note_error(error)
            response = error_response(path, error)
        except HTTPException as error:
            response = message_response(path, f"Invalid request: {error.detail}", error.status_code)
        except Exception:
            log.exception("%s failed", path if path in self._shortcuts else "a request")
            response = message_response(path, INTERNAL, 500)
        await response(scope, receive, send)

    def _check(self, path: str, headers: Mapping[bytes, bytes]) -> None:
        """Raise what can be known before a byte of the body is read."""
        head = sum(len(name) + len(value) for name, value in headers.items())
        if head > self._settings.max_header_bytes:
            most = self._settings.max_header_bytes
            raise HeadersTooLarge(f"the headers of a request may have at most {most} bytes")
        announced = headers.get(b"content-length", b"0")
        if announced.isdigit() and int(announced) > self._settings.max_body_bytes:
            raise self._too_large()

    def _counted(self, receive: Receive) -> Receive:
        """The same, up to the largest body that is read, announced or not."""
        received = 0

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > self._settings.max_body_bytes:
                raise self._too_large()
            return message

        return counted

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(
            f"the request body may have at most {self._settings.max_body_bytes} bytes"
        )

    def _headers(
        self, path: str, headers: Mapping[bytes, bytes], name: bytes
    ) -> list[tuple[bytes, bytes]]:
        """What all answers say."""
        added = [*SECURITY, *CORS, (b"x-request-id", name)]
        if path.startswith(DEEPL):
            added += [DEEPL_METHODS, (b"x-trace-id", name)]
        else:
            added.append(METHODS)
        if b"*" in self._origins:
            added.append((b"access-control-allow-origin", b"*"))
        elif (origin := headers.get(b"origin")) in self._origins and origin is not None:
            added += [(b"access-control-allow-origin", origin), (b"vary", b"Origin")]
        if self._backend.draining:
            added.append((b"connection", b"close"))
        return added
