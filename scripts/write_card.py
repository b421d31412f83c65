"""Write the card of a model directory from what it is and from measured reports."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from nmt.model.model_dir import CARD, ModelInfo, load_info

Result = dict[str, Any]

# Files of one name that are no longer listed one by one.
MANY = 12


@click.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.option(
    "--report",
    "reports",
    type=(click.Path(path_type=Path), str),
    multiple=True,
    required=True,
    metavar="JSON COMMAND",
    help="A report of `macaronic evaluate --json`, and the command that repeats it.",
)
@click.option("--trained-with", required=True, help="The command that trained it.")
@click.option("--limits", required=True, type=click.File(), help="Text about what it cannot do.")
def main(
    model: Path, reports: tuple[tuple[Path, str], ...], trained_with: str, limits: Any
) -> None:
    """Write MODEL/README.md: what the model is, its data, its measured scores and its limits.

    \b
    Example:
      python scripts/write_card.py nmt/pretrained \\
          --report tatoeba.json "macaronic evaluate --test tatoeba-test.en-es.tsv.gz" \\
          --trained-with "macaronic train configs/latin.yaml" --limits limits.md
    """
    info = load_info(model)
    parts = [_header(info, trained_with), _data(info), "## Scores\n"]
    for path, command in reports:
        parts.append(_scores(json.loads(path.read_text(encoding="utf-8")), command))
    parts.append("## Limits\n\n" + limits.read().strip() + "\n")
    (model / CARD).write_text("\n".join(parts), encoding="utf-8")


def _header(info: ModelInfo, trained_with: str) -> str:
    a, p = info.architecture, info.provenance
    return f"""# {info.name}: {", ".join(info.languages)}

One Transformer that translates between all of its languages and in between them.

- Trained directions: {", ".join(sorted(info.directions))}; all others are zero-shot.
- Architecture: {a.encoder_layers} encoder and {a.decoder_layers} decoder layers, width \
{a.d_model}, feed-forward {a.ffn}, {a.heads} heads, {a.norm}-norm; {info.parameters:,} parameters, \
{info.vocab_size:,} shared pieces, stored in half precision.
- Training: `{trained_with}`; {p["steps"]:,} steps, {p["target_tokens"]:,} target tokens, \
{p["training_minutes"]:g} minutes on {p["device"]} with {p.get("ranks", 1)} x {p["threads"]} \
threads ({p["dtype"]}, \
torch {p["torch"]}){_origin(p)}.
"""


def _origin(provenance: dict[str, Any]) -> str:
    """What the training started from, and how long that had been trained."""
    origin = provenance.get("started_from")
    if not origin:
        return ""
    return (
        f", after a start from the model `{origin['name']}` of {origin['steps']:,} steps, "
        f"{origin['target_tokens']:,} target tokens and {origin['training_minutes']:g} minutes"
        f"{_origin(origin)}"
    )


def _data(info: ModelInfo) -> str:
    """The sources, with those of one name in one row: `tatoeba` for `tatoeba.en-es` and so on."""
    groups: dict[tuple[str, str], list[tuple[str, int]]] = {}
    for source in info.provenance["sources"]:
        name, _, pair = source["name"].rpartition(".")
        key = name or pair, source["licence"]
        groups.setdefault(key, []).append((pair, source["pairs"]))
    lines = ["## Data", "", "| source | pairs | licence |", "| --- | --- | --- |"]
    for (name, licence), pairs in groups.items():
        counts = [f"{pair} {count:,}" for pair, count in pairs]
        if len(counts) > MANY:
            counts = [f"{sum(count for _, count in pairs):,} in {len(counts)} directions"]
        lines.append(f"| {name} | {', '.join(counts)} | {licence} |")
    return "\n".join([*lines, ""])


def _scores(report: dict[str, Any], command: str) -> str:
    results: list[Result] = report["results"]
    beam = report["options"]["decode"]["beam_size"]
    lines = [
        f"`{command}` (beam {beam}):",
        "",
        "| test | direction | path | sentences | BLEU | chrF2 | off-target |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: |",
        *(_row(result) for result in results),
        "",
        *(f"- `{signature}`" for signature in sorted(set(_signatures(results)))),
        "",
    ]
    return "\n".join(lines)


def _row(r: Result) -> str:
    path = f"pivot through {r['via']}" if r["path"] == "pivot" else r["path"].replace("_", "-")
    off_target = f"{100 * r['off_target']['value']:.1f} %" if r["off_target"] else ""
    return (
        f"| {r['test']} | {r['source']} → {r['target']} | {path} | {r['sentences']} "
        f"| {r['scores']['bleu']['value']:.1f} | {r['scores']['chrf']['value']:.1f} "
        f"| {off_target} |"
    )


def _signatures(results: list[Result]) -> Iterator[str]:
    for result in results:
        yield from (score["signature"] for score in result["scores"].values())
        if result["off_target"]:
            yield result["off_target"]["signature"]


if __name__ == "__main__":
    main()
