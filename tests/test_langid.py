from collections.abc import Sequence

import pytest

from nmt.errors import ConfigError, MacaronicError
from nmt.text.langid import LanguageIdentifier

SENTENCES = {
    "en": "The children are playing in the garden behind the house.",
    "es": "Los niños juegan en el jardín detrás de la casa.",
    "pt": "As crianças estão brincando no jardim atrás da casa.",
    "fr": "Les enfants jouent dans le jardin derrière la maison.",
    "ja": "子供たちは家の裏の庭で遊んでいます。",
    "ko": "아이들이 집 뒤 정원에서 놀고 있습니다.",
    "ru": "Дети играют в саду за домом, а родители сидят дома.",
    "uk": "Діти граються в саду за будинком, а батьки сидять удома.",
    "be": "Дзеці гуляюць у садзе за домам, а бацькі сядзяць дома.",
}


@pytest.fixture(scope="module")
def identifier() -> LanguageIdentifier:
    return LanguageIdentifier(list(SENTENCES))


@pytest.mark.parametrize("language", SENTENCES)
def test_each_language_is_identified(identifier: LanguageIdentifier, language: str) -> None:
    detection = identifier.detect(SENTENCES[language])
    assert detection is not None
    assert detection.language == language
    assert 0.5 < detection.confidence <= 1


@pytest.mark.parametrize("text", ["", "  \n\t", "1, 2, 3!", "👍 — …"])
def test_text_without_letters_has_no_language(identifier: LanguageIdentifier, text: str) -> None:
    assert identifier.detect(text) is None


def test_ranking_has_every_language_and_sums_to_one(identifier: LanguageIdentifier) -> None:
    ranked = identifier.ranked(SENTENCES["uk"])
    confidences = [detection.confidence for detection in ranked]
    assert {detection.language for detection in ranked} == set(SENTENCES)
    assert confidences == sorted(confidences, reverse=True)
    assert sum(confidences) == pytest.approx(1)
    assert ranked[0] == identifier.detect(SENTENCES["uk"])


def test_texts_are_detected_one_by_one_in_order(identifier: LanguageIdentifier) -> None:
    texts = [*SENTENCES.values(), "", "abc"]
    assert identifier.detect_all(texts) == [identifier.detect(text) for text in texts]


def test_only_given_languages_are_answered() -> None:
    detection = LanguageIdentifier(["en", "uk"]).detect(SENTENCES["be"])
    assert detection is not None
    assert detection.language == "uk"


def test_a_variant_is_answered_as_it_was_given_and_the_first_stands_for_all() -> None:
    detections = LanguageIdentifier(["pt-BR", "pt-PT", "es"]).ranked(SENTENCES["pt"])
    assert [detection.language for detection in detections] == ["pt-BR", "es"]


@pytest.mark.parametrize("languages", [["en", "qq"], ["qq-BR"]])
def test_unknown_language_is_refused_with_those_known(languages: Sequence[str]) -> None:
    with pytest.raises(ConfigError, match=r"^qq cannot be identified: .* knows .*\bes, et, eu\b"):
        LanguageIdentifier(languages)
    assert issubclass(ConfigError, MacaronicError)


def test_half_a_character_does_no_harm(identifier: LanguageIdentifier) -> None:
    detection = identifier.detect(SENTENCES["fr"] + "\ud800")
    assert detection is not None
    assert detection.language == "fr"


def test_a_long_text_is_judged_by_its_beginning(identifier: LanguageIdentifier) -> None:
    beginning = (SENTENCES["fr"] + " ") * 100
    text = beginning + SENTENCES["en"] * 10_000
    assert identifier.ranked(text) == identifier.ranked(beginning)
