"""Published clients of LibreTranslate and DeepL, against a real server of ours."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import deepl
import pytest
from deep_translator import LibreTranslator
from libretranslatepy import LibreTranslateAPI
from running_service import LANGUAGES, WORDS, running

from serve.keys import Keys
from serve.settings import Settings


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running(Settings()) as url:
        yield url


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    return Keys(tmp_path_factory.mktemp("keys") / "keys.db")


@pytest.fixture(scope="module")
def guarded(keys: Keys) -> Iterator[str]:
    with running(Settings(keys=keys._path)) as url:
        yield url


def test_libretranslatepy_translates_detects_and_lists(url: str) -> None:
    client = LibreTranslateAPI(f"{url}/")
    assert client.translate("Good morning.", "en", "es") == "Buenos días."
    assert client.detect("¿Dónde está la casa de mi hermana?")[0]["language"] == "es"
    assert [one["code"] for one in client.languages()] == LANGUAGES


def test_deep_translator_translates_texts_one_by_one_and_together(url: str) -> None:
    client = LibreTranslator(source="en", target="es", custom_url=f"{url}/", api_key="any")
    assert client.translate("Good morning.") == "Buenos días."
    assert client.translate_batch(list(WORDS)) == list(WORDS.values())


def test_deepl_translates_texts(url: str) -> None:
    client = deepl.DeepLClient("any", server_url=url)
    one = client.translate_text("Good morning.", target_lang="ES")
    assert isinstance(one, deepl.TextResult)
    assert one.text == "Buenos días." and one.detected_source_lang == "EN"
    assert one.billed_characters == len("Good morning.")
    many = client.translate_text(list(WORDS), source_lang="EN", target_lang="ES", context="more")
    assert isinstance(many, list)
    assert [result.text for result in many] == list(WORDS.values())
    html = client.translate_text("<p>Good morning.</p>", target_lang="ES", tag_handling="html")
    assert isinstance(html, deepl.TextResult) and html.text == "<p>Buenos días.</p>"


def test_deepl_lists_languages_with_the_variants_that_clients_know(url: str) -> None:
    client = deepl.DeepLClient("any", server_url=url)
    assert [one.code for one in client.get_source_languages()] == ["EN", "ES", "PT"]
    targets = client.get_target_languages()
    assert [one.code for one in targets] == ["EN-GB", "EN-US", "ES", "PT-BR", "PT-PT"]
    assert not any(one.supports_formality for one in targets)
    assert client.translate_text("Hola.", source_lang="ES", target_lang="EN-US")


def test_deepl_reads_usage(url: str) -> None:
    client = deepl.DeepLClient("any", server_url=url)
    before = client.get_usage().character.count or 0
    client.translate_text("Good morning.", target_lang="ES")
    assert client.get_usage().character.count == before + len("Good morning.")


def test_deepl_translates_documents(url: str, tmp_path: Path) -> None:
    client = deepl.DeepLClient("any", server_url=url)
    source, target = tmp_path / "page.html", tmp_path / "out.html"
    source.write_text("<h1>Good morning.</h1>\n<p>The house is white.</p>\n")
    status = client.translate_document_from_filepath(source, target, target_lang="ES")
    assert status.done and status.billed_characters == 32
    assert target.read_text() == "<h1>Buenos días.</h1>\n<p>La casa es blanca.</p>\n"


def test_a_document_is_given_once_and_only_to_who_has_its_key(url: str) -> None:
    client = deepl.DeepLClient("any", server_url=url)
    handle = client.translate_document_upload(b"Good morning.", target_lang="ES", filename="a.txt")
    wrong = deepl.DocumentHandle(handle.document_id, "0" * 64)
    with pytest.raises(deepl.DeepLException, match="key is wrong"):
        client.translate_document_get_status(wrong)
    with pytest.raises(deepl.DeepLException, match="key is wrong"):
        client.translate_document_get_status(deepl.DocumentHandle(handle.document_id, "é"))
    while not client.translate_document_get_status(handle).done:
        time.sleep(0.05)
    result = client.translate_document_download(handle)
    assert result is not None and result.content == "Buenos días.".encode()
    with pytest.raises(deepl.DeepLException):
        client.translate_document_get_status(handle)


def test_a_document_of_an_unknown_format_is_refused_by_name(url: str) -> None:
    client = deepl.DeepLClient("any", server_url=url)
    with pytest.raises(deepl.DeepLException, match="known format"):
        client.translate_document_upload(b"x", target_lang="ES", filename="a.docm")


def test_deepl_glossaries_are_kept_used_and_forgotten(url: str) -> None:
    client = deepl.DeepLClient("any", server_url=url)
    glossary = client.create_glossary("ours", "EN", "ES", {"house": "mansión", "white": "clara"})
    assert glossary.ready and glossary.entry_count == 2
    assert client.get_glossary_entries(glossary) == {"house": "mansión", "white": "clara"}
    assert glossary.glossary_id in [one.glossary_id for one in client.list_glossaries()]
    result = client.translate_text(
        "The house is white.", source_lang="EN", target_lang="ES", glossary=glossary
    )
    assert isinstance(result, deepl.TextResult) and "mansión" in result.text
    assert any(pair.source_lang == "en" for pair in client.get_glossary_languages())
    client.delete_glossary(glossary)
    with pytest.raises(deepl.GlossaryNotFoundException):
        client.get_glossary(glossary.glossary_id)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"target_lang": "ZZ"}, "zz is not supported"),
        ({"target_lang": "ES", "formality": "more"}, "formality must be"),
        ({"target_lang": "ES", "style_rule": "x"}, "style_id is not supported"),
    ],
)
def test_what_deepl_can_and_this_cannot_is_told(
    url: str, arguments: dict[str, str], told: str
) -> None:
    client = deepl.DeepLClient("any", server_url=url)
    with pytest.raises(deepl.DeepLException, match=told):
        client.translate_text("Good morning.", **arguments)  # type: ignore[arg-type]


def test_keys_are_needed_checked_and_revoked_while_the_service_runs(
    guarded: str, keys: Keys
) -> None:
    key = keys.create("alice")
    libre = LibreTranslateAPI(f"{guarded}/", api_key=key)
    assert libre.translate("Good morning.", "en", "es") == "Buenos días."
    assert deepl.DeepLClient(key, server_url=guarded).get_usage().character.count
    wrong = deepl.DeepLClient("wrong", server_url=guarded)
    with pytest.raises(deepl.AuthorizationException):
        wrong.translate_text("Good morning.", target_lang="ES")
    keys.revoke("alice")
    with pytest.raises(deepl.AuthorizationException):
        deepl.DeepLClient(key, server_url=guarded).translate_text("a", target_lang="ES")


def test_a_used_up_quota_is_told_as_deepl_tells_it(guarded: str, keys: Keys) -> None:
    key = keys.create("bob", characters_per_month=20)
    client = deepl.DeepLClient(key, server_url=guarded)
    client.translate_text("Good morning.", target_lang="ES")
    assert client.get_usage().character.limit == 20
    with pytest.raises(deepl.QuotaExceededException):
        client.translate_text("Good morning.", target_lang="ES")


def test_metrics_need_a_key_for_metrics(guarded: str, keys: Keys) -> None:
    from urllib.error import HTTPError
    from urllib.request import Request

    for scopes, status in ((("translate",), 403), (("metrics",), 200)):
        key = keys.create(f"for {scopes[0]}", scopes)
        request = Request(f"{guarded}/metrics", headers={"Authorization": f"Bearer {key}"})
        try:
            with urlopen(request) as answer:
                assert answer.status == status
        except HTTPError as error:
            assert error.code == status
            error.close()


def test_what_a_page_needs_to_know(url: str) -> None:
    with urlopen(f"{url}/frontend/settings") as answer:
        settings = json.load(answer)
    assert settings["keyRequired"] is False and ".html" in settings["supportedFilesFormat"]
    with urlopen(f"{url}/spec") as answer:
        assert "/translate" in json.load(answer)["paths"]
