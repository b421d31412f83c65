"""Does a translation depend on what else is in its batch? Counted on a file of sentences."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import numpy as np

from nmt import DecodeOptions, Translation, load_translator
from nmt.decode.sentences import SentenceTranslator
from nmt.evaluate.testfiles import read_tests

LARGE, SMALL = 64, 8


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("tests", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--model", type=click.Path(path_type=Path), help="Model directory. [the shipped]")
@click.option("--limit", default=500, show_default=True, help="Sentences of each test file.")
@click.option("--threads", default=0, help="CPU threads; 0: all cores.")
def main(tests: tuple[Path, ...], model: Path | None, limit: int, threads: int) -> None:
    """Translate TESTS in batches of 64, of 8, of 1 and in another order; print what differs.

    \b
    Example:
      python scripts/measure_batches.py eval/tatoeba-test.en-*.tsv.gz
    """
    languages = load_translator(model, threads=threads).languages
    read = read_tests(tests, languages, limit=limit)
    sentences = [sentence for test in read for sentence in test.sources]
    targets = [test.target for test in read for _ in test.sources]
    print("| precision | beam | batches of | other words | scores that differ | by at most |")
    print("| --- | ---: | --- | ---: | ---: | ---: |")
    for precision in ("int8", "float32"):
        translator = load_translator(model, precision=precision, threads=threads).sentences
        for beam in (1, 5):
            runs = translated(translator, sentences, targets, beam)
            _, expected = next(runs)
            for name, found in runs:
                texts = sum(a.text != b.text for a, b in zip(found, expected, strict=True))
                gaps = np.abs([a.score - b.score for a, b in zip(found, expected, strict=True)])
                print(
                    f"| {precision} | {beam} | {name} | {texts} of {len(gaps)} "
                    f"| {np.mean(gaps > 1e-5):.1%} | {gaps.max():.1g} |",
                    flush=True,
                )


def translated(
    translator: SentenceTranslator, sentences: Sequence[str], targets: Sequence[str], beam: int
) -> Iterator[tuple[str, list[Translation]]]:
    """Names of ways to batch, and the translations made that way."""
    order = list(range(len(sentences)))
    shuffled = random.Random(1).sample(order, len(order))
    parts = [shuffled[start : start + LARGE] for start in range(0, len(order), LARGE)]
    ways = [
        (f"{LARGE}", LARGE, [order]),
        (f"{LARGE}, any order", LARGE, parts),
        (f"{SMALL}", SMALL, [order]),
        ("1", 1, [order]),
    ]
    for name, size, chunks in ways:
        options = DecodeOptions(beam_size=beam, batch_size=size)
        found: dict[int, Translation] = {}
        for chunk in chunks:
            results = translator.translate(
                [sentences[i] for i in chunk], [targets[i] for i in chunk], options=options
            )
            found |= zip(chunk, results, strict=True)
        yield name, [found[i] for i in order]


if __name__ == "__main__":
    main()
