"""Plain log lines on stderr, without a word of what users translate."""

from __future__ import annotations

import logging
import sys
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)


def log_to_stderr() -> None:
    """Send the service's lines, and the server's warnings, to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    for name, level in (("serve", logging.INFO), ("uvicorn", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(level)


class RequestLog:
    """Logs method, route, status and milliseconds of each request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and log it when it is answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        status = 0  # stays so if there is no answer

        async def noted(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            # The route's own path: the one asked for, and its query, may hold text of users.
            route = getattr(scope.get("route"), "path", None) or "(no route)"
            elapsed_ms = 1000 * (time.perf_counter() - start)
            log.info("%s %s %d %.0f ms", scope["method"], route, status, elapsed_ms)
