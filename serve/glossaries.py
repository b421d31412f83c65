"""DeepL's glossaries: terms for pairs of languages, read from requests and kept in files."""

from __future__ import annotations

import csv
import io
import re
import secrets
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from serve.errors import InvalidRequest, NotFound
from serve.languages import known_code
from serve.limits import header_key

MESSAGE: dict[str, Any] = {
    "content": {
        "application/json": {
            "schema": {"type": "object", "properties": {"message": {"type": "string"}}}
        }
    }
}
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"description": words, **MESSAGE}
    for status, words in {
        400: "Bad request",
        403: "The key is missing or wrong",
        404: "There is no such glossary",
        413: "Body too large",
        503: "The model is still being loaded",
    }.items()
}
EXAMPLE = {"source_lang": "en", "target_lang": "es", "entries": "house\tcasa"}

_ID = re.compile(r"[0-9a-f]{32}")
_BREAKS = ("Cc", "Zl", "Zp")  # categories of characters that would break lines or columns


class LanguagePair(BaseModel):
    """A source and a target language."""

    model_config = ConfigDict(frozen=True)

    source_lang: str = Field(description="a language code")
    target_lang: str = Field(description="a language code")

    def __str__(self) -> str:
        return f"{self.source_lang} to {self.target_lang}"


class Dictionary(BaseModel):
    """The terms for one pair of languages."""

    pair: LanguagePair
    entries: dict[str, str]

    def tsv(self) -> str:
        """A line for each term, in two columns."""
        return "\n".join(f"{source}\t{target}" for source, target in self.entries.items())


class StoredGlossary(BaseModel):
    """A glossary as it is kept, with at most one dictionary for a pair."""

    glossary_id: str = Field(default_factory=lambda: secrets.token_hex(16))
    name: str
    # DeepL's client reads no time without a fraction.
    creation_time: str = Field(
        default_factory=lambda: datetime.now(timezone.utc).isoformat(timespec="microseconds")
    )
    owner: str
    dictionaries: list[Dictionary]

    def dictionary(self, pair: LanguagePair) -> Dictionary:
        """The terms for a pair; InvalidRequest if there are none."""
        for one in self.dictionaries:
            if one.pair == pair:
                return one
        pairs = ", ".join(str(one.pair) for one in self.dictionaries) or "nothing"
        raise InvalidRequest(f"the glossary is for {pairs}, not for {pair}")

    def put(self, dictionary: Dictionary) -> None:
        """Take a dictionary in, in the place of the one for its pair."""
        for place, one in enumerate(self.dictionaries):
            if one.pair == dictionary.pair:
                self.dictionaries[place] = dictionary
                return
        self.dictionaries.append(dictionary)


class GlossaryStore:
    """A folder with a file for each glossary; of two changes at a time the later one stays."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    def of(self, owner: str) -> list[StoredGlossary]:
        """All glossaries of an owner, the oldest first."""
        found = []
        for path in self._folder.glob("*.json"):
            with suppress(FileNotFoundError):  # deleted in between
                found.append(StoredGlossary.model_validate_json(path.read_bytes()))
        mine = [one for one in found if one.owner == owner]
        return sorted(mine, key=lambda one: one.creation_time)

    def get(self, glossary_id: str, owner: str) -> StoredGlossary:
        """A glossary; NotFound if it is not there, or another owner's."""
        with suppress(FileNotFoundError):
            if _ID.fullmatch(glossary_id):
                data = (self._folder / f"{glossary_id}.json").read_bytes()
                found = StoredGlossary.model_validate_json(data)
                if found.owner == owner:
                    return found
        raise NotFound(f"there is no glossary {glossary_id}")

    def keep(self, glossary: StoredGlossary) -> StoredGlossary:
        """Write a glossary, new or changed, at once for all who read it."""
        new = self._folder / f".{glossary.glossary_id}.{secrets.token_hex(4)}"
        new.write_text(glossary.model_dump_json(), encoding="utf-8")
        new.replace(self._folder / f"{glossary.glossary_id}.json")
        return glossary

    def drop(self, glossary: StoredGlossary) -> None:
        """Forget a glossary."""
        (self._folder / f"{glossary.glossary_id}.json").unlink(missing_ok=True)


async def _store(request: Request) -> GlossaryStore:
    store: GlossaryStore = request.app.state.glossaries
    return store


async def _owner(request: Request) -> str:
    return owner_of(request)


CurrentGlossaries = Annotated[GlossaryStore, Depends(_store)]
CurrentOwner = Annotated[str, Depends(_owner)]


class DictionaryRequest(LanguagePair):
    """Terms for one pair of languages."""

    entries: str = Field(description="lines of two columns")
    entries_format: str = Field("tsv", description="tsv or csv", pattern="^(tsv|csv)$")


def owner_of(request: Request, key: str | None = None) -> str:
    """Whose glossaries a request is about; `key` is that of its body. Raises InvalidKey."""
    found = request.app.state.guard.known(key or header_key(request), "translate")
    return found.name if found else ""


def known_pair(wanted: LanguagePair, languages: Sequence[str]) -> LanguagePair:
    """A pair in the model's own codes; UnknownLanguage or InvalidRequest if it is none."""
    source = known_code(wanted.source_lang, languages)
    target = known_code(wanted.target_lang, languages)
    if source == target:
        raise InvalidRequest(f"source_lang and target_lang are both {source}: they must differ")
    return LanguagePair(source_lang=source, target_lang=target)


def read_dictionary(wanted: DictionaryRequest, languages: Sequence[str]) -> Dictionary:
    """The terms that a request has; InvalidRequest names the line that is wrong."""
    pair = known_pair(wanted, languages)
    found: dict[str, str] = {}
    for number, row in _rows(wanted):
        # Files from DeepL name the languages of each line in two more columns.
        if len(row) == 4 and wanted.entries_format == "csv":
            named = known_pair(LanguagePair(source_lang=row[2], target_lang=row[3]), languages)
            if named != pair:
                raise InvalidRequest(f"entries: line {number} is for {named}, not for {pair}")
        elif len(row) != 2:
            raise InvalidRequest(f"entries: line {number} must have a term and its translation")
        source, target = row[0].strip(), row[1].strip()
        if not source or not target:
            raise InvalidRequest(f"entries: line {number} must have a term and its translation")
        if any(unicodedata.category(character) in _BREAKS for character in source + target):
            raise InvalidRequest(f"entries: line {number} has a control character or line break")
        if source in found:
            raise InvalidRequest(f"entries: line {number} has the term {source!r} a second time")
        found[source] = target
    if not found:
        raise InvalidRequest("entries: there is no term")
    return Dictionary(pair=pair, entries=found)


class _Tsv(csv.excel_tab):
    """Tabs between columns; quotes are characters like others."""

    quoting = csv.QUOTE_NONE


def _rows(wanted: DictionaryRequest) -> Iterator[tuple[int, list[str]]]:
    lines = io.StringIO(wanted.entries, newline=None)
    reader = csv.reader(lines, _Tsv if wanted.entries_format == "tsv" else csv.excel)
    try:
        for row in reader:
            if row:
                yield reader.line_num, row
    except csv.Error as error:
        raise InvalidRequest(f"entries: line {reader.line_num}: {error}") from None
