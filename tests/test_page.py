"""The page in a real browser: every control, what goes wrong, and who can use it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from page_server import (
    BETWEEN,
    CHROMIUM,
    IN,
    LANGUAGES,
    LIMIT_MS,
    Visit,
    chromium,
    serving,
    translator,
)
from playwright.sync_api import Browser, FilePayload, Page, Route, expect
from scripted import scripted

from nmt import TargetMix, Translator
from serve.settings import Settings

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed")

TEXT = "Where does the cat sleep?"
MAP = {
    "method": "pca",
    "languages": list(LANGUAGES),
    "points": [
        {
            "x": x + i / 50,
            "y": x - i / 50,
            "language": code,
            "text": f"{word} {code}",
            "group": group,
        }
        for group, (word, x) in enumerate([("sun", -0.5), ("rain", 0.5)])
        for i, code in enumerate(LANGUAGES)
    ],
}
MIX = "#mix?q=Where+does+the+cat+sleep%3F&from=en&languages="


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """A new visit, in which the console must have had nothing to complain of."""
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    visit = Visit(context)
    yield visit
    assert visit.complaints == []
    context.close()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with serving(translator(), Settings()) as (url, _):
        yield url


def shown(page: Page, element_id: str) -> str:
    return (page.locator(f"#{element_id}").text_content() or "").strip()


def weights(page: Page) -> list[str]:
    return page.locator("#weights .chip").all_text_contents()


# ---- translating ----


def test_it_translates_while_typing_and_says_from_what_and_how(visit: Visit, url: str) -> None:
    page = visit.open(url)
    page.locator("#text").press_sequentially("Where does the cat sleep, and why?")
    expect(page.locator("#translation")).to_have_text(IN["es"])
    expect(page.locator("#translation")).to_have_attribute("lang", "es")
    expect(page.locator("#source option").first).to_have_text("English (detected)")
    assert "learnt this pair" in shown(page, "path")
    page.select_option("#target", "fr")
    expect(page.locator("#translation")).to_have_text(IN["fr"])
    assert "never shown" in shown(page, "path")
    expect(page.locator("#announcement")).to_contain_text(IN["fr"])
    page.click("#clear")
    expect(page.locator("#translation")).to_have_text("")
    expect(page.locator("#copy")).to_be_disabled()


def test_swap_turns_languages_and_texts_round(visit: Visit, url: str) -> None:
    page = visit.open(url)
    page.fill("#text", TEXT)
    expect(page.locator("#translation")).to_have_text(IN["es"])
    page.click("#swap")
    expect(page.locator("#translation")).to_have_text(IN["en"])
    assert page.input_value("#text") == IN["es"]
    assert (page.input_value("#source"), page.input_value("#target")) == ("es", "en")


def test_an_alternative_takes_the_place_of_the_translation(visit: Visit, url: str) -> None:
    page = visit.open(url)
    page.fill("#text", "say it well")
    expect(page.locator("#translation")).to_have_text("say it well best")
    page.get_by_role("button", name="say it well third").click()
    expect(page.locator("#translation")).to_have_text("say it well third")
    expect(page.locator("#alternatives")).to_contain_text("say it well best")


def test_flags_are_told_in_plain_words(visit: Visit, url: str) -> None:
    page = visit.open(url)
    page.fill("#text", "cut off somewhere")
    expect(page.locator("#flags")).to_contain_text("The end is missing")


def test_copy_puts_the_translation_on_the_clipboard(visit: Visit, url: str) -> None:
    visit.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = visit.open(url)
    page.fill("#text", TEXT)
    expect(page.locator("#translation")).to_have_text(IN["es"])
    page.click("#copy")
    expect(page.locator("#copy")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == IN["es"]


def test_a_text_that_is_too_long_is_counted_and_not_sent(visit: Visit, url: str) -> None:
    page = visit.open(url)
    page.fill("#text", "a" * (Settings().max_characters + 1))
    expect(page.locator("#problem")).to_contain_text("at most 10,000 characters")
    expect(page.locator("#count")).to_contain_text("too long")
    page.wait_for_timeout(800)  # longer than the pause after which it would have asked
    assert visit.asked("translate") == 0


def test_an_answer_that_came_too_late_is_not_shown(visit: Visit) -> None:
    asked = threading.Event()

    def slow(text: str, target: TargetMix, via: str | None) -> str:
        if "slow" in text:
            asked.set()
            time.sleep(0.8)
        return text.upper()

    with serving(scripted(LANGUAGES, [], slow), Settings()) as (url, _):
        page = visit.open(url)
        page.evaluate(
            "window.seen = []; const output = document.getElementById('translation');"
            "new MutationObserver(() => window.seen.push(output.textContent))"
            ".observe(output, { childList: true })"
        )
        page.fill("#text", "This one is slow.")
        page.wait_for_timeout(300)
        assert asked.wait(5)
        page.fill("#text", "This one is fast.")
        expect(page.locator("#translation")).to_have_text("THIS ONE IS FAST.")
        page.wait_for_timeout(900)  # for the slow answer, had it been waited for
        assert page.evaluate("window.seen") == ["THIS ONE IS FAST."]


# ---- documents ----


def events(*pairs: tuple[str, dict[str, Any]]) -> str:
    return "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in pairs)


def answer_stream(visit: Visit, *pairs: tuple[str, dict[str, Any]]) -> list[bytes]:
    """Answers POST translate_stream; what was posted goes into the list."""
    posted: list[bytes] = []

    def handle(route: Route) -> None:
        posted.append(route.request.post_data_buffer or b"")
        route.fulfill(content_type="text/event-stream", body=events(*pairs))

    visit.context.route("**/translate_stream", handle)
    return posted


def test_a_document_that_was_chosen_comes_back_translated(visit: Visit, url: str) -> None:
    page = visit.open(url)
    file: FilePayload = {"name": "notes.txt", "mimeType": "text/plain", "buffer": TEXT.encode()}
    page.set_input_files("#file", files=file)
    link = page.get_by_role("link", name="Save notes")
    with page.expect_download() as download:
        link.click()
    assert download.value.path().read_text(encoding="utf-8").strip() == IN["es"]
    page.get_by_role("button", name="Remove notes.txt").click()
    expect(link).to_have_count(0)


def test_a_document_may_be_dropped_and_tells_its_progress(visit: Visit, url: str) -> None:
    posted = answer_stream(
        visit,
        ("progress", {"done": 1, "total": 2}),
        ("result", {"name": "notes_es.txt", "url": "download_file/abc.notes_es.txt"}),
    )
    page = visit.open(url)
    page.evaluate(
        "window.seen = []; new MutationObserver(() => {"
        "  const bar = document.querySelector('#files progress');"
        "  if (bar?.max > 1) window.seen.push([bar.value, bar.max]);"
        "}).observe(document.getElementById('files'),"
        "  { subtree: true, childList: true, attributes: true });"
        "const data = new DataTransfer();"
        "data.items.add(new File(['Where is it?'], 'notes.txt'));"
        "for (const kind of ['dragover', 'drop']) document.body.dispatchEvent("
        "new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }))"
    )
    link = page.get_by_role("link", name="Save notes_es.txt")
    expect(link).to_have_attribute("href", "download_file/abc.notes_es.txt")
    assert [1, 2] in page.evaluate("window.seen")
    assert b"Where is it?" in posted[0]
    assert b'name="source"\r\n\r\nauto' in posted[0] and b'name="target"\r\n\r\nes' in posted[0]


def test_a_document_that_cannot_be_read_says_why(visit: Visit, url: str) -> None:
    answer_stream(
        visit, ("progress", {"done": 0, "total": 9}), ("error", {"error": "this is no HTML"})
    )
    page = visit.open(url)
    file: FilePayload = {"name": "a.html", "mimeType": "text/html", "buffer": b"<"}
    page.set_input_files("#file", files=file)
    expect(page.locator("#files")).to_contain_text("his is no HTML")


# ---- what goes wrong ----


def refuse(visit: Visit, route: str, times: int, status: int, **headers: str) -> None:
    """Refuses the first requests to a route, as a proxy or the service itself may."""
    left = [times]

    def handle(request: Route) -> None:
        if left[0] == 0:
            request.continue_()
            return
        left[0] -= 1
        body = json.dumps({"error": "too many requests are waiting; try again in a moment"})
        all_headers = {name.replace("_", "-"): value for name, value in headers.items()}
        request.fulfill(status=status, headers=all_headers, body=body)

    visit.context.route(f"**/{route}", handle)


@pytest.mark.parametrize("status", [429, 503])
def test_it_waits_while_the_queue_is_full_and_says_so(visit: Visit, url: str, status: int) -> None:
    refuse(visit, "translate", 1, status, Retry_After="1")
    page = visit.open(url)
    page.fill("#text", TEXT)
    expect(page.locator("#waiting")).to_have_text(
        "Too many requests are waiting. Trying again in a moment."
    )
    expect(page.locator("#translation")).to_have_text(IN["es"])
    expect(page.locator("#waiting")).to_have_text("")
    assert visit.complaints.pop().count(str(status)) == 1


def test_the_servers_own_words_are_shown_when_it_refuses(visit: Visit, url: str) -> None:
    refuse(visit, "translate", 1, 413)
    page = visit.open(url)
    page.fill("#text", TEXT)
    expect(page.locator("#problem-words")).to_contain_text("Too many requests")
    expect(page.locator("#problem-words")).to_have_attribute("role", "alert")
    page.click("#retry")
    expect(page.locator("#translation")).to_have_text(IN["es"])
    expect(page.locator("#problem")).to_be_hidden()
    assert "413" in visit.complaints.pop()


def test_it_says_so_when_the_server_is_gone(visit: Visit) -> None:
    with serving(translator(), Settings()) as (url, stop):
        page = visit.open(url)
        stop()
        page.fill("#text", TEXT)
        expect(page.locator("#waiting")).to_contain_text("The server does not answer")
    assert all("ERR_CONNECTION_REFUSED" in line for line in visit.complaints)
    visit.complaints.clear()


def test_it_waits_for_a_model_that_is_being_loaded(
    visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()

    def load(*_: object, **__: object) -> Translator:
        assert gate.wait(LIMIT_MS / 1000)
        return translator()

    monkeypatch.setattr("serve.backend.load_translator", load)
    with serving(None, Settings()) as (url, _):
        visit.page.goto(url)
        expect(visit.page.locator("#waiting")).to_contain_text("still being loaded")
        gate.set()
        expect(visit.page.locator("#target option")).to_have_count(4)
        expect(visit.page.locator("#waiting")).to_have_text("")
    assert all("503" in line for line in visit.complaints)
    visit.complaints.clear()


def test_a_key_that_is_needed_is_asked_for_and_sent(visit: Visit, url: str) -> None:
    def require(route: Route) -> None:
        route.fulfill(json=route.fetch().json() | {"keyRequired": True})

    visit.context.route("**/frontend/settings", require)
    page = visit.open(url)
    page.get_by_label("API key").fill("secret")
    page.get_by_role("button", name="Use", exact=True).click()
    with page.expect_request("**/translate") as asked:
        page.fill("#text", TEXT)
    assert json.loads(asked.value.post_data or "")["api_key"] == "secret"


def test_no_key_is_asked_for_where_none_is_needed(visit: Visit, url: str) -> None:
    page = visit.open(url)
    expect(page.get_by_label("API key")).to_be_hidden()


# ---- two languages ----


def test_the_slider_shows_each_step_without_asking_again(visit: Visit, url: str) -> None:
    page = visit.open(f"{url}{MIX}es,pt")
    assert shown(page, "mixed") == IN["es"]
    slider = page.locator("#share")
    texts = []
    for share in range(0, 101, 5):
        assert weights(page) == [f"Spanish {100 - share}%", f"Portuguese {share}%"]
        texts.append(shown(page, "mixed"))
        assert texts[-1] in str(slider.get_attribute("aria-valuetext"))
        slider.press("ArrowRight")
    assert texts == 8 * [IN["es"]] + 5 * [BETWEEN] + 8 * [IN["pt"]]
    assert visit.asked("mix") == 1
    assert page.locator("#step-rows tr").count() == 21
    assert page.locator("#step-rows tr.current").count() == 1


def test_switches_are_marked_told_and_jumped_to(visit: Visit, url: str) -> None:
    page = visit.open(f"{url}{MIX}es,pt")
    marks = page.locator("#switches span")
    assert [mark.evaluate("node => node.style.left") for mark in marks.all()] == ["37.5%", "62.5%"]
    assert "2 changes, between 35% and 65% of Portuguese" in shown(page, "changes")
    expect(page.locator("#back")).to_be_disabled()
    page.click("#forth")
    assert (shown(page, "mixed"), weights(page)[1]) == (BETWEEN, "Portuguese 40%")
    page.click("#forth")
    assert (shown(page, "mixed"), weights(page)[1]) == (IN["pt"], "Portuguese 65%")
    expect(page.locator("#forth")).to_be_disabled()
    page.click("#back")
    assert shown(page, "mixed") == BETWEEN


def test_words_are_coloured_by_their_language(visit: Visit, url: str) -> None:
    page = visit.open(f"{url}{MIX}es,pt&at=0.5")
    words = page.locator("#mixed .word")
    colours = {
        word.get_attribute("lang"): word.evaluate("node => getComputedStyle(node).color")
        for word in words.all()
    }
    assert set(colours) == {"es", "pt"}
    assert len(set(colours.values())) == 2
    assert shown(page, "mixed") == BETWEEN
    legend = page.locator("#legend li").all_text_contents()
    assert sorted(item.split()[0] for item in legend) == ["Portuguese", "Spanish"]


def test_looking_closer_narrows_down_where_it_changes(visit: Visit, url: str) -> None:
    page = visit.open(f"{url}{MIX}es,pt")
    page.click("#finer")
    expect(page.locator("#step-rows tr")).to_have_count(21 + 2 * 9)
    assert "between 38% and 62%" in shown(page, "changes")


def test_an_example_sets_the_text_and_the_languages(visit: Visit, url: str) -> None:
    page = visit.open(f"{url}{MIX}fr,en")
    page.get_by_role("button", name="guinea-pig").click()
    visit.settle()
    assert "guinea-pig" in page.input_value("#mix-text")
    assert [page.input_value("#first"), page.input_value("#second")] == ["es", "pt"]
    assert shown(page, "mixed") == IN["es"]


def test_two_equal_languages_have_nothing_between_them(visit: Visit, url: str) -> None:
    page = visit.open(f"{url}{MIX}es,pt")
    page.select_option("#second", "es")
    expect(page.locator("#share")).to_be_disabled()
    expect(page.locator("#mixed")).to_have_attribute("data-empty", "Choose different languages.")
    assert shown(page, "mixed") == ""


def test_the_link_brings_back_what_was_seen(visit: Visit, url: str) -> None:
    visit.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = visit.open(f"{url}{MIX}es,pt")
    page.fill("#mix-text", "Something else & more?")
    page.select_option("#second", "fr")
    visit.settle()
    for _ in range(13):
        page.press("#share", "ArrowRight")
    page.click("#link")
    expect(page.locator("#link")).to_have_text("Copied")
    link = page.evaluate("navigator.clipboard.readText()")
    page.wait_for_function("link => location.href === link", arg=link)
    page = visit.open(link)
    assert page.input_value("#mix-text") == "Something else & more?"
    assert weights(page) == ["Spanish 35%", "French 65%"]
    assert shown(page, "mixed") == IN["fr"]


# ---- three languages ----


def test_the_triangle_is_asked_for_once_and_walked_with_the_keys(visit: Visit, url: str) -> None:
    page = visit.open(f"{url}{MIX}es,pt,fr&at=1,0")
    asked = visit.asked("mix")
    point = page.get_by_role("slider", name="Point between three languages")
    assert shown(page, "mixed") == IN["es"]
    for key, share, text in (
        ("End", "Portuguese 100%", IN["pt"]),
        ("PageUp", "French 100%", IN["fr"]),
        ("Home", "Spanish 100%", IN["es"]),
        ("ArrowRight", "Spanish 90%", IN["es"]),
        ("ArrowUp", "French 10%", IN["es"]),
        ("ArrowDown", "French 0%", IN["es"]),
        ("ArrowLeft", "Spanish 100%", IN["es"]),
        ("ArrowLeft", "Spanish 100%", IN["es"]),  # there is no further
    ):
        point.press(key)
        assert share in weights(page), key
        assert text in shown(page, "mixed"), key
        assert share in str(point.get_attribute("aria-valuetext"))
    assert visit.asked("mix") == asked
    assert page.locator("#cells .known").count() == 66


def test_the_point_is_dragged_and_cells_have_the_colour_of_the_output(
    visit: Visit, url: str
) -> None:
    page = visit.open(f"{url}{MIX}es,pt,fr&at=1,0")
    box = page.locator("#triangle").bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.9)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.1, steps=5)
    assert weights(page)[2] == "French 100%"
    page.mouse.up()
    fills = page.evaluate(
        "[...document.querySelectorAll('#cells .cell')].map((cell) => getComputedStyle(cell).fill)"
    )
    word = page.locator("#mixed .word").first.evaluate("node => getComputedStyle(node).color")
    assert fills[-1] == word  # the top is all French
    assert len({fills[0], fills[10], fills[-1]}) == 3


def test_the_choice_of_how_many_keeps_the_languages(visit: Visit, url: str) -> None:
    page = visit.open(f"{url}{MIX}pt,fr")
    page.get_by_role("radio", name="Three languages").check()
    visit.settle()
    corners = [page.input_value(f"#corner-{i}") for i in range(3)]
    assert corners == ["pt", "fr", "es"]
    page.get_by_role("radio", name="Two languages").check()
    visit.settle()
    assert [page.input_value("#first"), page.input_value("#second")] == ["pt", "fr"]


# ---- files to keep ----


@pytest.mark.parametrize("languages", ["es,pt", "es,pt,fr"])
def test_the_table_and_the_picture_can_be_downloaded(
    visit: Visit, url: str, languages: str, tmp_path: Path
) -> None:
    page = visit.open(f"{url}{MIX}{languages}")
    files = {}
    for kind in ("CSV", "TSV", "SVG", "PNG"):
        with page.expect_download() as download:
            page.get_by_role("button", name=f"as {kind}").click()
        name = f"mix-{languages.replace(',', '-')}.{kind.lower()}"
        assert download.value.suggested_filename == name
        files[kind] = tmp_path / name
        download.value.save_as(files[kind])
    lines = files["TSV"].read_text(encoding="utf-8").splitlines()
    assert lines[0].split("\t")[-3:] == ["translation", "language", "confidence"]
    assert len(lines) == 1 + {"es,pt": 21, "es,pt,fr": 66}[languages]
    assert files["CSV"].read_bytes().startswith(b"\xef\xbb\xbfw_es,")
    assert files["PNG"].read_bytes().startswith(b"\x89PNG")
    picture = visit.page.goto(files["SVG"].as_uri())
    assert picture and "Where" in visit.page.content()


# ---- the map ----


def test_the_map_joins_translations_and_hides_languages(visit: Visit, url: str) -> None:
    visit.context.route("**/map", lambda route: route.fulfill(json=MAP))
    page = visit.open(f"{url}#map")
    expect(page.locator("#plane .point")).to_have_count(8)
    assert "sun fr" in shown(page, "group-texts")
    page.click("#group-forth")
    assert "rain fr" in shown(page, "group-texts")
    expect(page.locator("#map-lines line")).to_have_count(4)
    page.get_by_role("checkbox", name="French").uncheck()
    expect(page.locator("#map-lines line")).to_have_count(3)
    assert page.locator("#plane .point:visible").count() == 6
    page.locator("#plane .point").nth(1).hover(force=True)
    assert "sun es" in shown(page, "group-texts")
    page.get_by_text("All sentences as a table").click()
    expect(page.locator("#map-table tbody tr")).to_have_count(2)
    page.get_by_role("button", name="Zoom in").click()
    expect(page.get_by_role("button", name="Zoom out")).to_be_enabled()


def test_a_model_without_a_map_says_so(visit: Visit, tmp_path: Path) -> None:
    with serving(translator(), Settings(model=tmp_path)) as (url, _):
        page = visit.open(f"{url}#map")
        expect(page.locator("#no-map")).to_contain_text("has no map of sentences")
    assert "404" in visit.complaints.pop()


def test_the_shipped_model_has_a_map(visit: Visit, url: str) -> None:
    page = visit.open(f"{url}#map")
    expect(page.locator("#plane .point")).to_have_count(9 * 24)
    expect(page.locator("#group-texts")).to_contain_text("The train leaves")


def test_a_model_with_a_map_serves_it(visit: Visit, tmp_path: Path) -> None:
    (tmp_path / "map.json").write_text(json.dumps(MAP))
    with serving(translator(), Settings(model=tmp_path)) as (url, _):
        page = visit.open(f"{url}#map")
        expect(page.locator("#plane .point")).to_have_count(8)


# ---- for everybody ----


def test_nothing_is_loaded_from_elsewhere(visit: Visit, url: str) -> None:
    visit.open(f"{url}{MIX}es,pt")
    visit.page.goto(f"{url}docs")
    visit.page.wait_for_selector(".opblock")
    loaded = [
        address for address in visit.requests if urlsplit(address).scheme in ("http", "https")
    ]
    assert len(loaded) > 15
    assert [address for address in loaded if not address.startswith(url)] == []


def test_the_keyboard_alone_reaches_every_view(visit: Visit, url: str) -> None:
    page = visit.open(url)
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    for title in ("Translate", "Mix"):
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name=title, exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#mix-title")).to_be_focused()
    assert "Between languages" in page.title()


@pytest.mark.parametrize(
    "view",
    ["#translate", f"{MIX}es,pt&at=0.5", f"{MIX}es,pt,fr", "#map"],
    ids=lambda view: view[:12],
)
def test_axe_finds_nothing_and_no_view_is_wider_than_the_screen(
    visit: Visit, url: str, view: str
) -> None:
    visit.context.route("**/map", lambda route: route.fulfill(json=MAP))
    page = visit.open(url + view)
    if view == "#translate":
        page.fill("#text", "say cut")
        expect(page.locator("#alternatives-part")).to_be_visible()
    if "fr" not in view:  # of a triangle it would be the same table, only longer
        for details in page.locator("summary:visible").all():
            details.click()
    rules = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
    for scheme, width in (("light", 1200), ("dark", 1200), ("dark", 360), ("light", 360)):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        page.set_viewport_size({"width": width, "height": 740})
        found = Axe().run(page, options={"runOnly": rules})
        assert found.violations_count == 0, (scheme, width, found.generate_report())
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        # All other rules are about what neither colours nor the width change.
        rules = ["color-contrast", "target-size"]


def test_things_that_move_stay_still_where_that_is_wished(browser: Browser, url: str) -> None:
    context = browser.new_context(reduced_motion="reduce")
    page = Visit(context).open(url)
    moving = page.evaluate(
        "[...document.querySelectorAll('*')].filter((node) =>"
        " getComputedStyle(node).transitionDuration !== '0s').length"
    )
    assert moving == 0
    context.close()
