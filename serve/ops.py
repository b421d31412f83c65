"""Routes for those who run the service."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from serve.connection import ERRORS, CurrentBackend
from serve.errors import NotReady

router = APIRouter(tags=["Operation"])


class Status(BaseModel):
    """A word on how the service is."""

    status: str


@router.get("/healthz")
async def healthz() -> Status:
    """Liveness: 200 as soon and as long as the process answers."""
    return Status(status="ok")


@router.get("/readyz", responses={503: ERRORS[503]})
async def readyz(backend: CurrentBackend) -> Status:
    """Readiness: 200 once the model is loaded, 503 before, and when the service is to stop."""
    backend.ready()
    if backend.draining:
        raise NotReady("the service is stopping")
    return Status(status="ready")
