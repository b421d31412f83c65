"""DeepL's API, so that its clients work with `server_url` set to this service."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from nmt.decode.glossary import Glossary
from serve.backend import AUTO, Backend, Task
from serve.connection import ERRORS, CurrentBackend, CurrentSettings, while_connected
from serve.errors import InvalidRequest
from serve.fields import body_schema, parse, read_fields
from serve.glossaries import GlossaryStore, LanguagePair, owner_of
from serve.languages import known_code, known_target, language_name
from serve.limits import admit, check_texts, header_key

# Targets that DeepL tells apart, and this model does not.
VARIANTS = {"en": ("EN-GB", "EN-US"), "pt": ("PT-BR", "PT-PT")}
UNLIMITED = 1_000_000_000_000  # what DeepL says where there is no limit
# What has no meaning here; a client that asks for it must know that.
REFUSED = (
    "style_id",
    "custom_instructions",
    "translation_memory_id",
    "glossary_ids",
    "output_format",
)

router = APIRouter(prefix="/v2", tags=["DeepL"])
DEEPL_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": error["description"],
        "content": {
            "application/json": {
                "schema": {"type": "object", "properties": {"message": {"type": "string"}}}
            }
        },
    }
    for status, error in {**ERRORS, 456: {"description": "The quota is used up"}}.items()
}


class TranslationRequest(BaseModel):
    """What to translate to, for texts and documents alike."""

    target_lang: str = Field(description="a language code such as ES, or a mix")
    source_lang: str | None = Field(None, description="a language code; detected where absent")
    formality: Literal["default", "prefer_more", "prefer_less"] = Field(
        "default", description="default: this model knows no other"
    )
    glossary_id: str | None = Field(None, description="the id of a glossary")


class TextRequest(TranslationRequest):
    """Texts to translate; `context`, `split_sentences` and some others change nothing here."""

    text: str | list[str] = Field(description="a text or a list of texts")
    tag_handling: Literal["html", "xml"] | None = Field(None, description="html or xml")
    show_billed_characters: bool = Field(False, description="true or false")
    model_type: str | None = Field(None, description="a type of model; there is one")


class TextTranslation(BaseModel):
    """One translation."""

    detected_source_language: str
    text: str
    billed_characters: int | None = None
    model_type_used: str | None = None


class TextResponse(BaseModel):
    """A translation for each text, in order."""

    translations: list[TextTranslation]


class DeeplLanguage(BaseModel):
    """A language under its code in capitals."""

    language: str
    name: str
    supports_formality: bool | None = None


class UsageResponse(BaseModel):
    """Characters of this month."""

    character_count: int
    character_limit: int


@router.post(
    "/translate",
    responses=DEEPL_ERRORS,
    response_model=TextResponse,
    openapi_extra=body_schema(
        TextRequest, {"Two texts": {"text": ["Good morning.", "Good night."], "target_lang": "ES"}}
    ),
)
async def translate(
    request: Request, backend: CurrentBackend, settings: CurrentSettings
) -> Response:
    """Translate texts, each on its own."""
    fields = await read_fields(request)
    refuse_unsupported(fields)
    wanted = parse(TextRequest, fields)
    texts = [wanted.text] if isinstance(wanted.text, str) else wanted.text
    check_texts(texts, settings)
    await admit(request, fields.get("auth_key"), len(texts), sum(map(len, texts)))
    target = known_target(target_code(wanted.target_lang), backend.languages)
    source = AUTO if wanted.source_lang is None else target_code(wanted.source_lang)
    glossary = find_glossary(request, wanted, str(target), fields.get("auth_key"))
    work = _translate(wanted, texts, Task("", target, source, glossary=glossary), backend)
    answer = await while_connected(request, work)
    return Response(answer.model_dump_json(exclude_none=True), media_type="application/json")


async def _translate(
    wanted: TextRequest, texts: list[str], pattern: Task, backend: Backend
) -> TextResponse:
    found = await backend.sources(texts, pattern.source or AUTO)
    codes = [one.language if one else None for one in found]
    tasks = [
        Task(text, pattern.target, code, glossary=pattern.glossary)
        for text, code in zip(texts, codes, strict=True)
    ]
    if wanted.tag_handling:
        answers = await backend.translate_documents(tasks, "html")
    else:
        answers = await backend.translate(tasks)
    return TextResponse(
        translations=[
            TextTranslation(
                detected_source_language=(code or backend.languages[0]).upper(),
                text=answer.text,
                billed_characters=len(text) if wanted.show_billed_characters else None,
                model_type_used=wanted.model_type,
            )
            for text, code, answer in zip(texts, codes, answers, strict=True)
        ]
    )


@router.get("/languages", responses={503: DEEPL_ERRORS[503]}, response_model_exclude_none=True)
async def languages(
    request: Request, backend: CurrentBackend, type: Literal["source", "target"] | None = None
) -> list[DeeplLanguage]:
    """All languages, as sources or as targets."""
    # One of the clients sends the type in a body, although this is a GET.
    wanted = type or (await read_fields(request)).get("type")
    if wanted != "target":
        return [_language(code.upper(), code) for code in backend.languages]
    return [
        _language(shown, code, supports_formality=False)
        for code in backend.languages
        for shown in VARIANTS.get(code, (code.upper(),))
    ]


def _language(shown: str, code: str, supports_formality: bool | None = None) -> DeeplLanguage:
    name = language_name(code) + {
        "EN-GB": " (British)", "EN-US": " (American)",
        "PT-BR": " (Brazilian)", "PT-PT": " (European)",
    }.get(shown, "")  # fmt: skip
    return DeeplLanguage(language=shown, name=name, supports_formality=supports_formality)


@router.get("/usage", responses={403: DEEPL_ERRORS[403]})
async def usage(request: Request) -> UsageResponse:
    """What was used this month."""
    found = await request.app.state.guard.usage(header_key(request))
    return UsageResponse(character_count=found.characters, character_limit=found.limit or UNLIMITED)


def refuse_unsupported(fields: dict[str, Any]) -> None:
    """InvalidRequest if a request asks for what has no meaning here."""
    for name in REFUSED:
        if fields.get(name):
            raise InvalidRequest(f"{name} is not supported: leave it out")


def find_glossary(
    request: Request, wanted: TranslationRequest, target: str, key: str | None = None
) -> Glossary | None:
    """The terms for the pair of a request, whose body may have a `key`; None if it wants none.

    Raises NotFound or InvalidRequest if there are no such terms.
    """
    if wanted.glossary_id is None:
        return None
    if wanted.source_lang is None:
        raise InvalidRequest("glossary_id needs source_lang")
    store: GlossaryStore = request.app.state.glossaries
    source = known_code(target_code(wanted.source_lang), request.app.state.backend.languages)
    found = store.get(wanted.glossary_id, owner_of(request, key))
    pair = LanguagePair(source_lang=source, target_lang=target)
    return Glossary(found.dictionary(pair).entries)


def target_code(code: str) -> str:
    """Our code for DeepL's target: EN-GB and EN-US are en."""
    return next((own for own, shown in VARIANTS.items() if code.upper() in shown), code.lower())
