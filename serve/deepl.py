"""DeepL's API, so that its clients work with `server_url` set to this service."""

from __future__ import annotations

import asyncio
import json
import secrets
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field
from starlette.datastructures import UploadFile

from nmt.decode.glossary import Glossary
from nmt.errors import MacaronicError
from serve.backend import AUTO, Backend, Task
from serve.connection import ERRORS, CurrentBackend, CurrentSettings, while_connected
from serve.errors import InvalidRequest, NotFound, NotReady
from serve.fields import body_schema, parse, read_fields
from serve.files import CurrentFiles, FileStore, Upload, make_upload
from serve.glossaries import find_glossary
from serve.languages import known_target, language_name
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


class TextRequest(BaseModel):
    """Texts to translate; `context`, `split_sentences` and some others change nothing here."""

    text: str | list[str] = Field(description="a text or a list of texts")
    target_lang: str = Field(description="a language code such as ES, or a mix")
    source_lang: str | None = Field(None, description="a language code; detected where absent")
    tag_handling: Literal["html", "xml"] | None = Field(None, description="html or xml")
    formality: Literal["default", "prefer_more", "prefer_less"] = Field(
        "default", description="default: this model knows no other"
    )
    glossary_id: str | None = Field(None, description="the id of a glossary")
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


class DocumentHandle(BaseModel):
    """What to ask for a document by."""

    document_id: str
    document_key: str


class DocumentStatus(BaseModel):
    """How far a document is."""

    document_id: str
    status: Literal["queued", "translating", "done", "error"]
    seconds_remaining: int | None = None
    billed_characters: int | None = None
    error_message: str | None = None


class Documents:
    """Documents that are translated while nobody waits; all workers see their state in files."""

    def __init__(self, files: FileStore, backend: Backend) -> None:
        self._files = files
        self._backend = backend
        self._running: set[asyncio.Task[None]] = set()

    def start(self, upload: Upload) -> DocumentHandle:
        """Begin to translate a document."""
        key = secrets.token_hex(32)
        token = self._files.add(_state(key, "queued"), "job")
        task = asyncio.create_task(self._translate(token, key, upload))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return DocumentHandle(document_id=token.partition(".")[0], document_key=key)

    def state(self, document: str, key: str) -> dict[str, Any]:
        """What is known of a document; NotFound without its key."""
        state: dict[str, Any] = json.loads(self._files.path(f"{document}.job").read_bytes())
        if not secrets.compare_digest(state["key"], key):
            raise NotFound("there is no such document, or its key is wrong")
        return state

    def take(self, document: str, key: str) -> tuple[str, bytes]:
        """Name and content of a document that is done, once."""
        state = self.state(document, key)
        if state["status"] != "done":
            raise NotReady(f"the document is not done: {state['status']}")
        path = self._files.path(state["file"])
        data = path.read_bytes()
        path.unlink()
        self._files.path(f"{document}.job").unlink()
        return state["file"].partition(".")[2], data

    async def stop(self) -> None:
        """Give up what is not done."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _translate(self, token: str, key: str, upload: Upload) -> None:
        self._files.replace(token, _state(key, "translating"))
        try:
            found = await self._backend.translate_file(upload.data, upload.format, upload.task)
        except MacaronicError as error:
            self._files.replace(token, _state(key, "error", error_message=str(error)))
            return
        file = self._files.add(found.data, upload.name)
        done = _state(key, "done", file=file, billed_characters=found.characters)
        self._files.replace(token, done)


def _state(key: str, status: str, **more: Any) -> bytes:
    return json.dumps({"key": key, "status": status, **more}).encode()


async def _documents(request: Request) -> Documents:
    documents: Documents = request.app.state.documents
    return documents


CurrentDocuments = Annotated[Documents, Depends(_documents)]


@router.post(
    "/translate",
    responses=DEEPL_ERRORS,
    response_model=TextResponse,
    openapi_extra=body_schema(
        TextRequest, {"Two texts": {"text": ["Good morning.", "Good night."], "target_lang": "ES"}}
    ),
)
async def translate(
    request: Request, backend: CurrentBackend, settings: CurrentSettings, files: CurrentFiles
) -> Response:
    """Translate texts, each on its own."""
    fields = await read_fields(request)
    for name in REFUSED:
        if fields.get(name):
            raise InvalidRequest(f"{name} is not supported: leave it out")
    wanted = parse(TextRequest, fields)
    texts = [wanted.text] if isinstance(wanted.text, str) else wanted.text
    check_texts(texts, settings)
    await admit(request, fields.get("auth_key"), len(texts), sum(map(len, texts)))
    target = known_target(target_code(wanted.target_lang), backend.languages)
    source = AUTO if wanted.source_lang is None else target_code(wanted.source_lang)
    glossary = _glossary(wanted, str(target), files)
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


def _glossary(wanted: TextRequest, target: str, files: FileStore) -> Glossary | None:
    if wanted.glossary_id is None:
        return None
    if wanted.source_lang is None:
        raise InvalidRequest("glossary_id needs source_lang")
    found = find_glossary(files, wanted.glossary_id)
    if (found.source_lang, found.target_lang) != (target_code(wanted.source_lang), target):
        raise InvalidRequest(
            f"the glossary is for {found.source_lang} to {found.target_lang}, not this pair"
        )
    return Glossary(found.entries)


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


DOCUMENT = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file", "target_lang"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "target_lang": {"type": "string"},
                        "source_lang": {"type": "string"},
                    },
                }
            }
        },
    }
}
KEY = body_schema(DocumentHandle, {})


@router.post("/document", responses=DEEPL_ERRORS, openapi_extra=DOCUMENT)
async def upload_document(
    request: Request,
    backend: CurrentBackend,
    settings: CurrentSettings,
    documents: CurrentDocuments,
) -> DocumentHandle:
    """Begin to translate a document."""
    async with request.form() as form:
        file, target_lang = form.get("file"), form.get("target_lang")
        if not isinstance(file, UploadFile) or not isinstance(target_lang, str):
            raise InvalidRequest("a form with file and target_lang is needed")
        source = form.get("source_lang")
        name = str(form.get("filename") or file.filename or "file.txt")
        data = await file.read()
    await admit(request, None, 1, len(data))
    code = target_code(source) if isinstance(source, str) and source else AUTO
    target = known_target(target_code(target_lang), backend.languages)
    return documents.start(make_upload(name, data, code, target, backend, settings))


@router.post("/document/{document_id}", responses=DEEPL_ERRORS, response_model_exclude_none=True)
async def document_status(
    request: Request, document_id: str, documents: CurrentDocuments
) -> DocumentStatus:
    """How far a document is."""
    request.app.state.guard.known(header_key(request), "translate")
    state = documents.state(document_id, await _document_key(request))
    return DocumentStatus(
        document_id=document_id,
        status=state["status"],
        seconds_remaining=1 if state["status"] == "translating" else None,
        billed_characters=state.get("billed_characters"),
        error_message=state.get("error_message"),
    )


@router.post(
    "/document/{document_id}/result",
    responses={**DEEPL_ERRORS, 200: {"content": {"application/octet-stream": {}}}},
    response_class=Response,
)
async def document_result(
    request: Request, document_id: str, documents: CurrentDocuments
) -> Response:
    """A translated document, once."""
    request.app.state.guard.known(header_key(request), "translate")
    name, data = documents.take(document_id, await _document_key(request))
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(data, media_type="application/octet-stream", headers=headers)


async def _document_key(request: Request) -> str:
    key = (await read_fields(request)).get("document_key")
    if not isinstance(key, str):
        raise InvalidRequest("document_key is missing")
    return key


def target_code(code: str) -> str:
    """Our code for DeepL's target: EN-GB and EN-US are en."""
    return next((own for own, shown in VARIANTS.items() if code.upper() in shown), code.lower())
