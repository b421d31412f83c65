"""Lines as they stream in."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO

from nmt.data.corpus import decode_line
from nmt.decode.engine import DecodeOptions
from nmt.decode.sentences import Translation
from nmt.decode.translator import Translator
from nmt.progress import Progress
from nmt.text.target_mix import TargetLike

LINES_AT_ONCE = 1024


def translate_lines(
    translator: Translator,
    file: BinaryIO,
    target: TargetLike,
    source: str | None = None,
    via: str | None = None,
    options: DecodeOptions | None = None,
    name: str = "line",
) -> Iterator[Translation]:
    """A translation for each line, in order, also for empty ones.

    Lines are translated some hundreds at a time, on a terminal one by one. Raises CorpusError for
    a line that is not UTF-8, naming the line as `name`:number.
    """
    numbered = enumerate(file, start=1)
    at_once = 1 if file.isatty() else LINES_AT_ONCE
    with Progress("translating", unit="lines") as progress:
        while chunk := list(islice(numbered, at_once)):
            lines = [decode_line(raw.rstrip(b"\r\n"), f"{name}:{n}") for n, raw in chunk]
            yield from translator.translate(lines, target, source=source, via=via, options=options)
            progress.advance(len(chunk))
