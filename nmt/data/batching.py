"""From the prepared corpus to batches: a seeded mix of directions, alike in length.

Nothing here grows with the corpus: examples are drawn in pools, each source walks through its
pairs in a pseudo-random order that is computed, not stored, and the position is a few integers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from nmt.config import TrainingConfig
from nmt.data.corpus import Corpus, Shard
from nmt.data.masks import add_masks
from nmt.data.noise import add_noise
from nmt.errors import ConfigError
from nmt.text.tokenizer import BOS, EOS, PAD

# B batch, S source length, T target length, L languages
Ints = npt.NDArray[np.int64]


class Example(NamedTuple):
    """A sentence pair in one direction, as piece ids without special pieces."""

    source: Sequence[int] | npt.NDArray[np.uint16]
    target: Sequence[int] | npt.NDArray[np.uint16]
    target_language: int


@dataclass(frozen=True)
class Batch:
    """Padded sentence pairs; labels are the target moved on by one piece."""

    source_BS: Ints
    mix_BL: npt.NDArray[np.float32]
    target_BT: Ints
    labels_BT: Ints

    @property
    def num_tokens(self) -> int:
        """Target pieces that are not padding."""
        return int((self.labels_BT != PAD).sum())


def collate(examples: Sequence[Example], num_languages: int) -> Batch:
    """Pad examples to one batch: source … </s>, target <s> …, labels … </s>."""
    size = len(examples)
    source_length = max((len(e.source) for e in examples), default=0) + 1
    target_length = max((len(e.target) for e in examples), default=0) + 1
    source_BS = np.full((size, source_length), PAD, dtype=np.int64)
    target_BT = np.full((size, target_length), PAD, dtype=np.int64)
    labels_BT = np.full_like(target_BT, PAD)
    mix_BL = np.zeros((size, num_languages), dtype=np.float32)
    target_BT[:, 0] = BOS
    for row, (source, target, language) in enumerate(examples):
        source_BS[row, : len(source)] = source
        source_BS[row, len(source)] = EOS
        target_BT[row, 1 : len(target) + 1] = target
        labels_BT[row, : len(target)] = target
        labels_BT[row, len(target)] = EOS
        mix_BL[row, language] = 1.0
    return Batch(source_BS, mix_BL, target_BT, labels_BT)


@dataclass(frozen=True)
class Stream:
    """One source of pairs read in one direction."""

    shard: Shard
    source: str
    target: str
    seed: tuple[int, ...]

    @property
    def amount(self) -> float:
        """How much this source counts within its direction."""
        return self.shard.info.weight * len(self.shard)

    @property
    def is_synthetic(self) -> bool:
        """Whether a machine wrote one of its sides."""
        return self.shard.info.synthetic is not None

    @property
    def is_reversed(self) -> bool:
        """Whether the shard's second language is the source."""
        return self.shard.info.languages[0] != self.source

    def indices(self, start: int, count: int) -> Ints:
        """Pairs number `start` to `start + count` of an endless walk.

        An epoch has every pair once: its position i is pair (a i + b) mod n, with `a` coprime to n
        and new each epoch.
        """
        size = len(self.shard)
        positions = np.arange(start, start + count, dtype=np.int64)
        result = np.empty_like(positions)
        for epoch in np.unique(positions // size):
            rng = np.random.default_rng([*self.seed, int(epoch)])
            factor = int(rng.integers(size // 4, size // 2 + 1)) | 1
            while math.gcd(factor, size) != 1:
                factor += 1
            chosen = positions // size == epoch
            result[chosen] = (positions[chosen] % size * factor + int(rng.integers(size))) % size
        return result

    def example(self, index: int, target_language: int) -> Example:
        """The pair at an index in this stream's direction."""
        first, second = self.shard.pair(index)
        if self.is_reversed:
            first, second = second, first
        return Example(first, second, target_language)


@dataclass
class Position:
    """Where in the data a run is: all that it takes to go on with the next batch."""

    pool: int = 0
    batch: int = 0
    cursors: list[int] = field(default_factory=list)


class BatchStream:
    """Endless batches of a corpus; `position` after a batch leads to the next one.

    Directions are drawn with probability ~ amount ** (1 / temperature) (Arivazhagan et al. 2019),
    sources within a direction by amount, a pool is sorted by length and cut into batches of up to
    `batch_tokens` padded pieces a side. Of `ranks` streams each gives every so-many-th row of the
    same batches, which may be none at all; their positions are the same.
    """

    def __init__(
        self,
        corpus: Corpus,
        languages: Sequence[str],
        config: TrainingConfig,
        position: Position | None = None,
        rank: int = 0,
        ranks: int = 1,
    ) -> None:
        self._config = config
        self._rank, self._ranks = rank, ranks
        self._languages = list(languages)
        self._shards = corpus.shards
        self._tokenizer = corpus.tokenizer
        self.streams = _streams(corpus, languages, config)
        self._probabilities = _probabilities(self.streams, config.temperature)
        self.position = position or Position(cursors=[0] * len(self.streams))
        if len(self.position.cursors) != len(self.streams):
            raise ConfigError(
                f"training.directions: the run began with {len(self.position.cursors)} streams "
                f"(sources x directions), now there are {len(self.streams)}; a run cannot go on "
                "with other directions"
            )
        self.skipped_long = 0
        self._pool: list[Ints] = []
        self._members = np.zeros((0, 2), dtype=np.int64)
        self._next_cursors: list[int] = []

    @property
    def directions(self) -> list[tuple[str, str]]:
        """The directions with human pairs, in order.

        One whose pairs all have a side that a machine wrote stays zero-shot.
        """
        return sorted({(s.source, s.target) for s in self.streams if not s.is_synthetic})

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        if not self._pool:
            self._fill_pool()
        while self.position.batch >= len(self._pool):
            self.position = Position(self.position.pool + 1, 0, self._next_cursors)
            self._fill_pool()
        rows = self._pool[self.position.batch]
        # What makes some sentences longer is for whole batches, or it would pad all others.
        rng = self._draw(self.position.batch, 1)
        with_masks, with_noise = rng.random(2) < [self._config.masks, self._config.noise]
        own = rows[self._rank :: self._ranks]
        if with_masks or with_noise:
            examples = [self._changed(row, with_masks=bool(with_masks)) for row in own]
        else:
            examples = [self._example(row) for row in own]
        self.position = Position(self.position.pool, self.position.batch + 1, self.position.cursors)
        batch = collate(examples, len(self._languages))
        for shard in self._shards:
            shard.release()
        return batch

    def _example(self, row: int) -> Example:
        """The pair in a row of the pool."""
        stream, index = self._members[row]
        chosen: Stream = self.streams[stream]
        return chosen.example(index, self._languages.index(chosen.target))

    def _changed(self, row: int, with_masks: bool) -> Example:
        """The pair in a row with masks, or as people type it; as it is if that is too long."""
        example = self._example(row)
        rng = self._draw(row, 2)
        source, target = self._text(example.source), example.target
        if with_masks:
            source, masked = add_masks(source, self._text(target), rng)
            target = self._tokenizer.encode(masked)
        else:
            source = add_noise(source, rng)
        changed = example._replace(source=self._tokenizer.encode(source), target=target)
        longest = max(len(changed.source), len(changed.target))
        fits = len(changed.source) > 0 and longest <= self._config.max_pieces
        return changed if fits else example

    def _draw(self, number: int, what: int) -> np.random.Generator:
        """Random numbers that depend on the place in the data only: every rank has the same."""
        return np.random.default_rng([self._config.seed, self.position.pool, number, what])

    def _text(self, pieces: Sequence[int] | npt.NDArray[np.uint16]) -> str:
        return self._tokenizer.decode([int(piece) for piece in pieces])

    def _fill_pool(self) -> None:
        """Draw the pool at the current position and cut it into batches, in random order."""
        rng = np.random.default_rng([self._config.seed, self.position.pool])
        counts = rng.multinomial(self._config.pool_examples, self._probabilities)
        cursors = self.position.cursors
        members, lengths = [], []
        for number, (stream, start, count) in enumerate(
            zip(self.streams, cursors, counts, strict=True)
        ):
            indices = stream.indices(start, int(count))
            both = stream.shard.lengths(indices)
            members.append(np.stack([np.full_like(indices, number), indices], axis=1))
            lengths.append(both[:, ::-1] if stream.is_reversed else both)
        self._next_cursors = [c + int(n) for c, n in zip(cursors, counts, strict=True)]
        self._members = np.concatenate(members)
        self._pool = self._cut(np.concatenate(lengths), rng)

    def _cut(self, lengths_N2: Ints, rng: np.random.Generator) -> list[Ints]:
        fits = (lengths_N2.max(axis=1) <= self._config.max_pieces) & (lengths_N2.min(axis=1) > 0)
        self.skipped_long += int((~fits).sum())
        rows = np.flatnonzero(fits)
        if not len(rows):
            raise ConfigError(
                f"training.max_pieces is {self._config.max_pieces}: none of the "
                f"{len(lengths_N2)} pairs drawn is as short as that"
            )
        rows = rng.permutation(rows)  # pairs of equal length in random order
        lengths_N2 = lengths_N2[rows]
        widths = lengths_N2.max(axis=1)
        # By the longer side, then by the difference of both, up and down in turn: a batch that
        # goes from one width to the next meets no jump, and neither side has much padding.
        difference = (lengths_N2[:, 0] - lengths_N2[:, 1]) * np.where(widths % 2, 1, -1)
        order = np.lexsort((difference, widths))
        rows, widths = rows[order], widths[order] + 1
        batches, start, widest = [], 0, 0
        for end, width in enumerate(widths.tolist()):
            widest = max(widest, width)
            if (end - start + 1) * widest > self._config.batch_tokens and end > start:
                batches.append(rows[start:end])
                start, widest = end, width
        batches.append(rows[start:])
        return [batches[i] for i in rng.permutation(len(batches))]


def _streams(corpus: Corpus, languages: Sequence[str], config: TrainingConfig) -> list[Stream]:
    """Every shard in every direction that is trained."""
    streams = []
    for number, shard in enumerate(corpus.shards):
        first, second = shard.info.languages
        for way, (source, target) in enumerate([(first, second), (second, first)]):
            is_trained = config.directions is None or f"{source}>{target}" in config.directions
            if is_trained and (shard.info.distil or target != shard.info.synthetic):
                streams.append(Stream(shard, source, target, (config.seed, number, way)))
    if strange := sorted({s.target for s in streams} - set(languages)):
        raise ConfigError(
            f"the prepared corpus has pairs of {', '.join(strange)}, not among the languages: "
            "run `macaronic prepare` with this configuration"
        )
    found = {f"{s.source}>{s.target}" for s in streams}
    if missing := sorted(set(config.directions or found) - found):
        raise ConfigError(f"training.directions: the corpus has no pairs for {', '.join(missing)}")
    if not streams:
        raise ConfigError("the prepared corpus has no pairs to train on")
    return streams


def _probabilities(streams: Sequence[Stream], temperature: float) -> npt.NDArray[np.float64]:
    amounts: dict[tuple[str, str], float] = {}
    for s in streams:
        amounts[s.source, s.target] = amounts.get((s.source, s.target), 0.0) + s.amount
    shares: npt.NDArray[np.float64] = np.array(
        [
            amounts[s.source, s.target] ** (1 / temperature)
            * s.amount
            / amounts[s.source, s.target]
            for s in streams
        ]
    )
    shares /= shares.sum()
    return shares
