"""The page in a real browser: it translates, slides between languages, and says what is wrong."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from scripted import scripted
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

from nmt import TargetMix, Translator
from serve.app import create_app
from serve.settings import Settings

LANGUAGES = ("en", "es", "pt", "fr")

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not installed"
)
LIMIT_SECONDS = 20
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1200,900",
)


class Browser:
    """The few things that these tests do on a page."""

    def __init__(self, profile: Path) -> None:
        options = webdriver.ChromeOptions()
        options.binary_location = str(CHROMIUM)
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        # Named, so that selenium looks for no driver of its own.
        service = webdriver.ChromeService(str(DRIVER))
        self.driver = webdriver.Chrome(options=options, service=service)

    def open(self, url: str) -> None:
        self.driver.get(url)

    def find(self, element_id: str) -> WebElement:
        return self.driver.find_element(By.ID, element_id)

    def text(self, element_id: str) -> str:
        return str(self.find(element_id).get_property("textContent"))

    def script(self, code: str, *arguments: Any) -> Any:
        return self.driver.execute_script(code, *arguments)

    def choose(self, element_id: str, code: str) -> None:
        Select(self.find(element_id)).select_by_value(code)

    def type(self, text: str) -> None:
        self.find("text").clear()
        self.find("text").send_keys(text)

    def until(self, condition: Callable[[], bool]) -> None:
        WebDriverWait(self.driver, LIMIT_SECONDS, poll_frequency=0.05).until(lambda _: condition())

    def is_settled(self) -> bool:
        """Whether all that is shown belongs to the text and languages that were asked for."""
        shown = self.driver.find_elements(By.CSS_SELECTOR, "#target option")
        return bool(shown) and not self.driver.find_elements(By.CLASS_NAME, "waiting")

    def requests(self) -> list[str]:
        """The addresses of all that the page has loaded or asked for."""
        code = "return performance.getEntriesByType('resource').map((entry) => entry.name)"
        return list(self.script(code))

    def complaints(self) -> list[str]:
        """What the console holds since the last time."""
        return [entry["message"] for entry in self.driver.get_log("browser")]  # type: ignore[no-untyped-call]


@pytest.fixture(scope="module")
def driven(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = Browser(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.driver.quit()


@pytest.fixture
def browser(driven: Browser) -> Iterator[Browser]:
    """The browser, which must have nothing to complain of when the test ends."""
    driven.complaints()
    yield driven
    assert driven.complaints() == []
    driven.open("about:blank")


@contextmanager
def serving(translator: Translator | None) -> Iterator[tuple[str, Callable[[], None]]]:
    """The address of a running service, and what stops it."""
    listener = socket.create_server(("127.0.0.1", 0))
    app = create_app(Settings(), translator)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()

    def stop() -> None:
        server.should_exit = True
        thread.join(LIMIT_SECONDS)

    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/", stop
    finally:
        stop()


@pytest.fixture(scope="module")
def url(tiny_translator: Translator) -> Iterator[str]:
    with serving(tiny_translator) as (url, _):
        yield url


def test_it_greets_with_an_example_and_its_translation(browser: Browser, url: str) -> None:
    browser.open(url)
    browser.until(lambda: browser.is_settled() and browser.text("translation") != "")
    assert browser.text("mixed") != ""
    assert browser.find("problem").is_displayed() is False


def test_it_translates_what_is_typed_and_says_how(
    browser: Browser, url: str, tiny_translator: Translator
) -> None:
    text = "The cat sleeps."
    expected = tiny_translator.translate([text], "fr", source="en")[0]
    browser.open(url)
    browser.until(browser.is_settled)
    browser.choose("target", "fr")
    browser.type(text)
    assert not browser.is_settled()
    browser.until(browser.is_settled)
    assert browser.text("translation") == expected.text
    assert "From English, it seems." in browser.text("translation-note")
    word = {"direct": "Direct", "zero_shot": "Zero-shot"}[expected.path]
    assert word in browser.text("translation-note")


def test_an_example_fills_the_text_and_is_translated(browser: Browser, url: str) -> None:
    browser.open(url)
    browser.until(browser.is_settled)
    before = browser.text("translation")
    button = browser.driver.find_elements(By.CSS_SELECTOR, "#examples button")[2]
    button.click()
    browser.until(lambda: browser.is_settled() and browser.text("translation") != before)
    assert browser.find("text").get_attribute("value") == button.text


def test_the_slider_shows_each_step_at_once_and_marks_the_switches(
    browser: Browser, url: str
) -> None:
    text = "The cat sleeps."
    body = {"q": text, "languages": ["es", "fr"], "steps": 21}
    sweep = httpx2.post(f"{url}mix", json=body).json()
    browser.open(url)
    browser.until(browser.is_settled)
    browser.choose("second", "fr")
    browser.type(text)
    browser.until(browser.is_settled)
    asked = len(browser.requests())
    slider = browser.find("weight")
    for index, step in enumerate(sweep["steps"]):
        assert browser.text("mixed") == step["translatedText"]
        share = f"French {round(100 * step['weights']['fr'])}%"
        assert share in browser.text("weights")
        assert share in str(slider.get_attribute("aria-valuetext"))
        current = browser.script("return [...document.querySelectorAll('tr.current')].length")
        assert current == 1, index
        slider.send_keys(Keys.ARROW_RIGHT)
    assert len(browser.requests()) == asked
    assert len(browser.driver.find_elements(By.CSS_SELECTOR, "#switches span")) == len(
        sweep["switches"]
    )
    assert len(browser.driver.find_elements(By.CSS_SELECTOR, "#step-rows tr")) == 21


def test_two_equal_languages_have_nothing_between_them(browser: Browser, url: str) -> None:
    browser.open(url)
    browser.until(browser.is_settled)
    browser.choose("second", "es")
    browser.until(lambda: not browser.find("weight").is_enabled())
    assert browser.text("mixed") == ""
    assert "different" in str(browser.find("mixed").get_attribute("data-empty"))


def test_without_live_translation_it_waits_for_the_button(browser: Browser, url: str) -> None:
    browser.open(url)
    browser.until(browser.is_settled)
    browser.find("live").click()
    asked = len(browser.requests())
    browser.type("The cat is black.")
    time.sleep(1.5)  # longer than the pauses after which it would have asked
    assert len(browser.requests()) == asked
    assert not browser.is_settled()
    browser.find("translate").click()
    browser.find("sweep").click()
    browser.until(browser.is_settled)
    assert len(browser.requests()) == asked + 2


def test_every_control_has_a_name_and_nothing_is_wider_than_a_phone(
    browser: Browser, url: str
) -> None:
    browser.open(url)
    browser.until(browser.is_settled)
    controls = browser.driver.find_elements(By.CSS_SELECTOR, "select, button, input, textarea")
    assert len(controls) > 10
    assert [
        control.get_attribute("id") for control in controls if not control.accessible_name
    ] == []
    size = {"width": 360, "height": 740, "deviceScaleFactor": 1, "mobile": True}
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    assert browser.script("return document.documentElement.scrollWidth") <= 360
    browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize("page", ["", "docs"])
def test_nothing_is_loaded_from_elsewhere(browser: Browser, url: str, page: str) -> None:
    browser.open(url + page)
    ready = "#step-rows tr" if page == "" else ".opblock"
    browser.until(lambda: bool(browser.driver.find_elements(By.CSS_SELECTOR, ready)))
    loaded = [address for address in browser.requests() if not address.startswith("data:")]
    assert len(loaded) > 2
    assert [address for address in loaded if not address.startswith(url)] == []


def test_the_servers_own_words_are_shown_when_it_refuses(browser: Browser, url: str) -> None:
    browser.open(url)
    browser.until(browser.is_settled)
    browser.script("document.getElementById('text').value = 'a'.repeat(10001)")
    browser.find("translate").click()
    browser.until(lambda: "10000 characters" in browser.text("problem"))
    assert browser.find("problem").get_attribute("role") == "alert"
    assert len(browser.complaints()) == 1  # the status 400, which browsers log


def test_an_answer_that_came_too_late_is_not_shown(browser: Browser) -> None:
    asked = threading.Event()

    def reply(text: str, target: TargetMix, via: str | None) -> str:
        if "slow" in text:
            asked.set()
            time.sleep(1.0)
        return text.upper()

    with serving(scripted(LANGUAGES, [("en", "es")], reply)) as (url, _):
        browser.open(url)
        browser.until(browser.is_settled)
        browser.script(
            "window.seen = []; const output = document.getElementById('translation');"
            "new MutationObserver(() => window.seen.push(output.textContent))"
            ".observe(output, { childList: true })"
        )
        browser.type("This one is slow.")
        assert asked.wait(LIMIT_SECONDS)
        browser.type("This one is fast.")
        browser.until(browser.is_settled)
        time.sleep(1.5)  # for the slow answer, had it been waited for
        assert browser.script("return window.seen") == ["THIS ONE IS FAST."]


def test_it_says_so_when_the_server_is_gone(browser: Browser) -> None:
    translator = scripted(LANGUAGES, [("en", "es")], lambda text, target, via: text.upper())
    with serving(translator) as (url, stop):
        browser.open(url)
        browser.until(browser.is_settled)
        stop()
        browser.type("Is anybody there?")
        browser.until(lambda: "server does not answer" in browser.text("problem"))
        assert browser.find("problem").is_displayed()
        assert all("ERR_CONNECTION_REFUSED" in line for line in browser.complaints())


def test_it_waits_for_a_model_that_is_being_loaded(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()

    def load(*_: object, **__: object) -> Translator:
        assert gate.wait(LIMIT_SECONDS)
        return scripted(LANGUAGES, [("en", "es")], lambda text, target, via: text.upper())

    monkeypatch.setattr("serve.backend.load_translator", load)
    with serving(None) as (url, _):
        browser.open(url)
        browser.until(lambda: "still being loaded" in browser.text("problem"))
        gate.set()
        browser.until(lambda: browser.text("translation").startswith("MY SISTER"))
        assert not browser.find("problem").is_displayed()
        assert all("503" in line for line in browser.complaints())
