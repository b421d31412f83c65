"""Runs the service in this process until it is told to stop."""

from __future__ import annotations

import asyncio
import errno
import logging
import signal
import socket
import threading
from contextlib import suppress
from pathlib import Path
from types import FrameType

import uvicorn

from serve.app import create_app
from serve.backend import Backend
from serve.errors import CannotServe
from serve.logs import log_to_stderr
from serve.settings import Settings
from serve.workers import run_workers

log = logging.getLogger(__name__)


def run(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM, then finish what runs.

    Raises CannotServe if the address cannot be used, ModelError if the model cannot be loaded.
    """
    log_to_stderr(settings.log_format)
    with _listen(settings.host, settings.port) as listener:
        log.info("%s (loading the model)", _url(settings.host, listener.getsockname()[1]))
        if settings.workers > 1:
            run_workers(settings, listener, _work)
        else:
            _serve(settings, listener)


def _serve(settings: Settings, listener: socket.socket, engine: Path | None = None) -> None:
    """Serve in this process; translate in another one if its socket is given."""
    app = create_app(settings, engine=engine)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        forwarded_allow_ips=settings.trusted_proxies,
        timeout_graceful_shutdown=settings.drain_seconds,
    )
    server = DrainingServer(config, app.state.backend, settings.drain_delay_seconds)
    app.state.backend.on_failure = server.stop
    with suppress(KeyboardInterrupt):  # Ctrl+C has stopped the server in good order
        server.run(sockets=[listener])
    if app.state.backend.failure is not None:
        raise app.state.backend.failure


def _work(settings: Settings, listener: socket.socket, engine: Path) -> None:
    """What a worker process does."""
    log_to_stderr(settings.log_format)
    _serve(settings, listener, engine)


class DrainingServer(uvicorn.Server):
    """Goes on for a moment after SIGTERM, so that whoever sends requests can learn of it.

    Meanwhile it is not ready, and closes each connection with its answer. SIGHUP loads the model
    again.
    """

    def __init__(self, config: uvicorn.Config, backend: Backend, delay_seconds: float) -> None:
        super().__init__(config)
        self._backend = backend
        self._delay_seconds = delay_seconds

    def stop(self) -> None:
        """Take no more requests, finish those that run, and return."""
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen, to signals as well."""
        await super().startup(sockets)
        if hasattr(signal, "SIGHUP"):  # not on Windows
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._backend.reload)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Drain on SIGTERM; stop at once on any other signal, or a second one."""
        if sig == signal.SIGTERM and not self._backend.draining:
            log.info("draining")
            self._backend.draining = True
            threading.Timer(self._delay_seconds, self.stop).start()
        else:
            super().handle_exit(sig, frame)


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
