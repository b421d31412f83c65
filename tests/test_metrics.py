"""Scores equal sacreBLEU's own, and always say how they were made."""

from __future__ import annotations

import builtins
from importlib.metadata import version
from typing import Any

import pytest
import sacrebleu

from nmt.errors import InvalidInput, MissingDependency
from nmt.evaluate.metrics import (
    METRICS,
    check_metrics,
    off_target_rate,
    paired_bootstrap,
    score,
)
from nmt.text.langid import LanguageIdentifier

SENTENCES = {
    "es": (
        ["El gato duerme sobre la mesa vieja.", "Mañana iremos todos juntos a la playa."],
        ["El gato duerme en la mesa vieja.", "Mañana vamos todos juntos a la playa."],
    ),
    "ja": (
        ["猫は古い机の上で静かに眠っています。", "明日みんなで海へ行きましょう。"],
        ["猫は古い机の上で眠っています。", "明日はみんなで海に行きましょう。"],
    ),
    "ko": (
        ["고양이가 낡은 책상 위에서 조용히 자고 있습니다.", "내일 모두 함께 바다에 갑시다."],
        ["고양이는 낡은 책상 위에서 자고 있습니다.", "내일은 모두 함께 바다로 갑시다."],
    ),
}
TOKENIZERS = {"es": "13a", "ja": "ja-mecab", "ko": "ko-mecab"}


@pytest.mark.parametrize("target", SENTENCES)
def test_bleu_equals_sacrebleu_with_the_tokeniser_of_the_language(target: str) -> None:
    hypotheses, references = SENTENCES[target]
    ours = score("bleu", hypotheses, references, target)
    by_hand = sacrebleu.corpus_bleu(hypotheses, [references], tokenize=TOKENIZERS[target])
    assert ours.value == by_hand.score
    assert 0 < ours.value < 100
    assert f"tok:{TOKENIZERS[target]}" in ours.signature
    assert f"version:{sacrebleu.__version__}" in ours.signature


def test_the_tokeniser_makes_a_difference() -> None:
    hypotheses, references = SENTENCES["ja"]
    ours = score("bleu", hypotheses, references, "ja")
    assert ours.value != sacrebleu.corpus_bleu(hypotheses, [references]).score


@pytest.mark.parametrize("target", SENTENCES)
def test_chrf_equals_sacrebleu(target: str) -> None:
    hypotheses, references = SENTENCES[target]
    ours = score("chrf", hypotheses, references, target)
    assert ours.value == sacrebleu.corpus_chrf(hypotheses, [references]).score
    assert "nc:6" in ours.signature


def test_a_region_of_a_language_has_its_tokeniser() -> None:
    hypotheses, references = SENTENCES["ja"]
    assert "tok:ja-mecab" in score("bleu", hypotheses, references, "ja-JP").signature


def test_empty_outputs_score_zero() -> None:
    _, references = SENTENCES["es"]
    assert [score(name, ["", ""], references, "es").value for name in METRICS] == [0, 0]


def test_an_unknown_metric_is_refused_with_the_known_ones() -> None:
    check_metrics(["chrf", "bleu"], ["es", "ko"])
    with pytest.raises(InvalidInput, match="unknown metric 'comet': choose from bleu, chrf"):
        check_metrics(["bleu", "comet"], ["es"])


@pytest.mark.parametrize("name", METRICS)
def test_without_sacrebleu_the_extra_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    original = builtins.__import__

    def refuse(module: str, *args: Any, **kwargs: Any) -> Any:
        if module.startswith("sacrebleu"):
            raise ImportError(module)
        return original(module, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingDependency, match=r"pip install 'macaronic\[evaluate\]'"):
        score(name, ["a"], ["a"], "es")


def test_without_mecab_the_language_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sacrebleu.tokenizers.tokenizer_ja_mecab.MeCab", None)
    with pytest.raises(MissingDependency, match=r"tokeniser for ja.*macaronic\[evaluate\]"):
        check_metrics(["bleu"], ["es", "ja"])


@pytest.fixture(scope="module")
def identifier() -> LanguageIdentifier:
    return LanguageIdentifier(["en", "es", "pt", "fr"])


def test_off_target_rate_counts_outputs_in_another_language(
    identifier: LanguageIdentifier,
) -> None:
    spanish = [
        "Mi hermana vive en una casa pequeña cerca del río.",
        "¿Quién ha abierto la ventana?",
    ]
    english = ["My sister lives in a small house near the river."]
    rate = off_target_rate([*spanish, *english, "2 + 2 = 4", "…", ""], "es", identifier)
    assert rate is not None
    assert rate.value == pytest.approx(1 / 3)
    assert rate.signature == f"lid:py3langid|langs:en.es.fr.pt|version:{version('py3langid')}"
    from_english = off_target_rate([*spanish, *english], "en", identifier)
    assert from_english is not None
    assert from_english.value == pytest.approx(2 / 3)


def test_off_target_rate_is_unknown_without_letters(identifier: LanguageIdentifier) -> None:
    assert off_target_rate(["", "12", "?!"], "es", identifier) is None


REFERENCES = [
    f"The {animal} in the {place} has seen {count} ships pass by before noon."
    for animal in ("heron", "old dog", "grey cat", "goat")
    for place in ("harbour", "field", "garden")
    for count in ("two", "seven", "forty")
]


def test_a_system_does_not_differ_from_itself() -> None:
    outputs = [text.replace("ships", "boats") for text in REFERENCES]
    for paired in paired_bootstrap(outputs, outputs, REFERENCES, "en").values():
        assert paired.p_value == 1.0
        assert paired.system == paired.baseline


def test_a_much_worse_system_differs_by_more_than_chance() -> None:
    good = [text.replace("ships", "boats") for text in REFERENCES]
    bad = [" ".join(reversed(text.split())) for text in good]
    paired = paired_bootstrap(good, bad, REFERENCES, "en")
    assert list(paired) == ["bleu", "chrf"]
    for name, both in paired.items():
        assert both.p_value < 0.01
        assert both.system.score == pytest.approx(score(name, good, REFERENCES, "en").value)
        assert both.baseline.score == pytest.approx(score(name, bad, REFERENCES, "en").value)
        assert both.system.score - both.system.margin > both.baseline.score + both.baseline.margin
        assert "bs:1000" in both.signature
        assert "seed:12345" in both.signature


def test_a_difference_in_one_sentence_may_be_chance() -> None:
    system = [text.replace("ships", "boats") for text in REFERENCES]
    other = [system[0].replace("before", "after"), *system[1:]]
    assert paired_bootstrap(system, other, REFERENCES, "en", ["chrf"])["chrf"].p_value > 0.05


def test_the_bootstrap_can_be_repeated() -> None:
    system = [text.replace("ships", "boats") for text in REFERENCES]
    other = [text.replace("noon", "night") for text in system]
    first, second = (paired_bootstrap(system, other, REFERENCES, "en", ["bleu"]) for _ in range(2))
    assert first == second
