from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise

import pytest
import regex
from fake_translate import ALL, backwards, same, unlinked, upper
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.documents import Aligned
from nmt.documents.edits import Span
from nmt.documents.inline import Builder, Inline
from nmt.documents.stretches import best_stretches
from nmt.text.alignment import Link

_TAG = regex.compile(r"</(?P<close>\w+)>|<(?P<empty>\w+)/>|<(?P<open>\w+)>")


def built(source: str) -> Inline:
    builder = Builder(set(), collapses=False)
    place = 0
    for tag in _TAG.finditer(source):
        builder.add(source[place : tag.start()], Span(place, tag.start()))
        if tag["close"]:
            builder.close(tag["close"], tag[0])
        elif tag["empty"]:
            builder.point(tag[0])
        else:
            builder.open(tag["open"], tag[0])
        place = tag.end()
    builder.add(source[place:], Span(place, len(source)))
    return builder.finish()


def rendered(source: str, translate: Callable[[str], Aligned]) -> str:
    inline = built(source)
    parts = inline.render(translate(inline.text), str)
    return "".join(part if isinstance(part, str) else source[slice(*part)] for part in parts)


def to(text: str, *links: tuple[int, int, int, int]) -> Callable[[str], Aligned]:
    return lambda _: Aligned(text, tuple(Link(*link) for link in links))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            "I saw the <b>red <i>house</i></b> of <a>my friend</a>.",
            "<a>friend. my</a> of <b><i>house</i> red</b> the saw I",
        ),
        ("<b>a</b> <i>b</i>", "<i>b</i> <b>a</b>"),
        ("<b>Hello!</b> World", "World <b>Hello!</b>"),
        ("(<b>Hello!</b>) you", "you (<b>Hello!</b>)"),
        ("H<sub>2</sub>O is <b>wet</b>", "<b>wet</b> is H<sub>2</sub>O"),
        ("one<x/> two <y/>three", "three two <y/>one<x/>"),
        ("<b><i>one two</i></b>", "<b><i>two one</i></b>"),
        ("<img/> one two", "<img/> two one"),
    ],
)
def test_marks_go_with_their_words(source: str, expected: str) -> None:
    assert rendered(source, backwards) == expected


@pytest.mark.parametrize(
    "word", ["<b>Hello!</b> World", "<b>Hello</b>! World", "say <b>ok</b>, now"]
)
def test_punctuation_at_an_edge_stays_on_its_side(word: str) -> None:
    assert rendered(word, unlinked) == word.upper().replace("B>", "b>")


def test_a_mark_over_the_whole_text_covers_the_whole_translation() -> None:
    assert rendered("<b>What time?</b>", to("¿Qué hora es?")) == "<b>¿Qué hora es?</b>"
    source = "He: <b>What?</b> Yes"
    translate = to("Él: ¿Qué? Sí", (0, 2, 0, 2), (4, 9, 4, 9), (10, 13, 10, 12))
    assert rendered(source, translate) == "Él: <b>¿Qué?</b> Sí"


def test_of_words_apart_a_mark_takes_one_between_two_but_not_more() -> None:
    near = to("x gab es auf", (2, 9, 2, 5), (2, 9, 9, 12), (10, 12, 6, 8))
    assert rendered("I <b>give up</b> it", near) == "x <b>gab es auf</b>"
    apart = to("gab das viele Rauchen auf", (0, 7, 0, 3), (0, 7, 22, 25), (8, 20, 4, 21))
    assert rendered("<b>gave up</b> smoking much", apart) == "<b>gab</b> das viele Rauchen auf"


def test_without_spaces_marks_end_at_the_borders_of_links() -> None:
    translate = to("家は大きいです。", (4, 9, 0, 1), (13, 16, 2, 5))
    assert (
        rendered("The <b>house</b> is <i>big</i>.", translate) == "<b>家</b>は<i>大きい</i>です。"
    )
    assert rendered("<b>Yes.</b> No", to("はい。いいえ", (0, 4, 0, 3), (5, 7, 3, 6))) == (
        "<b>はい。</b>いいえ"
    )


def test_without_links_marks_go_by_the_position_of_words() -> None:
    assert rendered("a b <b>c</b> d", to("p q r s")) == "p q <b>r</b> s"
    assert rendered("a <b>b</b>", to("p q r s")) == "p q <b>r s</b>"


def test_a_mark_whose_words_have_no_links_goes_by_their_position() -> None:
    assert rendered("a <b>b</b> c", to("p q r", (0, 1, 0, 1), (4, 5, 4, 5))) == "p <b>q</b> r"


def test_marks_that_share_a_word_are_both_kept() -> None:
    result = rendered("<b>New</b> <i>York</i> x", to("NuevaYork x", (0, 8, 0, 9), (9, 10, 10, 11)))
    assert _names(result) == ["b", "i"]
    assert _TAG.sub("", result) == "NuevaYork x"


def test_masks_come_back_as_what_they_stand_for_and_are_never_lost_or_doubled() -> None:
    builder = Builder({1})
    builder.add("Press {1} and ", Span(0, 14))
    builder.mask("<code>x</code>")
    inline = builder.finish()
    assert inline.text == "Press {1} and {2}"
    assert inline.render(Aligned("{ 2 } y {1}"), str) == ["", "<code>x</code>", " y {1}"]
    assert "".join(map(str, inline.render(Aligned("y"), str))) == "y<code>x</code>"
    assert "".join(map(str, inline.render(Aligned("{2}{2}"), str))) == "<code>x</code>"


def test_marks_nested_too_deep_are_kept_as_points() -> None:
    source = "<b>x " * 300 + "y" + "</b>" * 300
    assert rendered(source, same) == source
    assert _TAG.sub("", rendered(source, upper)) == _TAG.sub("", source).upper()


def _names(text: str) -> list[str]:
    return sorted(tag["open"] or tag["empty"] for tag in _TAG.finditer(text) if not tag["close"])


def _is_nested(text: str) -> bool:
    opened: list[str] = []
    for tag in _TAG.finditer(text):
        if tag["open"]:
            opened.append(tag["open"])
        elif tag["close"] and (not opened or opened.pop() != tag["close"]):
            return False
    return not opened


_PLAIN = st.sampled_from(["red", " house ", " ", ", ", "!", "H2O", "。", " (a)", "家 は", " don't"])


def _trees() -> st.SearchStrategy[str]:
    """Markup with proper nesting; names are made different afterwards."""
    return st.recursive(
        _PLAIN | st.just("<@/>"),
        lambda inner: st.lists(inner, max_size=4).map(lambda found: f"<@>{''.join(found)}</@>"),
        max_leaves=8,
    )


@st.composite
def _sources(draw: st.DrawFn) -> str:
    raw = "".join(draw(st.lists(_trees(), max_size=6)))
    number = 0
    opened: list[str] = []

    def named(match: regex.Match[str]) -> str:
        nonlocal number
        if match[0] == "</@>":
            return f"</{opened.pop()}>"
        number += 1
        if match[0] == "<@>":
            opened.append(f"m{number}")
        return match[0].replace("@", f"m{number}")

    return regex.sub(r"</?@/?>", named, raw)


@st.composite
def _random_links(draw: st.DrawFn, text: str) -> Aligned:
    translation = draw(st.text(alphabet="ab .,!家は{1}", max_size=30))
    places = st.integers(0, max(len(text), len(translation)))
    links = draw(st.lists(st.tuples(places, places, places, places), max_size=8))
    return Aligned(translation, tuple(Link(*link) for link in links))


@given(_sources())
@settings(max_examples=200, deadline=None)
def test_the_same_words_have_the_same_marks(source: str) -> None:
    assert rendered(source, same) == source


@given(_sources(), st.sampled_from(ALL))
@settings(max_examples=200, deadline=None)
def test_marks_are_neither_lost_nor_doubled_nor_crossed(
    source: str, translate: Callable[[str], Aligned]
) -> None:
    _check(source, translate(built(source).text))


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_so_with_any_links(data: st.DataObject) -> None:
    source = data.draw(_sources())
    _check(source, data.draw(_random_links(built(source).text)))


def _check(source: str, aligned: Aligned) -> None:
    result = rendered(source, lambda _: aligned)
    assert _names(result) == _names(source)
    assert _is_nested(result)
    # White space that the translator did not see stands where it was.
    assert _TAG.sub("", result).split() == aligned.text.split() or (
        "".join(_TAG.sub("", result).split()) == "".join(aligned.text.split())
    )


@given(
    st.integers(0, 4).flatmap(
        lambda columns: st.lists(
            st.lists(st.integers(-3, 3).map(float), min_size=columns, max_size=columns),
            min_size=1,
            max_size=3,
        )
    ),
    st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_the_best_stretches_are_those_of_a_search_through_all(
    gains: list[list[float]], tiles: bool
) -> None:
    columns = len(gains[0])
    found = best_stretches(gains, tiles)
    assert all(a[1] <= b[0] for a, b in pairwise(found))
    if tiles and columns:
        assert sum(end - start for start, end in found) == columns
    if columns >= len(gains):
        assert all(start < end for start, end in found)
        assert _sum(gains, found) == max(
            _sum(gains, f) for f in _all(len(gains), 0, columns, tiles)
        )


def _sum(gains: list[list[float]], found: list[tuple[int, int]]) -> float:
    return sum(sum(row[slice(*span)]) for row, span in zip(gains, found, strict=True))


def _all(rows: int, start: int, columns: int, tiles: bool) -> Iterable[list[tuple[int, int]]]:
    if not rows:
        if start == columns or not tiles:
            yield []
        return
    for first in [start] if tiles else range(start, columns):
        for last in range(first + 1, columns + 1):
            for rest in _all(rows - 1, last, columns, tiles):
                yield [(first, last), *rest]
