"""The recipe study: train cells that differ in one setting, judge each alike, print the table.

A cell is trained and judged once; its results stay in the work folder, and a study that was
interrupted goes on where it was. A cell is a list of overrides as `macaronic train` takes them;
`weight.PATTERN=VALUE` sets the sampling weight of the sources whose file matches.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatch
from pathlib import Path
from statistics import mean
from typing import Any

import click
import yaml

from nmt.config import load_config

RESULT = "result.json"


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("cells", nargs=-1)
@click.option("--study", type=click.Path(path_type=Path), default=Path("scripts/recipe.yaml"))
@click.option("--root", type=click.Path(path_type=Path), default=Path("corpora"), help="Raw data.")
@click.option("--work", type=click.Path(path_type=Path), default=Path("runs/recipe"))
@click.option("--minutes", default=20.0, show_default=True, help="CPU time a thread of each cell.")
@click.option("--threads", default=1, show_default=True, help="CPU threads of each cell.")
@click.option("--jobs", default=2, show_default=True, help="Cells at the same time.")
@click.option("--limit", default=100, show_default=True, help="Test sentences a direction.")
def main(
    cells: tuple[str, ...],
    study: Path,
    root: Path,
    work: Path,
    minutes: float,
    threads: int,
    jobs: int,
    limit: int,
) -> None:
    """Train and judge CELLS (all if none is named), then print the table of all that are done.

    \b
    Example:
      python scripts/recipe.py base guided --root corpora --minutes 20
    """
    plan = yaml.safe_load(study.read_text(encoding="utf-8"))
    if unknown := sorted(set(cells) - set(plan["cells"])):
        raise click.UsageError(
            f"no cell {', '.join(unknown)}; there are {', '.join(plan['cells'])}"
        )
    work.mkdir(parents=True, exist_ok=True)
    chosen = {name: overrides(plan, name, root) for name in cells or plan["cells"]}
    corpora = {
        load_config(Path(plan["config"]), words).data.directory: words for words in chosen.values()
    }
    for words in corpora.values():
        macaronic("prepare", plan["config"], *words)
    # CPU time: what else the machine does must not decide between two cells.
    budget = [
        f"training.max_minutes={minutes}",
        "training.clock=cpu",
        f"training.threads={threads}",
    ]
    start = ["--init", plan["init"]] if "init" in plan else []

    def run(name: str) -> None:
        folder = work / name
        if (folder / RESULT).exists():
            return
        settings = [*budget, *chosen[name], f"training.directory={folder}"]
        macaronic("train", plan["config"], "--resume", *start, *settings)
        judged = {
            kind: judge(folder, [root / path for path in plan[kind]], threads, limit)
            for kind in ("supervised", "zero_shot")
        }
        log = [json.loads(line) for line in (folder / "log.jsonl").open(encoding="utf-8")]
        tokens = sum(record["tokens"] for record in log if record["kind"] == "train")
        losses = [record["loss"] for record in log if record["kind"] == "validation"]
        result = {
            **summary(judged),
            "validation_loss": losses[-1] if losses else None,
            "tokens": tokens,
            "tokens_per_second": tokens / minutes / 60,
        }
        (folder / RESULT).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")

    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(run, chosen))
    click.echo(table(plan, work))


def overrides(plan: dict[str, Any], cell: str, root: Path) -> list[str]:
    """What a cell sets on the command line, with sampling weights spelt out."""
    words = [*plan["base"], f"data.root={root}", *plan["cells"][cell]]
    weights = [word.removeprefix("weight.") for word in words if word.startswith("weight.")]
    words = [word for word in words if not word.startswith("weight.")]
    if not weights:
        return words
    sources = yaml.safe_load(Path(plan["config"]).read_text(encoding="utf-8"))["data"]["sources"]
    for pattern, _, value in (weight.partition("=") for weight in weights):
        for source in sources:
            if fnmatch(str(source["path"]), pattern):
                source["weight"] = float(value)
    return [*words, f"data.sources={json.dumps(sources)}"]


def macaronic(*words: str) -> None:
    """Run one of the product's commands; its progress goes to our stderr."""
    command = [sys.executable, "-m", "nmt", *words]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def judge(folder: Path, tests: list[Path], threads: int, limit: int) -> list[dict[str, Any]]:
    """Results of all directions of some tests, in beam search, without pivoting."""
    output = folder / "evaluation.json"
    files = [word for test in tests for word in ("--test", str(test))]
    settings = ["--limit", str(limit), "--threads", str(threads), "--no-pivot"]
    model = ["--model", str(folder / "model")]
    macaronic("evaluate", *files, *settings, *model, "--json", str(output))
    results: list[dict[str, Any]] = json.loads(output.read_text(encoding="utf-8"))["results"]
    return results


def summary(judged: dict[str, list[dict[str, Any]]]) -> dict[str, float]:
    """Means over directions of BLEU and of the off-target rate."""
    supervised, zero_shot = judged["supervised"], judged["zero_shot"]
    # Outputs without a single letter are in no language: as off-target as can be.
    off_target = [row["off_target"]["value"] if row["off_target"] else 1.0 for row in zero_shot]
    return {
        "supervised_bleu": mean(row["scores"]["bleu"]["value"] for row in supervised),
        "zero_shot_bleu": mean(row["scores"]["bleu"]["value"] for row in zero_shot),
        "off_target": mean(off_target),
    }


def table(plan: dict[str, Any], work: Path) -> str:
    """Markdown of all cells that are done, in the order of the study."""
    lines = [
        "| cell | changed | validation loss | supervised BLEU | zero-shot BLEU | off-target "
        "| tokens/s |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for name, changes in plan["cells"].items():
        path = work / name / RESULT
        if path.exists():
            r = json.loads(path.read_text(encoding="utf-8"))
            lines.append(
                f"| {name} | {', '.join(changes)} | {r['validation_loss'] or math.nan:.2f} | "
                f"{r['supervised_bleu']:.1f} | "
                f"{r['zero_shot_bleu']:.1f} | {100 * r['off_target']:.0f} % | "
                f"{r['tokens_per_second']:,.0f} |"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
