"""Systems in turns, and what that gives."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from decoding.systems import Job
from decoding.worker import Answer, Worker, WorkerFailed
from nmt.text.tokenizer import Tokenizer

RAW = "ctranslate2"
# Threads of the system before may go on waiting busily for so long.
PAUSE_SECONDS = 0.3
# With the same weights translations seldom differ: one that agrees this little does not work.
LEAST_AGREEMENT = 0.1


@dataclass(frozen=True)
class Speed:
    """What one system did in all rounds, beside raw CTranslate2 in the same rounds."""

    seconds: list[float]
    sentences: int
    source_pieces: int
    target_pieces: int
    ratio: float  # of its speed to that of raw CTranslate2, the median over the rounds
    agreement: float  # the share of translations that are those of raw CTranslate2
    added_mb: float

    def rate(self, of: int | None = None) -> float:
        """Sentences, or something else, a second: the median over the rounds."""
        return (self.sentences if of is None else of) / statistics.median(self.seconds)


def compare(
    job: Job, systems: Sequence[str], rounds: int, tokenizer: Tokenizer, folder: Path
) -> dict[str, Speed]:
    """The speed of each system; WorkerFailed if one does not translate."""
    with ExitStack() as stack:
        workers = {name: stack.enter_context(Worker(name, job, folder)) for name in systems}
        for worker in workers.values():
            worker.run()  # not counted: first runs allocate
        answers: dict[str, list[Answer]] = {name: [] for name in systems}
        for number in range(rounds):
            turn = number % len(systems)
            for name in [*systems[turn:], *systems[:turn]]:  # nobody always comes after the same
                time.sleep(PAUSE_SECONDS)
                answers[name].append(workers[name].run())
    texts = {name: as_texts(answers[name][-1].output, tokenizer) for name in systems}
    seconds = {name: [answer.seconds for answer in answers[name]] for name in systems}
    speeds = {}
    for name in systems:
        check(name, texts[name], len(job.texts), texts[RAW])
        same = sum(a == b for a, b in zip(texts[name], texts[RAW], strict=True))
        ratios = [raw / own for raw, own in zip(seconds[RAW], seconds[name], strict=True)]
        speeds[name] = Speed(
            seconds[name],
            len(texts[name]),
            sum(len(ids) - 2 for ids in job.ids),
            sum(map(len, tokenizer.encode_all(texts[name]))),
            statistics.median(ratios),
            same / len(job.texts),
            max(answer.added_mb for answer in answers[name]),
        )
    return speeds


def as_texts(outputs: Sequence[Any], tokenizer: Tokenizer) -> list[str]:
    """Translations as text, whether a system gave text, ids or pieces."""
    ids = {tokenizer.piece(i): i for i in range(tokenizer.vocab_size)}
    return [
        output
        if isinstance(output, str)
        else tokenizer.decode(ids[piece] if isinstance(piece, str) else piece for piece in output)
        for output in outputs
    ]


def check(name: str, texts: Sequence[str], sentences: int, expected: Sequence[str]) -> None:
    """WorkerFailed unless a system has translated every sentence, much as CTranslate2 has."""
    if len(texts) != sentences:
        raise WorkerFailed(f"{name} gave {len(texts)} translations for {sentences} sentences")
    same = sum(bool(a) and a == b for a, b in zip(texts, expected, strict=True))
    if same < LEAST_AGREEMENT * sentences:
        raise WorkerFailed(
            f"{name} does not work: {same} of {sentences} translations are those that "
            f"{RAW} gave with the same weights"
        )


def start_up(
    job: Job, systems: Sequence[str], starts: int, folder: Path
) -> dict[str, dict[str, float]]:
    """Medians of seconds from the start of a process to its first translation, and of memory."""
    first = replace(
        job,
        texts=job.texts[:1],
        pieces=job.pieces[:1],
        ids=job.ids[:1],
        limits=job.limits[:1],
    )
    seconds: dict[str, list[float]] = {name: [] for name in systems}
    memory: dict[str, list[float]] = {name: [] for name in systems}
    for _ in range(starts):
        for name in systems:
            start = time.perf_counter()
            with Worker(name, first, folder) as worker:
                answer = worker.run()
                seconds[name].append(time.perf_counter() - start)
            memory[name].append(answer.peak_mb)
    return {
        name: {
            "seconds": statistics.median(seconds[name]),
            "peak_mb": statistics.median(memory[name]),
        }
        for name in systems
    }


def study(name: str, job: Job, folder: Path) -> Any:
    """What a study finds."""
    with Worker(name, job, folder) as worker:
        return worker.run().output


def speed_table(speeds: dict[str, Speed]) -> str:
    """A row for each system, in Markdown."""
    lines = [
        "| system | sentences/s, median (slowest to fastest) | source pieces/s "
        f"| to {RAW} | same output | peak memory added |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, s in speeds.items():
        lines.append(
            f"| {name} | {s.rate():,.1f} ({s.sentences / max(s.seconds):,.1f} to "
            f"{s.sentences / min(s.seconds):,.1f}) | {s.rate(s.source_pieces):,.0f} "
            f"| {s.ratio:.2f} | {100 * s.agreement:.0f} % | {s.added_mb:,.0f} MB |"
        )
    return "\n".join(lines)


def parts_line(seconds: dict[str, float]) -> str:
    """Where the time of our translator goes; the rest is choosing, joining and second tries."""
    whole = seconds["whole"]
    parts = {name: s for name, s in seconds.items() if name != "whole"}
    parts["the rest"] = whole - sum(parts.values())
    shares = [f"{name} {s:.3f} s ({100 * s / whole:.0f} %)" for name, s in parts.items()]
    return f"of {whole:.3f} s: " + ", ".join(shares)
