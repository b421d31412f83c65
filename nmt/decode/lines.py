"""Lines as they stream in."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from nmt.data.corpus import decode_line
from nmt.decode.engine import DecodeOptions
from nmt.decode.glossary import Glossary
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
    skip: int = 0,
    glossary: Glossary | None = None,
) -> Iterator[list[Translation]]:
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
            lines = [decode_line(raw.rstrip(b"\r\n"), f"{name}:{n}") for n, raw in chunk]
            yield translator.translate(
                lines, target, source=source, via=via, options=options, glossary=glossary
            )
            progress.advance(sum(len(raw) for _, raw in chunk) if size else len(chunk))
