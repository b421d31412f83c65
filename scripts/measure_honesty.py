"""How often the flags are right, and how far trying again brings the failures down.

Part one judges held-out references: a flag on a right translation in the right language is a false
alarm, and none on one in the wrong language a miss. Part two translates in untrained directions and
tells which share of the outputs is flagged: of the first hypothesis, of the one chosen from the
beam, and after pivoting as well, with BLEU and time.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import click

from nmt import DecodeOptions, Translator, load_translator
from nmt.decode.flags import Flag, find_flags, likelihood
from nmt.evaluate.metrics import score
from nmt.evaluate.testfiles import read_tests

SHARES = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5)


@click.command(
    epilog="\b\nExample:\n  python scripts/measure_honesty.py --references eval/tatoeba-test.*.gz "
    "--zero-shot eval/zeroshot.*.gz"
)
@click.option("--references", type=click.Path(path_type=Path), multiple=True)
@click.option("--zero-shot", type=click.Path(path_type=Path), multiple=True)
@click.option("--limit", default=200, show_default=True, help="Sentences of each file.")
@click.option("--model", type=click.Path(path_type=Path), metavar="DIR")
def main(
    references: Sequence[Path], zero_shot: Sequence[Path], limit: int, model: Path | None
) -> None:
    """Print both tables for the model directory DIR, or the shipped model."""
    translator = load_translator(model)
    if references:
        click.echo(thresholds(translator, references, limit))
    if zero_shot:
        click.echo(retries(translator, zero_shot, limit))


def thresholds(translator: Translator, files: Sequence[Path], limit: int) -> str:
    """False alarms and misses of `off_target` for several thresholds, by language."""
    codes = translator.languages
    texts: dict[str, list[str]] = {code: [] for code in codes}
    for test in read_tests(list(files), codes, limit=limit):
        texts[test.target] += test.references
    rows = ["| language | sentences | " + " | ".join(f"{share:.2f}" for share in SHARES) + " |"]
    rows.append("| --- " * 2 + "| ---: " * len(SHARES) + "|")
    for code, own in texts.items():
        mine = [likelihood(text, [code], translator.identifier) for text in own]
        nearest = [
            max(
                likelihood(text, [other], translator.identifier) for other in codes if other != code
            )
            for text in own
        ]
        cells = [
            f"{100 * sum(p < s for p in mine) / len(own):.1f} / "
            f"{100 * sum(p >= s for p in nearest) / len(own):.1f}"
            for s in SHARES
        ]
        rows.append(f"| {code} | {len(own)} | " + " | ".join(cells) + " |")
    return "\n".join(["false alarms / misses in %, by threshold", "", *rows, ""])


def retries(translator: Translator, files: Sequence[Path], limit: int) -> str:
    """Shares of flagged outputs after each step, with BLEU and time."""
    tests = read_tests(list(files), translator.languages, limit=limit)
    sources = [text for test in tests for text in test.sources]
    codes = [test.source for test in tests for _ in test.sources]
    targets = [test.target for test in tests for _ in test.sources]
    judge = _Judge(translator, sources, targets, [r for test in tests for r in test.references])

    start = time.perf_counter()
    beam = DecodeOptions(n_best=5)
    raw = translator.sentences.translate(sources, targets, source=codes, options=beam)
    seconds = time.perf_counter() - start
    first = [one.text for one in raw]
    chosen = [
        next((h.text for h in one.hypotheses if not judge.flags(i, h.text)), one.text)
        for i, one in enumerate(raw)
    ]
    start = time.perf_counter()
    careful = translator.translate(sources, targets, source=codes)
    all_seconds = time.perf_counter() - start
    rows = [
        judge.row("first hypothesis", first, seconds),
        judge.row("best of the beam without a flag", chosen, seconds),
        judge.row("and pivoting where all have one", [t.text for t in careful], all_seconds),
    ]
    head = "| output | " + " | ".join(judge.COLUMNS) + " | BLEU | seconds |"
    return "\n".join([head, "| --- " + "| ---: " * 6 + "|", *rows])


class _Judge:
    """Flags and scores of outputs for the same sentences."""

    COLUMNS: tuple[Flag, ...] = ("off_target", "repetition", "copied", "truncated")

    def __init__(
        self,
        translator: Translator,
        sources: Sequence[str],
        targets: Sequence[str],
        references: Sequence[str],
    ) -> None:
        self._translator = translator
        self._sources, self._targets, self._references = sources, targets, references

    def flags(self, place: int, output: str) -> tuple[Flag, ...]:
        """What is wrong with an output for the sentence at a place."""
        return find_flags(
            self._sources[place], output, [self._targets[place]], self._translator.identifier
        )

    def row(self, name: str, outputs: Sequence[str], seconds: float) -> str:
        """A line of the table; BLEU is the mean over target languages."""
        found = [self.flags(i, output) for i, output in enumerate(outputs)]
        shares = [100 * sum(f in flags for flags in found) / len(found) for f in self.COLUMNS]
        scores = []
        for code in dict.fromkeys(self._targets):
            places = [i for i, target in enumerate(self._targets) if target == code]
            outs, refs = ([texts[i] for i in places] for texts in (outputs, self._references))
            scores.append(score("bleu", outs, refs, code).value)
        cells = [f"{share:.1f} %" for share in shares]
        return f"| {name} | {' | '.join(cells)} | {sum(scores) / len(scores):.1f} | {seconds:.0f} |"


if __name__ == "__main__":
    main()
