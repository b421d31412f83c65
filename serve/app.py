"""The application: built by a function from its settings, with one table from error to status."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from nmt import Translator
from nmt.errors import MacaronicError
from serve import libretranslate, mix, ops, sentence_map
from serve.backend import Backend
from serve.batcher import BatcherClosed, QueueFull
from serve.errors import BodyTooLarge, ClientLeft, NoMap, NotReady, TookTooLong
from serve.limits import BodyLimit
from serve.logs import RequestLog
from serve.settings import Settings

# Each error with its status and, where trying again helps, after how many seconds. The nearest
# base class counts.
STATUS: dict[type[Exception], tuple[int, int | None]] = {
    MacaronicError: (400, None),
    NoMap: (404, None),
    BodyTooLarge: (413, None),
    ClientLeft: (499, None),  # never seen by anybody but the log
    NotReady: (503, 2),
    QueueFull: (503, 1),
    TookTooLong: (504, None),
    BatcherClosed: (503, 5),
}
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
    backend = Backend(settings, translator, engine)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await backend.start()
        yield
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
    for routes in (libretranslate, mix, sentence_map, ops):
        app.include_router(routes.router)
    app.add_api_route("/", _page, include_in_schema=False)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    for kind in STATUS:
        app.add_exception_handler(kind, _answer_error)
    app.add_exception_handler(HTTPException, _answer_http_error)
    app.add_exception_handler(Exception, _answer_bug)
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=["*"],
        allow_methods=["GET", "POST"],
        allow_headers=["Authorization", "Content-Type"],
        max_age=1_728_000,
    )
    app.add_middleware(RequestLog)
    return app


async def _page() -> FileResponse:
    return FileResponse(STATIC / "index.html", headers=CONTENT_POLICY)


async def _answer_error(_: Request, error: Exception) -> JSONResponse:
    status, retry_after = next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)
    headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
    return JSONResponse({"error": str(error)}, status, headers)


async def _answer_http_error(request: Request, error: Exception) -> JSONResponse:
    """Starlette's own errors, of which unknown routes and wrong methods need a better word."""
    assert isinstance(error, HTTPException)
    path = request.url.path
    message = {
        404: f"there is nothing at {path}; /docs lists all routes",
        405: f"{request.method} is not allowed at {path}; /docs lists all routes",
    }.get(error.status_code, f"Invalid request: {error.detail}")
    return JSONResponse({"error": message}, error.status_code, error.headers)


async def _answer_bug(_: Request, __: Exception) -> JSONResponse:
    return JSONResponse({"error": "internal error; the server's log has more"}, 500)


def _version() -> str:
    try:
        return version("macaronic")
    except PackageNotFoundError:  # run from a source tree that was not installed
        return "unknown"
