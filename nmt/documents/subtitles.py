"""SubRip and WebVTT subtitles: the text of their cues.

Cues are found by position: webvtt-py and pysubs2 write times, blank lines and headers anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import regex

from nmt.documents.aligned import Aligned
from nmt.documents.edits import Edit, Found, Part, Span, Unit, has_words, invalid, mask_numbers
from nmt.documents.inline import Builder, Inline
from nmt.documents.lines import Piece, in_lines
from nmt.documents.segments import Escapes

_LINE = regex.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_TIME = r"(?:\d+:)?\d{1,2}:\d{2}[.,]\d{1,3}"
_TIMING = regex.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}(?:\s.*)?\s*")
_TAG = regex.compile(
    r"</(?P<closed>[a-zA-Z]+)\s*>|<(?P<opened>[a-zA-Z]+)(?:[\s.][^<>]*)?>"
    r"|<\d[\d:.]*>|\{\\[^{}]*\}"
)
# Lines of different speakers are no common text.
_SPEAKER = regex.compile(r"\s*(?:<[^<>]*>|\{\\[^{}]*\})*\s*(?:[-‐–—]\s*|<v[\s.])")
_DASH = regex.compile(r"(?:<(?!v[\s.])[^<>]*>|\{\\[^{}]*\})*\s*[-‐–—]\s*(?=\S)")
# Recognised speech often has no punctuation at all.
_MAX_CUES = 5
_SENTENCE_END = regex.compile(r"""[.!?…。！？؟।:;♪][\s"'”’»」』)\]]*\Z""")


@dataclass(frozen=True)
class _Text:
    """One text of a cue: all its lines, or those of one speaker."""

    start: int
    end: int
    cue: int
    lines: int


def find_srt(document: str, target: str | None) -> Found:
    """The texts of SubRip cues; InvalidInput names a line that has wrong times."""
    texts = [*_texts(document, "srt")]
    if not texts and document.strip() and "-->" not in document:
        raise invalid("srt", 1, "there are no times, such as 00:00:01,000 --> 00:00:02,000")
    return _found(document, texts, is_vtt=False)


def find_vtt(document: str, target: str | None) -> Found:
    """The texts of WebVTT cues; InvalidInput names a line that is wrong."""
    if not regex.match(r"WEBVTT(?:\s|\Z)", document):
        raise invalid("vtt", 1, "the file has to begin with WEBVTT")
    return _found(document, [*_texts(document, "vtt")], is_vtt=True)


def _texts(document: str, format: str) -> Iterator[_Text]:
    lines = [Span(*match.span()) for match in _LINE.finditer(document) if match[0]]
    number, cue = 0, 0
    in_comment = False
    while number < len(lines):
        line = document[lines[number].start : lines[number].end]
        number += 1
        in_comment = bool(line.strip()) and (in_comment or regex.match(r"NOTE\b", line) is not None)
        if "-->" not in line or (in_comment and format == "vtt"):
            continue
        if not _TIMING.fullmatch(line):
            raise invalid(format, number, f"{line.strip()!r} has no right times")
        first = number
        while number < len(lines) and not _ends_cue(document, lines, number):
            number += 1
        cue += 1
        yield from _of_cue(document, lines[first:number], cue)


def _ends_cue(document: str, lines: Sequence[Span], number: int) -> bool:
    """Whether a line is behind the text of a cue; blank lines are left out by some writers."""
    line = document[slice(*lines[number])]
    if not line.strip() or _TIMING.fullmatch(line):
        return True
    following = document[slice(*lines[number + 1])] if number + 1 < len(lines) else ""
    return line.strip().isdigit() and _TIMING.fullmatch(following) is not None


def _of_cue(document: str, lines: Sequence[Span], cue: int) -> Iterator[_Text]:
    first = 0
    for number in range(1, len(lines) + 1):
        if number < len(lines) and not _SPEAKER.match(document[slice(*lines[number])]):
            continue
        raw = document[lines[first].start : lines[number - 1].end] if lines else ""
        start = lines[first].start + len(raw) - len(raw.lstrip()) if lines else 0
        dash = _DASH.match(raw.strip())
        # A dash stays where it is, unless there is a tag before it that ends behind it.
        if dash and "<" not in dash[0]:
            start += dash.end()
        if raw.strip():
            end = lines[first].start + len(raw.rstrip())
            yield _Text(start, end, cue, number - first)
        first = number


def _found(document: str, texts: Sequence[_Text], is_vtt: bool) -> Found:
    taken = mask_numbers(document)
    units: list[Unit] = []
    sentence: list[_Text] = []
    for text in texts:
        whole = len(sentence) == _MAX_CUES
        if sentence and (whole or not _goes_on(document, sentence[-1], text)):
            units += _units(document, sentence, taken, is_vtt)
            sentence = []
        sentence.append(text)
    if sentence:
        units += _units(document, sentence, taken, is_vtt)
    return Found(units)


def _goes_on(document: str, text: _Text, following: _Text) -> bool:
    """Whether a sentence goes on in the next cue."""
    if text.cue == following.cue:
        return False
    one, other = (_TAG.sub("", document[t.start : t.end]).strip() for t in (text, following))
    return bool(one) and not _SENTENCE_END.search(one) and other[:1].islower()


def _units(
    document: str, sentence: Sequence[_Text], taken: set[int], is_vtt: bool
) -> Iterator[Unit]:
    escapes = Escapes() if is_vtt else Escapes({})
    decode = escapes.decode if is_vtt else str
    inline = _inline(document, sentence, taken, decode)
    if not has_words(inline.text):
        return

    def edits(aligned: Aligned) -> Iterable[Edit]:
        if aligned.text == inline.text:
            return
        tiles = inline.render_tiles(aligned, escapes.encode)
        for text, (_, parts) in zip(sentence, tiles, strict=True):
            newline = "\r\n" if "\r\n" in document[text.start : text.end] else "\n"
            pieces = [_piece(document, part) for part in parts]
            yield Edit(text.start, text.end, (in_lines(pieces, text.lines, newline),))

    yield Unit(inline.text, edits)


def _piece(document: str, part: Part) -> Piece:
    """A part as it will be written; line ends that were put aside with white space are blanks."""
    if isinstance(part, str):
        return Piece(part, is_text=True)
    raw = document[part.start : part.end]
    return Piece(raw, is_text=False) if raw.strip() else Piece(" ", is_text=True)


def _inline(
    document: str, sentence: Sequence[_Text], taken: set[int], decode: Callable[[str], str]
) -> Inline:
    """The texts as one, with a mark for each of them."""
    builder = Builder(taken)
    for text in sentence:
        if text is not sentence[0]:
            builder.add(" ", Span(text.start, text.start))
        builder.open("cue", "")
        place = text.start
        for tag in _TAG.finditer(document, text.start, text.end):
            builder.add(decode(document[place : tag.start()]), Span(place, tag.start()))
            _add_tag(builder, tag)
            place = tag.end()
        builder.add(decode(document[place : text.end]), Span(place, text.end))
        builder.close("cue", "")
    return builder.finish()


def _add_tag(builder: Builder, tag: regex.Match[str]) -> None:
    place = Span(*tag.span())
    if tag["opened"]:
        builder.open(f"<{tag['opened']}", place)
    elif not (tag["closed"] and builder.close(f"<{tag['closed']}", place)):
        builder.point(place)
