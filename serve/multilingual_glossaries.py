"""DeepL's routes for glossaries with any number of dictionaries, which can be changed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field, WithJsonSchema

from serve.connection import CurrentBackend
from serve.errors import InvalidRequest
from serve.fields import body_schema, parse, read_fields
from serve.glossaries import (
    ERRORS,
    EXAMPLE,
    CurrentGlossaries,
    CurrentOwner,
    Dictionary,
    DictionaryRequest,
    LanguagePair,
    StoredGlossary,
    known_pair,
    read_dictionary,
)

PAIR = {
    "parameters": [
        {"name": name, "in": "query", "required": True, "schema": {"type": "string"}}
        for name in ("source_lang", "target_lang")
    ]
}
BACK = {"source_lang": "es", "target_lang": "en", "entries": "casa\thouse"}
# How forms, which DeepL's client for Node sends, name a field of a dictionary.
_FORM_FIELD = re.compile(r"dictionaries\[(\d+)\]\.(\w+)")

router = APIRouter(prefix="/v3", tags=["DeepL"])

# Each is checked on its own, so that a message names the field that is wrong in it.
Dictionaries = list[
    Annotated[dict[str, Any], WithJsonSchema(DictionaryRequest.model_json_schema())]
]


class MultilingualGlossaryRequest(BaseModel):
    """A new glossary; a form has `dictionaries[0].entries` and so on."""

    name: str = Field(description="a text", min_length=1)
    dictionaries: Dictionaries = Field(description="a list of objects, one for each pair")


class EditRequest(BaseModel):
    """What to change of a glossary; terms are added to those that there are."""

    name: str | None = Field(None, description="a text", min_length=1)
    dictionaries: Dictionaries = Field([], description="a list of objects, one for each pair")


class DictionaryInfo(LanguagePair):
    """What is told of a dictionary."""

    entry_count: int


class MultilingualGlossaryInfo(BaseModel):
    """What is told of a glossary."""

    glossary_id: str
    name: str
    dictionaries: list[DictionaryInfo]
    creation_time: str


class MultilingualGlossaryList(BaseModel):
    """All glossaries of a key."""

    glossaries: list[MultilingualGlossaryInfo]


class DictionaryEntries(LanguagePair):
    """The terms of a dictionary, a line each."""

    entries: str
    entries_format: Literal["tsv"] = "tsv"


class EntriesResponse(BaseModel):
    """The dictionary that was asked for."""

    dictionaries: list[DictionaryEntries]


@router.post(
    "/glossaries",
    status_code=201,
    responses=ERRORS,
    openapi_extra=body_schema(
        MultilingualGlossaryRequest,
        {"Both directions": {"name": "ours", "dictionaries": [EXAMPLE, BACK]}},
    ),
)
async def create(
    request: Request, backend: CurrentBackend, store: CurrentGlossaries, owner: CurrentOwner
) -> MultilingualGlossaryInfo:
    """Keep a glossary."""
    wanted = parse(MultilingualGlossaryRequest, _gather(await read_fields(request)))
    glossary = StoredGlossary(
        name=wanted.name,
        owner=owner,
        dictionaries=_read_dictionaries(wanted.dictionaries, backend.languages),
    )
    return _info(store.keep(glossary))


@router.get("/glossaries", responses={403: ERRORS[403]})
async def list_glossaries(
    store: CurrentGlossaries, owner: CurrentOwner
) -> MultilingualGlossaryList:
    """All glossaries."""
    mine = store.of(owner)
    return MultilingualGlossaryList(glossaries=[_info(one) for one in mine])


@router.get("/glossaries/{glossary_id}", responses=ERRORS)
async def get(
    glossary_id: str, store: CurrentGlossaries, owner: CurrentOwner
) -> MultilingualGlossaryInfo:
    """What a glossary is."""
    return _info(store.get(glossary_id, owner))


@router.get("/glossaries/{glossary_id}/entries", responses=ERRORS, openapi_extra=PAIR)
async def entries(
    request: Request,
    glossary_id: str,
    backend: CurrentBackend,
    store: CurrentGlossaries,
    owner: CurrentOwner,
) -> EntriesResponse:
    """The terms of a glossary for one pair of languages."""
    glossary = store.get(glossary_id, owner)
    found = glossary.dictionary(await _pair(request, backend.languages))
    return EntriesResponse(
        dictionaries=[DictionaryEntries(**found.pair.model_dump(), entries=found.tsv())]
    )


@router.patch(
    "/glossaries/{glossary_id}",
    responses=ERRORS,
    openapi_extra=body_schema(
        EditRequest,
        {"Another name": {"name": "theirs"}, "One term more": {"dictionaries": [EXAMPLE]}},
    ),
)
async def edit(
    request: Request,
    glossary_id: str,
    backend: CurrentBackend,
    store: CurrentGlossaries,
    owner: CurrentOwner,
) -> MultilingualGlossaryInfo:
    """Give a glossary another name, or more and other terms."""
    wanted = parse(EditRequest, _gather(await read_fields(request)))
    if not wanted.name and not wanted.dictionaries:
        raise InvalidRequest("there is nothing to change: give name, dictionaries or both")
    changes = _read_dictionaries(wanted.dictionaries, backend.languages)
    glossary = store.get(glossary_id, owner)
    glossary.name = wanted.name or glossary.name
    for change in changes:
        kept = next((one for one in glossary.dictionaries if one.pair == change.pair), change)
        merged = {**kept.entries, **change.entries}
        glossary.put(Dictionary(pair=change.pair, entries=merged))
    return _info(store.keep(glossary))


@router.put(
    "/glossaries/{glossary_id}/dictionaries",
    responses=ERRORS,
    openapi_extra=body_schema(DictionaryRequest, {"One term": EXAMPLE}),
)
async def replace_dictionary(
    request: Request,
    glossary_id: str,
    backend: CurrentBackend,
    store: CurrentGlossaries,
    owner: CurrentOwner,
) -> DictionaryInfo:
    """Have these terms for a pair of languages, and none of those that there were."""
    wanted = parse(DictionaryRequest, await read_fields(request))
    dictionary = read_dictionary(wanted, backend.languages)
    glossary = store.get(glossary_id, owner)
    glossary.put(dictionary)
    store.keep(glossary)
    return _dictionary_info(dictionary)


@router.delete(
    "/glossaries/{glossary_id}/dictionaries",
    status_code=204,
    responses=ERRORS,
    openapi_extra=PAIR,
)
async def delete_dictionary(
    request: Request,
    glossary_id: str,
    backend: CurrentBackend,
    store: CurrentGlossaries,
    owner: CurrentOwner,
) -> Response:
    """Forget the terms for a pair of languages; the glossary stays, even without any."""
    pair = await _pair(request, backend.languages)
    glossary = store.get(glossary_id, owner)
    glossary.dictionaries.remove(glossary.dictionary(pair))
    store.keep(glossary)
    return Response(status_code=204)


@router.delete("/glossaries/{glossary_id}", status_code=204, responses=ERRORS)
async def delete(glossary_id: str, store: CurrentGlossaries, owner: CurrentOwner) -> Response:
    """Forget a glossary."""
    store.drop(store.get(glossary_id, owner))
    return Response(status_code=204)


async def _pair(request: Request, languages: Sequence[str]) -> LanguagePair:
    return known_pair(parse(LanguagePair, await read_fields(request)), languages)


def _gather(fields: dict[str, Any]) -> dict[str, Any]:
    """The same fields, with the dictionaries of a form in one list."""
    found: dict[str, dict[str, Any]] = {}
    for name, value in fields.items():
        if match := _FORM_FIELD.fullmatch(name):
            found.setdefault(match[1], {})[match[2]] = value
    return {**fields, "dictionaries": list(found.values())} if found else fields


def _read_dictionaries(wanted: list[dict[str, Any]], languages: Sequence[str]) -> list[Dictionary]:
    found: list[Dictionary] = []
    for fields in wanted:
        dictionary = read_dictionary(parse(DictionaryRequest, fields), languages)
        if any(one.pair == dictionary.pair for one in found):
            raise InvalidRequest(f"dictionaries: there are two for {dictionary.pair}")
        found.append(dictionary)
    return found


def _info(glossary: StoredGlossary) -> MultilingualGlossaryInfo:
    return MultilingualGlossaryInfo(
        glossary_id=glossary.glossary_id,
        name=glossary.name,
        dictionaries=[_dictionary_info(one) for one in glossary.dictionaries],
        creation_time=glossary.creation_time,
    )


def _dictionary_info(dictionary: Dictionary) -> DictionaryInfo:
    return DictionaryInfo(**dictionary.pair.model_dump(), entry_count=len(dictionary.entries))
