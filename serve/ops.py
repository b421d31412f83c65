"""Routes for those who run the service."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel

from serve.connection import ERRORS, CurrentBackend
from serve.errors import NotReady
from serve.limits import header_key
from serve.metrics import Metrics

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


@router.get("/metrics", response_class=PlainTextResponse, responses={403: ERRORS[403]})
async def metrics(request: Request) -> Response:
    """What the service counts, for Prometheus; where keys are needed, with one for `metrics`."""
    request.app.state.guard.known(header_key(request), "metrics")
    found: Metrics = request.app.state.metrics
    return Response(found.text(), media_type=CONTENT_TYPE_LATEST)
