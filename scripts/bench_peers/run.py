"""Our trainer against eole, joeynmt and sockeye, on the same data, model size and cores.

Installs each peer in an environment of its own, runs all trainers in turn, and prints how many
real target tokens a second each of them learns from in the steady state. The work is a Transformer
of width 256 with 4 heads, feed-forward 1,024, 3 + 3 layers and tied embeddings, a shared
vocabulary of 8,000 pieces, dropout and label smoothing 0.1. A batch is as many target positions as
`--batch-tokens` says, padding included: all four fill batches so, and what is not padding is told.

Needs Linux, and Python 3.11 or 3.12, which have all versions that are pinned for the peers.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import torch
from corpus import make_corpus
from figures import OURS, schedule, summarise, table
from recorder import Job, Measured, result_path

from nmt.config import TrainingConfig
from nmt.train.device import compute_dtype

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
# Installed without requirements: what they need of them is pinned in the file beside this one.
PEERS = {"eole": "0.6.4", "joeynmt": "2.3.0", "sockeye": "3.1.34"}
TRAINERS = (OURS, *PEERS)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--data",
    default=Path("corpora/multi30k"),
    show_default=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Folder of train.en and train.de (or .gz), line by line.",
)
@click.option(
    "--trainers", default=",".join(TRAINERS), show_default=True, help="Which, in this order."
)
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(1))
@click.option("--steps", default=60, show_default=True, help="Steady steps of each run.")
@click.option(
    "--warmup", default=20, show_default=True, type=click.IntRange(1), help="Steps before them."
)
@click.option(
    "--seconds", default=900.0, show_default=True, help="A run's steady steps end after this."
)
@click.option(
    "--batch-tokens", default=4096, show_default=True, help="Target pieces a batch, with padding."
)
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1))
@click.option(
    "--dtype",
    default="auto",
    show_default=True,
    type=click.Choice(["auto", "float32", "bfloat16"]),
    help="Of those that have a choice (ours, eole); auto: bfloat16 if the hardware multiplies it.",
)
@click.option(
    "--work",
    default=Path("runs/bench_peers"),
    show_default=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Environments, corpus and logs; environments and corpus are made once.",
)
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write figures here.")
def main(
    data: Path,
    trainers: str,
    rounds: int,
    steps: int,
    warmup: int,
    seconds: float,
    batch_tokens: int,
    threads: int,
    dtype: str,
    work: Path,
    json_path: Path | None,
) -> None:
    """Measure the trainers in turn and print a table.

    \b
    Examples:
      python scripts/bench_peers/run.py --json peers.json
      python scripts/bench_peers/run.py --trainers macaronic,eole --threads 2
    """
    names = trainers.split(",")
    if unknown := sorted(set(names) - set(TRAINERS)):
        raise click.UsageError(f"no trainer {', '.join(unknown)}; there are {', '.join(TRAINERS)}")
    if len(set(names)) < len(names):
        raise click.UsageError("--trainers names one of them twice")
    work = work.resolve()
    try:
        make_corpus(data, work / "corpus")
    except FileNotFoundError as error:
        raise click.ClickException(str(error)) from None
    failed = {name for name in names if name in PEERS and not is_installed(work, name)}
    chosen = str(compute_dtype(TrainingConfig(directory="", max_steps=1, dtype=dtype)))
    job = Job(
        corpus=str(work / "corpus"),
        folder="",
        batch_tokens=batch_tokens,
        threads=threads,
        dtype=chosen.removeprefix("torch."),
        warmup=warmup,
        steps=steps,
        seconds=seconds,
    )
    versions = {OURS: version("macaronic"), **PEERS}
    conditions = {
        "command": " ".join(["python", *sys.argv]),
        "processor": processor(),
        "torch": torch.__version__,
        "python": platform.python_version(),
        **{key: value for key, value in asdict(job).items() if key not in ("corpus", "folder")},
    }
    results: dict[str, dict[int, Measured]] = {name: {} for name in names}
    for number, name in schedule(names, rounds):
        if name in failed:
            continue
        measured = run(work, name, job)
        if measured is None:
            failed.add(name)  # it would fail again
            continue
        results[name][number] = measured
        click.echo(
            f"round {number}: {name:10} {measured.tokens / measured.seconds:7,.0f} tokens/s, "
            f"{measured.steps} steps in {measured.seconds:.0f} s",
            err=True,
        )
        if json_path:  # after each run, so that an interruption loses one
            write_json(json_path, conditions, versions, results)
    for key, value in conditions.items():
        click.echo(f"{key}: {value}")
    click.echo("\n" + table(summarise(results), versions))
    if failed:
        raise click.ClickException(f"not (all) measured: {', '.join(sorted(failed))}; see above")


def is_installed(work: Path, name: str) -> bool:
    """Whether a peer is there, in an environment of its own; made now if it is not."""
    folder = work / "environments" / name
    pins = HERE / f"{name}.txt"
    stamp, wanted = folder / "installed.txt", f"{name}=={PEERS[name]}\n{pins.read_text()}"
    if stamp.exists() and stamp.read_text() == wanted:
        return True
    click.echo(f"installing {name} {PEERS[name]} in {folder}", err=True)
    shutil.rmtree(folder, ignore_errors=True)
    pip = [str(folder / "bin/python"), "-m", "pip", "install", "--quiet"]
    commands = [
        [sys.executable, "-m", "venv", str(folder)],
        [*pip, "--requirement", str(pins)],
        [*pip, "--no-deps", f"{name}=={PEERS[name]}"],
    ]
    for command in commands:
        if subprocess.run(command).returncode:
            click.echo(f"{name} cannot be installed: {' '.join(command)}", err=True)
            return False
    stamp.write_text(wanted)
    return True


def run(work: Path, name: str, job: Job) -> Measured | None:
    """One run of a trainer; nothing if it fails, which is told."""
    folder = work / "runs" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    job = Job(**{**asdict(job), "folder": str(folder)})
    job_path, log = folder / "job.json", folder / "log.txt"
    job_path.write_text(json.dumps(asdict(job)), encoding="utf-8")
    python = work / "environments" / name / "bin/python" if name in PEERS else Path(sys.executable)
    environment = {**os.environ, "OMP_NUM_THREADS": str(job.threads)}
    environment.pop("PYTHONPATH", None)
    if name == OURS:
        environment["PYTHONPATH"] = str(ROOT)
    with log.open("w", encoding="utf-8") as output:
        try:
            code = subprocess.run(
                [str(python), str(HERE / f"with_{name}.py"), str(job_path)],
                cwd=folder,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Start, first steps and steady steps.
                timeout=600 + 2 * job.seconds,
            ).returncode
        except subprocess.TimeoutExpired:
            code = -1
    if code or not result_path(job).exists():
        tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
        click.echo(f"{name} failed; the end of {log}:\n  " + "\n  ".join(tail), err=True)
        return None
    return Measured(**json.loads(result_path(job).read_text(encoding="utf-8")))


def write_json(
    path: Path,
    conditions: dict[str, Any],
    versions: dict[str, str],
    results: dict[str, dict[int, Measured]],
) -> None:
    """All that was measured, and its summary."""
    summaries = summarise(results)
    tree = {
        "conditions": conditions,
        "trainers": {
            name: {
                "version": versions[name],
                **asdict(summaries[name]),
                "runs": {number: asdict(measured) for number, measured in results[name].items()},
            }
            for name in summaries
        },
    }
    path.write_text(json.dumps(tree, indent=1) + "\n", encoding="utf-8")


def processor() -> str:
    """The name of the processor, as Linux tells it."""
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return f"{line.partition(':')[2].strip()}, {os.cpu_count()} cores"
    return platform.machine()


if __name__ == "__main__":
    main()
