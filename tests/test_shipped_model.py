"""The model that ships with the package: it loads, fits, and does what its card says."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmt import Translator, load_translator
from nmt.decode.translator import SHIPPED_MODEL
from nmt.text.langid import LanguageIdentifier

SENTENCES = [
    "Good morning, how are you?",
    "I would like a cup of coffee, please.",
    "My sister lives in a small house near the sea.",
    "We are going to the market tomorrow.",
    "He does not know what to say.",
    "Where did you buy this book?",
    "It is very cold today.",
    "The children are playing in the garden.",
    "Can you help me find my keys?",
    "They want to learn a new language.",
]


@pytest.fixture(scope="module")
def translator() -> Translator:
    return load_translator(threads=2)


def test_it_is_small_enough_to_live_in_the_repository() -> None:
    total = sum(path.stat().st_size for path in SHIPPED_MODEL.iterdir())
    assert total <= 30 * 2**20


def test_every_trained_direction_answers_in_the_right_language(translator: Translator) -> None:
    identifier = LanguageIdentifier(translator.languages)
    for source, target in translator.directions:
        texts = SENTENCES
        if source != "en":
            texts = [t.text for t in translator.translate(SENTENCES, source, source="en")]
        outputs = [t.text for t in translator.translate(texts, target, source=source)]
        found = [d.language for d in identifier.detect_all(outputs) if d]
        assert found.count(target) >= 8, (source, target, outputs)


def test_translating_there_and_back_keeps_most_words(translator: Translator) -> None:
    """A model that does not look at its source cannot do this."""
    from sacrebleu.metrics.chrf import CHRF

    for target in set(translator.languages) - {"en"}:
        there = [t.text for t in translator.translate(SENTENCES, target, source="en")]
        back = [t.text for t in translator.translate(there, "en", source=target)]
        assert CHRF().corpus_score(back, [SENTENCES]).score > 40, (target, there, back)


def test_the_ends_of_a_mix_are_the_plain_targets(translator: Translator) -> None:
    for pair in [("es", "pt"), ("pt", "fr")]:
        ends = [{pair[0]: 1.0, pair[1]: 0.0}, {pair[0]: 0.0, pair[1]: 1.0}]
        mixed = translator.translate([SENTENCES[0]] * 2, ends)
        plain = translator.translate([SENTENCES[0]] * 2, list(pair))
        assert mixed == plain


def test_a_mix_changes_over_between_its_languages(translator: Translator) -> None:
    identifier = LanguageIdentifier(["es", "pt"])
    changed = 0
    for text in SENTENCES:
        steps = [{"es": 1 - i / 10, "pt": i / 10} for i in range(11)]
        texts = [t.text for t in translator.translate([text] * 11, steps)]
        languages = [d.language for d in identifier.detect_all(texts) if d]
        changed += languages[0] == "es" and languages[-1] == "pt"
    assert changed >= 7


def test_its_card_has_scores_of_every_trained_direction(translator: Translator) -> None:
    card = Path(SHIPPED_MODEL / "README.md").read_text(encoding="utf-8")
    for source, target in translator.directions:
        assert f"{source} → {target}" in card
    assert "tok:13a" in card
    assert "macaronic evaluate" in card
