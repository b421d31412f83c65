from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nmt import load_translator
from nmt.config import Config
from nmt.data.batching import Batch, BatchStream
from nmt.data.corpus import Corpus
from nmt.decode.engine import DecodeOptions
from nmt.errors import ConfigError
from nmt.model.model_dir import WRITTEN, load_model
from nmt.model.transformer import Transformer
from nmt.sections import parse
from nmt.text.tokenizer import PAD
from nmt.train.back_translation import BackTranslator
from nmt.train.loop import train

DIRECTIONS = [("en", "es"), ("es", "en"), ("en", "pt"), ("pt", "en"), ("en", "fr"), ("fr", "en")]


@pytest.fixture(scope="module")
def trained(tiny_model_dir: Path) -> Transformer:
    info, tokenizer, weights = load_model(tiny_model_dir)
    del weights[WRITTEN]
    tags = [tokenizer.tag_ids[code] for code in info.languages]
    model = Transformer(info.architecture, info.vocab_size, tags)
    model.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    return model


def back_translator(
    model: Transformer, config: Config, directions: Any = DIRECTIONS, thin: Any = ()
) -> BackTranslator:
    corpus = Corpus(Path(config.data.directory))
    written = corpus.written_pieces(config.languages)
    return BackTranslator(model, corpus.tokenizer, config.languages, directions, thin, written)


def texts(batch: Batch, side: str, config: Config) -> list[str]:
    tokenizer = Corpus(Path(config.data.directory)).tokenizer
    return [tokenizer.decode(row[row != PAD].tolist()) for row in getattr(batch, side)]


@pytest.fixture(scope="module")
def batch(tiny_config: Config, tiny_corpus: Path) -> Batch:
    return next(BatchStream(Corpus(tiny_corpus), tiny_config.languages, tiny_config.training))


class Made:
    """What became of the rows of a batch."""

    def __init__(self, batch: Batch, new: Batch, config: Config, model: Path) -> None:
        assert np.array_equal(new.mix_BL, batch.mix_BL)
        self.targets = texts(batch, "labels_BT", config)
        assert texts(new, "labels_BT", config) == self.targets
        self.before = texts(batch, "source_BS", config)
        self.after = texts(new, "source_BS", config)
        self.codes = [config.languages[int(row.argmax())] for row in batch.mix_BL]
        self._translator = load_translator(model, engine="torch")

    def changed(self, target: str) -> list[bool]:
        return [
            before != after
            for before, after, code in zip(self.before, self.after, self.codes, strict=True)
            if code == target
        ]

    def is_translation(self, row: int, text: str, codes: set[str]) -> bool:
        """Whether the new source is what the model makes of a text in one of these languages."""
        beam = DecodeOptions(beam_size=1)
        found = [
            self._translator.sentences.translate([text], code, options=beam)[0].text
            for code in codes
        ]
        return self.after[row] in found


def test_sources_of_untrained_directions_are_translations_of_the_english_side(
    trained: Transformer, tiny_config: Config, batch: Batch, tiny_model_dir: Path
) -> None:
    new = back_translator(trained, tiny_config)(batch, np.random.default_rng(0))
    made = Made(batch, new, tiny_config, tiny_model_dir)
    assert not any(made.changed("en"))  # reached from all languages in training
    assert sum(made.changed("es")) > 1
    for row, (before, after) in enumerate(zip(made.before, made.after, strict=True)):
        if before != after:  # the source was English: nothing else is translated to these
            assert made.is_translation(row, before, {"es", "pt", "fr"} - {made.codes[row]})


def test_sources_in_thin_languages_are_translations_of_english_targets(
    trained: Transformer, tiny_config: Config, batch: Batch, tiny_model_dir: Path
) -> None:
    every = [(a, b) for a in tiny_config.languages for b in tiny_config.languages if a != b]
    new = back_translator(trained, tiny_config, every, ["pt"])(batch, np.random.default_rng(0))
    made = Made(batch, new, tiny_config, tiny_model_dir)
    assert any(made.changed("en")) and not all(made.changed("en"))  # a row draws its language
    assert not any(made.changed("pt"))
    for row, (before, after) in enumerate(zip(made.before, made.after, strict=True)):
        if before != after:
            assert made.is_translation(row, made.targets[row], {"pt"})


def test_nothing_changes_where_all_directions_are_trained(
    trained: Transformer, tiny_config: Config, batch: Batch
) -> None:
    every = [(a, b) for a in tiny_config.languages for b in tiny_config.languages if a != b]
    assert back_translator(trained, tiny_config, every)(batch, np.random.default_rng(0)) is batch


def test_an_unknown_thin_language_is_named(tiny_config: Config) -> None:
    tree = tiny_config.model_dump(mode="json")
    tree["training"]["back_translation"] = {"share": 0.5, "thin": ["xx"]}
    with pytest.raises(ConfigError, match="not among the languages: xx"):
        parse(Config, tree, "test")


def test_it_begins_at_its_share_of_the_budget(
    tiny_config: Config, tiny_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = []

    def spy(self: BackTranslator, batch: Batch, rng: np.random.Generator) -> Batch:
        steps.append(batch)
        return batch

    monkeypatch.setattr(BackTranslator, "__call__", spy)
    tree = tiny_config.model_dump(mode="json")
    tree["training"].update(
        directory=str(tmp_path / "run"),
        max_steps=20,
        validation=[],
        back_translation={"share": 1.0, "start": 0.75},
    )
    train(parse(Config, tree, "test"))
    assert len(steps) == 5
