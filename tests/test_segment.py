import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.text.segment import Segment, join, needs_language, split

LANGUAGES = ("en", "es", "pt", "fr", "ja", "ko", "ru", "uk", "be")

any_text = st.text(st.characters() | st.sampled_from(" \t\r\n.!?。「」\"'-*#1a)ЯI👍🏽\ud800\u3000"))


def sentences(text: str, language: str) -> list[str]:
    return [segment.text for segment in split(text, language) if segment.is_sentence]


@given(any_text, st.sampled_from([*LANGUAGES, "xx", "pt-BR"]))
def test_segments_joined_are_the_text(text: str, language: str) -> None:
    segments = split(text, language)
    assert "".join(segment.text for segment in segments) == text
    assert "".join(join(segments, [s.text for s in segments if s.is_sentence])) == text


@given(any_text, st.sampled_from(LANGUAGES))
def test_sentences_are_bare_and_have_letters(text: str, language: str) -> None:
    for segment in split(text, language):
        assert segment.text
        if segment.is_sentence:
            assert segment.text == segment.text.strip()
            assert any(character.isalpha() for character in segment.text)
            assert len(segment.text.splitlines()) == 1


@given(
    st.lists(st.sampled_from(["A cat.", "Was it? ", "\n\n", "- ", "\t", "日本。", "It's me!  "]))
)
def test_translations_stand_where_the_sentences_stood(parts: list[str]) -> None:
    segments = split("".join(parts), "en")
    translations = [str(n) + "。" for n, s in enumerate(s for s in segments if s.is_sentence)]
    remaining = iter(translations)
    expected = [next(remaining) if s.is_sentence else s.text for s in segments]
    assert "".join(join(segments, translations)) == "".join(expected)


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("en", ["Dr. Smith went home.", 'He said: "Hello! How are you?"', "Really?"]),
        ("es", ["¿Cómo estás?", "¡Muy bien!", "El Sr. García vive aquí."]),
        ("pt", ["O Sr. Silva chegou.", "Ele disse: «Olá!»", "Depois foi embora."]),
        ("fr", ["M. Dupont est arrivé.", "C'est vrai ?", "L'an 1 av. J.-C. est loin.", "Oui."]),
        ("ko", ["네.", "오늘은 날씨가 좋아요!", '그는 "안녕."이라고 말했다.', "끝."]),
        ("ru", ["Я живу в г. Москве.", "Он сказал: «Привет!»", "Потом ушёл."]),
        ("uk", ["Він живе в м. Києві.", "Це 5 млн. грн. на рік.", "Потім пішов."]),
        ("be", ["Я жыву ў г. Мінску.", "Ён сказаў: «Прывітанне!»", "Потым пайшоў."]),
        ("en", ["J. K. Rowling wrote it.", "It was 5 p.m.", "Then it ended."]),
        ("xx", ["No rules of its own.", "It is split all the same."]),
    ],
)
def test_sentence_ends_are_those_of_the_language(language: str, expected: list[str]) -> None:
    assert sentences(" ".join(expected), language) == expected


def test_japanese_needs_no_white_space() -> None:
    expected = [
        "今日は天気がいいです。",
        "散歩に行きましょう！",
        "「はい。」と彼は言った。",
        "本当？",
    ]
    assert sentences("".join(expected), "ja") == expected


def test_half_a_character_stays_where_it_is() -> None:
    assert sentences("One \ud800 half. Two.", "en") == ["One \ud800 half.", "Two."]


def test_layout_is_not_part_of_sentences() -> None:
    text = "  1. First. Second!\r\n\r\n\t- [x] Do it. \n---\n> quoted\n# Title\n👍 12:30\n"
    assert sentences(text, "en") == ["First.", "Second!", "Do it.", "quoted", "Title"]


def test_a_line_end_ends_a_sentence() -> None:
    assert sentences("one\ntwo\r\nthree\rfour", "en") == ["one", "two", "three", "four"]


def test_white_space_between_sentences_stays() -> None:
    segments = split("One.  Two.\n\nThree.", "en")
    assert "".join(join(segments, ["Uno.", "Dos.", "Tres."])) == "Uno.  Dos.\n\nTres."


def test_translations_from_japanese_get_the_space_that_it_does_without() -> None:
    segments = split("はい。元気です。\nでは。", "ja")
    assert "".join(join(segments, ["Yes.", "I am well.", "Bye."])) == "Yes. I am well.\nBye."
    assert "".join(join(segments, ["好。", "很好。", "再见。"])) == "好。很好。\n再见。"


@pytest.mark.parametrize("count", [0, 1, 3])
def test_join_wants_one_translation_for_each_sentence(count: int) -> None:
    with pytest.raises(ValueError, match=f"{count} translations for 2 sentences"):
        join([Segment("A.", True), Segment(" ", False), Segment("B.", True)], ["x"] * count)


def test_a_long_line_is_split_in_linear_time() -> None:
    assert len(sentences("A cat sat here. " * 20_000, "en")) == 20_000


@given(st.text(alphabet="ab A,.!?。！:;-\n'\"」¿ あ", max_size=24))
def test_without_a_sign_in_the_middle_the_language_does_not_matter(text: str) -> None:
    if not needs_language(text):
        assert all(split(text, language) == split(text, "en") for language in LANGUAGES)
