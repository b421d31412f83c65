"""How fast we translate, beside what the same model does in CTranslate2 alone and in transformers.

Each system runs in a process of its own and translates the same sentences with the same weights,
beam and length limits; all take turns in each round, so that a busy machine slows all of them.
`macaronic` takes text and gives text, `macaronic-sentences` leaves out segmentation, protection,
judgement and second tries, and the others take ready pieces and give pieces. Linux only.
"""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
from dataclasses import asdict, replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click
from decoding.compare import RAW, compare, parts_line, speed_table, start_up, study
from decoding.systems import SYSTEMS, Job
from decoding.worker import WorkerFailed

from nmt.data.corpus import decode_line, read_lines
from nmt.decode.engine import max_source_pieces, max_target_pieces
from nmt.decode.export import export
from nmt.decode.translator import SHIPPED_MODEL
from nmt.errors import MacaronicError, UnknownLanguage
from nmt.evaluate.testfiles import read_tests
from nmt.model.model_dir import ModelInfo, Weights, load_model
from nmt.text.tokenizer import EOS, Tokenizer, language_tag

NEEDED = {"transformers": ("torch", "transformers"), "macaronic-torch": ("torch",)}
LIBRARIES = ("ctranslate2", "sentencepiece", "numpy", "torch", "transformers")
BATCH_SIZE = 64  # of transformers, as of ours


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--sentences",
    "file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="English text, a sentence a line, may be .gz.",
)
@click.option(
    "--test",
    "tests",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Or the English side of NAME.en-es.tsv[.gz]; may be repeated.",
)
@click.option("--to", "target", default="es", show_default=True)
@click.option("--limit", default=1000, show_default=True, type=click.IntRange(1))
@click.option(
    "--beam", "beams", multiple=True, default=(1, 5), show_default=True, type=click.IntRange(1, 64)
)
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(1))
@click.option("--starts", default=5, show_default=True, type=click.IntRange(1))
@click.option("--precision", default="int8", show_default=True, help="Of both with CTranslate2.")
@click.option("--threads", default=0, show_default=True, help="0: all cores.")
@click.option(
    "--model", default=SHIPPED_MODEL, type=click.Path(path_type=Path), help="Default: the shipped."
)
@click.option(
    "--system",
    "systems",
    multiple=True,
    type=click.Choice([name for name in SYSTEMS if name != RAW]),
    help=f"Those beside {RAW}; may be repeated; all that are installed unless given.",
)
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write figures here.")
def main(
    file: Path | None,
    tests: tuple[Path, ...],
    target: str,
    limit: int,
    beams: tuple[int, ...],
    rounds: int,
    starts: int,
    precision: str,
    threads: int,
    model: Path,
    systems: tuple[str, ...],
    json_path: Path | None,
) -> None:
    """Measure decoding, start-up and mixes from many clients, and print tables.

    \b
    Examples:
      python scripts/bench_decoding.py --test tatoeba-test.en-es.tsv.gz
      python scripts/bench_decoding.py --sentences news.en.txt --to fr --limit 200 --beam 1
    """
    if bool(file) == bool(tests):
        raise click.UsageError("give either --sentences or --test")
    try:
        info, tokenizer, weights = load_model(model)
        if target not in info.languages:
            raise UnknownLanguage(target, info.languages)
        texts = read_texts(file, tests, info, tokenizer, limit)
        chosen = select(systems, info)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            export(model, "ctranslate2", folder / RAW)
            if "transformers" in chosen:
                export(model, "transformers", folder / "transformers")
            job = make_job(model, info, tokenizer, texts, target, folder)
            job = replace(job, threads=threads or os.cpu_count() or 1, precision=precision)
            tree = measure(job, tokenizer, weights, chosen, beams, rounds, starts, folder)
    except (MacaronicError, WorkerFailed) as error:
        raise click.ClickException(str(error)) from None
    if json_path:
        json_path.write_text(json.dumps(tree, indent=1) + "\n", encoding="utf-8")


def read_texts(
    file: Path | None, tests: tuple[Path, ...], info: ModelInfo, tokenizer: Tokenizer, limit: int
) -> list[str]:
    """The first sentences that are not blank; says how many are too long for the peers."""
    if file:
        lines = [decode_line(raw, f"{file}:{n}") for n, raw in enumerate(read_lines(file), start=1)]
    else:
        found = read_tests(tests, info.languages, source="en")
        lines = list(dict.fromkeys(text for test in found for text in test.sources))
    texts = [line.strip() for line in lines if line.strip()][:limit]
    longest = max_source_pieces(info.architecture)
    fitting = [t for t in texts if 0 < len(tokenizer.encode(t)) <= longest]
    if dropped := len(texts) - len(fitting):
        click.echo(f"left out: {dropped} sentences of more than {longest} pieces")
    if not fitting:
        raise click.UsageError("there is no sentence to translate")
    return fitting


def select(wanted: tuple[str, ...], info: ModelInfo) -> list[str]:
    """The systems to compare; says which cannot run here, and fails if one was asked for."""
    chosen = []
    for name in SYSTEMS:
        if wanted and name not in (RAW, *wanted):
            continue
        missing = [library for library in NEEDED.get(name, ()) if not find_spec(library)]
        problem = f"{' and '.join(missing)} not installed" if missing else ""
        if name == "transformers" and info.architecture.norm == "pre":
            problem = "MarianMTModel is post-norm, and this model is pre-norm"
        if problem and wanted:
            raise click.UsageError(f"{name} cannot run: {problem}")
        if problem:
            click.echo(f"skipped {name}: {problem}")
        else:
            chosen.append(name)
    return chosen


def make_job(
    model: Path,
    info: ModelInfo,
    tokenizer: Tokenizer,
    texts: list[str],
    target: str,
    folder: Path,
) -> Job:
    """What is to be translated, as text and as pieces, and where the converted models are."""
    pieces = tokenizer.encode_all(texts)
    return Job(
        model=str(model.resolve()),
        target=target,
        texts=texts,
        pieces=[[language_tag(target), *map(tokenizer.piece, ids)] for ids in pieces],
        ids=[[tokenizer.tag_ids[target], *ids, EOS] for ids in pieces],
        limits=[max_target_pieces(info.architecture, len(ids)) for ids in pieces],
        ctranslate2=str(folder / RAW),
        transformers=str(folder / "transformers"),
        batch_size=BATCH_SIZE,
    )


def measure(
    job: Job,
    tokenizer: Tokenizer,
    weights: Weights,
    systems: list[str],
    beams: tuple[int, ...],
    rounds: int,
    starts: int,
    folder: Path,
) -> dict[str, Any]:
    """Print all figures, and give them as a tree."""
    tree: dict[str, Any] = {"conditions": conditions(job, rounds), "beams": {}}
    for key, value in tree["conditions"].items():
        click.echo(f"{key}: {value}")
    for beam in beams:
        job = replace(job, beam=beam)
        job = replace(job, setting=study("search", job, folder))
        speeds = compare(job, systems, rounds, tokenizer, folder)
        parts = study("parts", job, folder)
        click.echo(f"\n## Beam {beam}\n\n{speed_table(speeds)}\n")
        click.echo(f"{RAW}: " + ", ".join(f"{k} {v}" for k, v in job.setting.items()))
        click.echo(parts_line(parts))
        if beam == 1:
            click.echo(limit_line(job, weights, speeds[RAW].target_pieces, folder))
        figures = {name: asdict(speed) for name, speed in speeds.items()}
        tree["beams"][beam] = {"setting": job.setting, "systems": figures, "parts": parts}
    tree["start"] = start_up(job, systems, starts, folder)
    click.echo(f"\n## Start of the process to its first translation, beam {job.beam}\n")
    click.echo("| system | s | peak memory |\n| --- | ---: | ---: |")
    for name, start in tree["start"].items():
        click.echo(f"| {name} | {start['seconds']:.2f} | {start['peak_mb']:,.0f} MB |")
    tree["mixes"] = study("mixes", replace(job, beam=beams[0]), folder)
    click.echo(f"\n## Mixes, beam {beams[0]}\n")
    click.echo("\n".join(f"{k.replace('_', ' ')}: {v:,.4g}" for k, v in tree["mixes"].items()))
    return tree


def limit_line(job: Job, weights: Weights, target_pieces: int, folder: Path) -> str:
    """What greedy search could reach in float32, if linear maps were all and ran at full speed."""
    encoder = decoder = 0
    for name, value in weights.items():
        # Keys and values of cross-attention are made from source states.
        if name.startswith("encoder") or "cross_attention.key_value" in name:
            encoder += value.size
        else:  # the embedding is the output layer
            decoder += value.size
    source_pieces = sum(map(len, job.ids))
    target_pieces += len(job.texts)  # with the end of each sentence
    operations = 2 * (encoder * source_pieces + decoder * target_pieces) / len(job.texts)
    rate = job.threads * study("products", replace(job, threads=1), folder)
    return (
        f"limit in float32: {operations / 1e6:,.0f} MFLOP a sentence in linear maps, NumPy "
        f"multiplies at {rate / 1e9:,.0f} GFLOP/s on {job.threads} threads: "
        f"{rate / operations:,.0f} sentences/s"
    )


def conditions(job: Job, rounds: int) -> dict[str, Any]:
    """What the figures depend on."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "command": " ".join(["python", *sys.argv]),
        "macaronic": version("macaronic"),
        **{name: version(name) for name in LIBRARIES if find_spec(name)},
        "python": platform.python_version(),
        "processor": names[0] if names else platform.machine(),
        "cores": os.cpu_count(),
        "threads": job.threads,
        "precision": job.precision,
        "target": job.target,
        "sentences": len(job.texts),
        "characters": sum(map(len, job.texts)),
        "rounds": rounds,
    }


if __name__ == "__main__":
    main()
