"""What every route shares: the backend, the client's presence, and the shape of errors."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from pydantic import BaseModel

from serve.backend import Backend
from serve.errors import ClientLeft, TookTooLong
from serve.settings import Settings

Result = TypeVar("Result")


class ErrorBody(BaseModel):
    """Any answer other than 200."""

    error: str


def _error(description: str, example: str) -> dict[str, Any]:
    content = {"application/json": {"example": {"error": example}}}
    return {"model": ErrorBody, "description": description, "content": content}


ERRORS: dict[int | str, dict[str, Any]] = {
    400: _error("Bad request", "zz is not supported: this model knows en, es"),
    403: _error("The key is missing, wrong or lacks a right", "Invalid API key"),
    404: _error("There is no such thing", "there is no such file"),
    413: _error("Body too large", "the request body may have at most 1048576 bytes"),
    429: _error("Too many requests, or a used-up quota", "Slowdown: 10 requests a minute"),
    431: _error("Head too long", "the headers of a request may have at most 16384 bytes"),
    503: _error(
        "Loading, overloaded or stopping; Retry-After says when to come back",
        "too many requests are waiting; try again in a moment",
    ),
    504: _error("It took too long", "no translation within 60 seconds; try again"),
}


async def _backend(request: Request) -> Backend:
    backend: Backend = request.app.state.backend
    return backend


async def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.settings
    return settings


CurrentBackend = Annotated[Backend, Depends(_backend)]
CurrentSettings = Annotated[Settings, Depends(_settings)]


async def while_connected(request: Request, work: Coroutine[Any, Any, Result]) -> Result:
    """The result of `work`, which is cancelled if the client leaves or its time is over before.

    The body of the request must have been read. Raises ClientLeft and TookTooLong.
    """
    seconds = request.app.state.settings.max_wait_seconds
    working = asyncio.create_task(work)
    leaving = asyncio.create_task(_disconnected(request))
    try:
        tasks = {working, leaving}
        await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        if not leaving.done():
            raise TookTooLong(f"no translation within {seconds:g} seconds; try again")
        raise ClientLeft("the client left before its answer was ready")
    finally:
        working.cancel()
        leaving.cancel()


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
