from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.errors import InvalidMix, UnknownLanguage
from nmt.text.target_mix import TargetMix

CODES = ["en", "es", "pt", "fr", "zh-Hant"]


def test_a_language_is_a_mix_of_one() -> None:
    mix = TargetMix.of("es")
    assert mix.weights == (("es", 1.0),)
    assert mix.is_plain
    assert str(mix) == "es"


def test_text_mapping_and_json_give_the_same_mix() -> None:
    text = TargetMix.of("es:0.58,pt:0.42")
    assert text == TargetMix.of({"es": 0.58, "pt": 0.42})
    assert text == TargetMix.of(json.loads('{"es": 0.58, "pt": 0.42}'))
    assert text == TargetMix.of(text)
    assert text.weights == (("es", 0.58), ("pt", 0.42))
    assert not text.is_plain


def test_spaces_around_languages_and_weights_do_not_matter() -> None:
    assert TargetMix.of(" es : 1 , pt : 3 ") == TargetMix.of("es:1,pt:3")
    assert TargetMix.of(" es ") == TargetMix.of("es")


def test_weights_are_scaled_to_sum_one() -> None:
    assert TargetMix.of({"es": 3, "pt": 1}).weights == (("es", 0.75), ("pt", 0.25))


def test_languages_without_weight_are_left_out() -> None:
    mix = TargetMix.of("es:1,pt:0")
    assert mix == TargetMix.of("es")
    assert mix.languages == ("es",)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("", "empty language"),
        ("   ", "empty language"),
        (":1", "empty language"),
        ({"": 1.0}, "empty language"),
        ({1: 1.0}, "empty language"),
        ({}, "above 0"),
        ("es:0,pt:0", "above 0"),
        ("es:-1,pt:2", "0 or more"),
        ("es:nan", "0 or more"),
        ("es:inf,pt:1", "0 or more"),
        ({"es": True}, "must be a number"),
        ({"es": "1"}, "must be a number"),
        ({"es": None}, "must be a number"),
        ({"es": 10**400}, "too large"),
        ({"es": 1e308, "pt": 1e308}, "too large"),
        ("es:", "not a number"),
        ("es:much", "not a number"),
        ("es:1:2", "not a number"),
        ("es:0.5,pt", "'pt' has no weight"),
        ("es:1,", "has no weight"),
        ("es,pt", "no weights"),
        ("es:0.5,pt:0.2,es:0.3", "es is given twice"),
        ({"es": 1.0, " es": 1.0}, "es is given twice"),
        (3, "a target is a language"),
        (None, "a target is a language"),
        (["es"], "a target is a language"),
    ],
)
def test_a_malformed_mix_is_refused_with_the_rule(target: object, said: str) -> None:
    with pytest.raises(InvalidMix, match=said):
        TargetMix.of(target)  # type: ignore[arg-type]


def test_a_row_has_the_weights_in_the_order_of_the_model() -> None:
    assert TargetMix.of("pt:1,es:3").row(["en", "es", "pt"]) == [0.0, 0.75, 0.25]


def test_a_language_that_a_model_lacks_is_refused_and_the_known_are_named() -> None:
    with pytest.raises(UnknownLanguage, match=r"^zz is not supported.*en, es") as caught:
        TargetMix.of("es:0.5,zz:0.5").row(["en", "es"])
    assert caught.value.code == "zz"


def test_a_language_of_no_weight_need_not_be_known() -> None:
    assert TargetMix.of("es:1,zz:0").row(["en", "es"]) == [0.0, 1.0]


WEIGHTS = st.dictionaries(
    st.sampled_from(CODES), st.floats(0, 1e300, allow_subnormal=True), min_size=1
).filter(lambda weights: any(weights.values()))


@given(WEIGHTS)
def test_weights_are_positive_and_sum_to_one(weights: dict[str, float]) -> None:
    mix = TargetMix.of(weights)
    assert sum(weight for _, weight in mix.weights) == pytest.approx(1)
    assert all(weight > 0 for _, weight in mix.weights)
    assert sum(mix.row(CODES)) == pytest.approx(1)


@given(WEIGHTS)
def test_text_of_a_mix_reads_back_as_the_mix_to_four_digits(weights: dict[str, float]) -> None:
    mix = TargetMix.of(weights)
    again = TargetMix.of(str(mix))
    assert again.languages == mix.languages
    assert again.row(CODES) == pytest.approx(mix.row(CODES), rel=1e-3, abs=1e-300)
