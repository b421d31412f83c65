"""The service through HTTP, with a real tiny model, or a scripted one to stop time."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from pydantic import ValidationError
from scripted import identifier, scripted
from starlette.types import Message

from nmt import DecodeOptions, TargetMix, Translator
from nmt.decode.sweep import sweep, sweep_weights
from nmt.errors import ConfigError, InvalidInput, ModelError
from serve.app import create_app
from serve.backend import Task
from serve.errors import CannotServe
from serve.run import run
from serve.settings import Settings, describe, gather

TEXT = "The cat sleeps."
LIMIT_SECONDS = 10
LANGUAGES, TRAINED = ("en", "es", "pt", "fr"), [("en", "es")]


@pytest.fixture(scope="module")
def client(tiny_translator: Translator) -> Iterator[TestClient]:
    with TestClient(create_app(Settings(), tiny_translator)) as client:
        yield client


def post(client: TestClient, route: str = "/translate", **fields: Any) -> Any:
    """The answer to a request that must succeed."""
    response = client.post(route, json=fields)
    assert response.status_code == 200, response.text
    return response.json()


def ask(client: TestClient, text: str) -> Any:
    """The response to a plain request, whatever it is."""
    return client.post("/translate", json={"q": text, "source": "en", "target": "es"})


def refused(client: TestClient, status: int, route: str = "/translate", **fields: Any) -> str:
    """The message of a request that must be refused."""
    response = client.post(route, json=fields)
    assert response.status_code == status, response.text
    assert list(response.json()) == ["error"]
    return str(response.json()["error"])


def best(translator: Translator, text: str, target: Any, source: str | None = "en") -> str:
    return translator.translate([text], TargetMix.of(target), source=source)[0].text


# ---- translate ----


def test_html_keeps_its_markup_and_says_what_is_wrong_with_its_texts() -> None:
    replies = {"I like it.": "Me gusta.", "No & no?": "no no no no no no"}
    translator = scripted(LANGUAGES, TRAINED, lambda text, *_: replies[text])
    page = '<!-- a --><p class="x">{}</p>\n<p translate="no">Stop.</p><b>{}</b>'
    with TestClient(create_app(Settings(), translator)) as client:
        answer = post(
            client,
            q=[page.format("I like it.", "No &amp; no?"), "<i>I like it.</i>", ""],
            source="en",
            target="es",
            format="html",
        )
    assert answer["translatedText"] == [
        page.format("Me gusta.", "no no no no no no"),
        "<i>Me gusta.</i>",
        "",
    ]
    assert answer["flags"] == [["repetition"], [], []]


def test_many_pages_at_once_do_not_wait_for_each_other_for_ever(
    client: TestClient, tiny_translator: Translator
) -> None:
    expected = best(tiny_translator, TEXT, "es")
    answer = post(client, q=[f"<p>{TEXT}</p>"] * 40, source="auto", target="es", format="html")
    assert answer["translatedText"] == [f"<p>{expected}</p>"] * 40


def test_a_text_is_translated_as_by_the_translator(
    client: TestClient, tiny_translator: Translator
) -> None:
    expected = tiny_translator.translate([TEXT], "es", source="en")[0]
    answer = post(client, q=TEXT, source="en", target="es")
    assert expected.detected
    assert answer == {
        "translatedText": expected.text,
        "path": "direct",
        "score": round(expected.score, 4),
        "flags": [],
        "outputLanguage": {
            "language": expected.detected.language,
            "confidence": round(100 * expected.detected.confidence),
        },
    }


def test_a_list_is_translated_item_by_item(client: TestClient, tiny_translator: Translator) -> None:
    texts = [TEXT, "", "The dog eats.", TEXT]
    answer = post(client, q=texts, source="en", target="pt")
    assert answer["translatedText"] == [
        best(tiny_translator, text, "pt") if text else "" for text in texts
    ]
    assert answer["path"][1] == "unchanged"


@pytest.mark.parametrize("target", ["es:0.7,pt:0.3", {"es": 0.7, "pt": 0.3}, {"ES": 7, "Pt": 3}])
def test_a_target_may_be_a_mix(
    client: TestClient, tiny_translator: Translator, target: Any
) -> None:
    answer = post(client, q=TEXT, source="en", target=target)
    assert answer["translatedText"] == best(tiny_translator, TEXT, {"es": 0.7, "pt": 0.3})


def test_json_forms_and_query_strings_say_the_same(client: TestClient) -> None:
    fields = {"q": "Is it 5 & 6?", "source": "en", "target": "es", "alternatives": "1"}
    expected = post(client, **fields)
    assert client.post("/translate", data=fields).json() == expected
    assert client.post("/translate", params=fields).json() == expected
    multipart = {name: (None, value) for name, value in fields.items()}
    assert client.post("/translate", files=multipart).json() == expected
    # curl's -d without a header, and fetch with a string
    for kind in ("application/x-www-form-urlencoded", "text/plain"):
        headers = {"Content-Type": kind}
        answer = client.post("/translate", content=json.dumps(fields), headers=headers)
        assert answer.json() == expected


def test_a_form_may_repeat_q_and_its_line_ends_are_normalised(client: TestClient) -> None:
    body = {"q": ["1\r\n2\r3", "4"], "source": "en", "target": "es"}
    assert client.post("/translate", data=body).json()["translatedText"] == ["1\n2\n3", "4"]


def test_unknown_fields_a_key_and_nulls_are_ignored_and_codes_come_in_any_case(
    client: TestClient,
) -> None:
    plain = post(client, q=TEXT, source="en", target="es")
    extra: dict[str, Any] = {
        "api_key": "secret",
        "format": "text",
        "colour": [1],
        "alternatives": None,
    }
    assert post(client, q=TEXT, source="EN", target="Es", **extra) == plain


def test_a_code_narrower_than_those_of_the_model_is_that_of_the_language(
    client: TestClient,
) -> None:
    plain = post(client, q=TEXT, source="en", target="pt")
    for source, target in (("en-US", "pt-BR"), ("EN-gb", "pb"), ("en", {"pt-PT": 1})):
        assert post(client, q=TEXT, source=source, target=target) == plain
    for target in ("zh-Hans", "zt", "-", "p"):
        message = refused(client, 400, q=TEXT, source="en", target=target)
        assert message.startswith(f"{target} is not supported")


def test_a_variant_that_the_model_has_of_its_own_is_not_replaced() -> None:
    translator = scripted(("en", "pt", "pt-BR"), [("en", "pt")], lambda _, target, __: str(target))
    with TestClient(create_app(Settings(), translator)) as client:
        for target, own in (("pt-br", "pt-BR"), ("pb", "pt-BR"), ("pt-PT", "pt")):
            answer = post(client, q=TEXT, source="en", target=target)
            assert answer["translatedText"] == own


def test_detection_takes_a_list_as_one_text_and_knows_nothing_of_emoji(client: TestClient) -> None:
    texts = ["Where did you learn to cook so well?", "Você sabe onde fica a estação?"]
    together = post(client, "/detect", q=texts)
    assert together == post(client, "/detect", q="\n".join(texts))
    assert {"en", "pt"} <= {one["language"] for one in together}
    for nothing in ("🙂", " ", ["🙂", ""]):
        assert post(client, "/detect", q=nothing) == [{"language": "en", "confidence": 0}]
    assert refused(client, 400, "/detect", q=[]) == "Invalid request: missing q parameter"


def test_auto_adds_the_language_detected_with_a_whole_number(client: TestClient) -> None:
    texts = ["Where did you learn to cook so well?", "Você sabe onde fica a estação?", "123"]
    found = identifier(LANGUAGES).detect_all(texts[:2])
    expected = [
        {"language": detection.language, "confidence": round(100 * detection.confidence)}
        for detection in found
        if detection
    ]
    assert [one["language"] for one in expected] == ["en", "pt"]
    answer = post(client, q=texts, source="auto", target="es")
    assert answer["detectedLanguage"] == [*expected, {"language": "en", "confidence": 0}]
    assert all(type(one["confidence"]) is int for one in answer["detectedLanguage"])
    single = post(client, q=texts[0], source="AUTO", target="es")
    assert single["detectedLanguage"] == expected[0]


def test_alternatives_are_unique_and_exclude_the_best(
    client: TestClient, tiny_translator: Translator
) -> None:
    options = DecodeOptions(n_best=5)
    hypotheses = tiny_translator.translate([TEXT], "es", source="en", options=options)[0].hypotheses
    texts = list(dict.fromkeys(hypothesis.text for hypothesis in hypotheses))
    assert len(texts) > 2
    answer = post(client, q=TEXT, source="en", target="es", alternatives=2)
    assert answer["translatedText"] == texts[0]
    assert answer["alternatives"] == texts[1:3]
    several = post(client, q=[TEXT, ""], source="en", target="es", alternatives=2)
    assert several["alternatives"] == [texts[1:3], []]


def test_hypotheses_that_read_the_same_are_one_alternative() -> None:
    translator = scripted(
        LANGUAGES, TRAINED, lambda text, target, via: "A|A|B|A|B" if "first" in text else "C|D"
    )
    with TestClient(create_app(Settings(), translator)) as client:
        answer = post(client, q="The first.", source="en", target="es", alternatives=3)
        assert (answer["translatedText"], answer["alternatives"]) == ("A", ["B"])
        both = post(client, q="The first. And so on.", source="en", target="es", alternatives=3)
        assert (both["translatedText"], both["alternatives"]) == ("A C", ["A D", "B D"])


def test_a_long_text_is_translated_sentence_by_sentence_and_keeps_its_layout(
    client: TestClient, tiny_translator: Translator
) -> None:
    sentences = [TEXT, "The cat is black.", "The dog eats."]
    translated = [best(tiny_translator, sentence, "es") for sentence in sentences]
    layout = "{} {}\n\n  {}\n"
    answer = post(client, q=layout.format(*sentences), source="en", target="es")
    assert answer["translatedText"] == layout.format(*translated)


def test_a_text_far_longer_than_a_sentence_may_be_is_not_cut(
    client: TestClient, tiny_translator: Translator
) -> None:
    count = 1 + tiny_translator.sentences.max_pieces // 4
    answer = post(client, q="\n".join([TEXT] * count), source="en", target="es")
    assert answer["translatedText"] == "\n".join([best(tiny_translator, TEXT, "es")] * count)


@pytest.mark.parametrize("text", [" \n\t ", "🙂🙃", "12:30 / 14:00", "?!", "\u200b"])
def test_a_text_without_letters_comes_back_as_it_is(client: TestClient, text: str) -> None:
    for source in ("en", "auto"):
        answer = post(client, q=text, source=source, target="es")
        assert answer["translatedText"] == text and answer["path"] == "unchanged"


def test_a_text_in_the_target_language_comes_back_as_it_is(client: TestClient) -> None:
    text = "No sé dónde está la estación de tren, pero voy a preguntar."
    for source in ("es", "auto"):
        answer = post(client, q=text, source=source, target="es")
        assert answer["translatedText"] == text and answer["path"] == "unchanged"


def test_many_clients_at_once_get_the_answers_that_they_get_alone(client: TestClient) -> None:
    requests: list[dict[str, Any]] = [
        {"q": text, "source": "en", "target": target}
        for text in (TEXT, "The cat is black.", "The dog eats.", "The cat is black. The dog eats.")
        for target in ("es", "pt", "fr", {"es": 0.5, "pt": 0.5})
    ]
    alone = [post(client, **fields) for fields in requests]
    with ThreadPoolExecutor(len(requests)) as threads:
        together = list(threads.map(lambda fields: post(client, **fields), requests))
    assert together == alone


# ---- what is refused ----


@pytest.mark.parametrize("missing", ["q", "source", "target"])
def test_a_missing_field_is_named(client: TestClient, missing: str) -> None:
    fields = {"q": TEXT, "source": "en", "target": "es"}
    for value in ({}, {missing: ""}, {missing: None}):
        sent = {name: text for name, text in fields.items() if name != missing} | value
        message = refused(client, 400, **sent)
        assert message == f"Invalid request: missing {missing} parameter"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"target": "zz"}, ["^zz is not supported", "en, es, pt, fr"]),
        ({"source": "zz"}, ["^zz is not supported", "en, es, pt, fr"]),
        ({"target": {"es": 1, "zz": 0}}, ["^zz is not supported"]),
        ({"q": 5}, ["q must be a text or a list of texts"]),
        ({"q": ["a", 5]}, ["q must be a text or a list of texts"]),
        ({"q": {"a": 1}}, ["q must be a text or a list of texts"]),
        ({"q": []}, ["missing q parameter"]),
        ({"source": ["en"]}, ["source must be a language code"]),
        ({"target": ["es"]}, ["target must be a language code, a mix"]),
        ({"target": 1.5}, ["target must be a language code, a mix"]),
        ({"target": "es:0.5,pt"}, ["'pt' has no weight"]),
        ({"target": "es:-1,pt:2"}, ["weight of es", "0 or more"]),
        ({"target": {}}, ["at least one weight"]),
        ({"target": {"es": "x"}}, ["weight of es", "number"]),
        ({"target": {"es": 0.5, "ES": 0.5}}, ["given twice"]),
        ({"format": "xml"}, ["xml format is not supported", "text or html"]),
        (
            {"alternatives": "x"},
            [
                "^Invalid request: alternatives parameter is not a number",
                "whole number of 0 or more",
            ],
        ),
        ({"alternatives": -1}, ["alternatives must be a whole number of 0 or more"]),
        ({"alternatives": 5}, ["^Invalid request: alternatives parameter must be <= 4", "not 5"]),
        ({"q": "a" * 10_001}, ["10001", "exceeds text limit", "10000"]),
        ({"q": ["a" * 5_001] * 2}, ["10002", "exceeds text limit", "10000"]),
        ({"q": ["a"] * 101}, ["101", "exceeds text limit", "100 texts"]),
    ],
)
def test_bad_fields_are_refused_with_the_field_and_the_rule(
    client: TestClient, changes: dict[str, Any], words: list[str]
) -> None:
    fields = {"q": TEXT, "source": "en", "target": "es"} | changes
    message = refused(client, 400, **fields)
    for word in words:
        assert message.startswith(word[1:]) if word.startswith("^") else word in message


def test_a_sentence_that_is_too_long_is_cut_into_clauses_and_nothing_is_lost() -> None:
    translator = scripted(LANGUAGES, TRAINED, lambda text, target, via: text.upper())
    endless = ", ".join(f"word {i} of many" for i in range(200))
    with TestClient(create_app(Settings(), translator)) as client:
        answer = post(client, q=endless, source="en", target="es")
    assert answer["translatedText"] == endless.upper()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"q": "a"', "not valid JSON"),
        (b'["q"]', "Invalid JSON format: the body must be a JSON object"),
        (b"", "not valid JSON"),
        (b'{"q": "\xff"}', "not UTF-8"),
        (b'{"q": "\\ud800", "source": "en", "target": "es"}', "not Unicode"),
        (b'{"q": "a", "source": "en", "target": "\\ud800"}', "not Unicode"),
        (b'{"q":' + b"[" * 100_000, "not valid JSON"),
        (b'{"q": ' + b"9" * 10_000 + b"}", "not valid JSON"),
    ],
)
def test_a_broken_body_is_refused(client: TestClient, body: bytes, words: str) -> None:
    for route in ("/translate", "/mix"):
        headers = {"Content-Type": "application/json"}
        response = client.post(route, content=body, headers=headers)
        assert response.status_code == 400
        assert words in response.json()["error"]


def test_a_form_or_query_that_is_not_utf8_is_refused(client: TestClient) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    for body in (b"q=%ff&source=en&target=es", b"q=\xff"):
        response = client.post("/translate", content=body, headers=headers)
        assert response.status_code == 400 and "not UTF-8" in response.json()["error"]
    response = client.post("/translate?q=%ff&source=en&target=es")
    assert response.status_code == 400 and "not UTF-8" in response.json()["error"]


def test_broken_multipart_is_refused(client: TestClient) -> None:
    headers = {"Content-Type": "multipart/form-data"}
    response = client.post("/translate", content=b"--x\r\nnonsense", headers=headers)
    assert response.status_code == 400 and response.json()["error"]


def test_a_body_that_is_too_large_is_refused_announced_or_not(client: TestClient) -> None:
    body = json.dumps({"q": "a" * 4_500_000, "source": "en", "target": "es"}).encode()
    announced = client.post("/translate", content=body)
    streamed = client.post("/translate", content=iter([body[:3_000_000], body[3_000_000:]]))
    for response in (announced, streamed):
        assert response.status_code == 413
        assert "4456448 bytes" in response.json()["error"]


def test_unknown_routes_and_wrong_methods_are_json(client: TestClient) -> None:
    for path in ("/nowhere", "/static/nothing.js", "/translate/"):
        response = client.get(path, follow_redirects=False)
        assert response.status_code == 404 and path in response.json()["error"]
    response = client.get("/translate")
    assert response.status_code == 405 and response.headers["Allow"] == "POST"
    assert "GET is not allowed" in response.json()["error"]


# ---- mix ----


def test_a_sweep_goes_from_all_of_one_language_to_all_of_the_other(
    client: TestClient, tiny_translator: Translator
) -> None:
    answer = post(client, "/mix", q=TEXT, source="en", languages=["ES", "pt"])
    steps = answer["steps"]
    assert answer["q"] == TEXT and answer["languages"] == ["es", "pt"]
    assert [step["weights"]["pt"] for step in steps] == pytest.approx([i / 20 for i in range(21)])
    for step in steps:
        assert step["translatedText"] == best(tiny_translator, TEXT, step["weights"])
    assert steps[0]["translatedText"] == best(tiny_translator, TEXT, "es")
    assert steps[20]["translatedText"] == best(tiny_translator, TEXT, "pt")


@pytest.mark.parametrize("steps", [2, 21])
def test_a_sweep_is_that_of_the_command_line(
    client: TestClient, tiny_translator: Translator, steps: int
) -> None:
    weights = sweep_weights(["es", "fr"], steps)
    expected = sweep(tiny_translator, TEXT, weights, source="en").as_dict()
    answer = post(client, "/mix", q=TEXT, source="en", languages=["es", "fr"], steps=steps)
    for step in answer["steps"]:
        assert "".join(word["text"] for word in step.pop("words")) == step["translatedText"]
    assert answer == expected


def test_each_word_of_a_step_has_its_language(client: TestClient) -> None:
    known = identifier(LANGUAGES)
    for step in post(client, "/mix", q=TEXT, languages=["es", "fr"], steps=2)["steps"]:
        text, words = step["translatedText"], step["words"]
        expected = [(text[word.start : word.end], word.language) for word in known.words(text)]
        assert [(w["text"], w["language"]) for w in words if w["language"]] == expected
        between = [word["text"] for word in words if word["language"] is None]
        assert between and not any(map(str.isalpha, "".join(between)))


def test_switches_are_where_neighbouring_steps_differ(client: TestClient) -> None:
    answer = post(client, "/mix", q=TEXT, source="en", languages=["es", "fr"], steps=11)
    texts = [step["translatedText"] for step in answer["steps"]]
    differ = [i for i in range(10) if texts[i] != texts[i + 1]]
    assert differ
    assert answer["switches"] == [{"after": i, "before": i + 1} for i in differ]


def test_each_step_says_which_language_it_looks_like(client: TestClient) -> None:
    for step in post(client, "/mix", q=TEXT, languages=["es", "pt"], steps=3)["steps"]:
        found = identifier(LANGUAGES).detect(step["translatedText"])
        assert found
        confidence = round(100 * found.confidence)
        assert step["detectedLanguage"] == {"language": found.language, "confidence": confidence}


def test_weights_may_name_any_number_of_languages(
    client: TestClient, tiny_translator: Translator
) -> None:
    weights = [{"ES": 1, "pt": 1, "fr": 2}, {"fr": 3}, {"es": 0.58, "pt": 0.42}]
    answer = post(client, "/mix", q=TEXT, source="en", weights=weights)
    assert answer["languages"] == ["es", "pt", "fr"]
    assert [step["weights"] for step in answer["steps"]] == [
        {"es": 0.25, "pt": 0.25, "fr": 0.5},
        {"es": 0.0, "pt": 0.0, "fr": 1.0},
        {"es": 0.58, "pt": 0.42, "fr": 0.0},
    ]
    assert answer["steps"][1]["translatedText"] == best(tiny_translator, TEXT, "fr")
    ordered = post(client, "/mix", q=TEXT, languages=["fr", "es", "pt"], weights=weights)
    assert ordered["languages"] == ["fr", "es", "pt"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"q": ""}, "missing q parameter"),
        ({"q": ["a"]}, "q must be a text"),
        ({"q": "a" * 1_001}, "1001"),
        ({"source": "zz"}, "zz is not supported"),
        ({"languages": None}, "missing languages parameter"),
        ({"languages": "es"}, "languages must be a list"),
        ({"languages": ["es", "zz"]}, "zz is not supported"),
        ({"languages": ["es"]}, "two different languages"),
        ({"languages": ["es", "ES"]}, "two different languages"),
        ({"languages": ["es", "pt", "fr"]}, "two different languages"),
        ({"steps": 1}, "at least 2"),
        ({"steps": 102}, "at most 101"),
        ({"steps": 2.5}, "steps must be a whole number"),
        ({"steps": 3, "weights": [{"es": 1}]}, "not both"),
        ({"weights": []}, "weights is empty"),
        ({"weights": [{}]}, "at least one weight"),
        ({"weights": [{"es": 0}]}, "at least one weight"),
        ({"weights": [{"es": -1, "pt": 2}]}, "weight of es"),
        ({"weights": [{"es": None}]}, "weight of es"),
        ({"weights": [{"es": 1, "zz": 0}]}, "zz is not supported"),
        ({"weights": [{"fr": 1}]}, "fr, which is not in languages"),
        ({"weights": {"es": 1}}, "weights must be a list"),
        ({"weights": [{"es": 1}] * 102}, "at most 101"),
    ],
)
def test_a_bad_sweep_is_refused(client: TestClient, changes: dict[str, Any], words: str) -> None:
    fields = {"q": TEXT, "languages": ["es", "pt"]} | changes
    assert words in refused(client, 400, "/mix", **fields)


# ---- what is there ----


def test_languages_come_from_the_model_with_names_and_targets(client: TestClient) -> None:
    names = {"en": "English", "es": "Spanish", "pt": "Portuguese", "fr": "French"}
    assert client.get("/languages").json() == [
        {"code": code, "name": name, "targets": list(names)} for code, name in names.items()
    ]


def test_health_and_readiness(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ready"}


def test_monitors_may_ask_for_the_head_alone(client: TestClient) -> None:
    for path in ("/", "/health", "/languages", "/frontend/settings"):
        assert client.head(path).status_code == 200
    assert client.head("/translate").status_code == 405


def test_other_sites_may_call_the_service(client: TestClient) -> None:
    assert (
        client.get("/languages", headers={"Origin": "https://example.org"}).headers[
            "Access-Control-Allow-Origin"
        ]
        == "*"
    )


def test_every_example_of_the_reference_works_and_every_route_says_how_it_fails(
    client: TestClient,
) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    for path in ("/translate", "/mix"):
        described = paths[path]["post"]
        assert {"400", "413", "503"} <= set(described["responses"])
        examples = described["requestBody"]["content"]["application/json"]["examples"]
        assert examples
        for example in examples.values():
            post(client, path, **example["value"])


def test_page_and_reference_load_nothing_from_elsewhere(client: TestClient) -> None:
    for path in ("/", "/docs"):
        page = client.get(path)
        assert page.status_code == 200
        assert "http://" not in page.text and "https://" not in page.text
    for asset in (
        "/static/js/main.js",
        "/static/css/base.css",
        "/docs/assets/swagger-ui-bundle.js",
    ):
        assert client.get(asset).status_code == 200


def test_no_word_of_a_user_is_logged(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        fields = {"q": "xylophone", "source": "en", "target": "zebra"}
        client.post("/translate", params=fields)
        client.get("/xylophone")
    assert "POST /translate 400" in caplog.text
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("serve")]
    assert len(ours) == 2
    assert not any("xylophone" in line or "zebra" in line for line in ours)


# ---- loading, overload, leaving ----


def test_the_service_is_alive_while_it_loads_and_ready_when_it_has(tiny_model_dir: Path) -> None:
    with TestClient(create_app(Settings(model=tiny_model_dir))) as client:
        assert client.get("/healthz").status_code == 200
        until(lambda: client.get("/readyz").status_code == 200)
        assert post(client, q=TEXT, source="en", target="es")["translatedText"]


def test_a_translator_that_is_given_is_ready_from_the_start(tiny_translator: Translator) -> None:
    with TestClient(create_app(Settings(), tiny_translator)) as client:
        assert client.get("/readyz").status_code == 200


def test_before_the_model_is_loaded_clients_are_told_to_come_back(
    tiny_translator: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()

    def load(*_: object, **__: object) -> Translator:
        assert gate.wait(LIMIT_SECONDS)
        return tiny_translator

    monkeypatch.setattr("serve.backend.load_translator", load)
    with TestClient(create_app(Settings())) as client:
        assert client.get("/healthz").status_code == 200
        fields = {"q": TEXT, "source": "en", "target": "es"}
        waiting = [client.get("/readyz"), client.get("/languages")]
        waiting.append(client.post("/translate", json=fields))
        gate.set()
        for response in waiting:
            assert response.status_code == 503
            assert int(response.headers["Retry-After"]) > 0
            assert "still being loaded" in response.json()["error"]
        until(lambda: client.get("/readyz").status_code == 200)


def test_a_model_that_cannot_be_loaded_is_named_and_never_ready(tmp_path: Path) -> None:
    app = create_app(Settings(model=tmp_path))
    with TestClient(app) as client:
        until(lambda: app.state.backend.failure is not None)
        response = client.get("/readyz")
        assert response.status_code == 503 and str(tmp_path) in response.json()["error"]
        assert client.get("/healthz").status_code == 200


@pytest.fixture
def logging_untouched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serve.run.log_to_stderr", lambda *_: None)


@pytest.mark.usefixtures("logging_untouched")
def test_run_stops_with_the_error_of_a_model_that_cannot_be_loaded(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=str(tmp_path)):
        run(Settings(port=0, model=tmp_path))


@pytest.mark.usefixtures("logging_untouched")
def test_run_refuses_a_port_in_use_and_an_address_of_another_machine() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(CannotServe, match=f"port {port} of 127.0.0.1 is in use"):
            run(Settings(port=port))
    with pytest.raises(CannotServe, match=r"cannot serve at 192\.0\.2\.1"):
        run(Settings(host="192.0.2.1"))


@pytest.mark.parametrize(
    "changes", [{"port": 65_536}, {"queue_size": 0}, {"max_sweep_steps": 1}, {"prot": 1}]
)
def test_settings_out_of_range_or_misspelt_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(changes))):
        Settings(**changes)


def test_flags_win_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "service.yaml"
    file.write_text("port: 1\nqueue_size: 2\nbatch_size: 3\n")
    environment = {"MACARONIC_PORT": "4", "MACARONIC_QUEUE_SIZE": "5", "PORT": "6"}
    settings, origins = gather({"port": "7", "threads": None}, environment, file)
    assert (settings.port, settings.queue_size, settings.batch_size) == (7, 5, 3)
    assert origins == {"port": "flag", "queue_size": "environment", "batch_size": str(file)}


def test_settings_that_are_shown_can_be_read_again(tmp_path: Path) -> None:
    settings, origins = gather({"port": "9", "model": "a: b", "max_wait_seconds": "1"}, {}, None)
    shown = describe(settings, origins)
    assert "port: 9  # flag" in shown
    file = tmp_path / "again.yaml"
    file.write_text(shown)
    assert gather({}, {}, file)[0] == settings


@pytest.mark.parametrize(
    ("flags", "environment", "text", "told"),
    [
        ({"port": "x"}, {}, "", "port: .* received 'x'"),
        ({"port": "[1"}, {}, "", r"port cannot be '\[1'"),
        ({}, {"MACARONIC_PROT": "1"}, "", "MACARONIC_PROT: there are MACARONIC_HOST"),
        ({}, {}, "prot: 1", "prot: unknown key"),
        ({}, {}, "- 1", "must hold settings"),
    ],
)
def test_wrong_settings_are_named(
    tmp_path: Path, flags: dict[str, str], environment: dict[str, str], text: str, told: str
) -> None:
    file = tmp_path / "service.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError, match=told):
        gather(flags, environment, file if text else None)


class Gate:
    """A translator that answers nothing until it is opened, then shouts, but refuses `bad`."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.texts: list[str] = []
        self.translator = scripted(LANGUAGES, TRAINED, self._reply)

    def _reply(self, text: str, target: TargetMix, via: str | None) -> str:
        self.texts.append(text)
        assert self.open.wait(LIMIT_SECONDS)
        if text == "bad":
            raise InvalidInput("nobody can translate this")
        return text.upper()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.005)


def test_a_full_queue_gives_503_with_retry_after_and_the_others_are_answered() -> None:
    gate = Gate()
    settings = Settings(queue_size=1, batch_size=1, threads=1)
    app = create_app(settings, gate.translator)

    with TestClient(app) as client, ThreadPoolExecutor(2) as threads:
        running = threads.submit(ask, client, "first")
        until(lambda: gate.texts == ["first"])
        queued = threads.submit(ask, client, "second")
        until(lambda: app.state.backend.ready().batcher.waiting == 1)
        response = ask(client, "third")
        assert response.status_code == 503 and "waiting" in response.json()["error"]
        assert int(response.headers["Retry-After"]) > 0
        browser = client.options("/translate", headers={"Origin": "https://a.example"})
        assert browser.status_code == 200 and "Access-Control-Allow-Methods" in browser.headers
        gate.open.set()
        assert running.result().json()["translatedText"] == "FIRST"
        assert queued.result().json()["translatedText"] == "SECOND"
        assert ask(client, "fourth").json()["translatedText"] == "FOURTH"


def test_a_document_waits_where_the_queue_is_full() -> None:
    gate = Gate()
    app = create_app(Settings(queue_size=1, batch_size=1, threads=1), gate.translator)
    with TestClient(app) as client, ThreadPoolExecutor(3) as threads:
        running = threads.submit(ask, client, "first")
        until(lambda: bool(gate.texts))
        queued = threads.submit(ask, client, "second")
        batcher = app.state.backend.ready().batcher
        until(lambda: batcher.waiting == 1)
        task = Task("", TargetMix.of("es"), "en")
        assert client.portal
        file = client.portal.start_task_soon(
            app.state.backend.translate_file, b"last\n", "text", task
        )
        time.sleep(0.2)
        gate.open.set()
        assert file.result().data == b"LAST\n"
        assert (running.result().status_code, queued.result().status_code) == (200, 200)


def test_a_request_that_takes_too_long_is_given_up() -> None:
    gate = Gate()
    app = create_app(Settings(max_wait_seconds=0.05), gate.translator)
    with TestClient(app) as client:
        response = ask(client, TEXT)
        gate.open.set()
    assert response.status_code == 504 and "0.05 seconds" in response.json()["error"]


def test_a_client_that_leaves_gives_its_place_in_the_queue_back() -> None:
    gate = Gate()
    app = create_app(Settings(batch_size=1, threads=1), gate.translator)
    body = json.dumps({"q": "gone", "source": "en", "target": "es"}).encode()
    left = threading.Event()

    async def receive() -> Message:
        if not left.is_set():
            left.set()
            return {"type": "http.request", "body": body}
        while batcher.waiting < 1:
            await asyncio.sleep(0.001)
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        statuses.append(message.get("status"))

    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "path": "/translate",
        "query_string": b"",
    }
    scope |= {"headers": [(b"content-type", b"application/json")], "app": app}
    statuses: list[int | None] = []
    with TestClient(app) as client, ThreadPoolExecutor(2) as threads:
        batcher = app.state.backend.ready().batcher
        running = threads.submit(ask, client, "first")
        until(lambda: gate.texts == ["first"])
        assert client.portal
        client.portal.call(partial(app, scope, receive, send))
        until(lambda: batcher.waiting == 0)
        late = threads.submit(ask, client, "late")
        until(lambda: batcher.waiting == 1)
        gate.open.set()
        assert running.result().json()["translatedText"] == "FIRST"
        assert late.result().json()["translatedText"] == "LATE"
    assert "gone" not in gate.texts
    assert statuses[0] == 499


def test_one_clients_failure_does_not_fail_those_that_share_its_batch() -> None:
    gate = Gate()
    app = create_app(Settings(threads=1), gate.translator)
    with TestClient(app) as client, ThreadPoolExecutor(4) as threads:
        running = threads.submit(ask, client, "busy")
        until(lambda: gate.texts == ["busy"])
        together = [threads.submit(ask, client, text) for text in ("first", "bad", "last")]
        until(lambda: app.state.backend.ready().batcher.waiting == 3)
        gate.open.set()
        answers = [future.result() for future in [running, *together]]
    assert [answer.status_code for answer in answers] == [200, 200, 400, 200]
    assert [answers[i].json()["translatedText"] for i in (1, 3)] == ["FIRST", "LAST"]


def test_a_bug_is_an_error_in_json_without_a_traceback() -> None:
    def fail(text: str, target: TargetMix, via: str | None) -> str:
        raise RuntimeError("secret detail")

    app = create_app(Settings(), scripted(LANGUAGES, TRAINED, fail))
    with TestClient(app, raise_server_exceptions=False) as client:
        response = ask(client, TEXT)
    assert response.status_code == 500
    assert list(response.json()) == ["error"] and "secret" not in response.text


def test_what_is_wrong_with_a_translation_is_told() -> None:
    replies = {
        "cut off": "no hay",
        "Where is it?": "Where is it?",
        "Where is the house?": "Onde fica a minha casa?",
        "She laughs.": "Ella se ríe se ríe se ríe.",
        "The house is white.": "La casa es blanca.",
    }
    translator = scripted(LANGUAGES, TRAINED, lambda text, target, via: replies[text])
    with TestClient(create_app(Settings(), translator)) as client:
        answer = post(client, q=list(replies), source="en", target="es")
    assert answer["flags"] == [
        ["truncated"],
        ["copied", "off_target"],
        ["off_target"],
        ["repetition"],
        [],
    ]
    assert [found["language"] for found in answer["outputLanguage"]][1:3] == ["en", "pt"]


def test_a_better_hypothesis_leads_and_then_a_pivot_is_tried() -> None:
    def reply(text: str, target: TargetMix, via: str | None) -> str:
        if via:
            return "Où est la gare de ma ville ?"
        return "Onde fica a estação?" if text.startswith("¿") else "Where is it?|¿Dónde está eso?"

    translator = scripted(LANGUAGES, TRAINED, reply)
    with TestClient(create_app(Settings(), translator)) as client:
        answer = post(client, q="Where is it?", source="en", target="es")
        assert (answer["translatedText"], answer["path"]) == ("¿Dónde está eso?", "direct")
        answer = post(client, q="¿Dónde está la estación?", source="es", target="fr")
        assert (answer["translatedText"], answer["path"]) == (
            "Où est la gare de ma ville ?",
            "pivot",
        )
        assert answer["flags"] == []


def test_an_untrained_direction_goes_through_english_unless_told_otherwise() -> None:
    ways = [("es", "en"), ("en", "es"), ("en", "fr"), ("en", "pt"), ("pt", "es")]

    def path(client: TestClient, source: str, target: Any) -> Any:
        return post(client, q="El gato duerme en la casa.", source=source, target=target)["path"]

    translator = scripted(LANGUAGES, ways, lambda text, target, via: "Le chat dort à la maison.")
    with TestClient(create_app(Settings(), translator)) as client:
        assert path(client, "es", "fr") == path(client, "auto", "fr") == "pivot"
        assert path(client, "en", "fr") == path(client, "pt", "es") == "direct"
        assert path(client, "fr", "en") == path(client, "es", "fr:0.5,pt:0.5") == "zero_shot"
        both = post(client, q=["El gato duerme."] * 2, source="es", target="fr")
        assert both["path"] == ["pivot", "pivot"]
    with TestClient(create_app(Settings(untrained="zero_shot"), translator)) as client:
        assert path(client, "es", "fr") == "zero_shot"


def test_every_answer_has_a_name_and_says_what_browsers_may_do(client: TestClient) -> None:
    for response in (client.get("/languages"), client.get("/nowhere"), client.post("/translate")):
        assert re.fullmatch(r"[0-9a-f]{16}", response.headers["X-Request-ID"])
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Access-Control-Allow-Origin"] == "*"
    named = client.get("/healthz", headers={"X-Request-ID": "abc-1"})
    assert named.headers["X-Request-ID"] == "abc-1"
    renamed = client.get("/healthz", headers={"X-Request-ID": "a b\tc"})
    assert renamed.headers["X-Request-ID"] != "a b\tc"


def test_browsers_are_told_the_methods_of_each_api(client: TestClient) -> None:
    deepl_methods = "GET, POST, PUT, PATCH, DELETE"
    for path, methods in (
        ("/languages", "GET, POST"),
        ("/v2/usage", deepl_methods),
        ("/v3/glossaries", deepl_methods),
    ):
        assert client.options(path).headers["Access-Control-Allow-Methods"] == methods


def test_only_the_pages_that_were_named_may_call_the_service(tiny_translator: Translator) -> None:
    settings = Settings(cors_origins=("https://a.example",))
    with TestClient(create_app(settings, tiny_translator)) as client:
        allowed = client.get("/languages", headers={"Origin": "https://a.example"})
        other = client.get("/languages", headers={"Origin": "https://b.example"})
        preflight = client.options("/translate", headers={"Origin": "https://a.example"})
    assert allowed.headers["Access-Control-Allow-Origin"] == "https://a.example"
    assert allowed.headers["Vary"] == "Origin"
    assert "Access-Control-Allow-Origin" not in other.headers
    assert (
        preflight.status_code == 200 and "POST" in preflight.headers["Access-Control-Allow-Methods"]
    )


def test_a_file_of_an_unknown_format_is_refused_by_name(client: TestClient) -> None:
    languages = {"source": "en", "target": "es"}
    file = {"file": ("program.exe", b"MZ")}
    response = client.post("/translate_file", data=languages, files=file)
    assert response.status_code == 400
    message = response.json()["error"]
    assert message.startswith("Invalid request: file format not supported: 'program.exe'")
    assert ".txt" in message


def test_a_head_that_is_too_long_is_refused(client: TestClient) -> None:
    assert client.get("/languages", headers={"X-Long": "x" * 20_000}).status_code == 431


def test_metrics_count_requests_batches_flags_and_refusals(tiny_translator: Translator) -> None:
    with TestClient(create_app(Settings(max_body_bytes=1000), tiny_translator)) as client:
        post(client, q=[TEXT, TEXT], source="en", target="es")
        client.post("/translate", content=b"x" * 2000)
        client.get("/no/" + TEXT)
        text = client.get("/metrics").text
    assert 'macaronic_requests_total{method="POST",route="/translate",status="200"} 1.0' in text
    assert 'macaronic_rejected_total{reason="too_large"} 1.0' in text
    assert f"macaronic_characters_total {2 * len(TEXT):.1f}" in text
    assert "macaronic_queue_seconds_count 2.0" in text
    assert "macaronic_ready 1.0" in text
    assert 'route="(no route)"' in text and TEXT not in text
    name = "libretranslate_http_request_duration_seconds"
    assert f'{name}_count{{endpoint="/translate",status="200"}} 1.0' in text
    seconds = re.search(rf'{name}_sum{{endpoint="/translate",status="200"}} (.+)', text)
    assert seconds and 0 < float(seconds[1]) < LIMIT_SECONDS
    assert "libretranslate_http_requests_in_flight 1.0" in text  # the one that asks
