"""Glossaries for several pairs of languages, with DeepL's client against a real server of ours."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import deepl
import pytest
from deepl.api_data import MultilingualGlossaryDictionaryEntries as Terms
from deepl.api_data import MultilingualGlossaryInfo
from deepl.util import convert_tsv_to_dict
from running_service import running

from serve.files import FileStore
from serve.glossaries import Dictionary, GlossaryStore, LanguagePair, StoredGlossary
from serve.keys import Keys
from serve.settings import Settings

NOBODYS = "0" * 32


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with running(Settings()) as url:
        yield url


@pytest.fixture(scope="module")
def client(url: str) -> deepl.DeepLClient:
    return deepl.DeepLClient("any", server_url=url)


@pytest.fixture
def glossary(client: deepl.DeepLClient) -> Iterator[MultilingualGlossaryInfo]:
    """English to Spanish and back."""
    there = Terms("EN", "ES", {"house": "mansión", "white": "clara"})
    made = client.create_multilingual_glossary("ours", [there, Terms("ES", "EN", {"casa": "home"})])
    yield made
    client.delete_multilingual_glossary(made)


def pairs(glossary: MultilingualGlossaryInfo) -> list[tuple[str, str, int]]:
    return [(one.source_lang, one.target_lang, one.entry_count) for one in glossary.dictionaries]


def terms(
    client: deepl.DeepLClient,
    glossary: MultilingualGlossaryInfo,
    source: str = "EN",
    target: str = "ES",
) -> dict[str, str]:
    (found,) = client.get_multilingual_glossary_entries(glossary, source, target).dictionaries
    assert (found.source_lang, found.target_lang) == (source.lower(), target.lower())
    entries: Any = found.entries  # text, whatever its annotation says
    return convert_tsv_to_dict(entries)


def ask(url: str, method: str = "GET", body: object = None, **headers: str) -> tuple[int, str]:
    """Status and text of an answer to a request that the client would not send."""
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    assert data is None or isinstance(data, bytes)
    try:
        with urlopen(Request(url, data, headers, method=method)) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_a_glossary_is_kept_with_all_its_dictionaries(
    client: deepl.DeepLClient, glossary: MultilingualGlossaryInfo
) -> None:
    found = client.get_multilingual_glossary(glossary.glossary_id)
    assert found.name == "ours" and found.creation_time == glossary.creation_time
    assert pairs(found) == pairs(glossary) == [("EN", "ES", 2), ("ES", "EN", 1)]
    assert terms(client, glossary) == {"house": "mansión", "white": "clara"}
    assert terms(client, glossary, "ES", "EN") == {"casa": "home"}
    listed = client.list_multilingual_glossaries()
    assert [pairs(one) for one in listed if one.glossary_id == glossary.glossary_id] == [
        pairs(glossary)
    ]


def test_terms_are_added_to_a_dictionary_or_begin_one(
    client: deepl.DeepLClient, glossary: MultilingualGlossaryInfo
) -> None:
    more = Terms("EN", "ES", {"house": "hogar", "sea": "mar"})
    changed = client.update_multilingual_glossary_dictionary(glossary, more)
    assert pairs(changed) == [("EN", "ES", 3), ("ES", "EN", 1)]
    assert terms(client, glossary) == {"house": "hogar", "white": "clara", "sea": "mar"}
    new = client.update_multilingual_glossary_dictionary_from_csv(
        glossary, "EN", "PT-BR", 'house,casa\n"a, b",c\n'
    )
    assert pairs(new)[2] == ("EN", "PT", 2)
    assert terms(client, glossary, "EN", "PT") == {"house": "casa", "a, b": "c"}


def test_a_dictionary_is_replaced_whole_and_the_others_stay(
    client: deepl.DeepLClient, glossary: MultilingualGlossaryInfo
) -> None:
    one = client.replace_multilingual_glossary_dictionary(
        glossary, Terms("EN", "ES", {"sea": "mar"})
    )
    assert (one.source_lang, one.target_lang, one.entry_count) == ("EN", "ES", 1)
    assert terms(client, glossary) == {"sea": "mar"}
    assert terms(client, glossary, "ES", "EN") == {"casa": "home"}
    client.replace_multilingual_glossary_dictionary_from_csv(glossary, "ES", "PT", "mar,oceano")
    assert terms(client, glossary, "ES", "PT") == {"mar": "oceano"}


def test_a_glossary_gets_another_name_and_keeps_its_terms(
    client: deepl.DeepLClient, glossary: MultilingualGlossaryInfo
) -> None:
    assert client.update_multilingual_glossary_name(glossary, "theirs").name == "theirs"
    found = client.get_multilingual_glossary(glossary.glossary_id)
    assert (found.name, pairs(found)) == ("theirs", pairs(glossary))


def test_dictionaries_are_deleted_one_by_one_and_glossaries_whole(
    client: deepl.DeepLClient,
) -> None:
    made = client.create_multilingual_glossary_from_csv("ours", "EN", "ES", "house,hogar")
    client.update_multilingual_glossary_dictionary(made, Terms("ES", "EN", {"mar": "sea"}))
    client.delete_multilingual_glossary_dictionary(made, made.dictionaries[0])
    assert pairs(client.get_multilingual_glossary(made.glossary_id)) == [("ES", "EN", 1)]
    client.delete_multilingual_glossary_dictionary(made, source_lang="ES", target_lang="EN")
    assert pairs(client.get_multilingual_glossary(made.glossary_id)) == []
    with pytest.raises(deepl.DeepLException, match="is for nothing, not for es to en"):
        client.delete_multilingual_glossary_dictionary(made, source_lang="ES", target_lang="EN")
    client.delete_multilingual_glossary(made)
    for forgotten in (client.get_multilingual_glossary, client.delete_multilingual_glossary):
        with pytest.raises(deepl.GlossaryNotFoundException, match=made.glossary_id):
            forgotten(made.glossary_id)


def test_a_text_is_translated_with_the_dictionary_of_its_pair(
    client: deepl.DeepLClient, glossary: MultilingualGlossaryInfo
) -> None:
    def translated(text: str, source: str, target: str, given: object = glossary) -> str:
        result = client.translate_text(
            text,
            source_lang=source,
            target_lang=target,
            glossary=given,  # type: ignore[arg-type]
        )
        assert isinstance(result, deepl.TextResult)
        return result.text

    assert "mansión" in translated("The house is white.", "EN", "ES")
    back = translated("La casa es blanca.", "ES", "EN-GB", glossary.glossary_id)
    assert "home" in back and "mansión" not in back
    with pytest.raises(deepl.DeepLException, match="for en to es, es to en, not for en to pt"):
        translated("The house is white.", "EN", "PT-BR", glossary.glossary_id)
    with pytest.raises(deepl.DeepLException, match="there is no glossary 00"):
        translated("The house is white.", "EN", "ES", NOBODYS)


def test_a_document_is_translated_with_the_dictionary_of_its_pair(
    client: deepl.DeepLClient, glossary: MultilingualGlossaryInfo
) -> None:
    def upload(source: str, target: str, **more: Any) -> deepl.DocumentHandle:
        return client.translate_document_upload(
            b"<p>The house is white.</p>",
            filename="a.html",
            source_lang=source,
            target_lang=target,
            **more,
        )

    handle = upload("EN", "ES", glossary=glossary)
    while not client.translate_document_get_status(handle).done:
        time.sleep(0.02)
    result = client.translate_document_download(handle)
    assert result is not None and "mansión" in result.content.decode()
    for refused, told in (
        ({"glossary": glossary.glossary_id}, "for en to es, es to en, not for en to pt"),
        ({"glossary": NOBODYS}, "there is no glossary 00"),
        ({"glossary_ids": [glossary]}, "glossary_ids is not supported"),
        ({"output_format": "docx"}, "output_format is not supported"),
        ({"formality": "more"}, "formality must be"),
    ):
        with pytest.raises(deepl.DeepLException, match=told):
            upload("EN", "PT-PT", **refused)


def test_one_glossary_is_the_same_for_both_versions_of_the_api(
    client: deepl.DeepLClient, glossary: MultilingualGlossaryInfo
) -> None:
    single = client.create_glossary("one", "EN", "ES", {"house": "hogar"})
    assert pairs(client.get_multilingual_glossary(single.glossary_id)) == [("EN", "ES", 1)]
    listed = [one.glossary_id for one in client.list_glossaries()]
    assert single.glossary_id in listed and glossary.glossary_id not in listed
    for call in (client.get_glossary, client.get_glossary_entries, client.delete_glossary):
        with pytest.raises(deepl.DeepLException, match="has 2 dictionaries.*use /v3/glossaries"):
            call(glossary.glossary_id)
    client.update_multilingual_glossary_dictionary(
        single.glossary_id, Terms("EN", "ES", {"sea": "mar"})
    )
    assert client.get_glossary_entries(single) == {"house": "hogar", "sea": "mar"}
    client.delete_glossary(single)
    with pytest.raises(deepl.GlossaryNotFoundException):
        client.get_multilingual_glossary(single.glossary_id)


def test_forms_name_the_fields_of_dictionaries_by_number(url: str) -> None:
    fields = {"name": "of a form"}
    for i, (source, target) in enumerate((("en", "es"), ("es", "en"))):
        one = {"source_lang": source, "target_lang": target, "entries": "a,b,EN,ES\nc,d\n"[9 * i :]}
        fields |= {f"dictionaries[{i}].{name}": value for name, value in one.items()}
        fields[f"dictionaries[{i}].entries_format"] = "csv"
    status, text = ask(f"{url}/v3/glossaries", "POST", urlencode(fields).encode())
    assert status == 201
    assert [one["entry_count"] for one in json.loads(text)["dictionaries"]] == [2, 1]


def test_quotes_are_part_of_a_term_between_tabs(client: deepl.DeepLClient) -> None:
    quoted = {'"house': "casa", 'the "white"': '"blanca"'}
    made = client.create_multilingual_glossary("quoted", [Terms("EN", "ES", quoted)])
    assert terms(client, made) == quoted


@pytest.mark.parametrize(
    ("dictionary", "told"),
    [
        ({"target_lang": "zz"}, "zz is not supported: this model knows en, es, pt"),
        ({"source_lang": "ES-MX"}, "source_lang and target_lang are both es"),
        ({"source_lang": 3}, "source_lang must be a language code"),
        ({"entries": "\n\n"}, "there is no term"),
        ({"entries": "a\tb\n\na\tc"}, "line 3 has the term 'a' a second time"),
        ({"entries": "a\tb\nc"}, "line 2 must have a term and its translation"),
        ({"entries": "a\t "}, "line 1 must have a term and its translation"),
        ({"entries": "a\tb\tc\td"}, "line 1 must have a term and its translation"),
        ({"entries": "a\tb\u2028c"}, "line 1 has a control character or line break"),
        ({"entries": "a,b,EN,PT", "entries_format": "csv"}, "line 1 is for en to pt, not for en"),
        ({"entries": "a," + "b" * 200_000, "entries_format": "csv"}, "line 1: field larger than"),
        ({"entries_format": "xls"}, "entries_format must be tsv or csv"),
    ],
)
def test_a_dictionary_that_is_none_is_refused_with_the_reason(
    url: str, dictionary: dict[str, object], told: str
) -> None:
    whole = {"source_lang": "en", "target_lang": "es", "entries": "a\tb", **dictionary}
    for path, body in (
        ("v3/glossaries", {"name": "ours", "dictionaries": [whole]}),
        ("v2/glossaries", {"name": "ours", **whole}),
    ):
        status, text = ask(f"{url}/{path}", "POST", body)
        assert status == 400 and told in json.loads(text)["message"]


@pytest.mark.parametrize(
    ("method", "path", "body", "told"),
    [
        ("PATCH", "", {}, "nothing to change"),
        ("PATCH", "", {"dictionaries": [3]}, "dictionaries must be a list of objects"),
        ("PUT", "/dictionaries", {"source_lang": "en"}, "missing target_lang parameter"),
        ("DELETE", "/dictionaries?source_lang=en", None, "missing target_lang parameter"),
        ("GET", "/entries?source_lang=en&target_lang=pt", None, "es to en, not for en to pt"),
        ("GET", "/entries?source_lang=en&target_lang=zz", None, "zz is not supported"),
    ],
)
def test_a_request_that_cannot_be_is_refused_and_changes_nothing(
    url: str,
    client: deepl.DeepLClient,
    glossary: MultilingualGlossaryInfo,
    method: str,
    path: str,
    body: object,
    told: str,
) -> None:
    status, text = ask(f"{url}/v3/glossaries/{glossary.glossary_id}{path}", method, body)
    assert status == 400 and told in json.loads(text)["message"]
    assert pairs(client.get_multilingual_glossary(glossary.glossary_id)) == pairs(glossary)


def test_a_pair_has_one_dictionary(client: deepl.DeepLClient) -> None:
    twice = [Terms("EN", "PT-BR", {"a": "b"}), Terms("EN", "PT-PT", {"c": "d"})]
    with pytest.raises(deepl.DeepLException, match="there are two for en to pt"):
        client.create_multilingual_glossary("twice", twice)


def test_a_glossary_is_of_the_key_that_made_it_alone(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.db")
    with running(Settings(keys=tmp_path / "keys.db")) as url:
        alice = deepl.DeepLClient(keys.create("alice"), server_url=url)
        bob = deepl.DeepLClient(keys.create("bob"), server_url=url)
        made = alice.create_multilingual_glossary("hers", [Terms("EN", "ES", {"house": "hogar"})])
        assert not bob.list_multilingual_glossaries() and not bob.list_glossaries()
        for call in (
            lambda: bob.get_multilingual_glossary(made.glossary_id),
            lambda: bob.get_multilingual_glossary_entries(made, "EN", "ES"),
            lambda: bob.update_multilingual_glossary_name(made, "his"),
            lambda: bob.delete_multilingual_glossary(made),
            lambda: bob.get_glossary(made.glossary_id),
            lambda: bob.delete_glossary(made.glossary_id),
        ):
            with pytest.raises(deepl.GlossaryNotFoundException):
                call()
        options = {"source_lang": "EN", "target_lang": "ES", "glossary": made}
        with pytest.raises(deepl.DeepLException, match="there is no glossary"):
            bob.translate_text("The house is white.", **options)  # type: ignore[arg-type]
        assert "hogar" in str(alice.translate_text("The house is white.", **options))  # type: ignore[arg-type]
        with pytest.raises(deepl.AuthorizationException):
            deepl.DeepLClient("wrong", server_url=url).list_multilingual_glossaries()


def test_glossaries_stay_when_old_files_go(tmp_path: Path) -> None:
    files, store = FileStore(tmp_path, -1), GlossaryStore(tmp_path / "glossaries")
    pair = LanguagePair(source_lang="en", target_lang="es")
    terms = [Dictionary(pair=pair, entries={"house": "casa"})]
    made = store.keep(StoredGlossary(name="ours", owner="", dictionaries=terms))
    files.add(b"old", "old.txt")
    files.add(b"new", "new.txt")
    assert [path.name.partition(".")[2] for path in tmp_path.glob("*.txt")] == ["new.txt"]
    assert GlossaryStore(tmp_path / "glossaries").of("") == [made]


def test_what_is_known_of_documents_and_glossaries_is_no_file_to_download(
    url: str, client: deepl.DeepLClient, glossary: MultilingualGlossaryInfo
) -> None:
    handle = client.translate_document_upload("Good morning.", target_lang="ES", filename="a.txt")
    for name in (f"{handle.document_id}.job", f"{glossary.glossary_id}.json"):
        assert ask(f"{url}/download_file/{name}")[0] == 404
