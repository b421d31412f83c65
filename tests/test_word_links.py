"""Which words of a translation come from which of its source."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nmt import Translator, load_translator
from nmt.decode.engine import Source, load_engine
from nmt.text.alignment import Link, link_words, word_spans
from nmt.text.tokenizer import Tokenizer

PAIRS = [
    ("The cat sleeps.", "El gato duerme."),
    ("Thank you.", "Gracias."),
    ("", "Hola."),
    ("A", ""),
]


def named(source: str, target: str, links: tuple[Link, ...]) -> set[tuple[str, str]]:
    return {(source[a:b], target[c:d]) for a, b, c, d in links}


def test_words_are_linked_as_their_pieces_look_at_each_other() -> None:
    source, target = "red house", "casa roja"
    halves = [(0, 3), (3, 6), (6, 9)]  # pieces of "red house"; " ho" is the second
    attention = np.array([[0.1, 0.4, 0.5], [0.8, 0.1, 0.1]], np.float32)
    links = link_words(source, target, halves, [(0, 4), (4, 9)], attention)
    assert named(source, target, links) == {("house", "casa"), ("red", "roja")}


def test_a_name_belongs_to_itself_wherever_the_model_looks() -> None:
    attention = np.array([[0.1, 0.9], [0.9, 0.1]], np.float32)
    links = link_words("Tom runs", "Tom corre", [(0, 3), (3, 8)], [(0, 3), (3, 9)], attention)
    assert ("Tom", "Tom") in named("Tom runs", "Tom corre", links)


def test_a_word_that_nothing_looks_at_has_no_link() -> None:
    attention = np.array([[0.98, 0.01, 0.01], [0.98, 0.01, 0.01]], np.float32)
    spans = [(0, 1), (1, 3), (3, 5)]
    links = link_words("a b c", "x y", spans, [(0, 1), (1, 3)], attention)
    assert named("a b c", "x y", links) == {("a", "x"), ("a", "y")}


def test_japanese_is_linked_by_the_character() -> None:
    assert word_spans("東京へ") == [(0, 1), (1, 2), (2, 3)]
    links = link_words("to Tokyo", "東京へ", [(0, 2), (2, 8)], [(0, 2), (2, 3)], np.eye(2)[::-1])
    assert named("to Tokyo", "東京へ", links) == {("Tokyo", "東"), ("Tokyo", "京"), ("to", "へ")}


@given(st.text(max_size=30))
def test_pieces_know_where_in_the_text_they_are(text: str) -> None:
    tokenizer = Tokenizer.load(Path("nmt/pretrained/spm.model"))
    ids, spans = tokenizer.encode_with_spans(text)
    assert ids == tokenizer.encode(text)
    starts = [start for start, _ in spans]
    assert starts == sorted(starts)
    assert all(0 <= start <= end <= len(text) for start, end in spans)


def test_both_engines_see_the_same(tiny_model_dir: Path) -> None:
    info, tokenizer, reference = load_engine(tiny_model_dir, "torch")
    _, _, fast = load_engine(tiny_model_dir, precision="float32")
    mixes = [(0.0, 1.0, 0.0, 0.0), (0.0, 0.3, 0.7, 0.0)]
    sources = [Source(tokenizer.encode(text), mix) for text, _ in PAIRS for mix in mixes]
    targets = [tokenizer.encode(text) for _, text in PAIRS for _ in mixes]
    assert len(info.languages) == len(mixes[0])
    ours, theirs = fast.align(sources, targets), reference.align(sources, targets)
    for source, target, one, other in zip(sources, targets, ours, theirs, strict=True):
        assert one.shape == other.shape == (len(target), len(source.pieces))
        assert one == pytest.approx(other, abs=1e-4)


def test_links_of_a_text_are_those_of_its_sentences_moved_to_their_place(
    shipped: Translator,
) -> None:
    text = "Good morning, Tom.\n\n- I saw the red house. Thank you."
    (whole,) = shipped.translate([text], "es", source="en", align=True)
    apart = ["Good morning, Tom.", "I saw the red house.", "Thank you."]
    parts = shipped.translate(apart, "es", source="en", align=True)
    source = target = 0
    expected: list[Link] = []
    for sentence, part in zip(apart, parts, strict=True):
        source, target = text.index(sentence, source), whole.text.index(part.text, target)
        expected += [link.moved(source, target) for link in part.links]
    assert list(whole.links) == expected
    found = named(text, whole.text, whole.links)
    assert {("Tom", "Tom"), ("house", "casa")} <= found


def test_without_asking_there_are_no_links(shipped: Translator) -> None:
    assert shipped.translate(["The red house."], "es")[0].links == ()


@pytest.fixture(scope="module")
def shipped() -> Translator:
    return load_translator()
