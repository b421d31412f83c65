"""The `macaronic` command: one short function for each sub-command, no logic."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO, get_args

import click

from nmt.decode.engine import DecodeOptions
from nmt.decode.export import ExportFormat
from nmt.documents.document import FORMATS
from nmt.options import BEAM, Group, decoding_options, model_option, needs
from nmt.text.target_mix import TargetMix
from serve.command import keys, serve

if TYPE_CHECKING:
    from nmt.analyse.representations import Method
    from nmt.decode.sentences import Translation
    from nmt.decode.translator import Translator


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="macaronic")
def main() -> None:
    """Train, evaluate and serve one translation model for many languages."""


@main.command()
@click.argument("file", type=click.File("rb"), default="-")
@click.option("--to", "target", required=True, help="Language, or a mix: es:0.58,pt:0.42.")
@click.option("--from", "source", help="Source language; for pivoting and reports only.")
@click.option("--via", help="Translate to this language first (pivot).")
@click.option(
    "--n-best", default=1, show_default=True, type=BEAM, help="Hypotheses for each sentence."
)
@click.option("--length-penalty", default=1.0, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each sentence.")
@click.option("--document", is_flag=True, help="FILE is a document: see below.")
@click.option(
    "--format", type=click.Choice(list(FORMATS)), help="Of the document; by its suffix otherwise."
)
@click.option(
    "--glossary",
    "glossary_file",
    type=click.Path(path_type=Path),
    help="Terms to use: two columns, with tabs or, in a .csv, commas.",
)
@click.option("--output", type=click.Path(path_type=Path), help="Write to this file, not stdout.")
@click.option("--resume", is_flag=True, help="With --output: go on after a kill.")
@decoding_options
def translate(
    file: BinaryIO,
    target: str,
    source: str | None,
    via: str | None,
    n_best: int,
    length_penalty: float,
    as_json: bool,
    document: bool,
    format: str | None,
    glossary_file: Path | None,
    output: Path | None,
    resume: bool,
    beam: int,
    load: Callable[..., Translator],
) -> None:
    """Translate FILE (or stdin), one sentence a line, to stdout.

    One line out for each line in, also for empty ones. With --n-best N a line holds up to N
    hypotheses, best first, with a tab between them.

    With --document the file is text of any length, HTML, Markdown, subtitles, JSON, PO or XLIFF:
    its texts are translated, and all else stays as it is.

    \b
    Examples:
      echo "Where is the station?" | macaronic translate --to es
      macaronic translate --to es --document page.html --output page.es.html
      macaronic translate --to es large.txt --output large.es.txt --resume
    """
    from nmt.decode.glossary import Glossary
    from nmt.decode.lines import translate_lines
    from nmt.decode.output import ResumableFile
    from nmt.documents import TranslateWith, format_of, translate_document

    document = document or format is not None
    if document and (n_best > 1 or as_json):
        raise click.UsageError("--document takes neither --n-best nor --json")
    if resume and (output is None or document):
        raise click.UsageError("--resume goes on with the lines of an --output")
    name = getattr(file, "name", "<stdin>")
    mix = TargetMix.of(target)
    how: dict[str, Any] = {
        "target": mix,
        "source": source,
        "via": via,
        "options": DecodeOptions(beam, n_best, length_penalty),
        "glossary": Glossary.read(glossary_file) if glossary_file else None,
    }
    translator = load()
    translate = partial(translator.translate, **how)
    if document:
        chosen = format or (format_of(name) if Path(name).suffix else "text")
        judged = TranslateWith(translate)
        code = mix.languages[0] if mix.is_plain else None
        made = translate_document(file.read(), chosen, judged, code)
        with click.open_file(str(output or "-"), "wb", atomic=True) as written:
            written.write(made)
        for flag, times in judged.flags.items():
            click.echo(f"{flag}: {times} of {judged.texts} texts", err=True)
        return

    def line(found: Translation) -> str:
        if as_json:
            return json.dumps(found.as_dict(), ensure_ascii=False)
        return "\t".join(hypothesis.text for hypothesis in found.hypotheses)

    if output is None:
        for chunk in translate_lines(translate, file, name):
            click.echo("\n".join(map(line, chunk)))
        return
    made_with = {**how, "file": name, "json": as_json, "model": translator.info.name}
    settings = {key: str(value) for key, value in made_with.items()}
    with ResumableFile(output, settings, resume) as result:
        for chunk in translate_lines(translate, file, name, result.done):
            result.write([line(found) for found in chunk])


@main.command()
@click.argument("text")
@click.argument("languages", nargs=-1, required=True)
@click.option("--from", "source", help="Source language; for reports only.")
@click.option("--steps", default=21, show_default=True, help="Steps from first to second.")
@click.option("--json", "as_json", is_flag=True, help="The sweep as JSON, as POST /mix gives it.")
@click.option("--plot", type=click.Path(path_type=Path), help="Draw it: FILE.png, .svg or .pdf.")
@decoding_options
def mix(
    text: str,
    languages: tuple[str, ...],
    source: str | None,
    steps: int,
    as_json: bool,
    plot: Path | None,
    beam: int,
    load: Callable[..., Translator],
) -> None:
    """Translate TEXT to every mix on the way from one of two LANGUAGES to the other.

    \b
    Example:
      macaronic mix "I wonder what they will do next." es pt --plot es-pt.png
    """
    from nmt.decode.sweep import format_table, sweep, sweep_weights

    if not text.strip():
        raise click.UsageError("TEXT is empty: there is nothing to translate")
    weights = sweep_weights(languages, steps)
    result = sweep(load(), text, weights, source=source, options=DecodeOptions(beam))
    click.echo(
        json.dumps(result.as_dict(), ensure_ascii=False) if as_json else format_table(result)
    )
    if plot:
        from nmt.analyse.plots import plot_sweep

        plot_sweep(result, plot)


@main.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.argument("overrides", nargs=-1, metavar="[SECTION.KEY=VALUE]...")
def fetch(config: Path, overrides: tuple[str, ...]) -> None:
    """Download the public corpora that CONFIG names; prints their licences.

    Files go to data.root, with the list of licences in LICENCES.md. What is there already is not
    fetched again, and a download that was stopped goes on where it was.

    \b
    Example:
      macaronic fetch configs/nine-public.yaml data.root=corpora
    """
    from nmt.config import load_config

    settings = load_config(config, overrides)
    with needs("httpx2", "fetch"):
        from nmt.data.fetch import fetch as fetch_corpora
    click.echo(fetch_corpora(settings), nl=False)


@main.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.argument("overrides", nargs=-1, metavar="[SECTION.KEY=VALUE]...")
@click.option("--workers", type=click.IntRange(1), help="Processes; one a core if not given.")
def prepare(config: Path, overrides: tuple[str, ...], workers: int | None) -> None:
    """Make a training-ready corpus from the raw parallel text that CONFIG names.

    \b
    Example:
      macaronic prepare configs/latin.yaml data.root=corpora
    """
    from nmt.config import load_config
    from nmt.data.prepare import prepare as prepare_corpus
    from nmt.data.report import format_reports

    click.echo(format_reports(prepare_corpus(load_config(config, overrides), workers)))


@main.command()
@click.argument("config", type=click.Path(path_type=Path))
@click.argument("overrides", nargs=-1, metavar="[SECTION.KEY=VALUE]...")
@click.option("--resume", is_flag=True, help="Go on from the last checkpoint, if there is one.")
@click.option(
    "--init",
    type=click.Path(path_type=Path),
    help="Model directory to start from; its languages and vocabulary may differ.",
)
def train(config: Path, overrides: tuple[str, ...], resume: bool, init: Path | None) -> None:
    """Train the model that CONFIG describes; prints the model directory at the end.

    Under torchrun all processes train one model together, each on its share of every batch.

    \b
    Examples:
      macaronic train configs/latin.yaml training.max_minutes=90 --resume
      torchrun --nproc-per-node 2 -m nmt train configs/latin.yaml
    """
    from nmt.config import load_config

    settings = load_config(config, overrides)
    with needs("torch", "train"), needs("tensorboard", "train"):
        from nmt.train.loop import train as train_model
        from nmt.train.ranks import own_rank
    model = train_model(settings, resume, init)
    if own_rank() == 0:
        click.echo(model)


@main.command()
@click.option(
    "--test",
    "tests",
    type=click.Path(path_type=Path),
    multiple=True,
    required=True,
    help="NAME.en-es.tsv or NAME.en.txt files, also .gz; may be repeated.",
)
@click.option("--metrics", default="bleu,chrf", show_default=True)
@click.option("--from", "source", help="Only directions from this language.")
@click.option("--to", "target", help="Only directions to this language.")
@click.option("--via", help="Pivot all directions through this language as well.")
@click.option("--no-pivot", is_flag=True, help="Do not pivot untrained directions.")
@click.option("--limit", type=click.IntRange(1), help="Only the first sentences of each test.")
@click.option(
    "--json", "json_file", type=click.File("w", lazy=True), help="Write JSON; - is stdout."
)
@click.option(
    "--html", "html_file", type=click.File("w", "utf-8", lazy=True), help="Write heat maps."
)
@click.option("--output", type=click.Path(path_type=Path), help="Folder for the translations.")
@click.option(
    "--compare",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Another model: paired bootstrap of the two.",
)
@decoding_options
def evaluate(
    tests: tuple[Path, ...],
    metrics: str,
    source: str | None,
    target: str | None,
    via: str | None,
    no_pivot: bool,
    limit: int | None,
    json_file: TextIO | None,
    html_file: TextIO | None,
    output: Path | None,
    compare: Path | None,
    beam: int,
    load: Callable[..., Translator],
) -> None:
    """BLEU, chrF and off-target rate of every direction, trained, zero-shot and pivoted.

    \b
    Example:
      macaronic evaluate --test eval/tatoeba-test.en-es.tsv.gz --html report.html
    """
    from nmt.evaluate import matrix, report
    from nmt.evaluate.testfiles import read_tests

    options = matrix.EvaluateOptions(
        tuple(metrics.split(",")), not no_pivot, via, DecodeOptions(beam)
    )
    translator = load()
    chosen = read_tests(tests, translator.languages, source=source, target=target, limit=limit)
    results = matrix.evaluate(translator.sentences, translator.identifier, chosen, options)
    found = report.Report(translator.info.name, options, results)
    if compare:
        other = load(compare)
        baseline = matrix.evaluate(other.sentences, other.identifier, chosen, options)
        found = replace(
            found, baseline=other.info.name, comparisons=matrix.compare(results, baseline)
        )
    if output:
        matrix.write_hypotheses(results, output)
    if html_file:
        html_file.write(report.to_html(found))
    if json_file:
        json_file.write(report.to_json(found) + "\n")
    if json_file is None or json_file.name != "-":
        click.echo(report.table(found))


@main.command()
@click.argument("output", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--test",
    "tests",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Aligned NAME.LL.txt files or one NAME.en-es.tsv, also .gz; own sentences if not given.",
)
@click.option("--to", "target", help="Target that the sentences are read for; the first language.")
@click.option(
    "--method",
    type=click.Choice(("tsne", "pca")),
    default="tsne",
    show_default=True,
    help="Of the map.",
)
@click.option(
    "--limit", default=1000, show_default=True, type=click.IntRange(2), help="Sentences at most."
)
@click.option(
    "--points", default=40, show_default=True, type=click.IntRange(2), help="Of them in the map."
)
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda or cuda:1.")
@click.option(
    "--threads", default=0, type=click.IntRange(0), help="CPU threads; all cores if not given."
)
@model_option
def explore(
    output: Path,
    tests: tuple[Path, ...],
    target: str | None,
    method: Method,
    limit: int,
    points: int,
    device: str,
    threads: int,
    model: Path | None,
) -> None:
    """Show where the model sees sentences, and whether it sees translations at the same place.

    Writes a map of sentences in all languages to the folder OUTPUT: map.png, map.html, on which one
    can point at sentences, and map.json, which the page of the service shows when it is in a model
    directory. Prints for each layer of the encoder how often the nearest sentence in another
    language is the translation.

    \b
    Examples:
      macaronic explore maps
      macaronic explore maps --test eval/flores.en.txt --test eval/flores.es.txt --method pca
    """
    from nmt.analyse.explore import explore as explore_model
    from nmt.analyse.representations import SentenceEncoder

    encoder = SentenceEncoder(model, device, threads)
    click.echo(explore_model(encoder, output, tests, target, method, limit, points))


@main.command()
@model_option
@click.option("--json", "as_json", is_flag=True)
def info(model: Path | None, as_json: bool) -> None:
    """What a model directory is: languages, size, provenance.

    \b
    Example:
      macaronic info --model runs/latin/model
    """
    from nmt.decode.translator import SHIPPED_MODEL
    from nmt.model.model_dir import describe, load_info

    found = load_info(model or SHIPPED_MODEL)
    click.echo(found.model_dump_json(indent=1) if as_json else describe(found))


@main.command()
@click.argument("output", type=click.Path(path_type=Path))
@click.option("--to", "format", required=True, type=click.Choice(get_args(ExportFormat)))
@model_option
def export(output: Path, format: ExportFormat, model: Path | None) -> None:
    """Write the model to the new folder OUTPUT, as another library takes it.

    CTranslate2: a source starts with a tag such as <2es>; use_vmap=True keeps to the pieces that
    the target is written with. transformers: a MarianMTModel with its tokenizer, for which a source
    starts with >>es<<; generation_config.es.json does the same.

    \b
    Example:
      macaronic export --to transformers marian
    """
    from nmt.decode.export import export as export_model
    from nmt.decode.translator import SHIPPED_MODEL

    export_model(model or SHIPPED_MODEL, format, output)
    click.echo(output)


main.add_command(serve)
main.add_command(keys)

if __name__ == "__main__":
    main()
