"""Documents as people have them, translated with all that is no text left as it was."""

from nmt.documents.aligned import Aligned, Translate, TranslateWith
from nmt.documents.document import FORMATS, Document, Format, format_of, translate_document

__all__ = [
    "FORMATS",
    "Aligned",
    "Document",
    "Format",
    "Translate",
    "TranslateWith",
    "format_of",
    "translate_document",
]
