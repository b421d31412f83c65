"""Guided alignment: where each target piece should look in its source, from counts alone.

A Transformer that starts from nothing takes long to find out that its source matters. A lexicon
that is counted in a minute knows roughly which source pieces a target piece translates; one
cross-attention head is taught to look there (Chen et al. 2016), and the model begins to translate
much earlier.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy import sparse
from torch import Tensor

from nmt.data.batching import Batch
from nmt.data.corpus import Corpus, Shard
from nmt.text.tokenizer import PAD

# B batch, S source length, T target length, V vocabulary

PAIRS_PER_BLOCK = 20_000
MIN_COUNT = 3
MIN_COSINE = 0.01
# How far one position in ten of the sentence from the diagonal weighs: exp(-0.1 * DIAGONAL).
DIAGONAL = 2.0


class Lexicon:
    """How strongly any two pieces are tied across languages: the cosine of their co-occurrence.

    Tied pairs are kept as sorted numbers `first * V + second`, to be found by bisection.
    """

    def __init__(
        self, vocab: int, pairs: npt.NDArray[np.int64], cosines: npt.NDArray[np.float32]
    ) -> None:
        self._vocab = vocab
        self._pairs = pairs
        self._cosines = cosines

    @classmethod
    def count(cls, corpus: Corpus, max_pairs: int) -> Lexicon:
        """Count up to `max_pairs` pairs of each source, evenly spread over it."""
        vocab = corpus.tokenizer.vocab_size
        together = sparse.csr_array((vocab, vocab), dtype=np.float32)
        counts_V = np.zeros(vocab)
        for shard in corpus.shards:
            chosen = np.linspace(0, len(shard) - 1, min(max_pairs, len(shard)), dtype=np.int64)
            for start in range(0, len(chosen), PAIRS_PER_BLOCK):
                first, second = _presence(shard, chosen[start : start + PAIRS_PER_BLOCK], vocab)
                together += first.T @ second
                counts_V += np.asarray(first.sum(axis=0) + second.sum(axis=0)).ravel()
        together = (together + together.T).tocoo()
        rows, columns = (axis.astype(np.int64) for axis in together.coords)
        cosines = together.data / np.sqrt(counts_V[rows] * counts_V[columns])
        kept = (together.data >= MIN_COUNT) & (cosines >= MIN_COSINE)
        pairs = (rows * vocab + columns)[kept]
        order = np.argsort(pairs)
        return cls(vocab, pairs[order], cosines[kept][order].astype(np.float32))

    @classmethod
    def load(cls, path: Path) -> Lexicon:
        """A lexicon that `save` wrote."""
        with np.load(path) as saved:
            return cls(int(saved["vocab"]), saved["pairs"], saved["cosines"])

    def save(self, path: Path) -> None:
        """Write it as `.npz`."""
        temporary = path.with_suffix(".tmp.npz")
        np.savez(temporary, vocab=self._vocab, pairs=self._pairs, cosines=self._cosines)
        temporary.replace(path)

    def cosines(
        self, first: npt.NDArray[np.int64], second: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float32]:
        """The cosine of each pair of pieces; 0 where the lexicon has none."""
        wanted = first * self._vocab + second
        places = np.searchsorted(self._pairs, wanted).clip(max=len(self._pairs) - 1)
        return np.where(self._pairs[places] == wanted, self._cosines[places], np.float32(0))

    def align(self, source_BS: npt.NDArray[np.int64], labels_BT: npt.NDArray[np.int64]) -> Any:
        """Weights [B, T, 1 + S] of the source positions for each label, tag position first.

        A row sums to its confidence, at most 1; it is 0 where the lexicon has nothing to say. Two
        pieces belong together as far as each is the best partner of the other in its sentence.
        """
        (size, source_length), length = source_BS.shape, labels_BT.shape[1]
        is_real = (labels_BT != PAD)[:, :, None] & (source_BS != PAD)[:, None, :]
        b, t, s = np.nonzero(is_real)
        values = self.cosines(labels_BT[b, t], source_BS[b, s])
        # A piece that is the same on both sides (a name, a number) is its own translation.
        values[labels_BT[b, t] == source_BS[b, s]] = 1.0
        lengths = (labels_BT != PAD).sum(1)[b], (source_BS != PAD).sum(1)[b]
        distance = np.abs((t + 0.5) / lengths[0] - (s + 0.5) / lengths[1])
        scores_BTS = np.zeros((size, length, source_length), dtype=np.float32)
        scores_BTS[b, t, s] = values**2 * np.exp(-DIAGONAL * distance)
        by_label = scores_BTS / (scores_BTS.sum(2, keepdims=True) + 1e-9)
        by_source = scores_BTS / (scores_BTS.sum(1, keepdims=True) + 1e-9)
        weights = by_label * by_source
        return np.pad(weights, ((0, 0), (0, 0), (1, 0)))


class Guide:
    """The alignment loss of batches, with its weight in the whole objective."""

    def __init__(self, lexicon: Lexicon, weight: float) -> None:
        self.weight = weight
        self._lexicon = lexicon

    def loss(self, looks_BTS: Tensor, batch: Batch) -> Tensor:
        """Sum over target positions of the cross-entropy between looks and lexicon."""
        weights = torch.from_numpy(self._lexicon.align(batch.source_BS, batch.labels_BT))
        return -(weights.to(looks_BTS.device) * (looks_BTS.float() + 1e-6).log()).sum()


def _presence(shard: Shard, indices: npt.NDArray[np.int64], vocab: int) -> tuple[Any, Any]:
    """For both sides of some pairs: sparse [pairs, V], 1 where a piece occurs."""
    pairs = [shard.pair(int(index)) for index in indices]
    sides = []
    for side in range(2):
        pieces = [pair[side] for pair in pairs]
        rows = np.repeat(np.arange(len(pairs)), [len(ids) for ids in pieces])
        columns = np.concatenate(pieces).astype(np.int64)
        matrix = sparse.csr_array(
            (np.ones(len(rows), np.float32), (rows, columns)), shape=(len(pairs), vocab)
        )
        matrix.sum_duplicates()
        matrix.data[:] = 1.0
        sides.append(matrix)
    shard.release()
    return sides[0], sides[1]
