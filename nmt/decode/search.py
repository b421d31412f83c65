"""Beam search over a step function; greedy search is a beam of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

# N sentences still searched, K beam size, R = N x K rows, V vocabulary


@dataclass(frozen=True)
class Finished:
    """A hypothesis: pieces without start and end, and its length-normalised log-probability."""

    pieces: list[int]
    score: float
    is_complete: bool


# step(parents_R, pieces_R, position) -> logits_RV: every row goes on from an earlier row
# (`parents_R`) with one more piece; caches are the function's own business.
StepFunction = Callable[[Tensor, Tensor, int], Tensor]


@dataclass
class _Beams:
    """All state of a search: the living hypotheses of each sentence, best first, and the ended."""

    sentences: list[int]
    max_lengths: list[int]
    pieces_NKT: Tensor
    scores_NK: Tensor
    finished: list[list[Finished]]  # by number of the sentence, as in `sentences`


def beam_search(
    step: StepFunction,
    max_lengths: Sequence[int],
    *,
    beam_size: int,
    bos: int,
    eos: int,
    forbidden: Sequence[int] = (),
    length_penalty: float = 1.0,
    device: torch.device | None = None,
) -> list[list[Finished]]:
    """Up to `beam_size` hypotheses for each sentence, best first.

    Rows start as sentence 0 x K, sentence 1 x K …; only the first of each K starts alive.
    `max_lengths` limits the pieces of each sentence, end included. A sentence is done when K
    hypotheses have ended; the living ones count only if none has ended at the limit.
    """
    size = len(max_lengths)
    scores_NK = torch.full((size, beam_size), -torch.inf, device=device)
    scores_NK[:, 0] = 0.0
    start_NK1 = torch.full((size, beam_size, 1), bos, dtype=torch.long, device=device)
    results: list[list[Finished]] = [[] for _ in range(size)]
    beams = _Beams(list(range(size)), list(max_lengths), start_NK1, scores_NK, results)
    parents_R = torch.arange(size * beam_size, device=device)
    forbidden_ids = torch.tensor(list(forbidden), dtype=torch.long, device=device)
    for position in range(max(max_lengths, default=0)):
        logits_RV = step(parents_R, beams.pieces_NKT[:, :, -1].reshape(-1), position).float()
        logits_RV[:, forbidden_ids] = -torch.inf
        log_p_RV = torch.log_softmax(logits_RV, dim=-1)
        parents_NK = _advance(beams, log_p_RV, eos, length_penalty)
        living = [n for n in range(len(beams.sentences)) if _is_living(beams, n)]
        if not living:
            break
        rows_N = torch.tensor(living, device=device)
        offsets_N1 = rows_N[:, None] * beam_size
        parents_R = (parents_NK[rows_N] + offsets_N1).reshape(-1)
        beams.sentences = [beams.sentences[n] for n in living]
        beams.max_lengths = [beams.max_lengths[n] for n in living]
        beams.pieces_NKT = beams.pieces_NKT[rows_N]
        beams.scores_NK = beams.scores_NK[rows_N]
    return [sorted(found, key=lambda h: (-h.is_complete, -h.score)) for found in results]


def _advance(beams: _Beams, log_p_RV: Tensor, eos: int, length_penalty: float) -> Tensor:
    """Extend every hypothesis by its best pieces; gives each new row's parent [N, K].

    Twice K candidates are enough: at most K of them end, so K go on.
    """
    size, width = beams.scores_NK.shape
    total_NKV = beams.scores_NK[:, :, None] + log_p_RV.view(size, width, -1)
    vocab = total_NKV.shape[-1]
    count = min(2 * width, width * vocab)
    best_NC, index_NC = total_NKV.view(size, -1).topk(count)
    parents_NC, pieces_NC = index_NC // vocab, index_NC % vocab
    ends_NC = (pieces_NC == eos) | best_NC.isinf()
    _collect(beams, best_NC, parents_NC, ends_NC, length_penalty)
    # The first K that go on, in order of score: a stable sort keeps that order.
    order_NK = ends_NC.to(torch.uint8).sort(dim=1, stable=True).indices[:, :width]
    parents_NK = parents_NC.gather(1, order_NK)
    history = beams.pieces_NKT.gather(
        1, parents_NK[:, :, None].expand(-1, -1, beams.pieces_NKT.shape[2])
    )
    new_NK1 = pieces_NC.gather(1, order_NK)[:, :, None]
    beams.pieces_NKT = torch.cat([history, new_NK1], dim=2)
    is_dead_NK = ends_NC.gather(1, order_NK)
    beams.scores_NK = best_NC.gather(1, order_NK).masked_fill(is_dead_NK, -torch.inf)
    length = beams.pieces_NKT.shape[2] - 1
    for n, limit in enumerate(beams.max_lengths):
        if length >= limit and not beams.finished[beams.sentences[n]]:
            _keep_unfinished(beams, n, length_penalty)
    return parents_NK


def _collect(
    beams: _Beams, best_NC: Tensor, parents_NC: Tensor, ends_NC: Tensor, length_penalty: float
) -> None:
    """Move hypotheses that end among the best K candidates to the finished ones."""
    width = beams.scores_NK.shape[1]
    length = beams.pieces_NKT.shape[2]
    ended = (ends_NC & ~best_NC.isinf())[:, :width].nonzero().tolist()
    for n, candidate in ended:
        found = beams.finished[beams.sentences[n]]
        if len(found) < width:
            pieces = beams.pieces_NKT[n, parents_NC[n, candidate], 1:].tolist()
            score = best_NC[n, candidate].item() / length**length_penalty
            found.append(Finished(pieces, score, is_complete=True))


def _is_living(beams: _Beams, n: int) -> bool:
    """Whether a sentence needs further steps."""
    length = beams.pieces_NKT.shape[2] - 1
    if length >= beams.max_lengths[n]:
        return False
    if beams.scores_NK[n, 0].item() == -torch.inf:
        return False
    found = beams.finished[beams.sentences[n]]
    return len(found) < beams.scores_NK.shape[1]


def _keep_unfinished(beams: _Beams, n: int, length_penalty: float) -> None:
    """At the length limit with nothing finished: the living hypotheses are all there is."""
    length = beams.pieces_NKT.shape[2] - 1
    for pieces, score in zip(
        beams.pieces_NKT[n, :, 1:].tolist(), beams.scores_NK[n].tolist(), strict=True
    ):
        if score != -torch.inf:
            kept = Finished(pieces, score / length**length_penalty, is_complete=False)
            beams.finished[beams.sentences[n]].append(kept)
