"""Documents as text: UTF-8, or what a page of HTML names."""

from __future__ import annotations

import codecs
from typing import NamedTuple

import regex

from nmt.errors import InvalidInput

_META = regex.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]+)""", regex.IGNORECASE)
_XML = regex.compile(rb"""<\?xml[^>]{0,100}?encoding\s*=\s*["']([\w.:-]+)""")
# As browsers do: old pages name what is a part of the encoding that they are in.
_WIDER = {"iso-8859-1": "cp1252", "latin1": "cp1252", "ascii": "cp1252", "us-ascii": "cp1252"}


class Text(NamedTuple):
    """A decoded document, and how to write it again."""

    text: str
    charset: str
    bom: bytes

    def encode(self, text: str) -> bytes:
        """A changed document in bytes; of HTML, what its charset lacks as references."""
        return self.bom + text.encode(self.charset, "xmlcharrefreplace")


def decode(data: bytes, format: str) -> Text:
    """The text of a document; InvalidInput says why it cannot be read."""
    bom = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
    named = "utf-8" if bom else _named(data[:4096], format)
    body = data[len(bom) :]
    try:
        text = body.decode(named)
        same = text.encode(named) == body
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise InvalidInput(f"{format}, line {line}: the bytes there are not {named}") from None
    except (LookupError, UnicodeError):
        raise InvalidInput(f"{format}, line 1: there is no charset {named}; use UTF-8") from None
    if not same:
        raise InvalidInput(f"{format}, line 1: {named} cannot be written as it was; use UTF-8")
    return Text(text, named, bom)


def _named(head: bytes, format: str) -> str:
    if format == "html" and (meta := _META.search(head)):
        name = meta[1].decode("ascii").lower()
        return _WIDER.get(name, name)
    if format == "xliff" and (declared := _XML.match(head)):
        name = declared[1].decode("ascii").lower()
        if name not in ("utf-8", "utf8", "us-ascii", "ascii"):
            raise InvalidInput(f"xliff, line 1: the file is in {name}; change it to UTF-8")
    return "utf-8"
