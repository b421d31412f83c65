"""DeepL's routes for glossaries with one dictionary; `/v3` has them for all."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

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
    read_dictionary,
)

TSV = "text/tab-separated-values"

router = APIRouter(prefix="/v2", tags=["DeepL"])


class GlossaryRequest(DictionaryRequest):
    """A new glossary for one pair of languages."""

    name: str = Field(description="a text", min_length=1)


class GlossaryInfo(LanguagePair):
    """What is told of a glossary for one pair."""

    glossary_id: str
    name: str
    ready: bool
    creation_time: str
    entry_count: int


class GlossaryList(BaseModel):
    """All glossaries of a key that are for one pair."""

    glossaries: list[GlossaryInfo]


class LanguagePairs(BaseModel):
    """All pairs that a glossary may be for."""

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
    openapi_extra=body_schema(GlossaryRequest, {"One term": {"name": "ours", **EXAMPLE}}),
)
async def create(
    request: Request, backend: CurrentBackend, store: CurrentGlossaries, owner: CurrentOwner
) -> GlossaryInfo:
    """Keep a glossary for one pair of languages."""
    wanted = parse(GlossaryRequest, await read_fields(request))
    dictionary = read_dictionary(wanted, backend.languages)
    glossary = StoredGlossary(name=wanted.name, owner=owner, dictionaries=[dictionary])
    return _info(store.keep(glossary))


@router.get("/glossaries", responses={403: ERRORS[403]})
async def list_glossaries(store: CurrentGlossaries, owner: CurrentOwner) -> GlossaryList:
    """All glossaries that are for one pair of languages; /v3/glossaries has the others too."""
    mine = store.of(owner)
    return GlossaryList(glossaries=[_info(one) for one in mine if len(one.dictionaries) == 1])


@router.get("/glossaries/{glossary_id}", responses=ERRORS)
async def get(glossary_id: str, store: CurrentGlossaries, owner: CurrentOwner) -> GlossaryInfo:
    """What a glossary is."""
    return _info(store.get(glossary_id, owner))


@router.get(
    "/glossaries/{glossary_id}/entries",
    responses={**ERRORS, 200: {"content": {TSV: {"schema": {"type": "string"}}}}},
    response_class=Response,
)
async def entries(glossary_id: str, store: CurrentGlossaries, owner: CurrentOwner) -> Response:
    """The terms of a glossary, in two columns."""
    found = _only_dictionary(store.get(glossary_id, owner))
    return Response(found.tsv(), media_type=TSV)


@router.delete("/glossaries/{glossary_id}", status_code=204, responses=ERRORS)
async def delete(glossary_id: str, store: CurrentGlossaries, owner: CurrentOwner) -> Response:
    """Forget a glossary."""
    found = store.get(glossary_id, owner)
    _only_dictionary(found)
    store.drop(found)
    return Response(status_code=204)


def _only_dictionary(glossary: StoredGlossary) -> Dictionary:
    if len(glossary.dictionaries) != 1:
        raise InvalidRequest(
            f"glossary {glossary.glossary_id} has {len(glossary.dictionaries)} dictionaries, and "
            f"/v2 knows only glossaries with one: use /v3/glossaries"
        )
    return glossary.dictionaries[0]


def _info(glossary: StoredGlossary) -> GlossaryInfo:
    dictionary = _only_dictionary(glossary)
    return GlossaryInfo(
        glossary_id=glossary.glossary_id,
        name=glossary.name,
        ready=True,
        source_lang=dictionary.pair.source_lang,
        target_lang=dictionary.pair.target_lang,
        creation_time=glossary.creation_time,
        entry_count=len(dictionary.entries),
    )
