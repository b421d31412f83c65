from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nmt.config import Config
from nmt.data.batching import BatchStream
from nmt.data.corpus import Corpus
from nmt.data.masks import add_masks
from nmt.text.tokenizer import PAD


def masked(source: str, target: str) -> set[tuple[str, str]]:
    rng = np.random.default_rng(0)
    return {add_masks(source, target, rng) for _ in range(50)}


def test_names_and_numbers_that_both_sides_hold_are_masked() -> None:
    found = masked("Tom paid 3.50 for Ana.", "Ana: Tom pagó 3.50.")
    assert ("{1} paid 3.50 for Ana.", "Ana: {1} pagó 3.50.") in found
    assert ("Tom paid {1} for {2}.", "{2}: Tom pagó {1}.") in found
    assert all(a.count("{") == b.count("{") in (1, 2) for a, b in found)


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("Where is it?", "¿Dónde está?"),
        ("Tom saw Tom.", "Tom vio a Tom."),  # which of them is which?
        ("It is 7.", "それは7です。"),  # no word of its own
    ],
)
def test_without_any_a_mask_stands_at_the_beginning_or_the_end(source: str, target: str) -> None:
    found = masked(source, target)
    assert (f"{{1}} {source}", f"{{1}} {target}") in found
    assert (f"{source[:-1]} {{1}}{source[-1]}", f"{target[:-1]} {{1}}{target[-1]}") in found
    assert len(found) == 2


def test_a_share_of_the_batches_has_masks_on_both_sides(
    tiny_config: Config, tiny_corpus: Path
) -> None:
    settings = tiny_config.training.model_copy(update={"masks": 0.3, "noise": 0.0})
    corpus = Corpus(tiny_corpus)
    stream = BatchStream(corpus, tiny_config.languages, settings)
    with_masks = []
    for batch in [next(stream) for _ in range(100)]:
        counts = []
        for source, target in zip(batch.source_BS, batch.labels_BT, strict=True):
            texts = [corpus.tokenizer.decode(row[row != PAD].tolist()) for row in (source, target)]
            assert texts[0].count("{1}") == texts[1].count("{1}")
            counts.append(texts[0].count("{1}"))
        assert set(counts) in ({0}, {1})
        with_masks.append(counts[0])
    assert 15 < sum(with_masks) < 45


def test_all_ranks_have_masks_in_the_same_batches(tiny_config: Config, tiny_corpus: Path) -> None:
    settings = tiny_config.training.model_copy(update={"masks": 0.5, "noise": 0.3})
    corpus = Corpus(tiny_corpus)
    whole = BatchStream(corpus, tiny_config.languages, settings)
    halves = [BatchStream(corpus, tiny_config.languages, settings, None, r, 2) for r in (0, 1)]
    for _ in range(20):
        rows = [row[row != PAD].tolist() for row in next(whole).source_BS]
        parts = [[row[row != PAD].tolist() for row in next(half).source_BS] for half in halves]
        assert rows[0::2] == parts[0] and rows[1::2] == parts[1]
