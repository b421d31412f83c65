"""Each direction is translated in the ways that were asked for, scored and compared."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
from scripted import ScriptedSentences, scripted_sentences

from nmt.decode.engine import DecodeOptions
from nmt.decode.sentences import SentenceTranslator
from nmt.decode.translator import Translator
from nmt.errors import CorpusError, InputTooLong, InvalidInput, UnknownLanguage
from nmt.evaluate.matrix import (
    DirectionResult,
    EvaluateOptions,
    compare,
    evaluate,
    write_hypotheses,
)
from nmt.evaluate.metrics import score
from nmt.evaluate.testfiles import DirectionTest, read_tests
from nmt.text.langid import LanguageIdentifier
from nmt.text.target_mix import TargetMix

PHRASES = {
    "en": ("The baker opens his shop at six.", "My aunt keeps three white geese."),
    "es": ("El panadero abre su tienda a las seis.", "Mi tía tiene tres gansos blancos."),
    "pt": ("O padeiro abre a sua loja às seis.", "A minha tia tem três gansos brancos."),
}
TOY = Path(__file__).parent / "data"
LANGUAGES = tuple(PHRASES)
TRAINED = [("en", "es"), ("es", "en"), ("en", "pt"), ("pt", "en")]


def direction(source: str, target: str) -> DirectionTest:
    return DirectionTest("phrases", source, target, PHRASES[source], PHRASES[target])


def answer(text: str, target: TargetMix, via: str | None) -> str:
    """Perfect where it was trained or pivots; else it falls back to English."""
    source = next(code for code, texts in PHRASES.items() if text in texts)
    wanted = str(target) if "en" in (source, str(target)) or via else "en"
    return PHRASES[wanted][PHRASES[source].index(text)]


@pytest.fixture(scope="module")
def identifier() -> LanguageIdentifier:
    return LanguageIdentifier(LANGUAGES)


def run(
    identifier: LanguageIdentifier, tests: list[DirectionTest], options: EvaluateOptions
) -> list[DirectionResult]:
    return evaluate(scripted_sentences(LANGUAGES, TRAINED, answer), identifier, tests, options)


def ways(results: list[DirectionResult]) -> list[tuple[str, str, str, str | None]]:
    return [(row.test.source, row.test.target, row.path, row.via) for row in results]


def test_untrained_directions_are_pivoted_too(identifier: LanguageIdentifier) -> None:
    tests = [direction("en", "es"), direction("pt", "es")]
    results = run(identifier, tests, EvaluateOptions())
    assert ways(results) == [
        ("en", "es", "direct", None),
        ("pt", "es", "zero_shot", None),
        ("pt", "es", "pivot", "en"),
    ]
    direct, zero_shot, pivot = results
    assert direct.hypotheses == pivot.hypotheses == PHRASES["es"]
    assert zero_shot.hypotheses == PHRASES["en"]
    assert [row.off_target and row.off_target.value for row in results] == [0, 1, 0]
    assert direct.scores["bleu"].value == pytest.approx(100)
    assert zero_shot.scores["bleu"].value < 10


def test_trained_directions_are_not_pivoted(identifier: LanguageIdentifier) -> None:
    translator = scripted_sentences(LANGUAGES, [("pt", "es")], answer)
    results = evaluate(translator, identifier, [direction("pt", "es")])
    assert ways(results) == [("pt", "es", "direct", None)]


def test_via_pivots_all_directions_that_it_can(identifier: LanguageIdentifier) -> None:
    tests = [direction("en", "es"), direction("en", "pt"), direction("pt", "en")]
    results = run(identifier, tests, EvaluateOptions(via="pt"))
    assert ways(results) == [
        ("en", "es", "direct", None),
        ("en", "es", "pivot", "pt"),
        ("en", "pt", "direct", None),
        ("pt", "en", "direct", None),
    ]


def test_pivoting_can_be_left_out(identifier: LanguageIdentifier) -> None:
    results = run(identifier, [direction("pt", "es")], EvaluateOptions(pivot=False))
    assert ways(results) == [("pt", "es", "zero_shot", None)]


def test_a_model_without_english_is_not_pivoted(identifier: LanguageIdentifier) -> None:
    translator = scripted_sentences(["es", "pt"], [], lambda text, target, via: text)
    results = evaluate(translator, identifier, [direction("pt", "es")])
    assert ways(results) == [("pt", "es", "zero_shot", None)]


def test_an_unknown_pivot_or_metric_is_refused(identifier: LanguageIdentifier) -> None:
    with pytest.raises(UnknownLanguage, match="fr is not supported"):
        run(identifier, [direction("pt", "es")], EvaluateOptions(via="fr"))
    with pytest.raises(InvalidInput, match="unknown metric 'ter'"):
        run(identifier, [direction("pt", "es")], EvaluateOptions(metrics=("ter",)))


def test_scores_are_those_of_the_asked_metrics(identifier: LanguageIdentifier) -> None:
    (row,) = run(
        identifier, [direction("pt", "es")], EvaluateOptions(metrics=("chrf",), pivot=False)
    )
    assert row.scores == {"chrf": score("chrf", PHRASES["en"], PHRASES["es"], "es")}
    assert row.sentences == 2


def test_work_in_portions_changes_nothing(identifier: LanguageIdentifier) -> None:
    sources = tuple(f"{'cut' if i % 10 == 0 else 'sentence'} {i}" for i in range(25))
    test = DirectionTest("numbers", "en", "es", sources, sources)
    translator = ScriptedSentences(LANGUAGES, TRAINED, lambda text, target, via: text.upper())
    options = EvaluateOptions(decode=DecodeOptions(batch_size=3))
    (row,) = evaluate(cast(SentenceTranslator, translator), identifier, [test], options)
    assert row.hypotheses == tuple(text.upper() for text in sources)
    assert row.truncated == 3
    assert [len(texts) for texts, _, _ in translator.calls] == [12, 12, 1]


def test_a_sentence_that_is_too_long_is_found_by_its_test(identifier: LanguageIdentifier) -> None:
    def refuse(text: str, target: TargetMix, via: str | None) -> str:
        raise InputTooLong("text 2 has 900 pieces, at most 256 are allowed")

    translator = scripted_sentences(LANGUAGES, TRAINED, refuse)
    with pytest.raises(InputTooLong, match=r"phrases en>es, counting from 1: text 2 has 900"):
        evaluate(translator, identifier, [direction("en", "es")])


def test_progress_goes_to_stderr(
    identifier: LanguageIdentifier,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("nmt.progress.SECONDS_BETWEEN_LINES", 0)
    run(identifier, [direction("pt", "es")], EvaluateOptions())
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "evaluate: 4 of 4 sentences" in captured.err


def test_outputs_are_written_line_by_line(identifier: LanguageIdentifier, tmp_path: Path) -> None:
    translator = scripted_sentences(LANGUAGES, TRAINED, lambda text, target, via: f"{via}\n{text}")
    results = evaluate(translator, identifier, [direction("pt", "es")])
    write_hypotheses(results, tmp_path / "new" / "outputs")
    first, second = PHRASES["pt"]
    written = {path.name: path.read_text("utf-8") for path in tmp_path.rglob("*.txt")}
    assert written == {
        "phrases.pt-es.zero_shot.txt": f"None {first}\nNone {second}\n",
        "phrases.pt-es.pivot.txt": f"en {first}\nen {second}\n",
    }


def test_outputs_that_cannot_be_written_are_an_error(
    identifier: LanguageIdentifier, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CorpusError, match=r"cannot write to .*file"):
        write_hypotheses([], tmp_path / "file")


def test_two_systems_are_compared_where_both_have_an_answer(
    identifier: LanguageIdentifier,
) -> None:
    tests = [direction("en", "es"), direction("pt", "es")]
    good = run(identifier, tests, EvaluateOptions())
    poor = scripted_sentences(LANGUAGES, [("pt", "es")], lambda text, target, via: text)
    baseline = evaluate(poor, identifier, tests, EvaluateOptions(pivot=False))
    comparisons = compare(good, baseline)
    # What one system was trained for is zero-shot to the other, and the same question.
    assert [(row.test.source, row.path) for row in comparisons] == [
        ("en", "direct"),
        ("pt", "zero_shot"),
    ]
    bleu = comparisons[0].scores["bleu"]
    assert bleu.system.score == pytest.approx(100)
    assert bleu.baseline.score == pytest.approx(
        score("bleu", PHRASES["en"], PHRASES["es"], "es").value
    )


def test_systems_without_a_common_direction_cannot_be_compared(
    identifier: LanguageIdentifier,
) -> None:
    ours = run(identifier, [direction("en", "es")], EvaluateOptions())
    theirs = run(identifier, [direction("en", "pt")], EvaluateOptions())
    with pytest.raises(CorpusError, match="nothing to compare"):
        compare(ours, theirs)


def test_a_model_that_knows_the_test_by_heart_scores_high(
    tiny_translator: Translator, identifier: LanguageIdentifier
) -> None:
    tests = read_tests([TOY / "toy.en-es.tsv", TOY / "toy.en-pt.tsv"], LANGUAGES, limit=8)
    options = EvaluateOptions(via="pt", decode=DecodeOptions(beam_size=1))
    results = evaluate(tiny_translator.sentences, identifier, tests, options)
    assert ways(results) == [
        ("en", "es", "direct", None),
        ("en", "es", "pivot", "pt"),
        ("es", "en", "direct", None),
        ("es", "en", "pivot", "pt"),
        ("en", "pt", "direct", None),
        ("pt", "en", "direct", None),
    ]
    direct = [row for row in results if row.path == "direct"]
    assert all(row.scores["bleu"].value > 60 for row in direct)
    for row in direct:
        again = tiny_translator.sentences.translate(
            row.test.sources, row.test.target, options=options.decode
        )
        assert row.hypotheses == tuple(translation.text for translation in again)
