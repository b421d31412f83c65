"""From what was measured to medians, ratios and a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from recorder import Measured

OURS = "macaronic"


@dataclass(frozen=True)
class Summary:
    """One trainer over all rounds: medians, unless the name says otherwise."""

    tokens_per_second: float
    slowest: float
    fastest: float
    ratio: float | None
    """How many times as fast ours is: the median of the ratios within each round."""
    padding: float
    tokens_per_step: float
    fewest_steps: int
    rounds: int
    parameters: int
    most_megabytes: float
    dtype: str


def schedule(trainers: Sequence[str], rounds: int) -> Iterator[tuple[int, str]]:
    """Round and trainer of each run: all trainers in turn, so that a busy hour slows them all."""
    for number in range(1, rounds + 1):
        for trainer in trainers:
            yield number, trainer


def speed(measured: Measured) -> float:
    """Real target tokens a second."""
    return measured.tokens / measured.seconds


def summarise(results: Mapping[str, Mapping[int, Measured]]) -> dict[str, Summary]:
    """Figures of each trainer from its results by round; a trainer without any is left out."""
    ours = results.get(OURS, {})
    summaries = {}
    for name, by_round in results.items():
        if not by_round:
            continue
        runs = list(by_round.values())
        speeds = [speed(run) for run in runs]
        ratios = [
            speed(ours[number]) / speed(run) for number, run in by_round.items() if number in ours
        ]
        summaries[name] = Summary(
            tokens_per_second=median(speeds),
            slowest=min(speeds),
            fastest=max(speeds),
            ratio=median(ratios) if ratios else None,
            padding=median(1 - run.tokens / run.positions for run in runs),
            tokens_per_step=median(run.tokens / run.steps for run in runs),
            fewest_steps=min(run.steps for run in runs),
            rounds=len(runs),
            parameters=runs[0].parameters,
            most_megabytes=max(run.peak_megabytes for run in runs),
            dtype=runs[0].dtype,
        )
    return summaries


def table(summaries: Mapping[str, Summary], versions: Mapping[str, str]) -> str:
    """The summaries as a Markdown table, the fastest trainer first."""
    lines = [
        "| trainer | precision | target tokens/s (range) | ours is faster | padding "
        "| tokens a step | steps x rounds | parameters | peak memory |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, s in sorted(summaries.items(), key=lambda item: -item[1].tokens_per_second):
        ratio = "-" if name == OURS or s.ratio is None else f"{s.ratio:.2f} x"
        cells = [
            f"{name} {versions[name]}",
            s.dtype,
            f"{s.tokens_per_second:,.0f} ({s.slowest:,.0f}-{s.fastest:,.0f})",
            ratio,
            f"{100 * s.padding:.1f} %",
            f"{s.tokens_per_step:,.0f}",
            f"{s.fewest_steps} x {s.rounds}",
            f"{s.parameters / 1e6:.2f} M",
            f"{s.most_megabytes:,.0f} MB",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
