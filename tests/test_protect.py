"""What a translation must hold unchanged."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt.text.protect import protect


@pytest.mark.parametrize(
    "span",
    [
        "https://example.com/a?b=1&c=(2)",
        "www.example.org",
        "me.too@example.co.uk",
        "{name}",
        "{{ user.name }}",
        "${HOME}",
        "{0}",
        "%s",
        "%(count)d",
        "%1$s",
        "%.2f",
        "<x1/>",
        "</b>",
        "&nbsp;",
        "`git push --force`",
        "snake_case_name",
        "/usr/local/bin",
        "@somebody",
        "#topic",
        "😀",
        "👩‍👩‍👧",
        "🇯🇵",
        "❤️",
    ],
)
def test_it_is_masked_in_the_middle_and_put_aside_at_the_ends(span: str) -> None:
    middle = protect(f"Look at {span} now.")
    assert middle.text == "Look at {1} now."
    assert middle.spans == (span,)
    assert middle.restore("Ahora mira {1}.") == f"Ahora mira {span}."
    for sentence in (f"{span} look", f"look {span}"):
        ends = protect(sentence)
        assert ends.text == "look"
        assert ends.restore("mira") == sentence.replace("look", "mira")


@pytest.mark.parametrize(
    "sentence",
    ["50% discount", "It is 100% sure.", "a < b and c > d", "e.g. this", "He & she", "5 % of it"],
)
def test_plain_text_is_left_alone(sentence: str) -> None:
    assert protect(sentence).text == sentence


@pytest.mark.parametrize("translation", ["nada", "{1} {1}", "{2}", "{1} {2}", "{1", "1} {1}"])
def test_a_translation_without_just_its_masks_is_refused(translation: str) -> None:
    assert protect("Look at {name} now.").restore(translation) is None


def test_masks_may_change_places_and_spacing() -> None:
    protected = protect("From {a} to {b}, says `c`.")
    assert protected.restore("{ 3 }: {2} {1}") == "`c`: {b} {a}"


def test_numbers_are_taken_out_if_asked_for() -> None:
    protected = protect("It costs 1,234.56 on 5/6 at 18h10, in 20 °C.", numbers=True)
    assert protected.spans == ("1,234.56", "5/6", "18h10", "20 °C")


def test_what_the_vocabulary_cannot_write_is_kept_by_the_word() -> None:
    protected = protect("He ate 饂飩 in Łódź today.", is_known=str.isascii)
    assert protected.spans == ("饂", "飩", "Łódź") or protected.spans == ("饂飩", "Łódź")
    assert protected.join(protected.between()) == "He ate 饂飩 in Łódź today."


def test_a_span_may_become_something_else() -> None:
    protected = protect("The house is red.", instead={(4, 9): "casa"})
    assert protected.text == "The {1} is red."
    assert protected.join(protected.between()) == "The casa is red."


@pytest.mark.parametrize(
    ("sentence", "expected", "translation", "restored"),
    [
        ("THE HOUSE IS RED!", "The house is red!", "La casa es roja.", "LA CASA ES ROJA."),
        ("SEE {name} AT HOME", "See {1} at home", "Ver a {1}", "VER A {name}"),
        ("ДОМ КРАСНЫЙ", "Дом красный", "The house", "THE HOUSE"),
        ("NASA", "NASA", "La NASA", "La NASA"),
        ("I AM in Rome", "I AM in Rome", "Estoy", "Estoy"),
        ("これはNASAです", "これはNASAです", "It is NASA", "It is NASA"),
        ("GROẞE STRAẞE", "GROẞE STRAẞE", "x", "x"),  # its capitals would not come back
    ],
)
def test_what_is_in_capitals_goes_to_the_model_in_small_letters(
    sentence: str, expected: str, translation: str, restored: str
) -> None:
    protected = protect(sentence)
    assert protected.text == expected
    assert protected.restore(translation) == restored


@given(st.text(max_size=60) | st.text("ABCΩßẞİıД {}1", max_size=20), st.booleans())
def test_nothing_is_ever_lost(sentence: str, numbers: bool) -> None:
    protected = protect(sentence, str.isascii, numbers)
    assert protected.join(protected.between()) == sentence
    if "{" not in sentence and "}" not in sentence:
        assert protected.restore(protected.text) == sentence
