"""Files that are translated: kept for a while, and told of while they are translated."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import FileResponse, StreamingResponse
from pydantic import BaseModel
from starlette.datastructures import UploadFile

from nmt import TargetMix
from nmt.documents.document import format_of
from nmt.errors import InvalidInput, MacaronicError
from serve.backend import AUTO, Backend, Task
from serve.connection import ERRORS, CurrentBackend, CurrentSettings, while_connected
from serve.errors import InvalidRequest, NotFound
from serve.languages import known_code, known_target
from serve.limits import admit, check_characters
from serve.settings import Settings

_NAME = re.compile(r"[0-9a-f]{32}\.[\w. -]{1,120}")
_UNSAFE = re.compile(r"[^\w. -]+")
EVENTS = "text/event-stream"

router = APIRouter(tags=["Files"])


class FileStore:
    """A folder of files that nobody can guess the names of, each for some time."""

    def __init__(self, folder: Path, seconds: float) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._seconds = seconds

    def add(self, data: bytes, name: str) -> str:
        """Keep a file; the name to ask for it by."""
        self._drop_old()
        token = f"{secrets.token_hex(16)}.{_UNSAFE.sub('_', PurePath(name).name)[-120:] or 'file'}"
        (self._folder / token).write_bytes(data)
        return token

    def path(self, token: str) -> Path:
        """Where a file is; NotFound if it never was or is no longer."""
        path = self._folder / token
        if not _NAME.fullmatch(token) or not path.is_file():
            raise NotFound("there is no such file, or it was there for too long")
        return path

    def replace(self, token: str, data: bytes) -> None:
        """Change what is kept under a name, at once for all who read it."""
        path = self.path(token)
        new = path.with_name(f".{token}.{secrets.token_hex(4)}")
        new.write_bytes(data)
        new.replace(path)

    def _drop_old(self) -> None:
        before = time.time() - self._seconds
        for path in self._folder.iterdir():
            try:
                if path.is_file() and path.stat().st_mtime < before:
                    path.unlink()
            except FileNotFoundError:
                continue  # another worker was faster


async def _store(request: Request) -> FileStore:
    store: FileStore = request.app.state.files
    return store


CurrentFiles = Annotated[FileStore, Depends(_store)]


class FileResult(BaseModel):
    """Where the translated file is for a while."""

    translatedFileUrl: str


@dataclass(frozen=True)
class Upload:
    """A file, and what it is to be translated to."""

    name: str
    format: str
    data: bytes
    task: Task


FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file", "source", "target"],
                    "properties": {
                        "file": {"type": "string", "format": "binary"},
                        "source": {"type": "string"},
                        "target": {"type": "string"},
                        "api_key": {"type": "string"},
                    },
                }
            }
        },
    }
}


@router.post("/translate_file", responses=ERRORS, openapi_extra=FORM)
async def translate_file(
    request: Request, backend: CurrentBackend, settings: CurrentSettings, files: CurrentFiles
) -> FileResult:
    """Translate a document, whose format its name tells; its structure stays."""
    upload = await read_upload(request, backend, settings)
    work = backend.translate_file(upload.data, upload.format, upload.task)
    found = await while_connected(request, work)
    token = files.add(found.data, upload.name)
    return FileResult(translatedFileUrl=str(request.url_for("download_file", name=token)))


@router.get("/download_file/{name}", responses={404: ERRORS[404]}, response_class=FileResponse)
async def download_file(name: str, files: CurrentFiles) -> FileResponse:
    """A translated file, for as long as it is kept."""
    return FileResponse(files.path(name), filename=name.partition(".")[2])


@router.post(
    "/translate_stream",
    responses={**ERRORS, 200: {"content": {EVENTS: {"schema": {"type": "string"}}}}},
    response_class=StreamingResponse,
    openapi_extra=FORM,
)
async def translate_stream(
    request: Request, backend: CurrentBackend, settings: CurrentSettings, files: CurrentFiles
) -> StreamingResponse:
    """As translate_file, with server-sent events: `progress`, then `result` or `error`."""
    upload = await read_upload(request, backend, settings)
    return StreamingResponse(_events(upload, backend, files), media_type=EVENTS)


async def _events(upload: Upload, backend: Backend, files: FileStore) -> AsyncIterator[str]:
    told: asyncio.Queue[tuple[int, int] | None] = asyncio.Queue()

    async def work() -> bytes:
        try:
            return (
                await backend.translate_file(
                    upload.data,
                    upload.format,
                    upload.task,
                    lambda done, total: told.put_nowait((done, total)),
                )
            ).data
        finally:
            told.put_nowait(None)

    running = asyncio.create_task(work())
    try:
        while (progress := await told.get()) is not None:
            yield _event("progress", done=progress[0], total=progress[1])
        token = files.add(await running, upload.name)
        yield _event("result", name=upload.name, url=f"download_file/{token}")
    except MacaronicError as error:
        yield _event("error", error=str(error))
    finally:
        running.cancel()  # the client may have left


def _event(kind: str, **data: Any) -> str:
    return f"event: {kind}\ndata: {json.dumps(data)}\n\n"


async def read_upload(request: Request, backend: Backend, settings: Settings) -> Upload:
    """The file of a form and its languages; raises what is wrong with them."""
    async with request.form() as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise InvalidRequest("Invalid request: missing file parameter")
        words = {name: value for name, value in form.items() if isinstance(value, str)}
        name, data = file.filename or "file.txt", await file.read()
    for field in ("source", "target"):
        if not words.get(field):
            raise InvalidRequest(f"Invalid request: missing {field} parameter")
    try:
        format_of(name)
    except InvalidInput as error:
        raise InvalidRequest(f"Invalid request: file format not supported: {error}") from None
    target = known_target(words["target"], backend.languages)
    await admit(request, words.get("api_key"), texts=1, characters=len(data))
    return make_upload(name, data, words["source"], target, backend, settings)


def make_upload(
    name: str,
    data: bytes,
    source: str,
    target: TargetMix,
    backend: Backend,
    settings: Settings,
) -> Upload:
    """A file to translate; InvalidInput if its format is not known."""
    check_characters(len(data), settings.max_document_bytes)
    code = None if source.lower() == AUTO else known_code(source, backend.languages)
    stem, dot, suffix = name.rpartition(".")
    renamed = f"{stem}.{target}.{suffix}" if dot and stem else f"{name}.{target}"
    return Upload(
        name=_UNSAFE.sub("_", renamed),
        format=format_of(name),
        data=data,
        task=Task("", target, code),
    )
