"""Beam search over toy tables, against trying everything."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from nmt.decode.search import Finished, beam_search

BOS, EOS, VOCAB = 0, 1, 5


def random_table(seed: int) -> Tensor:
    """Log-probabilities of the next piece, by the last one."""
    generator = torch.Generator().manual_seed(seed)
    return torch.log_softmax(2 * torch.randn(VOCAB, VOCAB, generator=generator), dim=-1)


def search(
    tables: list[Tensor], limits: list[int], beam_size: int, **options: float
) -> list[list[Finished]]:
    rows = torch.stack(tables).repeat_interleave(beam_size, dim=0)

    def step(parents_R: Tensor, pieces_R: Tensor, position: int) -> Tensor:
        nonlocal rows
        rows = rows[parents_R]
        return rows[torch.arange(len(rows)), pieces_R]

    return beam_search(step, limits, beam_size=beam_size, bos=BOS, eos=EOS, **options)  # type: ignore[arg-type]


def every_sequence(table: Tensor, limit: int, penalty: float) -> list[tuple[float, list[int]]]:
    """All sequences that end within the limit, best first."""
    found = []
    for length in range(limit):
        for pieces in itertools.product([p for p in range(VOCAB) if p != EOS], repeat=length):
            path = [BOS, *pieces, EOS]
            total = sum(table[a, b].item() for a, b in itertools.pairwise(path))
            found.append((total / (length + 1) ** penalty, list(pieces)))
    return sorted(found, reverse=True)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_a_beam_wide_enough_finds_what_trying_everything_finds(seed: int, penalty: float) -> None:
    table = random_table(seed)
    best_score, best = every_sequence(table, limit=4, penalty=penalty)[0]
    hypotheses = search([table], [4], beam_size=256, length_penalty=penalty)[0]
    assert hypotheses[0].pieces == best
    assert math.isclose(hypotheses[0].score, best_score, rel_tol=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_a_beam_of_one_takes_the_best_piece_each_time(seed: int) -> None:
    table = random_table(seed)
    pieces: list[int] = []
    last = BOS
    while len(pieces) < 8 and (last := int(table[last].argmax())) != EOS:
        pieces.append(last)
    found = search([table], [8], beam_size=1)[0]
    assert [h.pieces for h in found] == [pieces]
    assert found[0].is_complete == (last == EOS)


def test_sentences_of_a_batch_do_not_touch_each_other() -> None:
    tables, limits = [random_table(seed) for seed in range(6)], [3, 9, 5, 2, 7, 9]
    together = search(tables, limits, beam_size=3)
    alone = [search([t], [n], beam_size=3)[0] for t, n in zip(tables, limits, strict=True)]
    assert [[h.pieces for h in beam] for beam in together] == [
        [h.pieces for h in beam] for beam in alone
    ]


def test_hypotheses_are_different_and_best_first() -> None:
    for beam in search([random_table(seed) for seed in range(8)], [6] * 8, beam_size=4):
        assert len({tuple(h.pieces) for h in beam}) == len(beam)
        assert [h.score for h in beam] == sorted((h.score for h in beam), reverse=True)


def test_a_sentence_that_never_ends_stops_at_its_limit_and_says_so() -> None:
    table = torch.zeros(VOCAB, VOCAB)
    table[:, EOS] = -1e4
    for hypothesis in search([table], [5], beam_size=2)[0]:
        assert len(hypothesis.pieces) == 5
        assert not hypothesis.is_complete


def test_a_forbidden_piece_never_appears() -> None:
    table = torch.zeros(VOCAB, VOCAB)
    table[:, 3] = 5.0
    beam = search([table], [6], beam_size=3, forbidden=[3])[0]  # type: ignore[arg-type]
    assert beam and all(3 not in h.pieces for h in beam)
