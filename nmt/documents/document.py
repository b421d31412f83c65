"""The formats of documents, and the translation of one document."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from nmt.documents import html, json_strings, plain, po, subtitles, xliff
from nmt.documents.aligned import Aligned, Translate
from nmt.documents.charset import decode
from nmt.documents.edits import Found, splice
from nmt.errors import InvalidInput, MissingDependency


@dataclass(frozen=True)
class Format:
    """A kind of documents: the suffixes of its files, and what finds the texts in one.

    The second argument of `find` is the target language where the format records it.
    """

    suffixes: tuple[str, ...]
    find: Callable[[str, str | None], Found]


def _find_markdown(document: str, target: str | None) -> Found:
    try:
        from nmt.documents import markdown
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library not in ("markdown_it", "mdit_py_plugins"):
            raise
        raise MissingDependency(
            f"documents in Markdown need {library}: pip install 'macaronic[documents]'"
        ) from None
    return markdown.find(document, target)


FORMATS = {
    "text": Format((".txt",), plain.find),
    "html": Format((".html", ".htm", ".xhtml"), html.find),
    "markdown": Format((".md", ".markdown"), _find_markdown),
    "srt": Format((".srt",), subtitles.find_srt),
    "vtt": Format((".vtt",), subtitles.find_vtt),
    "json": Format((".json",), json_strings.find),
    "po": Format((".po", ".pot"), po.find),
    "xliff": Format((".xlf", ".xliff"), xliff.find),
}


def format_of(name: str) -> str:
    """The format of a file by its suffix; InvalidInput names those that are known."""
    suffix = PurePath(name).suffix.lower()
    for format, known in FORMATS.items():
        if suffix in known.suffixes:
            return format
    suffixes = ", ".join(suffix for known in FORMATS.values() for suffix in known.suffixes)
    raise InvalidInput(
        f"{name!r} is no document of a known format: its name must end in {suffixes}"
    )


class Document:
    """The texts of a document, and the document with their translations.

    Raises InvalidInput, which says what is wrong with the document and in which line.
    """

    def __init__(self, data: bytes, format: str, target: str | None = None) -> None:
        """`target` is the target language, where the format records it."""
        if format not in FORMATS:
            raise InvalidInput(f"{format!r} is no format: known are {', '.join(FORMATS)}")
        self._decoded = decode(data, format)
        self._found = FORMATS[format].find(self._decoded.text, target)
        self.texts = [unit.text for unit in self._found.units]

    def translated(self, translations: Sequence[Aligned]) -> bytes:
        """The document with one translation for each text, unchanged but for that."""
        if len(translations) != len(self.texts):
            raise ValueError(f"{len(translations)} translations for {len(self.texts)} texts")
        edits = [*self._found.edits]
        for unit, aligned in zip(self._found.units, translations, strict=True):
            edits.extend(unit.edits(aligned))
        return self._decoded.encode(splice(self._decoded.text, edits))


def translate_document(
    data: bytes, format: str, translate: Translate, target: str | None = None
) -> bytes:
    """The document in another language; all its texts go to `translate` in one call."""
    document = Document(data, format, target)
    return document.translated(translate(document.texts) if document.texts else [])
