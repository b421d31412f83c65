"""Our trainer and others on the same work, in turns: real target tokens a second of each.

Every trainer gets the same pieces (those of a configuration's first source), sizes, dropout and
smoothing, batches of about the same number of target tokens, and an environment of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

import click
from peers import PEERS, Peer, Work, write_work

from nmt.config import load_config
from nmt.data.prepare import prepare

WATCH = Path(__file__).parent / "watch.py"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("names", nargs=-1)
@click.option("--config", type=click.Path(path_type=Path), default=Path("configs/multi30k.yaml"))
@click.option("--root", type=click.Path(path_type=Path), help="The folder of the raw data.")
@click.option("--work", type=click.Path(path_type=Path), default=Path("runs/bench_peers"))
@click.option("--rounds", default=3, show_default=True)
@click.option("--steps", default=60, show_default=True, help="Measured steps in each round.")
@click.option("--warmup", default=10, show_default=True, help="Steps before, not measured.")
@click.option("--threads", default=1, show_default=True)
@click.option("--batch-tokens", default=4096, show_default=True)
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write figures here.")
def main(
    names: tuple[str, ...],
    config: Path,
    root: Path | None,
    work: Path,
    rounds: int,
    steps: int,
    warmup: int,
    threads: int,
    batch_tokens: int,
    json_path: Path | None,
) -> None:
    """Measure the trainers NAMES (all if none is given) against each other.

    \b
    Example:
      python scripts/bench_peers/run.py --root corpora/multi30k macaronic eole
    """
    known = {peer.name: peer for peer in PEERS}
    if unknown := sorted(set(names) - known.keys()):
        raise click.UsageError(f"no trainer {', '.join(unknown)}; there are {', '.join(known)}")
    overrides = [f"training.batch_tokens={batch_tokens}", "training.dtype=float32"]
    overrides += [f"data.root={root}"] if root else []
    settings = load_config(config, overrides)
    prepare(settings)
    task = write_work(settings, work / "work", threads)
    chosen = [known[name] for name in names] or list(PEERS)
    for peer in chosen:
        click.echo(f"installing {peer.name}", err=True)
        peer.install(work)
    results: dict[str, list[dict[str, Any]]] = {peer.name: [] for peer in chosen}
    for number in range(1, rounds + 1):  # in turns: a busy hour hits all of them
        for peer in chosen:
            found = measure(peer, task, work, warmup, steps)
            if found is None:
                continue
            results[peer.name].append(found)
            speed = found["tokens"] / found["seconds"]
            click.echo(f"round {number}: {peer.name} {speed:,.0f} tokens/s", err=True)
    click.echo(table(results))
    if json_path:
        json_path.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def measure(peer: Peer, task: Work, work: Path, warmup: int, steps: int) -> dict[str, Any] | None:
    """One run of a trainer; None, with its last words, if it fails."""
    for name in ("ours", *(peer.name for peer in PEERS)):
        shutil.rmtree(task.path(name), ignore_errors=True)
    output = task.folder / "result.json"
    output.unlink(missing_ok=True)
    words = [peer.python(work), str(WATCH), peer.name, str(warmup), str(steps), str(output)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(task.threads)}
    log = task.folder / f"{peer.name}.log"
    with log.open("w") as file:
        subprocess.run(
            [*words, *peer.arguments(task)], env=environment, stdout=file, stderr=file, check=False
        )
    if not output.exists():
        last = log.read_text(errors="replace").strip().splitlines()[-3:]
        click.echo(f"{peer.name} failed, see {log}: " + " | ".join(last), err=True)
        return None
    found: dict[str, Any] = json.loads(output.read_text())
    return found


def table(results: dict[str, list[dict[str, Any]]]) -> str:
    """Markdown: medians over the rounds, and each trainer's speed against the first one's."""
    lines = [
        "| trainer | target tokens/s | ratio | padding | parameters | peak memory |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    first: list[float] = []
    for name, rounds in results.items():
        if not rounds:
            lines.append(f"| {name} | failed | | | | |")
            continue
        speeds = [r["tokens"] / r["seconds"] for r in rounds]
        first = first or speeds
        # Round by round, so that what slowed one round slows both sides of its ratio.
        ratio = median(own / other for own, other in zip(speeds, first, strict=False))
        padding = median(1 - r["tokens"] / r["positions"] for r in rounds)
        lines.append(
            f"| {name} | {median(speeds):,.0f} | {ratio:.2f} | {100 * padding:.0f} % | "
            f"{rounds[0]['parameters'] / 1e6:.2f} M | "
            f"{median(r['peak_megabytes'] for r in rounds):,.0f} MB |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
