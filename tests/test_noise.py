from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nmt.config import Config
from nmt.data.batching import Batch, BatchStream
from nmt.data.corpus import Corpus
from nmt.data.noise import add_noise
from nmt.text.tokenizer import PAD


def faults(text: str) -> set[str]:
    rng = np.random.default_rng(0)
    return {add_noise(text, rng) for _ in range(400)}


def test_faults_are_those_that_people_make() -> None:
    found = faults("Where is Ana?")
    assert {"where is ana?", "WHERE IS ANA?", "Where is Ana"} <= found
    assert {"Wehre is Ana?", "Were is Ana?"} <= found
    assert "WWhere is Ana?" in found
    assert all(abs(len(text) - len("Where is Ana?")) <= 1 for text in found)


@pytest.mark.parametrize("text", ["", "?!", "7", "犬が好き。", "<x1/>"])
def test_texts_without_words_are_no_trouble(text: str) -> None:
    assert all(set(found.lower()) <= set(text.lower()) for found in faults(text))
    assert text in faults(text)


def sources(batches: list[Batch], config: Config) -> list[str]:
    tokenizer = Corpus(Path(config.data.directory)).tokenizer
    rows = [row for batch in batches for row in batch.source_BS]
    return [tokenizer.decode(row[row != PAD].tolist()) for row in rows]


def batches_without_and_with_faults(
    config: Config, corpus: Path
) -> tuple[list[Batch], list[Batch]]:
    """The same batches, once with faults in three of ten."""
    noisy = config.training.model_copy(update={"noise": 0.3})
    plain, faulty = (
        BatchStream(Corpus(corpus), config.languages, settings)
        for settings in (config.training, noisy)
    )
    return [next(plain) for _ in range(60)], [next(faulty) for _ in range(60)]


def test_a_share_of_the_sources_has_faults_and_no_target_has(
    tiny_config: Config, tiny_corpus: Path
) -> None:
    plain, faulty = batches_without_and_with_faults(tiny_config, tiny_corpus)
    pairs = list(zip(sources(plain, tiny_config), sources(faulty, tiny_config), strict=True))
    share = sum(before != after for before, after in pairs) / len(pairs)
    assert 0.15 < share < 0.35  # some faults change nothing
    for one, other in zip(plain, faulty, strict=True):
        assert np.array_equal(one.labels_BT, other.labels_BT)


def test_sentences_with_faults_which_are_longer_do_not_pad_others(
    tiny_config: Config, tiny_corpus: Path
) -> None:
    plain, faulty = batches_without_and_with_faults(tiny_config, tiny_corpus)
    for one, other in zip(plain, faulty, strict=True):
        lengths = [(batch.source_BS != PAD).sum(axis=1) for batch in (one, other)]
        share = (lengths[0] == lengths[1]).mean()
        assert one.source_BS.shape == other.source_BS.shape or share < 0.9


def test_ranks_and_resumed_runs_see_the_same_faults(tiny_config: Config, tiny_corpus: Path) -> None:
    noisy = tiny_config.training.model_copy(update={"noise": 0.5})
    corpus = Corpus(tiny_corpus)
    whole = BatchStream(corpus, tiny_config.languages, noisy)
    shares = [BatchStream(corpus, tiny_config.languages, noisy, None, rank, 2) for rank in (0, 1)]
    for _ in range(5):
        together = sources([next(whole)], tiny_config)
        assert sorted(together) == sorted(sources([next(s) for s in shares], tiny_config))
    again = BatchStream(corpus, tiny_config.languages, noisy, shares[0].position)
    assert sources([next(again)], tiny_config) == sources([next(whole)], tiny_config)
