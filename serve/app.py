"""The application: built by a function from its settings, with one table from error to status."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException

from nmt import Translator
from serve import (
    deepl,
    deepl_documents,
    files,
    frontend,
    libretranslate,
    mix,
    monolingual_glossaries,
    multilingual_glossaries,
    ops,
    sentence_map,
)
from serve.answers import ANSWERS, INTERNAL, error_response, message_response
from serve.backend import Backend
from serve.deepl_documents import Documents
from serve.edge import Edge
from serve.files import FileStore
from serve.glossaries import GlossaryStore
from serve.guard import Guard
from serve.metrics import Metrics
from serve.settings import Settings

STATIC = Path(__file__).parent / "static"
DESCRIPTION = "One model for many languages, and for what lies between them."
# The page needs nothing from elsewhere; this makes browsers hold it to that. It draws pictures to
# download from blobs of its own.
CONTENT_POLICY = {"Content-Security-Policy": "default-src 'self'; img-src 'self' blob:"}


def create_app(
    settings: Settings, translator: Translator | None = None, engine: Path | None = None
) -> FastAPI:
    """A service that loads its model in the background, unless a translator is given.

    `engine` is the socket of the process that translates, where it is not this one.
    """
    metrics = Metrics()
    backend = Backend(settings, metrics, translator, engine)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        with ExitStack() as stack:
            folder = settings.files or Path(stack.enter_context(TemporaryDirectory()))
            # Apart, as what is in the folder of files can be downloaded by its name alone.
            documents = FileStore(folder / "documents", settings.file_seconds)
            app.state.files = FileStore(folder, settings.file_seconds)
            app.state.documents = Documents(documents, backend)
            app.state.glossaries = GlossaryStore(folder / "glossaries")
            await backend.start()
            yield
            await app.state.documents.stop()
            await backend.stop()

    app = FastAPIOffline(
        title="Macaronic",
        description=DESCRIPTION,
        version=_version(),
        lifespan=lifespan,
        redoc_url=None,
        redirect_slashes=False,
        static_url="/docs/assets",
        favicon_url="static/icon.svg",
        swagger_ui_parameters={"validatorUrl": None},
    )
    app.state.backend = backend
    app.state.settings = settings
    app.state.metrics = metrics
    app.state.guard = Guard(settings)
    for routes in (
        libretranslate,
        frontend,
        files,
        deepl,
        deepl_documents,
        monolingual_glossaries,
        multilingual_glossaries,
        mix,
        sentence_map,
        ops,
    ):
        app.include_router(routes.router)
    app.add_api_route("/", _page, include_in_schema=False)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    for kind in ANSWERS:
        app.add_exception_handler(kind, _answer_error)
    app.add_exception_handler(HTTPException, _answer_http_error)
    app.add_exception_handler(Exception, _answer_bug)
    # Around the layers of the framework, which would go around a layer of ours.
    app.middleware_stack = Edge(
        app.build_middleware_stack(),
        settings=settings,
        backend=backend,
        metrics=metrics,
        shortcuts={"/translate": libretranslate.translate},
    )
    return app


async def _page() -> FileResponse:
    return FileResponse(STATIC / "index.html", headers=CONTENT_POLICY)


async def _answer_error(request: Request, error: Exception) -> JSONResponse:
    request.app.state.metrics.note_error(error)
    return error_response(request.url.path, error)


async def _answer_http_error(request: Request, error: Exception) -> JSONResponse:
    """Starlette's own errors, of which unknown routes and wrong methods need a better word."""
    assert isinstance(error, HTTPException)
    path = request.url.path
    message = {
        404: f"there is nothing at {path}; /docs lists all routes",
        405: f"{request.method} is not allowed at {path}; /docs lists all routes",
    }.get(error.status_code, f"Invalid request: {error.detail}")
    headers = dict(error.headers or {})
    return message_response(path, message, error.status_code, headers)


async def _answer_bug(request: Request, _: Exception) -> JSONResponse:
    return message_response(request.url.path, INTERNAL, 500)


def _version() -> str:
    try:
        return version("macaronic")
    except PackageNotFoundError:  # run from a source tree that was not installed
        return "unknown"
