"""Raw parallel text in, and the prepared corpus: memory-mapped shards of piece ids."""

from __future__ import annotations

import gzip
import json
import mmap
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from nmt.config import SourceConfig
from nmt.errors import CorpusError
from nmt.text.tokenizer import Tokenizer

MANIFEST = "manifest.json"
VOCABULARY = "spm.model"


class Pair(NamedTuple):
    """A sentence and its translation, in the order of the source's languages."""

    first: str
    second: str


class RawLine(NamedTuple):
    """One line of each file of a source, not yet decoded; `number` counts from 1."""

    number: int
    parts: tuple[bytes, ...]


def read_lines(path: Path) -> Iterator[bytes]:
    """The lines of a file, plain or .gz, without line ends; CorpusError if it cannot be read."""
    try:
        with cast(BinaryIO, gzip.open(path) if path.suffix == ".gz" else path.open("rb")) as file:
            for line in file:
                yield line.rstrip(b"\r\n")
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise CorpusError(f"{path} is not a complete gzip file") from None
    except OSError as error:
        raise CorpusError(f"cannot read {path}: {error.strerror}") from None


def find_file(path: str, root: Path) -> Path:
    """A file of a source: under data.root, or else, if it is there, in the working folder."""
    return Path(path) if not (root / path).exists() and Path(path).exists() else root / path


def read_raw(source: SourceConfig, root: Path) -> Iterator[RawLine]:
    """The raw lines of a source; two aligned files must have the same number of lines."""
    files = [read_lines(find_file(path, root)) for path in source.paths]
    for number, parts in enumerate(zip_longest(*files), start=1):
        if None in parts:
            short = source.paths[parts.index(None)]
            raise CorpusError(f"{short} ends before line {number}: aligned files must match")
        yield RawLine(number, parts)


def parse_line(source: SourceConfig, line: RawLine) -> Pair:
    """The pair that a raw line holds; CorpusError names the file, the line and what is wrong."""
    texts = [
        decode_line(raw, f"{path}:{line.number}")
        for raw, path in zip(line.parts, source.paths, strict=True)
    ]
    where = f"{source.paths[0]}:{line.number}"
    if source.kind == "moses":
        return Pair(*texts)
    if source.kind == "tsv":
        columns = texts[0].split("\t")
        if len(columns) != 2:
            raise CorpusError(
                f"{where}: expected 2 columns ({' TAB '.join(source.languages)}), "
                f"found {len(columns)}"
            )
        return Pair(*columns)
    return _parse_json(source, texts[0], where)


def read_pairs(source: SourceConfig, root: Path) -> Iterator[Pair]:
    """All pairs of a source, in order."""
    for line in read_raw(source, root):
        yield parse_line(source, line)


def decode_line(raw: bytes, where: str) -> str:
    """UTF-8 text; CorpusError names the place and the byte where it is not valid."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CorpusError(f"{where}: not valid UTF-8 at byte {error.start + 1}") from None


def _parse_json(source: SourceConfig, text: str, where: str) -> Pair:
    try:
        entry = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CorpusError(f"{where}: not valid JSON: {error}") from None
    if isinstance(entry, dict) and isinstance(entry.get("translation"), dict):
        entry = entry["translation"]
    texts = [entry.get(code) if isinstance(entry, dict) else None for code in source.languages]
    if not all(isinstance(text, str) for text in texts):
        wanted = ", ".join(f'"{code}": "…"' for code in source.languages)
        raise CorpusError(f"{where}: expected an object with texts {{{wanted}}}")
    pair = Pair(*cast("list[str]", texts))
    if any("\ud800" <= character <= "\udfff" for side in pair for character in side):
        raise CorpusError(f"{where}: half of a surrogate pair, which is not text")
    return pair


# Enough to be fast, and little memory.
PAIRS_COUNTED_TOGETHER = 100_000


@dataclass(frozen=True)
class ShardInfo:
    """One source of the prepared corpus, and how a configuration uses it."""

    name: str
    languages: tuple[str, str]
    pairs: int
    weight: float = 1.0
    synthetic: str | None = None
    distil: bool = False


class Shard:
    """The pairs of one source as piece ids, memory-mapped."""

    def __init__(self, directory: Path, info: ShardInfo) -> None:
        self.info = info
        self._pieces = np.load(directory / f"{info.name}.pieces.npy", mmap_mode="r")
        self._offsets = np.load(directory / f"{info.name}.offsets.npy", mmap_mode="r")

    def __len__(self) -> int:
        return self.info.pairs

    def pair(self, index: int) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint16]]:
        """Piece ids of both sides, in the order of the source's languages."""
        start, middle, end = self._offsets[2 * index : 2 * index + 3]
        return self._pieces[start:middle], self._pieces[middle:end]

    def lengths(self, indices: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Pieces of both sides of the given pairs: shape [len(indices), 2]."""
        bounds = np.stack([self._offsets[2 * indices + i] for i in range(3)], axis=1)
        return np.diff(bounds, axis=1)

    def count_pieces(self, vocab_size: int) -> npt.NDArray[np.int64]:
        """How often each piece stands on each side: shape [2, vocab_size]."""
        counts = np.zeros((2, vocab_size), np.int64)
        for start in range(0, len(self), PAIRS_COUNTED_TOGETHER):
            offsets = self._offsets[2 * start : 2 * (start + PAIRS_COUNTED_TOGETHER) + 1]
            pieces = self._pieces[offsets[0] : offsets[-1]]
            sides = np.repeat(np.arange(len(offsets) - 1) % 2, np.diff(offsets))
            for side in range(2):
                counts[side] += np.bincount(pieces[sides == side], minlength=vocab_size)
            self.release()
        return counts

    def release(self) -> None:
        """Give back the memory of what was read; else it would grow to the size of the files."""
        if hasattr(mmap, "MADV_DONTNEED"):  # the system still holds the files in its cache
            for array in (self._pieces, self._offsets):
                array._mmap.madvise(mmap.MADV_DONTNEED)


def _shard_info(languages: list[str], **fields: Any) -> ShardInfo:
    first, second = languages
    return ShardInfo(languages=(first, second), **fields)


def _as_configured(source: SourceConfig, infos: list[ShardInfo], directory: Path) -> ShardInfo:
    for info in infos:
        if info.name == source.name:
            return replace(
                info, weight=source.weight, synthetic=source.synthetic, distil=source.distil
            )
    raise CorpusError(
        f"{directory} has no source {source.name}: run `macaronic prepare` with this configuration"
    )


class Corpus:
    """A prepared corpus: its vocabulary and one shard for each source.

    With `sources`, only those are used, as they are configured; weights may differ from one
    training run to the next without preparing anew.
    """

    def __init__(self, directory: Path, sources: Sequence[SourceConfig] | None = None) -> None:
        try:
            manifest = json.loads((directory / MANIFEST).read_text(encoding="utf-8"))
            infos = [_shard_info(**entry) for entry in manifest["shards"]]
            self.fingerprint = str(manifest["fingerprint"])
        except FileNotFoundError:
            raise CorpusError(
                f"{directory} holds no prepared corpus: run `macaronic prepare CONFIG` first"
            ) from None
        except OSError as error:
            raise CorpusError(f"cannot read {directory / MANIFEST}: {error.strerror}") from None
        except (ValueError, KeyError, TypeError):
            raise CorpusError(f"{directory / MANIFEST} is damaged: prepare it again") from None
        if sources is not None:
            infos = [_as_configured(source, infos, directory) for source in sources]
        self.directory = directory
        self.tokenizer = Tokenizer.load(directory / VOCABULARY)
        try:
            self.shards = tuple(Shard(directory, info) for info in infos if info.pairs)
        except (OSError, EOFError, ValueError) as error:
            raise CorpusError(f"{directory} is damaged: {error}; prepare it again") from None

    def written_pieces(self, languages: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Which pieces each language is written with: shape [languages, vocabulary].

        These are all that its text holds, and those without letters: digits, signs and bytes, which
        spell anything. What a machine wrote does not count.
        """
        size = self.tokenizer.vocab_size
        counts = {code: np.zeros(size, np.int64) for code in languages}
        for shard in self.shards:
            for code, found in zip(shard.info.languages, shard.count_pieces(size), strict=True):
                if code in counts and code != shard.info.synthetic:
                    counts[code] += found
        written = np.stack([counts[code] > 0 for code in languages])
        written |= ~written.any(
            axis=1, keepdims=True
        )  # nothing is known of a language without text
        written[:, list(self.tokenizer.without_letters)] = True
        written[:, list(self.tokenizer.unwritten)] = False
        return written


def write_manifest(directory: Path, fingerprint: str, shards: list[ShardInfo]) -> None:
    """Finish a prepared corpus: readers take a folder with a manifest to be complete."""
    entries = [
        {"name": info.name, "languages": info.languages, "pairs": info.pairs} for info in shards
    ]
    manifest = {"fingerprint": fingerprint, "shards": entries}
    path = directory / MANIFEST
    path.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
