from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nmt.errors import ModelError
from nmt.text.tokenizer import (
    BOS,
    EOS,
    PAD,
    UNK,
    Tokenizer,
    extend_tokenizer,
    language_tag,
    train_tokenizer,
)

TEXTS = {
    "en": "The cat, which sleeps, doesn't care.",
    "es": "¿Dónde está el niño? ¡Aquí!",
    "pt": "O coração não é só um músculo.",
    "fr": "L'œuf à la coque coûte 3 €.",
    "ja": "猫は寝ています。",
    "ko": "고양이가 자고 있어요.",
    "ru": "Кошка спит на диване.",
    "uk": "Кішка їсть, а її собака спить.",
    "be": "Кошка спіць, ўсё ціха.",
}


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer(train_tokenizer([*TEXTS.values()] * 3, list(TEXTS), 600))


@pytest.mark.parametrize("code", TEXTS)
def test_text_of_nine_languages_comes_back(tokenizer: Tokenizer, code: str) -> None:
    assert tokenizer.decode(tokenizer.encode(TEXTS[code])) == TEXTS[code]


@pytest.mark.parametrize("text", ["🦊🎉 fox", "ꙮ", "ሰላም", "𓀀 and 𝼀", "x÷y→z", "कुत्ता"])
def test_characters_never_seen_come_back_as_bytes(tokenizer: Tokenizer, text: str) -> None:
    ids = tokenizer.encode(text)
    assert UNK not in ids
    assert tokenizer.decode(ids) == text


# The sign of a space in pieces and the sign of broken text: the vocabulary takes both for a space.
SPACES = "\u2581\ufffd"
SEEN = st.characters(categories=["Lu", "Ll", "Lo", "Nd", "So"], exclude_characters=SPACES)


@settings(max_examples=200, deadline=None)
@given(st.text(SEEN, min_size=1))
def test_nothing_vanishes(tokenizer: Tokenizer, text: str) -> None:
    ids = tokenizer.encode(text)
    assert UNK not in ids
    assert ids
    # What normalisation makes of the text is a fixed point: nothing else may get lost.
    once = tokenizer.decode(ids)
    assert tokenizer.decode(tokenizer.encode(once)) == once


def test_an_extended_vocabulary_spells_new_languages_and_leaves_old_text_alone() -> None:
    latin = ["en", "es", "pt", "fr"]
    old = Tokenizer(train_tokenizer([TEXTS[code] for code in latin] * 3, latin, 400))
    new = ["ko", "ja"]
    sentences = [TEXTS[code] for code in new] * 3
    extended = Tokenizer(extend_tokenizer(old.model, sentences, new, old.vocab_size + 40))
    assert extended.languages == (*latin, *new)
    assert list(extended.tag_ids.values()) == list(range(UNK + 1, UNK + 1 + 6))
    assert old.vocab_size + 10 < extended.vocab_size <= old.vocab_size + 40
    pieces = [extended.piece(i) for i in range(extended.vocab_size)]
    assert len(set(pieces)) == len(pieces)
    for code in latin:
        spelling = [old.piece(i) for i in old.encode(TEXTS[code])]
        assert [extended.piece(i) for i in extended.encode(TEXTS[code])] == spelling
    for code in new:
        assert old.has_bytes(TEXTS[code]) and not extended.has_bytes(TEXTS[code])
        assert extended.decode(extended.encode(TEXTS[code])) == TEXTS[code]
    written = extended.encode("<2ko> é")
    assert extended.decode(written) == "<2ko> é"  # text, not a tag
    assert not set(written) & set(extended.tag_ids.values())


def test_a_vocabulary_is_extended_twice() -> None:
    model = train_tokenizer([TEXTS["en"]] * 3, ["en"], 320)
    for code in ("ru", "ja"):
        model = extend_tokenizer(model, [TEXTS[code]] * 3, [code], Tokenizer(model).vocab_size + 30)
    tokenizer = Tokenizer(model)
    assert tokenizer.languages == ("en", "ru", "ja")
    assert not any(tokenizer.has_bytes(TEXTS[code]) for code in ("en", "ru", "ja"))


def test_tags_have_the_ids_after_the_special_pieces(tokenizer: Tokenizer) -> None:
    assert tokenizer.languages == tuple(TEXTS)
    assert list(tokenizer.tag_ids.values()) == list(range(UNK + 1, UNK + 1 + len(TEXTS)))


@pytest.mark.parametrize(
    "text", ["<2es>", "Say <2es> now", "<2es><2pt>", "a<2en>b", "<2zz>", "<2es>"]
)
def test_a_tag_written_in_the_text_is_text(tokenizer: Tokenizer, text: str) -> None:
    ids = tokenizer.encode(text)
    assert not set(ids) & set(tokenizer.tag_ids.values())
    assert tokenizer.decode(ids) == text.replace("<2es>", "<2es>")


@pytest.mark.parametrize("text", ["<s>", "</s>", "<pad>", "<unk>", "<0x41>"])
def test_a_special_piece_written_in_the_text_is_text(tokenizer: Tokenizer, text: str) -> None:
    ids = tokenizer.encode(text)
    assert not set(ids) & {PAD, BOS, EOS, UNK}
    assert tokenizer.decode(ids) == text


def test_a_batch_is_encoded_like_its_texts(tokenizer: Tokenizer) -> None:
    texts = [*TEXTS.values(), "", "<2es> hola"]
    assert tokenizer.encode_all(texts) == [tokenizer.encode(text) for text in texts]
    assert tokenizer.encode_all([]) == []


def test_empty_text_has_no_pieces(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode("") == []
    assert tokenizer.decode([]) == ""


def test_special_pieces_and_tags_decode_to_nothing(tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode("The cat")
    tag = tokenizer.tag_ids["es"]
    assert tokenizer.decode([BOS, tag, *ids, EOS, PAD, PAD]) == "The cat"


def test_the_same_sentences_give_the_same_model() -> None:
    models = {train_tokenizer([*TEXTS.values()] * 3, ["en", "es"], 500) for _ in range(2)}
    assert len(models) == 1


def test_a_tag_is_spelled_as_users_know_it() -> None:
    assert language_tag("es") == "<2es>"


def test_a_missing_vocabulary_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"cannot read .*spm\.model: No such file"):
        Tokenizer.load(tmp_path / "spm.model")


@pytest.mark.parametrize("content", [b"", b"this is no model", b"\x0a\xff\xff\xff\xff"])
def test_a_corrupt_vocabulary_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "spm.model"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"spm\.model is (not a SentencePiece model|empty)"):
        Tokenizer.load(path)


def test_a_vocabulary_cut_short_is_named(tokenizer: Tokenizer, tmp_path: Path) -> None:
    path = tmp_path / "spm.model"
    path.write_bytes(tokenizer.model[: len(tokenizer.model) // 2])
    with pytest.raises(ModelError, match=r"spm\.model is not a SentencePiece model"):
        Tokenizer.load(path)


def test_a_vocabulary_too_small_for_the_characters_is_refused() -> None:
    with pytest.raises(ModelError, match="cannot make a vocabulary of 64 pieces"):
        train_tokenizer([*TEXTS.values()], list(TEXTS), 64)
