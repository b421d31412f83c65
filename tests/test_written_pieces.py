"""A translation is made of the pieces that its language is written with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import regex
from safetensors.numpy import load_file, save_file

from nmt import DecodeOptions, load_translator
from nmt.config import Config
from nmt.data.corpus import Corpus
from nmt.decode.engine import EngineName
from nmt.decode.translator import SHIPPED_MODEL
from nmt.decode.written import WrittenPieces
from nmt.model.model_dir import WEIGHTS, WRITTEN, load_model

TEXTS = ["The cat sleeps.", "Where is the station?", "Thank you very much."]


def copy(model: Path, folder: Path, written: np.ndarray | None) -> Path:
    """A copy of a model with other written pieces, or with none."""
    folder.mkdir()
    for path in model.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    weights = load_file(folder / WEIGHTS)
    weights.pop(WRITTEN)
    save_file(weights if written is None else {**weights, WRITTEN: written}, folder / WEIGHTS)
    return folder


def test_a_language_is_written_with_what_its_text_holds(
    tiny_config: Config, tiny_corpus: Path
) -> None:
    corpus = Corpus(tiny_corpus)
    written = dict(
        zip(tiny_config.languages, corpus.written_pieces(tiny_config.languages), strict=True)
    )
    seen = {code: set(corpus.tokenizer.without_letters) for code in tiny_config.languages}
    for shard in corpus.shards:
        for index in range(len(shard)):
            for code, pieces in zip(shard.info.languages, shard.pair(index), strict=True):
                seen[code] |= set(pieces.tolist())
    for code, own in written.items():
        assert set(np.flatnonzero(own)) == seen[code] - set(corpus.tokenizer.unwritten)


@pytest.mark.parametrize("engine", ["ctranslate2", "torch"])
@pytest.mark.parametrize("beam", [1, 5])
def test_nothing_else_is_written_to_a_plain_target(
    tiny_model_dir: Path, tmp_path: Path, engine: EngineName, beam: int
) -> None:
    info, tokenizer, weights = load_model(tiny_model_dir)
    expected = load_translator(tiny_model_dir, engine=engine).translate(TEXTS, "es")
    assert "e" in expected[0].text
    written = weights[WRITTEN].copy()
    with_e = [i for i in range(tokenizer.vocab_size) if "e" in tokenizer.piece(i)]
    written[info.languages.index("es"), with_e] = False
    model = copy(tiny_model_dir, tmp_path / "model", written)
    options = DecodeOptions(beam_size=beam)
    # As wide as the beam, which another language in the same batch must not widen.
    found = load_translator(model, engine=engine).sentences.translate(
        TEXTS * 3, ["es"] * 3 + ["pt"] * 3 + ["es:0.5,pt:0.5"] * 3, options=options
    )
    assert all("e" not in translation.text for translation in found[:3])
    assert any("e" in translation.text for translation in found[3:])


@pytest.mark.parametrize("beam", [1, 5])
def test_both_engines_agree(beam: int) -> None:
    options = DecodeOptions(beam_size=beam)
    targets = ["es", "ja", "be"]
    fast, reference = (
        load_translator(SHIPPED_MODEL, engine=engine, precision="float32").sentences
        for engine in ("ctranslate2", "torch")
    )
    ours = fast.translate(TEXTS * 3, sorted(targets * 3), options=options)
    theirs = reference.translate(TEXTS * 3, sorted(targets * 3), options=options)
    assert [one.text for one in ours] == [one.text for one in theirs]
    assert [one.score for one in ours] == pytest.approx([one.score for one in theirs], abs=1e-3)


@pytest.mark.parametrize("beam", [1, 5])
def test_both_engines_agree_on_mixes(beam: int) -> None:
    options = DecodeOptions(beam_size=beam)
    targets = ["es:0.5,fr:0.5", "ja:0.4,ko:0.6", "ru:0.5,be:0.5", "es:0.2,pt:0.3,ru:0.5"]
    fast, reference = (
        load_translator(SHIPPED_MODEL, engine=engine, precision="float32").sentences
        for engine in ("ctranslate2", "torch")
    )
    ours = fast.translate(TEXTS * 4, sorted(targets * 3), options=options)
    theirs = reference.translate(TEXTS * 4, sorted(targets * 3), options=options)
    assert [one.text for one in ours] == [one.text for one in theirs]


@pytest.mark.parametrize("engine", ["ctranslate2", "torch"])
def test_a_mix_is_written_like_its_languages(engine: EngineName) -> None:
    weights = [0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65]
    sentences = load_translator(SHIPPED_MODEL, engine=engine).sentences
    for targets, others in (
        ([f"es:{w},fr:{1 - w}" for w in weights], r"[\p{Cyrillic}\p{Hangul}\p{Han}\p{Hiragana}]"),
        ([f"ru:{w},be:{1 - w}" for w in weights], r"[\p{Hangul}\p{Han}\p{Hiragana}]"),
        ([f"ja:{w},ko:{1 - w}" for w in weights], r"\p{Cyrillic}"),
    ):
        for text in TEXTS:
            found = sentences.translate([text] * len(targets), targets)
            assert not [one.text for one in found if regex.search(others, one.text)]


def test_languages_that_share_most_pieces_are_written_alike() -> None:
    info, _, weights = load_model(SHIPPED_MODEL)
    written = WrittenPieces(weights[WRITTEN])

    def together(**mix: float) -> set[str]:
        numbers = written.languages([mix.get(code, 0.0) for code in info.languages])
        return {info.languages[i] for i in numbers}

    assert together(ru=0.5, be=0.5) == {"ru", "uk", "be"}
    assert together(es=0.5, pt=0.5) == {"en", "es", "pt", "fr"}
    assert together(ja=0.5, ko=0.5) == {"ja", "ko"}
    assert together(ru=1.0) == {"ru"}


def test_a_model_that_does_not_say_may_write_anything(tiny_model_dir: Path, tmp_path: Path) -> None:
    model = copy(tiny_model_dir, tmp_path / "model", None)
    for engine in ("ctranslate2", "torch"):
        found = load_translator(model, engine=engine).translate(TEXTS, "es")
        assert found[0].text == "El gato duerme."
