"""DeepL's routes for documents, which are translated while nobody waits."""

from __future__ import annotations

import asyncio
import json
import secrets
from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel
from starlette.datastructures import UploadFile

from nmt.errors import MacaronicError
from serve.backend import AUTO, Backend
from serve.connection import CurrentBackend, CurrentSettings
from serve.deepl import (
    DEEPL_ERRORS,
    TranslationRequest,
    find_glossary,
    refuse_unsupported,
    target_code,
)
from serve.errors import InvalidRequest, NotFound, NotReady
from serve.fields import body_schema, parse, read_fields
from serve.files import FileStore, Upload, make_upload
from serve.languages import known_target
from serve.limits import admit, header_key

router = APIRouter(prefix="/v2", tags=["DeepL"])


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
        if not secrets.compare_digest(state["key"].encode(), key.encode()):
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
                        **TranslationRequest.model_json_schema()["properties"],
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
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise InvalidRequest("a form with file and target_lang is needed")
        fields = {name: text for name, text in form.items() if isinstance(text, str) and text}
        name = fields.get("filename") or file.filename or "file.txt"
        data = await file.read()
    refuse_unsupported(fields)
    wanted = parse(TranslationRequest, fields)
    await admit(request, None, 1, len(data))
    source = target_code(wanted.source_lang) if wanted.source_lang else AUTO
    target = known_target(target_code(wanted.target_lang), backend.languages)
    upload = make_upload(name, data, source, target, backend, settings)
    task = replace(upload.task, glossary=find_glossary(request, wanted, str(target)))
    return documents.start(replace(upload, task=task))


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
