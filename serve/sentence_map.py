"""The map of sentences in all languages, which ships with a model."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import FileResponse

from nmt.decode.translator import SHIPPED_MODEL
from serve.connection import CurrentSettings, ErrorBody
from serve.errors import NotFound

FILE_NAME = "map.json"
ANSWERS: dict[int | str, dict[str, Any]] = {
    404: {"model": ErrorBody, "description": "The model has no map"}
}

router = APIRouter(tags=["Representation"])


@router.get("/map", response_class=FileResponse, responses=ANSWERS)
async def sentence_map(settings: CurrentSettings) -> FileResponse:
    """Where the model sees sentences: points in a plane, translations of each other in groups."""
    path = (settings.model or SHIPPED_MODEL) / FILE_NAME
    if not path.is_file():
        raise NotFound(
            f"this model has no map of sentences: it would be {FILE_NAME} in the model directory"
        )
    return FileResponse(path, media_type="application/json")
