"""LibreTranslate's routes, so that its clients work unchanged; a target may also be a mix."""

from __future__ import annotations

import re
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from nmt import Translation
from nmt.decode.flags import Flag
from nmt.decode.glossary import Glossary
from nmt.text.langid import Detection
from serve.backend import AUTO, Backend, Task
from serve.connection import ERRORS, CurrentBackend, while_connected
from serve.errors import InvalidRequest
from serve.fields import body_schema, parse, read_fields
from serve.languages import known_target, language_name
from serve.limits import admit, check_texts
from serve.settings import Settings

# Markup, which is in no language, would make any text look English.
_TAG = re.compile(r"<[^>]*>")

router = APIRouter(tags=["LibreTranslate"])

EXAMPLES: dict[str, dict[str, Any]] = {
    "One text": {"q": "How are you?", "source": "en", "target": "es"},
    "Several texts, source detected": {
        "q": ["Good morning.", "Bom dia."],
        "source": "auto",
        "target": "fr",
        "alternatives": 2,
    },
    "HTML": {
        "q": "<p>Where is <b>the station</b>?</p>",
        "source": "en",
        "target": "es",
        "format": "html",
    },
    "A language between two": {
        "q": "Here the other guinea-pig cheered, and was suppressed.",
        "source": "en",
        "target": {"es": 0.58, "pt": 0.42},
    },
}


class TranslateRequest(BaseModel):
    """What to translate; unknown fields, and a key where none is needed, are ignored."""

    q: str | list[str] = Field(description="a text or a list of texts")
    source: str = Field(description="a language code, or auto to have it detected")
    target: str | dict[str, Any] = Field(
        description="a language code, a mix such as es:0.58,pt:0.42, or an object of weights"
    )
    format: str = Field("text", description="text, or html, whose markup stays")
    alternatives: int = Field(0, ge=0, description="a whole number of 0 or more")
    glossary: dict[str, str] | None = Field(
        None, description="an object of terms and what must stand for them"
    )
    alignment: bool = Field(False, description="true or false: tell which words come from which")
    api_key: str | None = None


class DetectedLanguage(BaseModel):
    """The language that a text seems to be in."""

    language: str
    confidence: int = Field(ge=0, le=100)


class WordLink(BaseModel):
    """A word of the translation and the one that it comes from, each as [start, end)."""

    source: tuple[int, int]
    target: tuple[int, int]


class TranslateResponse(BaseModel):
    """The translation of one text, or for a list of texts, lists with one item for each."""

    translatedText: str | list[str]
    detectedLanguage: DetectedLanguage | list[DetectedLanguage] | None = Field(
        None, description="only where source was auto"
    )
    alternatives: list[str] | list[list[str]] | None = Field(
        None, description="only where asked for: next best first, unlike the best and each other"
    )
    path: str | list[str] = Field(
        description="direct: the model was trained on this pair of languages; zero_shot: it was"
        " not; pivot: through a third language; unknown: nobody knows the source language;"
        " unchanged: there was nothing to translate"
    )
    score: float | list[float] = Field(description="log-probability a piece: 0 is the best")
    flags: list[Flag] | list[list[Flag]] = Field(
        description="what is visibly wrong: truncated (the end is missing), repetition, copied (it"
        " came back untranslated), off_target (in another language than asked for)"
    )
    outputLanguage: DetectedLanguage | list[DetectedLanguage | None] | None = Field(
        None, description="what the translation is in; absent where it has no letters"
    )
    alignment: list[WordLink] | list[list[WordLink]] | None = Field(
        None, description="only where asked for: characters of the source and of the translation"
    )
    shares: dict[str, float] | list[dict[str, float]] | None = Field(
        None, description="only for a mix: shares of the letters that are in each language"
    )


class Language(BaseModel):
    """A language and those that it can be translated to."""

    code: str
    name: str
    targets: list[str]


@router.get("/languages", responses={503: ERRORS[503]})
async def languages(backend: CurrentBackend) -> list[Language]:
    """The languages of the model: each can be translated to each, or to a mix of them."""
    codes = list(backend.languages)
    return [Language(code=code, name=language_name(code), targets=codes) for code in codes]


@router.post(
    "/translate",
    responses=ERRORS,
    response_model=TranslateResponse,
    openapi_extra=body_schema(TranslateRequest, EXAMPLES),
)
async def translate(request: Request) -> Response:
    """Translate a text or a list of texts; long ones sentence by sentence, layout kept."""
    # The edge calls this without the framework: what is needed is taken from the application.
    backend, settings = request.app.state.backend, request.app.state.settings
    wanted = parse(TranslateRequest, await read_fields(request))
    texts = _check(wanted, settings)
    await admit(request, wanted.api_key, len(texts), sum(map(len, texts)))
    answer = await while_connected(request, _translate(wanted, backend, settings))
    return Response(answer.model_dump_json(exclude_none=True), media_type="application/json")


def _check(wanted: TranslateRequest, settings: Settings) -> list[str]:
    """The texts of a request that asks for nothing wrong."""
    if not wanted.q:
        raise InvalidRequest("Invalid request: missing q parameter")
    if wanted.format.lower() not in ("text", "html"):
        raise InvalidRequest(f"{wanted.format} format is not supported: it must be text or html")
    if wanted.alternatives > settings.max_alternatives:
        raise InvalidRequest(
            f"Invalid request: alternatives parameter must be <= {settings.max_alternatives}"
            f" here, not {wanted.alternatives}"
        )
    texts = [wanted.q] if isinstance(wanted.q, str) else wanted.q
    check_texts(texts, settings)
    return texts


async def _translate(
    wanted: TranslateRequest, backend: Backend, settings: Settings
) -> TranslateResponse:
    target = known_target(wanted.target, backend.languages)
    texts = [wanted.q] if isinstance(wanted.q, str) else wanted.q
    is_html = wanted.format.lower() == "html"
    words = [_TAG.sub(" ", text) for text in texts] if is_html else texts
    sources = await backend.sources(words, wanted.source)
    glossary = Glossary(wanted.glossary) if wanted.glossary else None
    tasks = []
    for text, found in zip(texts, sources, strict=True):
        source = found.language if found else None
        sure = found is not None and found.confidence >= settings.sure_confidence
        keep = sure and target.languages == (source,)
        alternatives = wanted.alternatives > 0
        tasks.append(Task(text, target, source, keep, wanted.alignment, glossary, alternatives))
    if is_html:
        answers = await backend.translate_documents(tasks, "html")
    else:
        answers = await backend.translate(tasks)
    if wanted.source.strip().lower() == AUTO:
        unknown = unknown_language(backend.languages)
        detected = [detected_language(found or unknown) for found in sources]
    else:
        detected = []
    return _response(wanted, answers, detected)


def _response(
    wanted: TranslateRequest, answers: list[Translation], detected: list[DetectedLanguage]
) -> TranslateResponse:
    columns: dict[str, list[Any]] = {
        "translatedText": [answer.text for answer in answers],
        "path": [answer.path for answer in answers],
        "score": [round(answer.score, 4) for answer in answers],
        "flags": [list(answer.flags) for answer in answers],
        "outputLanguage": [
            detected_language(answer.detected) if answer.detected else None for answer in answers
        ],
    }
    if detected:
        columns["detectedLanguage"] = list(detected)
    if wanted.alternatives:
        columns["alternatives"] = [_others(answer)[: wanted.alternatives] for answer in answers]
    if wanted.alignment:
        columns["alignment"] = [_links(answer) for answer in answers]
    if any(answer.shares for answer in answers):
        columns["shares"] = [answer.shares for answer in answers]
    if isinstance(wanted.q, str):
        return TranslateResponse(**{name: column[0] for name, column in columns.items()})
    return TranslateResponse(**columns)


def _links(answer: Translation) -> list[WordLink]:
    return [
        WordLink(
            source=(link.source_start, link.source_end),
            target=(link.target_start, link.target_end),
        )
        for link in answer.links
    ]


def _others(answer: Translation) -> list[str]:
    """All further translations, different from the best one and from each other."""
    texts = dict.fromkeys(hypothesis.text for hypothesis in answer.hypotheses)
    return list(texts)[1:]


def detected_language(found: Detection) -> DetectedLanguage:
    """A detection as clients read it, in whole per cent."""
    return DetectedLanguage(language=found.language, confidence=round(100 * found.confidence))


def unknown_language(known: tuple[str, ...]) -> Detection:
    """For text without letters LibreTranslate says English, and that it does not know."""
    return Detection("en" if "en" in known else known[0], 0.0)
