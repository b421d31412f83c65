"""What can be told to be wrong with a translation."""

from __future__ import annotations

import pytest
from scripted import identifier

from nmt.decode.flags import Flag, find_flags, loops, missing_numbers

LANGUAGES = ("en", "es", "pt", "fr", "ja", "ko", "ru", "uk", "be")


@pytest.mark.parametrize(
    ("source", "translation", "target", "expected"),
    [
        ("Where is the station?", "¿Dónde está la estación?", "es", []),
        ("No.", "No.", "es", []),
        ("Boston", "Boston", "es", []),
        ("Yes, yes, yes!", "¡Sí, sí, sí!", "es", []),
        ("He is very very old.", "Él es muy muy viejo.", "es", []),
        ("I'm sorry.", "Lo siento, lo siento, lo siento, lo siento.", "es", ["repetition"]),
        ("No.", "no no no no no no no", "es", ["repetition"]),
        ("Hello there.", "Hola hola hola.", "es", ["repetition"]),
        ("I'm happy.", "嬉しい嬉しい嬉しい嬉しい。", "ja", ["repetition"]),
        ("ありがとうございます。", "ありがとうございます。", "en", ["copied", "off_target"]),
        ("Where is the station?", "where is the STATION", "es", ["copied", "off_target"]),
        ("I am very tired today.", "Сегодня я очень устал, что ли?", "uk", ["off_target"]),
        ("I am very tired today.", "Estou muito cansado hoje, não é?", "es", ["off_target"]),
        ("I am tired.", "Сьогодні я дуже втомлений.", "uk", []),
        ("12:30", "12:30", "ja", []),
        ("", "", "ja", []),
    ],
)
def test_what_is_wrong_is_flagged_and_what_is_right_is_not(
    source: str, translation: str, target: str, expected: list[Flag]
) -> None:
    assert list(find_flags(source, translation, [target], identifier(LANGUAGES))) == expected


def test_in_between_languages_any_of_them_is_right() -> None:
    found = find_flags(
        "I am tired.", "Estou muito cansado hoje, não é?", ["es", "pt"], identifier(LANGUAGES)
    )
    assert found == ()


def test_an_output_without_an_end_is_truncated() -> None:
    found = find_flags("Hello.", "Hola, ¿qué", ["es"], identifier(LANGUAGES), is_complete=False)
    assert found == ("truncated",)


def test_loops_are_counted_by_the_length_of_the_phrase() -> None:
    assert loops(["a", "b", "a", "b", "a", "b", "c"]) == {2: 3}
    assert loops(["a", "a", "a"]) == {1: 3}
    assert loops(["a", "b", "c"]) == {}


@pytest.mark.parametrize(
    ("source", "translation", "missing"),
    [
        ("3 cats and 12 dogs", "12 perros y 3 gatos", []),
        ("3 cats and 12 dogs", "3 gatos", ["12"]),
        ("2 and 2 is 4", "2 y 4", ["2"]),
        ("18.10 euros", "18,10 евро", []),
        ("at 5", "５時に", []),
    ],
)
def test_numbers_are_missed_whatever_their_script(
    source: str, translation: str, missing: list[str]
) -> None:
    assert missing_numbers(source, translation) == missing
