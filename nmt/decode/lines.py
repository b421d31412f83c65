"""Lines as they stream in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from nmt.data.corpus import decode_line
from nmt.decode.sentences import Translation
from nmt.progress import Progress

LINES_AT_ONCE = 1024

TranslateTexts = Callable[[Sequence[str]], Sequence[Translation]]


def translate_lines(
    translate: TranslateTexts, file: BinaryIO, name: str = "line", skip: int = 0
) -> Iterator[Sequence[Translation]]:
    """Translations of the lines but the first `skip`, one for each, also for empty ones.

    They come in order and some hundreds at a time, on a terminal one by one; never more than that
    is in memory. Raises CorpusError for a line that is not UTF-8, naming it as `name`:number.
    """
    numbered = enumerate(file, start=1)
    at_once = 1 if file.isatty() else LINES_AT_ONCE
    size = Path(name).stat().st_size if Path(name).is_file() else None
    with Progress("translating", size, "bytes" if size else "lines") as progress:
        for _, raw in islice(numbered, skip):
            progress.advance(len(raw) if size else 1)
        while chunk := list(islice(numbered, at_once)):
            yield translate([decode_line(raw.rstrip(b"\r\n"), f"{name}:{n}") for n, raw in chunk])
            progress.advance(sum(len(raw) for _, raw in chunk) if size else len(chunk))
