"""A sweep goes from one language to the other and says where its output switches."""

from __future__ import annotations

import json

import pytest
from scripted import scripted

from nmt.decode.engine import DecodeOptions
from nmt.decode.sweep import Sweep, format_table, sweep, sweep_weights, weight_digits
from nmt.decode.translator import Translator
from nmt.errors import InvalidMix, UnknownLanguage
from nmt.text.target_mix import TargetMix

TEXT = "The moon rises behind the old mill."
SPANISH = "La luna sale detrás del viejo molino."
PORTUGUESE = "A lua nasce atrás do velho moinho."


def answer(text: str, target: TargetMix, via: str | None) -> str:
    share = dict(target.weights).get("pt", 0)
    if dict(target.weights).get("fr"):
        return "42"
    return SPANISH if share < 0.4 else PORTUGUESE


def run(weights: list[dict[str, float]]) -> Sweep:
    translator = scripted(["en", "es", "pt", "fr"], [], answer)
    return sweep(translator, TEXT, weights)


@pytest.mark.parametrize("steps", [2, 4, 11, 21, 100])
def test_weights_go_evenly_from_all_of_one_to_all_of_the_other(steps: int) -> None:
    weights = sweep_weights(["es", "pt"], steps)
    assert len(weights) == steps
    assert weights[0] == {"es": 1, "pt": 0}
    assert weights[-1] == {"es": 0, "pt": 1}
    for index, step in enumerate(weights):
        assert step["pt"] == pytest.approx(index / (steps - 1), abs=1e-4)
        assert sum(step.values()) == pytest.approx(1)


def test_weights_have_few_digits() -> None:
    shown = json.dumps(sweep_weights(["es", "pt"], 11))
    assert '{"es": 0.7, "pt": 0.3}' in shown
    assert '{"es": 0.3, "pt": 0.7}' in shown


@pytest.mark.parametrize("languages", [[], ["es"], ["es", "es"], ["es", "pt", "fr"]])
def test_steps_need_two_different_languages(languages: list[str]) -> None:
    with pytest.raises(InvalidMix, match=r"two different languages.*give the weights of each step"):
        sweep_weights(languages, 21)


@pytest.mark.parametrize("steps", [-1, 0, 1])
def test_a_sweep_has_two_ends(steps: int) -> None:
    with pytest.raises(InvalidMix, match=f"steps is {steps}: a sweep has at least 2"):
        sweep_weights(["es", "pt"], steps)


def test_switches_are_neighbours_that_differ() -> None:
    result = run(sweep_weights(["es", "pt"], 6))
    assert [step.translation.text for step in result.steps] == [SPANISH] * 2 + [PORTUGUESE] * 4
    assert result.switches == ((1, 2),)
    assert [
        step.translation.detected and step.translation.detected.language for step in result.steps
    ] == [
        *["es"] * 2,
        *["pt"] * 4,
    ]


def test_the_dictionary_has_the_shape_of_the_service() -> None:
    tree = run([{"es": 1, "pt": 0}, {"pt": 3, "es": 1}, {"fr": 1}]).as_dict()
    confidences = [
        step["detectedLanguage"].pop("confidence")
        for step in tree["steps"]
        if step["detectedLanguage"]
    ]
    assert len(confidences) == 2
    assert all(isinstance(value, int) and 50 <= value <= 100 for value in confidences)
    assert json.loads(json.dumps(tree)) == {
        "q": TEXT,
        "languages": ["es", "pt", "fr"],
        "steps": [
            {
                "weights": {"es": 1.0, "pt": 0.0, "fr": 0.0},
                "translatedText": SPANISH,
                "detectedLanguage": {"language": "es"},
            },
            {
                "weights": {"es": 0.25, "pt": 0.75, "fr": 0.0},
                "translatedText": PORTUGUESE,
                "detectedLanguage": {"language": "pt"},
            },
            {
                "weights": {"es": 0.0, "pt": 0.0, "fr": 1.0},
                "translatedText": "42",
                "detectedLanguage": None,
            },
        ],
        "switches": [{"after": 0, "before": 1}, {"after": 1, "before": 2}],
    }


def test_weights_in_answers_have_few_digits() -> None:
    steps = run([{"es": 1, "pt": 2}]).as_dict()["steps"]
    assert steps[0]["weights"] == {"es": 0.3333, "pt": 0.6667}


def test_unknown_languages_are_refused_at_weight_zero_too() -> None:
    with pytest.raises(UnknownLanguage, match="zz is not supported"):
        run([{"es": 1.0, "zz": 0.0}])


def test_malformed_weights_are_refused() -> None:
    with pytest.raises(InvalidMix, match="at least one step, received none"):
        run([])
    with pytest.raises(InvalidMix, match="weight of pt is -1"):
        run([{"es": 1, "pt": 0}, {"es": 1, "pt": -1}])


def test_the_table_shows_weight_language_switch_and_text() -> None:
    lines = format_table(run(sweep_weights(["es", "pt"], 3))).splitlines()
    assert lines[0].split(maxsplit=2) == ["w_pt", "detected", TEXT]
    assert [line.split()[0] for line in lines[1:4]] == ["0.00", "0.50", "1.00"]
    assert [line.split()[1] for line in lines[1:4]] == ["es", "pt", "pt"]
    assert [" * " in line for line in lines[1:4]] == [False, True, False]
    texts = (TEXT, SPANISH, PORTUGUESE, PORTUGUESE)
    starts = {line.index(text) for line, text in zip(lines[:4], texts, strict=True)}
    assert len(starts) == 1
    assert lines[-1] == "*: the translation differs from the one above"


def test_the_table_shows_all_weights_of_more_languages() -> None:
    result = run([{"es": 2, "pt": 1, "fr": 1}])
    head, row, *_ = format_table(result).splitlines()
    assert head.split()[:3] == ["w_es", "w_pt", "w_fr"]
    assert row.split() == ["0.50", "0.25", "0.25", "-", "42"]


def test_a_translation_stays_on_its_line() -> None:
    translator = scripted(["es", "pt"], [], lambda text, target, via: "una\nlínea\r\nrota")
    result = sweep(translator, "a\nb", [{"es": 1}])
    head, row, *_ = format_table(result).splitlines()
    assert head.endswith("  a b")
    assert row.endswith("una línea rota")


def test_fine_steps_are_shown_apart() -> None:
    assert weight_digits(run(sweep_weights(["es", "pt"], 21))) == 2
    assert weight_digits(run(sweep_weights(["es", "pt"], 201))) == 3
    assert weight_digits(run(sweep_weights(["es", "pt"], 4))) == 4


def test_the_ends_of_a_sweep_equal_the_plain_targets(tiny_translator: Translator) -> None:
    options = DecodeOptions(beam_size=2)
    text = "The cat sleeps."
    result = sweep(tiny_translator, text, sweep_weights(["es", "pt"], 5), options=options)
    ends = [result.steps[0].translation.text, result.steps[-1].translation.text]
    plain = [
        tiny_translator.translate([text], code, options=options)[0].text for code in ("es", "pt")
    ]
    assert ends == plain
    assert ends[0] != ends[1]
    assert result.switches
