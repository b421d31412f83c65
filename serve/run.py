"""Runs the service in this process until it is told to stop."""

from __future__ import annotations

import errno
import logging
import socket
from contextlib import suppress

import uvicorn

from serve.app import create_app
from serve.errors import CannotServe
from serve.logs import log_to_stderr
from serve.settings import Settings

log = logging.getLogger(__name__)


def run(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM, then finish what runs.

    Raises CannotServe if the address cannot be used, ModelError if the model cannot be loaded.
    """
    log_to_stderr()
    listener = _listen(settings.host, settings.port)
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=settings.drain_seconds,
    )
    server = uvicorn.Server(config)

    def stop() -> None:
        server.should_exit = True

    app.state.backend.on_failure = stop
    log.info("%s (loading the model)", _url(settings.host, listener.getsockname()[1]))
    with suppress(KeyboardInterrupt):  # Ctrl+C has stopped the server in good order
        server.run(sockets=[listener])
    if app.state.backend.failure is not None:
        raise app.state.backend.failure


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise CannotServe(
                f"port {port} of {host} is in use: stop what runs there, or choose another port"
            ) from None
        raise CannotServe(f"cannot serve at {host}, port {port}: {error.strerror}") from None


def _url(host: str, port: int) -> str:
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}"
