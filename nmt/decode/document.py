"""Whole inputs: lines as they stream in, and documents of many sentences."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO

from nmt.data.corpus import decode_line
from nmt.decode.engine import DecodeOptions
from nmt.decode.translator import Translation, Translator
from nmt.errors import InputTooLong
from nmt.progress import Progress
from nmt.text.segment import join, split
from nmt.text.target_mix import TargetLike

LINES_AT_ONCE = 256


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
    a line that is not UTF-8 and InputTooLong, both naming the line as `name`:number.
    """
    numbered = enumerate(file, start=1)
    at_once = 1 if file.isatty() else LINES_AT_ONCE
    with Progress("translating", unit="lines") as progress:
        while chunk := list(islice(numbered, at_once)):
            lines = [decode_line(raw.rstrip(b"\r\n"), f"{name}:{n}") for n, raw in chunk]
            for (number, _), line in zip(chunk, lines, strict=True):
                _check_length(translator, line, f"{name}:{number}")
            yield from translator.translate(lines, target, source=source, via=via, options=options)
            progress.advance(len(chunk))


def translate_document(
    translator: Translator,
    text: str,
    target: TargetLike,
    source: str | None = None,
    via: str | None = None,
    options: DecodeOptions | None = None,
) -> str:
    """A text of any length, translated sentence by sentence, with its layout as it was.

    Without `source`, sentence ends are those of English.
    """
    segments = split(text, source or "en")
    sentences = [segment.text for segment in segments if segment.is_sentence]
    translations = translator.translate(sentences, target, source=source, via=via, options=options)
    return join(segments, [translation.text for translation in translations])


def _check_length(translator: Translator, line: str, where: str) -> None:
    pieces = translator.count_pieces(line)
    if pieces > translator.max_pieces:
        raise InputTooLong(
            f"{where}: a sentence of {pieces} pieces, this model takes up to "
            f"{translator.max_pieces}; --document splits long text"
        )
