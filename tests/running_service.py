"""The whole service at an address of its own, with translations from a list, for clients."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from scripted import scripted

from nmt import TargetMix
from serve.app import create_app
from serve.settings import Settings

LANGUAGES = ["en", "es", "pt"]
WORDS = {"Good morning.": "Buenos días.", "The house is white.": "La casa es blanca."}


def reply(text: str, target: TargetMix, via: str | None) -> str:
    return f"{WORDS.get(text, 'No sé qué dice.')}|Otra cosa."


class Running(uvicorn.Server):
    def install_signal_handlers(self) -> None:
        pass


@contextmanager
def running(settings: Settings) -> Iterator[str]:
    """The address of a service that runs in a thread."""
    app = create_app(settings, scripted(LANGUAGES, [("en", "es")], reply))
    server = Running(uvicorn.Config(app, port=0, log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()
