"""Translations that are visibly wrong are tried again, and what remains wrong is told."""

from __future__ import annotations

import pytest
from scripted import scripted

from nmt import DecodeOptions, Translation, load_translator
from nmt.text.target_mix import TargetMix

LANGUAGES = ["en", "es", "fr", "ru"]
TRAINED = [(code, "en") for code in LANGUAGES[1:]] + [("en", code) for code in LANGUAGES[1:]]


def translate(
    reply: str | dict[str | None, str], text: str, source: str = "en", target: str = "es"
) -> Translation:
    """The translation where the model says `reply`, or one reply for each pivot language."""

    def answer(_: str, __: TargetMix, via: str | None) -> str:
        return reply if isinstance(reply, str) else reply[via]

    (found,) = scripted(LANGUAGES, TRAINED, answer).translate([text], target, source=source)
    return found


def test_the_first_hypothesis_without_a_flag_leads() -> None:
    found = translate(
        "The house is very large.|La casa es muy grande.|Otra casa.", "The house is very big."
    )
    assert (found.text, found.flags, found.retry) == ("La casa es muy grande.", (), "hypothesis")
    assert found.hypotheses[0].score == -0.6


def test_where_all_are_wrong_the_first_is_given_with_its_flags() -> None:
    found = translate("no no no no no|nada nada nada nada nada", "The house is big.")
    assert (found.text, found.flags, found.retry) == ("no no no no no", ("repetition",), None)


def test_an_untrained_direction_goes_through_english_if_that_helps() -> None:
    wrong, right = "Это очень большой дом.", "La maison est très grande."
    found = translate({None: wrong, "en": right}, "La casa es muy grande.", "es", "fr")
    assert (found.text, found.path, found.retry) == (right, "pivot", "pivot")


def test_a_pivot_that_does_not_help_is_not_taken() -> None:
    wrong = "Это очень большой дом."
    found = translate({None: wrong, "en": wrong}, "La casa es muy grande.", "es", "fr")
    assert (found.path, found.flags, found.retry) == ("zero_shot", ("off_target",), None)


@pytest.mark.parametrize(
    ("text", "replies", "expected"),
    [
        ("Go to https://a.org now.", "Ve a {1} ahora.", "Ve a https://a.org ahora."),
        ("It has 3 doors.", "Tiene tres puertas.|Tiene 3 puertas.", "Tiene 3 puertas."),
        ("😀 hello 😀", "hola", "😀 hola 😀"),
    ],
)
def test_what_must_be_kept_is_kept(text: str, replies: str, expected: str) -> None:
    assert translate(replies, text).text == expected


@pytest.mark.parametrize(
    ("text", "replies", "expected"),
    [
        ("The red car", "El coche rojo.", "El coche rojo"),
        ("Apples: 10", "Manzanas: 10.", "Manzanas: 10"),
        ("What now", "¿Y ahora?", "¿Y ahora?"),
        ("Wait", "Espera...", "Espera..."),
        ("I sleep.", "Duermo.", "Duermo."),
        ("It is so (I think)", "Es así (creo).", "Es así (creo)."),
    ],
)
def test_a_full_stop_is_not_added(text: str, replies: str, expected: str) -> None:
    assert translate(replies, text).text == expected


def test_around_what_the_model_loses_the_stretches_are_translated_by_themselves() -> None:
    replies = {"Go to": "Ve a.", "now.": "Ahora.", "Go to {1} now.": "Ve ahora."}
    translator = scripted(LANGUAGES, TRAINED, lambda text, *_: replies[text])
    (found,) = translator.translate(["Go to https://a.org now."], "es", source="en")
    assert found.text == "Ve a https://a.org ahora."
    assert found.retry == "parts"


def test_a_stretch_gets_no_number_that_it_does_not_have() -> None:
    replies = {
        "It costs $5.99 for {1}.": "Cuesta $105.99 para {1}.",
        "It costs": "Cuesta 10.",
        "for": "Para 7",
    }
    translator = scripted(LANGUAGES, TRAINED, lambda text, *_: replies.get(text, ""))
    (found,) = translator.translate(["It costs $5.99 for {name}."], "es", source="en")
    assert (found.text, found.retry) == ("Cuesta $5.99 para {name}.", "parts")


def test_masks_that_the_model_makes_up_are_not_shown() -> None:
    found = translate("{1} Vale {1}.", "I agree with you.")
    assert (found.text, found.retry) == ("Vale .", "parts")


def test_only_as_many_hypotheses_come_back_as_were_asked_for() -> None:
    translator = scripted(LANGUAGES, TRAINED, lambda *_: "uno|dos|tres")
    for count in (1, 2):
        options = DecodeOptions(beam_size=3, n_best=count)
        (found,) = translator.translate(["one"], "es", source="en", options=options)
        assert len(found.hypotheses) == count


HARD = [
    "Hello {name}, you have %d new messages at https://example.com/a_b?c=1.",
    "I ❤️ you 😀 very much",
    "Write to me@example.com before 18:30.",
    "Use `git push` to send 1,234 files.",
    "Click <x1/> and then </x2>.",
    "My name is 김철수, from Łódź (漢字).",
]
KEPT = [
    ["{name}", "%d", "https://example.com/a_b?c=1"],
    ["❤️", "😀"],
    ["me@example.com", "18", "30"],
    ["`git push`", "234"],
    ["<x1/>", "</x2>"],
    ["Łódź"],
]


@pytest.mark.parametrize("target", ["es", "ja", "ru", "es:0.5,pt:0.5"])
def test_the_shipped_model_keeps_what_must_be_kept(target: str) -> None:
    for found, kept in zip(load_translator().translate(HARD, target), KEPT, strict=True):
        assert [span for span in kept if span not in found.text] == []


def test_layout_and_the_number_of_sentences_stay() -> None:
    text = "  First line.\n\n- one\n- two\n\n\tIndented.  Two spaces.\r\n"
    (found,) = load_translator().translate([text], "es")
    assert found.text.startswith("  ") and found.text.endswith("\r\n")
    assert [line[:2] for line in found.text.splitlines()][1:4] == ["", "- ", "- "]
    assert found.text.count("\n") == text.count("\n")
    assert "\n\t" in found.text
    assert ".  " in found.text or "!  " in found.text or "?  " in found.text
