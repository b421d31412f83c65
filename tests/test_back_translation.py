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
    model: Transformer, config: Config, directions: Any = DIRECTIONS
) -> BackTranslator:
    corpus = Corpus(Path(config.data.directory))
    written = corpus.written_pieces(config.languages)
    return BackTranslator(model, corpus.tokenizer, config.languages, directions, written)


def texts(batch: Batch, side: str, config: Config) -> list[str]:
    tokenizer = Corpus(Path(config.data.directory)).tokenizer
    return [tokenizer.decode(row[row != PAD].tolist()) for row in getattr(batch, side)]


def test_sources_are_the_models_own_translations_into_untrained_partners(
    trained: Transformer, tiny_config: Config, tiny_corpus: Path, tiny_model_dir: Path
) -> None:
    translator = load_translator(tiny_model_dir, engine="torch")
    batch = next(BatchStream(Corpus(tiny_corpus), tiny_config.languages, tiny_config.training))
    new = back_translator(trained, tiny_config)(batch, np.random.default_rng(0))
    assert np.array_equal(new.mix_BL, batch.mix_BL)
    assert texts(new, "labels_BT", tiny_config) == texts(batch, "labels_BT", tiny_config)
    before_and_after = zip(
        texts(batch, "source_BS", tiny_config), texts(new, "source_BS", tiny_config), strict=True
    )
    changed = 0
    for row, (before, after) in enumerate(before_and_after):
        target = tiny_config.languages[int(batch.mix_BL[row].argmax())]
        if target == "en":  # reached from all languages in training
            assert after == before
            continue
        text = texts(batch, "labels_BT", tiny_config)[row]
        partners = {"es", "pt", "fr"} - {target}
        options = [
            translator.sentences.translate([text], code, options=DecodeOptions(beam_size=1))
            for code in partners
        ]
        assert any(after and found[0].text.startswith(after[:4]) for found in options)
        changed += after != before
    assert changed > 1


def test_nothing_changes_where_all_directions_are_trained(
    trained: Transformer, tiny_config: Config, tiny_corpus: Path
) -> None:
    codes = tiny_config.languages
    every = [(source, target) for source in codes for target in codes if source != target]
    batch = next(BatchStream(Corpus(tiny_corpus), codes, tiny_config.training))
    assert back_translator(trained, tiny_config, every)(batch, np.random.default_rng(0)) is batch


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
