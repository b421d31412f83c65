"""Sources for untrained directions, made by a finished model from the text that it learnt from.

A model that was trained between English and other languages has no pair of, say, French and
Spanish. But it can translate the English side of its Spanish pairs to French, and so makes French
sources for human Spanish targets (back-translation, Sennrich et al. 2016; for directions without
data: Firat et al. 2016). Trained on these as well, it translates French to Spanish directly.
`training.back_translation` does so during training; here the fast engine does it once, before.

With --distil the same pairs serve the other way round too: the human Spanish is the source, and
what was made from its English the target. So the direct way learns what the way by English knows
(sequence-level distillation, Kim & Rush 2016).
"""

from __future__ import annotations

import gzip
import io
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import numpy as np

from nmt import Translator, load_translator
from nmt.config import Config, SourceConfig, load_config
from nmt.data.corpus import Corpus, Pair, Shard
from nmt.decode.engine import DecodeOptions
from nmt.progress import Progress
from nmt.sections import save_config

SENTENCES_TOGETHER = 1024


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("config", type=click.Path(path_type=Path))
@click.argument("overrides", nargs=-1, metavar="[SECTION.KEY=VALUE]...")
@click.option("--model", type=click.Path(path_type=Path), help="Which translates. [the shipped]")
@click.option("--output", type=click.Path(path_type=Path), required=True, help="Folder to write.")
@click.option("--pairs", default=5000, show_default=True, help="Pairs for each direction.")
@click.option("--weight", default=0.1, show_default=True, help="Their sampling weight.")
@click.option("--distil", is_flag=True, help="Train towards what is made as well.")
@click.option("--beam", default=1, show_default=True, help="Beam of the search.")
@click.option("--threads", default=0, help="CPU threads; 0: all cores.")
def main(
    config: Path,
    overrides: tuple[str, ...],
    model: Path | None,
    output: Path,
    pairs: int,
    weight: float,
    distil: bool,
    beam: int,
    threads: int,
) -> None:
    """Make sources for all directions of CONFIG, whose corpus is prepared, that it has no pairs of.

    Writes a file for each direction to the folder, and config.yaml, which is CONFIG with these
    files as further sources. What is there already is not made again.

    \b
    Example:
      python scripts/back_translate.py configs/nine.yaml --output data/back-translated
      macaronic prepare data/back-translated/config.yaml
    """
    settings = load_config(config, overrides)
    corpus = Corpus(Path(settings.data.directory), settings.data.sources)
    translator = load_translator(model, threads=threads)
    output.mkdir(parents=True, exist_ok=True)
    made = []
    for source, target in untrained(settings, corpus):
        path = output / f"back-translated.{source}-{target}.tsv.gz"
        if not path.exists():
            chosen = list(human_pairs(corpus, translator, source, target, pairs))
            write(path, translate(translator, chosen, source, target, beam))
        made.append(
            SourceConfig(
                path=str(path),
                languages=(source, target),
                weight=weight,
                synthetic=source,
                distil=distil,
                licence="that of the texts which it was made of",
            )
        )
    data = settings.data.model_copy(update={"sources": (*settings.data.sources, *made)})
    save_config(settings.model_copy(update={"data": data}), output / "config.yaml")
    click.echo(output / "config.yaml")


def untrained(config: Config, corpus: Corpus) -> Iterator[tuple[str, str]]:
    """Directions without human pairs whose target has some, in the order of the languages."""
    known = {shard.info.languages for shard in corpus.shards if not shard.info.synthetic}
    known |= {(second, first) for first, second in known}
    targets = {target for _, target in known}
    for source in config.languages:
        for target in config.languages:
            if source != target and (source, target) not in known and target in targets:
                yield source, target


def human_pairs(
    corpus: Corpus, translator: Translator, source: str, target: str, count: int
) -> Iterator[tuple[str, Pair]]:
    """Some pairs of the target and a language which the model translates to the source.

    Each comes with that language. They are drawn from the files by weight, none twice.
    """
    usable: list[tuple[str, Shard]] = []
    for shard in corpus.shards:
        if target in shard.info.languages and shard.info.synthetic is None:
            first, second = shard.info.languages
            middle = second if first == target else first
            if (middle, source) in translator.directions:
                usable.append((middle, shard))
    if not usable:
        return
    amounts = np.array([shard.info.weight * len(shard) for _, shard in usable])
    wanted = count * amounts / amounts.sum()
    for (middle, shard), share in zip(usable, wanted, strict=True):
        size = min(len(shard), round(share))
        # Another part of the text for each source language.
        rng = np.random.default_rng([ord(letter) for letter in f"{source}{target}"])
        for index in rng.choice(len(shard), size, replace=False):
            sides = [corpus.tokenizer.decode(side.tolist()) for side in shard.pair(int(index))]
            own = shard.info.languages.index(target)
            yield middle, Pair(sides[1 - own], sides[own])


def translate(
    translator: Translator, chosen: Sequence[tuple[str, Pair]], source: str, target: str, beam: int
) -> Iterator[Pair]:
    """Pairs of a translated source and a human target, without those that are visibly wrong."""
    options = DecodeOptions(beam_size=beam)
    with Progress(f"{source} for {target}", len(chosen), "sentences") as progress:
        for start in range(0, len(chosen), SENTENCES_TOGETHER):
            part = chosen[start : start + SENTENCES_TOGETHER]
            found = translator.translate(
                [pair.first for _, pair in part],
                source,
                source=[middle for middle, _ in part],
                options=options,
            )
            for (_, pair), translation in zip(part, found, strict=True):
                if not translation.flags:
                    yield Pair(translation.text, pair.second)
            progress.advance(len(part))


def write(path: Path, pairs: Iterator[Pair]) -> None:
    """Write a TSV file whole or not at all; line ends and tabs inside a text become spaces."""
    temporary = path.with_suffix(".tmp")
    with gzip.open(temporary, "wb") as raw, io.TextIOWrapper(raw, encoding="utf-8") as file:
        for pair in pairs:
            file.write("\t".join(" ".join(side.split()) for side in pair) + "\n")
    temporary.replace(path)


if __name__ == "__main__":
    sys.exit(main())
