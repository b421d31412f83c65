"""A running service with a scripted model, and a browser to look at its page with."""

from __future__ import annotations

import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from scripted import scripted

from nmt import TargetMix, Translator
from serve.app import create_app
from serve.settings import Settings

LANGUAGES = ("en", "es", "pt", "fr")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
LIMIT_MS = 15_000
IN = {
    "en": "The cat sleeps all day in the garden behind our house.",
    "es": "El gato duerme todo el día en el jardín detrás de nuestra casa.",
    "pt": "O gato dorme o dia todo no jardim que fica atrás da nossa casa.",
    "fr": "Le chat dort toute la journée dans le jardin derrière notre maison.",
}
BETWEEN = "El gato duerme todo el día no jardim que fica atrás da nossa casa."


def reply(text: str, target: TargetMix, via: str | None) -> str:
    """A sentence of the heaviest language, or one in two languages about half-way."""
    weights = dict(target.weights)
    if abs(weights.get("es", 0) - 0.5) < 0.12 and abs(weights.get("pt", 0) - 0.5) < 0.12:
        return BETWEEN
    if target.is_plain and text.startswith("say"):
        return f"{text} best|{text} second|{text} third"
    return IN[max(weights, key=lambda code: weights[code])]


def translator() -> Translator:
    """A model of four languages that answers at once."""
    return scripted(LANGUAGES, [("en", "es")], reply)


@contextmanager
def serving(translator: Translator | None, settings: Settings) -> Iterator[tuple[str, Stop]]:
    """The address of a running service, and what stops it."""
    listener = socket.create_server(("127.0.0.1", 0))
    app = create_app(settings, translator)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()

    def stop() -> None:
        server.should_exit = True
        thread.join(LIMIT_MS / 1000)

    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/", stop
    finally:
        stop()


Stop = Callable[[], None]


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        yield browser
        browser.close()


class Visit:
    """A page in a context of its own; it notes all that the console has to say."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        context.set_default_timeout(LIMIT_MS)
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))

    def _note(self, message: object) -> None:
        kind, text = getattr(message, "type", ""), getattr(message, "text", "")
        if kind in ("error", "warning"):
            self.complaints.append(text)

    def open(self, url: str) -> Page:
        """The page, once all that it asked for is shown."""
        self.page.goto("about:blank")  # as a new hash alone loads nothing
        self.page.goto(url)
        self.page.wait_for_selector("html[data-ready]")
        self.settle()
        return self.page

    def settle(self) -> None:
        """Wait until all that is shown belongs to what was asked for."""
        self.page.wait_for_selector(".stale", state="detached")

    def asked(self, route: str) -> int:
        """How often a route was asked."""
        return sum(url.split("?")[0].endswith("/" + route) for url in self.requests)
