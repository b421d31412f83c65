"""How fast data is prepared and drawn, and whether memory grows with the corpus.

Makes synthetic sentence pairs, prepares them, draws training batches for some seconds, and prints
speed and memory. Reads memory from /proc, so it needs Linux.
"""

from __future__ import annotations

import gzip
import multiprocessing
import resource
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import click
import numpy as np
import yaml
from numpy.lib.format import open_memmap

from nmt.config import load_config
from nmt.data.batching import BatchStream
from nmt.data.corpus import Corpus, write_manifest
from nmt.data.prepare import prepare
from nmt.data.report import format_reports

FILES = (
    ("news.en-es.tsv", ("en", "es"), 0.4),
    ("web.en-es.tsv.gz", ("en", "es"), 0.2),
    ("news.en-pt.tsv", ("en", "pt"), 0.3),
    ("talks.fr-en.tsv", ("fr", "en"), 0.1),
)
DUPLICATES = 0.05
WORDS = 30_000
MEAN_WORDS = 11
PAIRS_PER_BLOCK = 10_000
SYLLABLES = {
    "en": ["the", "and", "wor", "ing", "ter", "ou", "sh", "ea", "ck", "ly", "st", "ble"],
    "es": ["los", "ción", "que", "ar", "da", "mien", "to", "ñi", "es", "re", "ue", "te"],
    "pt": ["ção", "nha", "os", "lhe", "ei", "ra", "ver", "mu", "em", "qua", "ões", "te"],
    "fr": ["eau", "les", "ment", "oi", "tion", "ue", "rè", "par", "qu", "sé", "eur", "lle"],
}


@dataclass
class Memory:
    """The most memory that a process and its children have held together, in bytes.

    `own` is what the system cannot take back; `mapped` adds pages of files, which it can.
    """

    own: int = 0
    mapped: int = 0

    def take(self, pid: int) -> None:
        """Look once."""
        amounts = [_memory_of(child) for child in _family(pid)]
        self.own = max(self.own, sum(own for own, _ in amounts))
        self.mapped = max(self.mapped, sum(own + mapped for own, mapped in amounts))

    def __str__(self) -> str:
        return f"{self.own / 1e6:,.0f} MB own, {self.mapped / 1e6:,.0f} MB with mapped files"


@dataclass
class Measured:
    """What a function gave that ran in a process of its own, and what it took."""

    result: Any
    seconds: float
    cpu_seconds: float
    memory: Memory = field(default_factory=Memory)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--pairs", default=200_000, show_default=True, help="Sentence pairs to make.")
@click.option("--workers", type=click.IntRange(1), help="Processes; one a core if not given.")
@click.option(
    "--repeat",
    default=1,
    type=click.IntRange(1),
    help="Draw from the prepared corpus repeated so often, to see start and memory at size.",
)
@click.option("--seconds", default=20.0, show_default=True, help="How long to draw batches.")
@click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to work, some 500 bytes a pair; a temporary folder if not given.",
)
def main(
    pairs: int, workers: int | None, repeat: int, seconds: float, directory: Path | None
) -> None:
    """Measure preparation and batching on synthetic pairs.

    \b
    Example:
      python scripts/bench_data.py --pairs 1000000 --repeat 100
    """
    folder = Path(tempfile.mkdtemp(dir=directory))
    try:
        started = time.monotonic()
        for number, (name, languages, share) in enumerate(FILES):
            write_pairs(folder / name, languages, int(pairs * share), seed=number)
        click.echo(f"made {pairs:,} pairs in {time.monotonic() - started:.0f} s")
        config = write_config(folder)
        measure_all(config, pairs, workers, repeat, seconds)
    finally:
        shutil.rmtree(folder)


def measure_all(config: Path, pairs: int, workers: int | None, repeat: int, seconds: float) -> None:
    """Prepare and draw, each in a process of its own; print what it took."""
    made = measured(run_prepare, config, workers)
    click.echo(made.result)
    click.echo(
        f"prepare: {made.seconds:.0f} s, {made.cpu_seconds:.0f} s of CPU, "
        f"{pairs / made.seconds:,.0f} pairs/s, peak {made.memory}"
    )
    if repeat > 1:
        grow(Path(load_config(config).data.directory), repeat)
    drawn = measured(draw, config, seconds)
    first, batches, examples, tokens, spent = drawn.result
    click.echo(
        f"draw from {pairs * repeat:,} pairs: first batch after {first:.2f} s, "
        f"then {batches / spent:,.0f} batches/s, "
        f"{examples / spent:,.0f} pairs/s, {tokens / spent:,.0f} target pieces/s, "
        f"peak {drawn.memory}"
    )


def run_prepare(config: Path, workers: int | None) -> str:
    """The report of the prepared corpus."""
    return format_reports(prepare(load_config(config), workers))


def grow(corpus: Path, times: int) -> None:
    """Repeat every shard of a prepared corpus in place."""
    infos = []
    for shard in Corpus(corpus).shards:
        info = shard.info
        pieces = np.load(corpus / f"{info.name}.pieces.npy")
        offsets = np.load(corpus / f"{info.name}.offsets.npy")
        more_pieces = open_memmap(
            corpus / f"{info.name}.pieces.npy", "w+", pieces.dtype, (times * len(pieces),)
        )
        more_offsets = open_memmap(
            corpus / f"{info.name}.offsets.npy", "w+", offsets.dtype, (2 * times * info.pairs + 1,)
        )
        for n in range(times):
            more_pieces[n * len(pieces) :][: len(pieces)] = pieces
            more_offsets[2 * n * info.pairs :][: len(offsets)] = offsets + n * len(pieces)
        infos.append(replace(info, pairs=times * info.pairs))
    write_manifest(corpus, "repeated", infos)


def draw(config: Path, seconds: float) -> tuple[float, int, int, int, float]:
    """Seconds to the first batch; then batches, examples, target pieces and seconds."""
    settings = load_config(config)
    start = time.monotonic()
    stream = BatchStream(
        Corpus(Path(settings.data.directory), settings.data.sources),
        settings.languages,
        settings.training,
    )
    next(stream)
    ready = time.monotonic()
    batches = examples = tokens = 0
    while time.monotonic() - ready < seconds:
        batch = next(stream)
        batches += 1
        examples += len(batch.source_BS)
        tokens += batch.num_tokens
    return ready - start, batches, examples, tokens, time.monotonic() - ready


def measured(function: Callable[..., Any], *arguments: Any) -> Measured:
    """Run a function in a new process, watching its memory and that of its children."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_report_to, args=(sender, function, *arguments))
    start, cpu_before = time.monotonic(), _cpu_of_children()
    process.start()
    sender.close()
    memory = Memory()
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.1):
            memory.take(process.pid or 0)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        result = receiver.recv()
    except EOFError:
        raise click.ClickException(f"{function.__name__} failed, see above") from None
    finally:
        done.set()
        watcher.join()
        process.join()
    cpu_seconds = _cpu_of_children() - cpu_before
    return Measured(result, time.monotonic() - start, cpu_seconds, memory)


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _report_to(sender: Connection, function: Callable[..., Any], *arguments: Any) -> None:
    sender.send(function(*arguments))


def write_pairs(path: Path, languages: tuple[str, str], count: int, seed: int) -> None:
    """Write a file of sentence pairs, the same each time, some of them twice."""
    with gzip.open(path, "wb", 1) if path.suffix == ".gz" else path.open("wb") as file:
        for block in sentence_pairs(languages, count, seed):
            file.write("".join(block).encode())


def sentence_pairs(languages: tuple[str, str], count: int, seed: int) -> Iterator[list[str]]:
    """Blocks of TSV lines: words as frequent as in real text, lengths alike on both sides."""
    rng = np.random.default_rng(seed)
    words = [make_words(code) for code in languages]
    frequency = 1 / np.arange(5, WORDS + 5)
    cumulative = np.cumsum(frequency / frequency.sum())
    for start in range(0, count, PAIRS_PER_BLOCK):
        size = min(PAIRS_PER_BLOCK, count - start)
        lengths = 2 + rng.poisson(rng.gamma(3, MEAN_WORDS / 3, size))
        ends = np.cumsum(lengths)
        drawn = np.searchsorted(cumulative, rng.random(ends[-1])).clip(max=WORDS - 1)
        sides = [[known[i] for i in drawn] for known in words]
        lines = [
            "\t".join(" ".join(side[end - length : end]) for side in sides) + ".\n"
            for end, length in zip(ends.tolist(), lengths.tolist(), strict=True)
        ]
        for index in np.flatnonzero(rng.random(size) < DUPLICATES):
            lines[index] = lines[index // 2]
        yield lines


def make_words(code: str) -> list[str]:
    """Words of a made-up language; the frequent ones are short."""
    parts = SYLLABLES[code]
    words = []
    for number in range(WORDS):
        word, rest = parts[number % len(parts)], number // len(parts)
        while rest:
            word, rest = word + parts[rest % len(parts)], rest // len(parts)
        words.append(word)
    return words


def write_config(folder: Path) -> Path:
    """The configuration for what `write_pairs` has made."""
    tree = {
        "name": "bench",
        "languages": ["en", "es", "pt", "fr"],
        "data": {
            "root": str(folder),
            "directory": str(folder / "corpus"),
            "sources": [
                {"path": name, "languages": list(languages)} for name, languages, _ in FILES
            ],
            # What the vocabulary takes depends on this alone; it is not what is measured here.
            "vocabulary": {"characters_per_language": 1_000_000},
        },
        "training": {"directory": str(folder / "run"), "max_steps": 1},
    }
    path = folder / "bench.yaml"
    path.write_text(yaml.safe_dump(tree))
    return path


def _family(pid: int) -> list[int]:
    """A process and all its descendants."""
    try:
        tasks = Path(f"/proc/{pid}/task").iterdir()
        children = [int(c) for task in tasks for c in (task / "children").read_text().split()]
    except OSError:
        return [pid]  # it has just ended
    return [pid, *(member for child in children for member in _family(child))]


def _memory_of(pid: int) -> tuple[int, int]:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0, 0
    lines = (line.split() for line in status.splitlines() if line.startswith("Rss"))
    amounts = {name: int(kilobytes) * 1024 for name, kilobytes, _ in lines}
    if not amounts:
        return 0, 0
    return amounts["RssAnon:"] + amounts["RssShmem:"], amounts["RssFile:"]


if __name__ == "__main__":
    main()
