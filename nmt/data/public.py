"""Public corpora: where each one is, and how its files become pairs of our own."""

from __future__ import annotations

import bz2
import gzip
import heapq
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

import langcodes

from nmt.config import FetchConfig, FilesConfig, OpusConfig, PairsConfig, TatoebaConfig
from nmt.data.cleaning import key_hash
from nmt.errors import ConfigError, FetchError
from nmt.progress import Progress

TATOEBA = "https://downloads.tatoeba.org/exports/per_language"
OPUS = "https://object.pouta.csc.fi"
# Tatoeba names a language where ISO 639-3 also has a code for its whole group.
_TATOEBA_CODES = {"fa": "pes", "ms": "zsm", "no": "nob", "sw": "swh", "zh": "cmn"}
_DAMAGES = (zipfile.BadZipFile, tarfile.TarError, lzma.LZMAError, zlib.error, EOFError)
_TAR_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")

Row = tuple[bytes, ...]
Rows = Iterator[Row]


class DamagedDownload(FetchError):
    """A download that is not the archive or text that it should be."""


@dataclass(frozen=True)
class Job:
    """One corpus to bring: what to download, and the rows of each file that comes of it.

    `rows` gives them anew at every call. A file may be needed twice, to set pairs apart first.
    """

    name: str
    licence: str
    attribution: str
    urls: tuple[str, ...]
    outputs: Mapping[str, Callable[[Sequence[Path]], Rows]] = field(repr=False)
    settings: str = field(repr=False)
    sha256: str | None = None
    validation: int = 0
    test: int = 0

    @property
    def files(self) -> tuple[str, ...]:
        """All files that come of it, pairs set apart included."""
        return (*self.outputs, *self.set_apart)

    @property
    def set_apart(self) -> dict[str, int]:
        """The file of each set of pairs for testing, and how many it takes."""
        [first, *_] = self.outputs
        name, *rest = first.rsplit(".", 3)  # CORPUS, en-es, tsv and gz
        counts = {"test": self.test, "valid": self.validation}
        return {
            ".".join([f"eval/{name}-{kind}", *rest]): count
            for kind, count in counts.items()
            if count
        }


def jobs_of(config: FetchConfig) -> list[Job]:
    """What a configuration wants to have fetched; ConfigError if two would write the same file."""
    jobs: list[Job] = []
    if config.tatoeba:
        jobs += [_tatoeba(config.tatoeba, pair) for pair in config.tatoeba.pairs]
    jobs += [_opus(opus, pair) for opus in config.opus for pair in opus.pairs]
    jobs += [_files(entry) for entry in config.files]
    makers: dict[str, str] = {}
    for job in jobs:
        for name in job.files:
            if name in makers:
                raise ConfigError(f"fetch: {makers[name]} and {job.name} would both write {name}")
            makers[name] = job.name
    return jobs


def write_job(job: Job, downloads: Sequence[Path], root: Path) -> dict[str, int]:
    """Write all files of a job; gives the number of rows of each.

    Raises DamagedDownload for one that cannot be read, and FetchError for one that is not what
    the configuration expects.
    """
    problem = f"{job.name}: cannot read what came from {' and '.join(job.urls)}"
    try:
        return _write(job, downloads, root)
    except (*_DAMAGES, ValueError) as error:
        raise DamagedDownload(f"{problem}: {error}") from None
    except OSError as error:
        # A damaged .gz or .bz2 is one of these; only those of the system have a number.
        if error.errno is not None:
            raise
        raise DamagedDownload(f"{problem}: {error}") from None


def _write(job: Job, downloads: Sequence[Path], root: Path) -> dict[str, int]:
    counts: dict[str, int] = {}
    held_out: set[int] = set()
    if job.set_apart:
        [rows_of] = job.outputs.values()
        pairs = _choose(job, rows_of(downloads))
        held_out = {rank for rank, _ in pairs}
        for name, count in job.set_apart.items():
            chosen, pairs = pairs[:count], pairs[count:]
            counts[name] = _write_rows(root / name, (row for _, row in chosen))
    for name, rows_of in job.outputs.items():
        rows = rows_of(downloads)
        if held_out:
            rows = (row for row in rows if _rank(row) not in held_out)
        counts[name] = _write_rows(root / name, rows)
    return counts


def _choose(job: Job, rows: Rows) -> list[tuple[int, Row]]:
    """Pairs to set apart, one of each first sentence: those with the smallest hashes.

    So the sentences are much the same ones for every language pair and in later editions.
    """
    wanted = job.test + job.validation
    chosen: dict[int, Row] = {}
    largest_first: list[int] = []
    for row in rows:
        rank = _rank(row)
        if rank in chosen or (len(chosen) == wanted and rank > -largest_first[0]):
            continue
        chosen[rank] = row
        if len(chosen) <= wanted:
            heapq.heappush(largest_first, -rank)
        else:
            del chosen[-heapq.heapreplace(largest_first, -rank)]
    if len(chosen) < wanted:
        raise FetchError(
            f"{job.name} has {len(chosen):,} different sentences, fewer than the {wanted:,} to set "
            "apart: ask for less in `test` and `validation`"
        )
    return sorted(chosen.items())


def _rank(row: Row) -> int:
    return key_hash(row[0].decode("utf-8", errors="replace"))


def _write_rows(path: Path, rows: Iterable[Row]) -> int:
    """Write rows of columns; the file appears when it is complete, and the bytes do not vary."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    count = 0
    with part.open("wb") as raw:
        packed = gzip.GzipFile("", "wb", fileobj=raw, mtime=0) if path.suffix == ".gz" else None
        with packed or raw as file, Progress(f"writing {path}", unit="lines") as progress:
            for count, row in enumerate(rows, start=1):  # noqa: B007
                file.write(b"\t".join(row) + b"\n")
                progress.advance()
    part.replace(path)
    return count


# Tatoeba


def _tatoeba(config: TatoebaConfig, pair: str) -> Job:
    first, second = (_tatoeba_code(code) for code in pair.split("-"))
    urls = (
        f"{TATOEBA}/{first}/{first}-{second}_links.tsv.bz2",
        f"{TATOEBA}/{first}/{first}_sentences.tsv.bz2",
        f"{TATOEBA}/{second}/{second}_sentences.tsv.bz2",
    )
    return _job("Tatoeba", config, pair, urls, _tatoeba_rows)


def _tatoeba_code(code: str) -> str:
    try:
        return _TATOEBA_CODES.get(code) or langcodes.Language.get(code).to_alpha3()
    except LookupError:
        raise ConfigError(f"fetch.tatoeba: {code} is not a language of ISO 639") from None


def _tatoeba_rows(downloads: Sequence[Path]) -> Rows:
    """Linked sentences, in the order of the links; memory holds those of this pair only."""
    with bz2.open(downloads[0]) as file:
        links = [(int(first), int(second)) for first, second in (line.split() for line in file)]
    firsts = _sentences(downloads[1], {first for first, _ in links})
    seconds = _sentences(downloads[2], {second for _, second in links})
    for first, second in links:
        # The files are of different hours: a sentence may have been added or deleted between.
        if first in firsts and second in seconds:
            yield firsts[first], seconds[second]


def _sentences(path: Path, wanted: set[int]) -> dict[int, bytes]:
    """Text by number of the sentences that are wanted."""
    texts = {}
    with bz2.open(path) as file:
        for line in file:
            number, _, text = line.split(b"\t", 2)
            if int(number) in wanted:
                texts[int(number)] = _column(text)
    return texts


# OPUS


def _opus(config: OpusConfig, pair: str) -> Job:
    first, second = pair.split("-")
    both = "-".join(sorted((first, second)))
    url = f"{OPUS}/OPUS-{config.corpus}/{config.version}/moses/{both}.txt.zip"

    def rows(downloads: Sequence[Path]) -> Rows:
        # Some corpora are not spelt the same in their archives, so that only the ending is sure.
        members = tuple(f"*.{both}.{code}" for code in (first, second))
        return _rows(downloads[0], members)

    return _job(config.corpus, config, pair, (url,), rows)


def _job(
    corpus: str,
    config: TatoebaConfig | OpusConfig,
    pair: str,
    urls: tuple[str, ...],
    rows: Callable[[Sequence[Path]], Rows],
) -> Job:
    return Job(
        name=f"{corpus} {pair}",
        licence=config.licence,
        attribution=config.attribution,
        urls=urls,
        outputs={f"{corpus.lower()}.{pair}.tsv.gz": rows},
        settings=_counts(config),
        validation=config.validation,
        test=config.test,
    )


def _counts(config: PairsConfig) -> str:
    return f"test {config.test}, validation {config.validation}"


# Other files


def _files(config: FilesConfig) -> Job:
    def rows_of(members: str | tuple[str, str] | None) -> Callable[[Sequence[Path]], Rows]:
        wanted = (members,) if isinstance(members, str) else members
        return lambda downloads: _rows(downloads[0], wanted)

    return Job(
        name=config.name,
        licence=config.licence,
        attribution=config.attribution,
        urls=(config.url,),
        outputs={name: rows_of(members) for name, members in config.files.items()},
        settings=repr(sorted(config.files.items())),
        sha256=config.sha256,
    )


def _rows(download: Path, members: tuple[str, ...] | None) -> Rows:
    """The lines of a file, or of members of an archive side by side."""
    if members is None:
        with _open(download) as file:
            for line in file:
                yield (line.rstrip(b"\r\n"),)
        return
    with _opened(download, members) as files:
        for number, lines in enumerate(zip_longest(*files), start=1):
            if None in lines:
                short = members[lines.index(None)]
                raise FetchError(
                    f"{download}: {short} ends before line {number}, the other goes on"
                )
            # The text of one member is kept as it is, tabs included.
            yield tuple(map(_column, lines)) if len(lines) > 1 else (lines[0].rstrip(b"\r\n"),)


def _open(path: Path) -> IO[bytes]:
    openers: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
    opener = openers.get(path.suffix)
    return cast(IO[bytes], opener(path)) if opener else path.open("rb")


@contextmanager
def _opened(download: Path, members: tuple[str, ...]) -> Iterator[list[IO[bytes]]]:
    """Members of an archive. Nothing is unpacked to where the archive says."""
    if download.name.endswith(_TAR_ENDINGS):
        with tarfile.open(download) as tar:
            entries = {entry.name: entry for entry in tar if entry.isfile()}
            names = [_find(member, entries, download) for member in members]
            yield [cast(IO[bytes], tar.extractfile(entries[name])) for name in names]
    else:
        with zipfile.ZipFile(download) as archive, ExitStack() as stack:
            names = [_find(member, archive.namelist(), download) for member in members]
            yield [stack.enter_context(archive.open(name)) for name in names]


def _find(member: str, names: Iterable[str], download: Path) -> str:
    """The one name in an archive that ends as `member` does, which may be a pattern."""
    names = list(names)
    found = [name for name in names if PurePosixPath(name).match(member)]
    if len(found) != 1:
        some = ", ".join(sorted(names)[:5]) or "nothing"
        raise FetchError(f"{download} holds {len(found)} files named {member}, but {some}")
    return found[0]


def _column(text: bytes) -> bytes:
    """One sentence as a column: without a line end, and no tab within."""
    return text.rstrip(b"\r\n").replace(b"\t", b" ")
