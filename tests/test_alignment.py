from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from nmt.config import Config
from nmt.data.batching import BatchStream
from nmt.data.corpus import Corpus, ShardInfo, write_manifest
from nmt.model.transformer import Transformer
from nmt.text.tokenizer import EOS, PAD
from nmt.train.alignment import Guide, Lexicon
from nmt.train.loss import batch_loss

WORDS = np.array([(20 + number, 60 + number) for number in range(30)])


@pytest.fixture(scope="module")
def lexicon(tmp_path_factory: pytest.TempPathFactory, tiny_corpus: Path) -> Lexicon:
    """Counted from random sentences of thirty words, each with a fixed translation."""
    folder = tmp_path_factory.mktemp("lexicon")
    rng = np.random.default_rng(0)
    sides = []
    for _ in range(300):
        words = rng.permutation(WORDS)[: rng.integers(1, 7)]
        sides += [words[:, 0], rng.permutation(words[:, 1])]
    np.save(folder / "toy.pieces.npy", np.concatenate(sides).astype(np.uint16))
    np.save(folder / "toy.offsets.npy", np.cumsum([0, *map(len, sides)]).astype(np.int64))
    (folder / "spm.model").write_bytes((tiny_corpus / "spm.model").read_bytes())
    write_manifest(folder, "toy", [ShardInfo("toy", ("en", "es"), 300)])
    return Lexicon.count(Corpus(folder), max_pairs=1000)


def test_each_word_is_pointed_to_its_translation(lexicon: Lexicon) -> None:
    source = np.array([[20, 21, 22, EOS], [23, 20, EOS, PAD]])
    labels = np.array([[62, 60, 61, EOS], [60, 63, EOS, PAD]])
    weights = lexicon.align(source, labels)
    assert weights.shape == (2, 4, 5)
    assert (weights[:, :, 0] == 0).all()  # never the tag
    assert weights[0].argmax(axis=1).tolist() == [3, 1, 2, 4]
    assert weights[1, :3].argmax(axis=1).tolist() == [2, 1, 3]
    assert (weights[1, 3] == 0).all() and (weights[1, :, 4] == 0).all()  # padding
    assert (weights.sum(axis=2) <= 1 + 1e-6).all()
    assert (weights[0].max(axis=1) > 0.8).all()


def test_it_works_in_both_directions(lexicon: Lexicon) -> None:
    forth = lexicon.align(np.array([[20, 21, 22, 23]]), np.array([[61, 63, 60, 62]]))
    back = lexicon.align(np.array([[61, 63, 60, 62]]), np.array([[20, 21, 22, 23]]))
    np.testing.assert_allclose(forth[0, :, 1:], back[0, :, 1:].T, atol=1e-6)


def test_it_survives_saving(lexicon: Lexicon, tmp_path: Path) -> None:
    lexicon.save(tmp_path / "lexicon.npz")
    again = Lexicon.load(tmp_path / "lexicon.npz")
    sentence = np.array([[20, 21, 22]]), np.array([[62, 60, 61]])
    assert np.array_equal(again.align(*sentence), lexicon.align(*sentence))
    assert [path.name for path in tmp_path.iterdir()] == ["lexicon.npz"]


def test_a_piece_without_a_partner_has_no_weight(lexicon: Lexicon) -> None:
    weights = lexicon.align(np.array([[20, 110]]), np.array([[111, 60]]))
    assert weights[0, 0].tolist() == [0, 0, 0]
    assert weights[0, 1, 1] > 0.8


def test_unknown_names_are_their_own_translation(lexicon: Lexicon) -> None:
    weights = lexicon.align(np.array([[20, 110]]), np.array([[110, 60]]))
    assert weights[0].argmax(axis=1).tolist() == [2, 1]


def test_a_guided_head_learns_to_look_where_it_is_told(
    tiny_config: Config, tiny_corpus: Path
) -> None:
    torch.manual_seed(0)
    corpus = Corpus(tiny_corpus)
    guide = Guide(Lexicon.count(corpus, 1000), weight=1.0)
    tags = [corpus.tokenizer.tag_ids[code] for code in tiny_config.languages]
    model = Transformer(tiny_config.model, corpus.tokenizer.vocab_size, tags)
    batch = next(BatchStream(corpus, tiny_config.languages, tiny_config.training))
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    losses = []
    for _ in range(40):
        loss = batch_loss(model, batch, 0.1, torch.device("cpu"), guide)
        losses.append((loss.objective - loss.smoothed).item())
        optimizer.zero_grad()
        (loss.objective / batch.num_tokens).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    assert losses[-1] < 0.6 * losses[0]


def test_without_guide_the_objective_is_the_loss_of_translation(
    tiny_config: Config, tiny_corpus: Path
) -> None:
    corpus = Corpus(tiny_corpus)
    tags = [corpus.tokenizer.tag_ids[code] for code in tiny_config.languages]
    model = Transformer(tiny_config.model, corpus.tokenizer.vocab_size, tags)
    batch = next(BatchStream(corpus, tiny_config.languages, tiny_config.training))
    loss = batch_loss(model, batch, 0.1, torch.device("cpu"))
    assert loss.objective.item() == loss.smoothed.item()
