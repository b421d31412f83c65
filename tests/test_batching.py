from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nmt.config import SourceConfig, TrainingConfig
from nmt.data.batching import Batch, BatchStream, Example, Position, Stream, collate
from nmt.data.corpus import VOCABULARY, Corpus, ShardInfo, write_manifest
from nmt.errors import ConfigError, CorpusError
from nmt.text.tokenizer import BOS, EOS, PAD, train_tokenizer

LANGUAGES = ["en", "es", "pt"]
FIRST_PIECE = 10
# Every pair has pieces of its own, so that batches tell which pairs they hold.
SIZES = {("en", "es"): 97, ("pt", "en"): 20}


@pytest.fixture(scope="module")
def vocabulary() -> bytes:
    return train_tokenizer(["a few words", "of no meaning"] * 3, LANGUAGES, 300)


def write_corpus(folder: Path, vocabulary: bytes, sizes: dict[Any, int] = SIZES) -> Corpus:
    infos = []
    piece = FIRST_PIECE
    for number, (languages, size) in enumerate(sizes.items()):
        rng = np.random.default_rng(number)
        name = f"source{number}"
        sides = []
        for _ in range(2 * size):
            sides.append(np.full(1 + rng.integers(12), piece))
            piece += 1
        offsets = np.cumsum([0, *map(len, sides)])
        np.save(folder / f"{name}.pieces.npy", np.concatenate(sides).astype(np.uint16))
        np.save(folder / f"{name}.offsets.npy", offsets.astype(np.int64))
        infos.append(ShardInfo(name, languages, size))
    (folder / VOCABULARY).write_bytes(vocabulary)
    write_manifest(folder, "fingerprint", infos)
    return Corpus(folder)


@pytest.fixture
def corpus(tmp_path: Path, vocabulary: bytes) -> Corpus:
    return write_corpus(tmp_path, vocabulary)


def config(**settings: Any) -> TrainingConfig:
    values = {"directory": "run", "max_steps": 1, "batch_tokens": 60, "pool_examples": 50}
    return TrainingConfig(**{**values, **settings})


def drawn(batch: Batch) -> list[tuple[int, int, str]]:
    """First source piece, first target piece, and target language of each row."""
    targets = [LANGUAGES[i] for i in batch.mix_BL.argmax(axis=1)]
    return list(
        zip(batch.source_BS[:, 0].tolist(), batch.labels_BT[:, 0].tolist(), targets, strict=True)
    )


@pytest.mark.parametrize("size", [1, 2, 3, 4, 6, 7, 30, 97, 128, 1000])
def test_each_epoch_visits_every_pair_once(tmp_path: Path, vocabulary: bytes, size: int) -> None:
    shard = write_corpus(tmp_path, vocabulary, {("en", "es"): size}).shards[0]
    stream = Stream(shard, "en", "es", (1, 0, 0))
    walk = stream.indices(0, 3 * size).reshape(3, size)
    for epoch in walk:
        assert sorted(epoch) == list(range(size))
    if size > 30:
        assert not np.array_equal(walk[0], walk[1])
        assert not np.array_equal(walk[0], np.arange(size))


def test_a_walk_in_pieces_is_the_walk_in_one(corpus: Corpus) -> None:
    stream = Stream(corpus.shards[0], "en", "es", (1, 0, 0))
    pieces = [stream.indices(0, 40), stream.indices(40, 0), stream.indices(40, 200)]
    assert np.array_equal(np.concatenate(pieces), stream.indices(0, 240))


@pytest.mark.parametrize("pool_examples", [30, 90])
def test_no_pair_of_an_epoch_is_lost_or_drawn_twice(
    tmp_path: Path, vocabulary: bytes, pool_examples: int
) -> None:
    corpus = write_corpus(tmp_path, vocabulary, {("en", "es"): 90})
    settings = config(directions=["en>es"], pool_examples=pool_examples)
    stream = BatchStream(corpus, LANGUAGES, settings)
    expected = [(FIRST_PIECE + 2 * pair, FIRST_PIECE + 2 * pair + 1, "es") for pair in range(90)]
    for _ in range(3):
        rows: list[tuple[int, int, str]] = []
        while len(rows) < 90:
            rows += drawn(next(stream))
        assert sorted(rows) == expected


def test_each_direction_has_its_own_languages_and_sides(corpus: Corpus) -> None:
    stream = BatchStream(corpus, LANGUAGES, config(temperature=100.0))
    seen = set()
    boundary = FIRST_PIECE + 2 * SIZES["en", "es"]
    for _ in range(60):
        for source, target, language in drawn(next(stream)):
            is_forward = source < target
            assert abs(source - target) == 1
            pair = ("en", "es") if source < boundary else ("pt", "en")
            assert language == (pair[1] if is_forward else pair[0])
            seen.add((pair, is_forward))
    assert len(seen) == 4
    assert stream.directions == [("en", "es"), ("en", "pt"), ("es", "en"), ("pt", "en")]


def test_only_the_given_directions_are_drawn(corpus: Corpus) -> None:
    stream = BatchStream(corpus, LANGUAGES, config(directions=["en>es", "en>pt"]))
    languages = {language for _ in range(30) for *_, language in drawn(next(stream))}
    assert languages == {"es", "pt"}
    assert stream.directions == [("en", "es"), ("en", "pt")]


@pytest.mark.parametrize("batches_before", [0, 1, 5, 40])
def test_a_restored_position_goes_on_with_the_same_batches(
    corpus: Corpus, batches_before: int
) -> None:
    stream = BatchStream(corpus, LANGUAGES, config())
    for _ in range(batches_before):
        next(stream)
    position = stream.position
    restored = BatchStream(
        corpus, LANGUAGES, config(), Position(position.pool, position.batch, [*position.cursors])
    )
    for _ in range(30):
        assert_equal(next(restored), next(stream))


def test_a_seed_decides_the_order(corpus: Corpus) -> None:
    def first(seed: int) -> list[tuple[int, int, str]]:
        stream = BatchStream(corpus, LANGUAGES, config(seed=seed))
        return [row for _ in range(10) for row in drawn(next(stream))]

    assert first(1) == first(1)
    assert first(1) != first(2)
    assert first(1) != sorted(first(1))


@pytest.mark.parametrize("temperature", [1.0, 5.0])
def test_directions_are_drawn_with_the_temperature(corpus: Corpus, temperature: float) -> None:
    settings = config(temperature=temperature, pool_examples=4000, batch_tokens=400)
    stream = BatchStream(corpus, LANGUAGES, settings)
    counts: Counter[tuple[bool, str]] = Counter()
    boundary = FIRST_PIECE + 2 * SIZES["en", "es"]
    while sum(counts.values()) < 8000:
        counts.update((source < boundary, language) for source, _, language in drawn(next(stream)))
    amounts = [97 ** (1 / temperature), 20 ** (1 / temperature)]
    expected = amounts[0] / (2 * sum(amounts))
    for key in [(True, "es"), (True, "en")]:
        assert counts[key] / sum(counts.values()) == pytest.approx(expected, abs=0.03)


def test_sources_of_a_direction_are_drawn_by_weight_and_size(
    tmp_path: Path, vocabulary: bytes
) -> None:
    write_corpus(tmp_path, vocabulary, {("en", "es"): 30, ("es", "en"): 60})
    sources = [
        SourceConfig(path="source0.tsv", languages=("en", "es"), weight=4.0),
        SourceConfig(path="source1.tsv", languages=("es", "en")),
    ]
    settings = config(pool_examples=6000, batch_tokens=400, directions=["en>es"])
    stream = BatchStream(Corpus(tmp_path, sources), LANGUAGES, settings)
    boundary = FIRST_PIECE + 2 * 30
    rows = [row for _ in range(150) for row in drawn(next(stream))]
    share = sum(source < boundary for source, *_ in rows) / len(rows)
    assert share == pytest.approx(4 * 30 / (4 * 30 + 60), abs=0.03)


def test_what_a_machine_wrote_is_no_target(tmp_path: Path, vocabulary: bytes) -> None:
    write_corpus(tmp_path, vocabulary, {("en", "es"): 30})
    source = SourceConfig(path="source0.tsv", languages=("en", "es"), synthetic="es")
    stream = BatchStream(Corpus(tmp_path, [source]), LANGUAGES, config())
    assert [(s.source, s.target) for s in stream.streams] == [("es", "en")]
    assert stream.directions == []  # it has seen no human pair: zero-shot


def test_distilled_pairs_are_trained_both_ways_and_their_directions_stay_zero_shot(
    tmp_path: Path, vocabulary: bytes
) -> None:
    write_corpus(tmp_path, vocabulary, {("en", "es"): 30})
    source = SourceConfig(path="source0.tsv", languages=("en", "es"), synthetic="es", distil=True)
    stream = BatchStream(Corpus(tmp_path, [source]), LANGUAGES, config())
    assert [(s.source, s.target) for s in stream.streams] == [("en", "es"), ("es", "en")]
    assert stream.directions == []


def test_sources_that_were_not_prepared_are_named(corpus: Corpus) -> None:
    used = SourceConfig(path="source1.tsv", languages=("pt", "en"))
    assert [shard.info.name for shard in Corpus(corpus.directory, [used]).shards] == ["source1"]
    with pytest.raises(CorpusError, match=r"has no source other: run `macaronic prepare`"):
        Corpus(corpus.directory, [SourceConfig(path="other.tsv", languages=("en", "es"))])


@pytest.mark.parametrize("ranks", [2, 3, 50])
def test_ranks_share_every_batch_without_overlap_or_loss(corpus: Corpus, ranks: int) -> None:
    whole = BatchStream(corpus, LANGUAGES, config())
    shares = [BatchStream(corpus, LANGUAGES, config(), None, rank, ranks) for rank in range(ranks)]
    for _ in range(12):
        parts = [next(share) for share in shares]
        assert sorted(drawn(next(whole))) == sorted(row for part in parts for row in drawn(part))
        assert all(share.position == whole.position for share in shares)


def test_batches_keep_the_budget_and_the_limit_of_pieces(corpus: Corpus) -> None:
    stream = BatchStream(corpus, LANGUAGES, config(batch_tokens=40, max_pieces=9))
    sizes = []
    for _ in range(200):
        batch = next(stream)
        assert batch.source_BS.size <= 40
        assert batch.labels_BT.size <= 40
        assert (batch.source_BS != PAD).sum(axis=1).max() <= 10  # 9 pieces and the end
        assert (batch.labels_BT != PAD).sum(axis=1).max() <= 10
        sizes.append(len(batch.source_BS))
    assert max(sizes) > 4  # the budget is used, too
    assert stream.skipped_long > 0


def test_a_pair_wider_than_the_budget_is_a_batch_of_its_own(
    tmp_path: Path, vocabulary: bytes
) -> None:
    corpus = write_corpus(tmp_path, vocabulary, {("en", "es"): 40})
    stream = BatchStream(corpus, LANGUAGES, config().model_copy(update={"batch_tokens": 8}))
    rows = [len(next(stream).source_BS) for _ in range(50)]
    assert min(rows) == 1


def test_sentences_in_a_batch_are_of_similar_length(corpus: Corpus) -> None:
    stream = BatchStream(corpus, LANGUAGES, config(pool_examples=2000, batch_tokens=100))
    batches = [next(stream) for _ in range(100)]
    padding = sum(int((b.source_BS == PAD).sum()) for b in batches)
    assert padding < 0.1 * sum(b.source_BS.size for b in batches)


def test_collate_is_the_plain_route() -> None:
    examples = [Example([5, 6], [7], 1), Example([8], [9, 11, 12], 0), Example([], [], 1)]
    batch = collate(examples, 2)
    width_S, width_T = 3, 4
    for row, (source, target, language) in enumerate(examples):
        padded_source = [*source, EOS] + [PAD] * (width_S - len(source) - 1)
        padded_target = [BOS, *target] + [PAD] * (width_T - len(target) - 1)
        labels = [*target, EOS] + [PAD] * (width_T - len(target) - 1)
        assert batch.source_BS[row].tolist() == padded_source
        assert batch.target_BT[row].tolist() == padded_target
        assert batch.labels_BT[row].tolist() == labels
        assert batch.mix_BL[row].tolist() == [float(i == language) for i in range(2)]
    assert batch.num_tokens == sum(len(target) + 1 for _, target, _ in examples)


def test_a_direction_without_pairs_is_refused(corpus: Corpus) -> None:
    with pytest.raises(ConfigError, match=r"training\.directions.*es>pt"):
        BatchStream(corpus, LANGUAGES, config(directions=["en>es", "es>pt"]))


def test_a_corpus_of_other_languages_is_refused(corpus: Corpus) -> None:
    with pytest.raises(ConfigError, match="has pairs of pt, not among the languages"):
        BatchStream(corpus, ["en", "es"], config())


def test_a_limit_below_every_pair_is_refused(tmp_path: Path, vocabulary: bytes) -> None:
    np.save(tmp_path / "long.pieces.npy", np.full(80, FIRST_PIECE, dtype=np.uint16))
    np.save(tmp_path / "long.offsets.npy", np.array([0, 40, 80]))
    (tmp_path / VOCABULARY).write_bytes(vocabulary)
    write_manifest(tmp_path, "fingerprint", [ShardInfo("long", ("en", "es"), 1)])
    stream = BatchStream(Corpus(tmp_path), LANGUAGES, config(max_pieces=39))
    with pytest.raises(ConfigError, match=r"training\.max_pieces is 39: none of the 50 pairs"):
        next(stream)


def test_a_position_of_other_directions_is_refused(corpus: Corpus) -> None:
    position = BatchStream(corpus, LANGUAGES, config()).position
    with pytest.raises(ConfigError, match="cannot go on with other directions"):
        BatchStream(corpus, LANGUAGES, config(directions=["en>es"]), position)


def test_an_empty_corpus_is_refused(tmp_path: Path, vocabulary: bytes) -> None:
    (tmp_path / VOCABULARY).write_bytes(vocabulary)
    write_manifest(tmp_path, "fingerprint", [])
    with pytest.raises(ConfigError, match="no pairs to train on"):
        BatchStream(Corpus(tmp_path), LANGUAGES, config())


def test_a_folder_without_a_corpus_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="macaronic prepare CONFIG"):
        Corpus(tmp_path)


@pytest.mark.parametrize(
    "content", ["{", "[]", "{}", '{"shards": [], "finger": 1}', '{"shards": 3}']
)
def test_a_damaged_manifest_is_named(corpus: Corpus, content: str) -> None:
    (corpus.directory / "manifest.json").write_text(content)
    with pytest.raises(CorpusError, match=r"manifest\.json is damaged"):
        Corpus(corpus.directory)


@pytest.mark.parametrize("keep", [0, 50, 120])
@pytest.mark.parametrize("name", ["source0.pieces.npy", "source1.offsets.npy"])
def test_a_shard_cut_short_is_named(corpus: Corpus, name: str, keep: int) -> None:
    path = corpus.directory / name
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CorpusError, match="is damaged"):
        Corpus(corpus.directory)


def test_reading_does_not_hold_the_files_in_memory(corpus: Corpus) -> None:
    shard = corpus.shards[0]
    before = shard.pair(3)[0].tolist()
    shard.release()
    assert shard.pair(3)[0].tolist() == before


def assert_equal(one: Batch, other: Batch) -> None:
    for name, array in vars(one).items():
        assert np.array_equal(array, getattr(other, name)), name
