"""Several processes that answer HTTP, and one that has the model and translates for all."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import signal
import socket
import tempfile
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.context import SpawnProcess
from pathlib import Path

from serve.backend import Backend
from serve.errors import CannotServe
from serve.metrics import Metrics
from serve.remote import share
from serve.settings import Settings

log = logging.getLogger(__name__)

CHECK_SECONDS = 0.5
# Beyond the time in which a worker is to stop.
GRACE_SECONDS = 5

Worker = Callable[[Settings, socket.socket, Path], None]


def run_workers(settings: Settings, listener: socket.socket, worker: Worker) -> None:
    """Load the model, keep `settings.workers` processes running `worker`, and translate for them.

    SIGTERM and SIGINT stop all in good order, SIGHUP loads the model again. Raises what loading
    the model raises.
    """
    if not hasattr(socket, "AF_UNIX"):
        raise CannotServe("more than one worker needs Unix sockets, which this system lacks")
    with tempfile.TemporaryDirectory(prefix="macaronic-") as folder:
        files = settings.files or Path(folder) / "files"  # a file may be asked of any worker
        settings = settings.model_copy(update={"files": files})
        asyncio.run(_supervise(settings, listener, worker, Path(folder) / "engine"))


async def _supervise(
    settings: Settings, listener: socket.socket, worker: Worker, path: Path
) -> None:
    backend = Backend(settings, Metrics())
    await backend.start()
    await backend.loaded()
    server = await share(lambda: backend.ready().batcher, path)
    stopping = asyncio.Event()
    processes: list[SpawnProcess] = []

    def start() -> SpawnProcess:
        arguments = (settings, listener, path)
        process = multiprocessing.get_context("spawn").Process(target=worker, args=arguments)
        process.start()
        return process

    def reload() -> None:
        backend.reload()
        _tell(processes, signal.SIGHUP)

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    loop.add_signal_handler(signal.SIGHUP, reload)
    processes += [start() for _ in range(settings.workers)]
    while not stopping.is_set():
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(stopping.wait(), CHECK_SECONDS)
        for i, process in enumerate(processes):
            if not process.is_alive() and not stopping.is_set():
                log.error("a worker ended with status %s; another one starts", process.exitcode)
                processes[i] = start()
    _tell(processes, signal.SIGTERM)
    seconds = settings.drain_delay_seconds + settings.drain_seconds + GRACE_SECONDS
    for process in processes:
        await asyncio.to_thread(process.join, seconds)
        process.kill()
    server.close()
    await backend.stop()


def _tell(processes: list[SpawnProcess], number: signal.Signals) -> None:
    for process in processes:
        if process.pid is not None and process.is_alive():
            os.kill(process.pid, number)
