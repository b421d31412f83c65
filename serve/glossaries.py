"""DeepL's glossaries: term pairs under an id, kept in files."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from serve.connection import CurrentBackend
from serve.errors import InvalidRequest, NotFound
from serve.fields import body_schema, parse, read_fields
from serve.files import CurrentFiles, FileStore
from serve.languages import known_code
from serve.limits import header_key

TSV = "text/tab-separated-values"
NAME = "glossary"
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

router = APIRouter(prefix="/v2", tags=["DeepL"])


@dataclass(frozen=True)
class StoredGlossary:
    """A glossary under the id that its file has."""

    name: str
    source_lang: str
    target_lang: str
    creation_time: str
    entries: Mapping[str, str]
    owner: str


class GlossaryRequest(BaseModel):
    """A new glossary."""

    name: str = Field(description="a text", min_length=1)
    source_lang: str = Field(description="a language code")
    target_lang: str = Field(description="a language code")
    entries: str = Field(description="lines of two columns")
    entries_format: str = Field("tsv", description="tsv or csv", pattern="^(tsv|csv)$")


class GlossaryInfo(BaseModel):
    """What is told of a glossary."""

    glossary_id: str
    name: str
    ready: bool
    source_lang: str
    target_lang: str
    creation_time: str
    entry_count: int


class GlossaryList(BaseModel):
    """All glossaries of a key."""

    glossaries: list[GlossaryInfo]


class LanguagePair(BaseModel):
    """A pair of languages that a glossary may be for."""

    source_lang: str
    target_lang: str


class LanguagePairs(BaseModel):
    """All such pairs."""

    supported_languages: list[LanguagePair]


@router.get("/glossary-language-pairs", responses={503: ERRORS[503]})
async def language_pairs(backend: CurrentBackend) -> LanguagePairs:
    """All pairs of two languages."""
    codes = backend.languages
    pairs = [LanguagePair(source_lang=a, target_lang=b) for a in codes for b in codes if a != b]
    return LanguagePairs(supported_languages=pairs)


@router.post(
    "/glossaries",
    status_code=201,
    responses=ERRORS,
    openapi_extra=body_schema(
        GlossaryRequest,
        {
            "One term": {
                "name": "ours",
                "source_lang": "en",
                "target_lang": "es",
                "entries": "house\tcasa",
                "entries_format": "tsv",
            }
        },
    ),
)
async def create(request: Request, backend: CurrentBackend, files: CurrentFiles) -> GlossaryInfo:
    """Keep a glossary."""
    wanted = parse(GlossaryRequest, await read_fields(request))
    glossary = StoredGlossary(
        wanted.name,
        known_code(wanted.source_lang, backend.languages),
        known_code(wanted.target_lang, backend.languages),
        datetime.now(timezone.utc).isoformat(),
        _entries(wanted),
        _owner(request),
    )
    token = files.add(json.dumps(asdict(glossary)).encode(), NAME, forever=True)
    return _info(token.partition(".")[0], glossary)


@router.get("/glossaries", responses={403: ERRORS[403]})
async def list_glossaries(request: Request, files: CurrentFiles) -> GlossaryList:
    """All glossaries."""
    owner = _owner(request)
    found = [(path.name.partition(".")[0], _read(path.read_bytes())) for path in files.named(NAME)]
    mine = [_info(glossary_id, one) for glossary_id, one in found if one.owner == owner]
    return GlossaryList(glossaries=sorted(mine, key=lambda one: one.creation_time))


@router.get("/glossaries/{glossary_id}", responses=ERRORS)
async def get(request: Request, glossary_id: str, files: CurrentFiles) -> GlossaryInfo:
    """What a glossary is."""
    _owner(request)
    return _info(glossary_id, find_glossary(files, glossary_id))


@router.get(
    "/glossaries/{glossary_id}/entries",
    responses={**ERRORS, 200: {"content": {TSV: {"schema": {"type": "string"}}}}},
    response_class=Response,
)
async def entries(request: Request, glossary_id: str, files: CurrentFiles) -> Response:
    """The terms of a glossary, in two columns."""
    _owner(request)
    found = find_glossary(files, glossary_id).entries
    lines = "".join(f"{source}\t{target}\n" for source, target in found.items())
    return Response(lines, media_type=TSV)


@router.delete("/glossaries/{glossary_id}", status_code=204, responses=ERRORS)
async def delete(request: Request, glossary_id: str, files: CurrentFiles) -> Response:
    """Forget a glossary."""
    _owner(request)
    find_glossary(files, glossary_id)
    files.path(f"{glossary_id}.{NAME}").unlink()
    return Response(status_code=204)


def find_glossary(files: FileStore, glossary_id: str) -> StoredGlossary:
    """A glossary that was kept; NotFound if it was not."""
    try:
        return _read(files.path(f"{glossary_id}.{NAME}").read_bytes())
    except NotFound:
        raise NotFound(f"there is no glossary {glossary_id}") from None


def _owner(request: Request) -> str:
    key = request.app.state.guard.known(header_key(request), "translate")
    return key.name if key else ""


def _read(data: bytes) -> StoredGlossary:
    return StoredGlossary(**json.loads(data))


def _info(glossary_id: str, glossary: StoredGlossary) -> GlossaryInfo:
    return GlossaryInfo(
        glossary_id=glossary_id,
        name=glossary.name,
        ready=True,
        source_lang=glossary.source_lang,
        target_lang=glossary.target_lang,
        creation_time=glossary.creation_time,
        entry_count=len(glossary.entries),
    )


def _entries(wanted: GlossaryRequest) -> dict[str, str]:
    delimiter = "\t" if wanted.entries_format == "tsv" else ","
    found: dict[str, str] = {}
    for number, row in enumerate(csv.reader(io.StringIO(wanted.entries), delimiter=delimiter), 1):
        if not row:
            continue
        if len(row) < 2 or not row[0].strip() or not row[1].strip():
            raise InvalidRequest(f"entries: line {number} must have a term and its translation")
        found[row[0].strip()] = row[1].strip()
    if not found:
        raise InvalidRequest("entries: there is no term")
    return found
