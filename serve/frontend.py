"""LibreTranslate's further routes: detection, what a page needs to know, and suggestions."""

from __future__ import annotations

import json
import time
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from nmt.documents.document import FORMATS
from serve.connection import ERRORS, CurrentBackend, CurrentSettings
from serve.errors import Forbidden, InvalidRequest
from serve.fields import body_schema, parse, read_fields
from serve.languages import language_name
from serve.libretranslate import DetectedLanguage, detected_language, unknown_language
from serve.limits import admit, check_texts
from serve.ops import Status

router = APIRouter(tags=["LibreTranslate"])


class DetectRequest(BaseModel):
    """A text whose language is asked for, or several, of which it is asked together."""

    q: str | list[str] = Field(description="a text or a list of texts")
    api_key: str | None = None


class SuggestRequest(BaseModel):
    """A better translation, by a reader."""

    q: str = Field(description="the text that was translated")
    s: str = Field(description="the better translation")
    source: str = Field(description="a language code, or auto")
    target: str = Field(description="a language code")
    api_key: str | None = None


class Done(BaseModel):
    """It was done."""

    success: bool


class Named(BaseModel):
    """A language by its code and name."""

    code: str
    name: str


class FrontendSettings(BaseModel):
    """What a page has to know of a service before it asks for anything."""

    charLimit: int
    alternativesLimit: int
    frontendTimeout: int
    apiKeys: bool
    keyRequired: bool
    suggestions: bool
    filesTranslation: bool
    supportedFilesFormat: list[str]
    language: dict[str, Named]


@router.post(
    "/detect",
    responses=ERRORS,
    openapi_extra=body_schema(DetectRequest, {"A sentence": {"q": "Bom dia."}}),
)
async def detect(
    request: Request, backend: CurrentBackend, settings: CurrentSettings
) -> list[DetectedLanguage]:
    """The languages that a text may be in, the likeliest first; a list counts as one text."""
    wanted = parse(DetectRequest, await read_fields(request))
    texts = [wanted.q] if isinstance(wanted.q, str) else wanted.q
    if not texts:
        raise InvalidRequest("Invalid request: missing q parameter")
    check_texts(texts, settings)
    await admit(request, wanted.api_key, len(texts))
    text = "\n".join(texts)
    identifier = backend.ready().translator.identifier
    if identifier.detect(text) is None:
        return [detected_language(unknown_language(backend.languages))]
    shown = [detected_language(one) for one in identifier.ranked(text)]
    return [one for one in shown if one.confidence > 0] or shown[:1]


@router.get("/frontend/settings", responses={503: ERRORS[503]})
async def frontend_settings(backend: CurrentBackend, settings: CurrentSettings) -> FrontendSettings:
    """What a page has to know."""
    target = next((code for code in backend.languages if code != "en"), backend.languages[0])
    return FrontendSettings(
        charLimit=settings.max_characters,
        alternativesLimit=settings.max_alternatives,
        frontendTimeout=500,
        apiKeys=settings.keys is not None,
        keyRequired=settings.keys is not None and settings.require_key,
        suggestions=settings.suggestions is not None,
        filesTranslation=True,
        supportedFilesFormat=[suffix for format in FORMATS.values() for suffix in format.suffixes],
        language={
            "source": Named(code="auto", name="Auto Detect"),
            "target": Named(code=target, name=language_name(target)),
        },
    )


@router.post(
    "/suggest",
    responses=ERRORS,
    openapi_extra=body_schema(
        SuggestRequest,
        {"One": {"q": "Good morning.", "s": "Buenos días.", "source": "en", "target": "es"}},
    ),
)
async def suggest(request: Request, settings: CurrentSettings) -> Done:
    """Keep a better translation for whoever runs the service, if that is turned on."""
    if settings.suggestions is None:
        raise Forbidden("suggestions are turned off on this server")
    wanted = parse(SuggestRequest, await read_fields(request))
    check_texts([wanted.q, wanted.s], settings)
    await admit(request, wanted.api_key)
    line = {"time": time.time(), **wanted.model_dump(exclude={"api_key"})}
    with settings.suggestions.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, ensure_ascii=False) + "\n")
    return Done(success=True)


@router.get("/spec")
async def spec(request: Request) -> dict[str, Any]:
    """The description of all routes, as /openapi.json."""
    description: dict[str, Any] = request.app.openapi()
    return description


@router.get("/health")
async def health() -> Status:
    """As /healthz."""
    return Status(status="ok")
