"""The fields of a request, sent as JSON, as a form or in the query string."""

from __future__ import annotations

import json
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from fastapi import Request
from pydantic import BaseModel, ValidationError

from serve.errors import InvalidRequest

Model = TypeVar("Model", bound=BaseModel)


async def read_fields(request: Request) -> dict[str, Any]:
    """All fields of a request by name; those of the body win over those of the query string.

    A field that a form or query repeats becomes a list; empty text and null count as absent.
    Raises InvalidRequest for anything that is not UTF-8, not JSON, or no object.
    """
    query = _pairs(_utf8(request.scope["query_string"], "the query string"), "the query string")
    body = _utf8(await request.body(), "the body")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "multipart/form-data":
        # Starlette answers 400 itself when the parts are malformed.
        form = await request.form()
        fields = _gather(
            [(name, part) for name, part in form.multi_items() if isinstance(part, str)]
        )
    elif kind.endswith("json") or body.lstrip().startswith("{"):
        fields = _json_object(body)
    else:
        fields = _gather(_pairs(body, "the body"))
    everything = {**_gather(query), **fields}
    return {name: value for name, value in everything.items() if value not in (None, "")}


def parse(model: type[Model], fields: dict[str, Any]) -> Model:
    """The checked request; InvalidRequest names each wrong field and what it must be."""
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        problems = {str(detail["loc"][0]): detail["type"] for detail in error.errors()}
    raise InvalidRequest(
        "Invalid request: " + "; ".join(_problem(model, *item) for item in problems.items())
    )


def body_schema(model: type[BaseModel], examples: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The OpenAPI description of a body that may be JSON or a form, with examples by title."""
    schema = model.model_json_schema()
    shown = {title: {"summary": title, "value": value} for title, value in examples.items()}
    content = {
        "application/json": {"schema": schema, "examples": shown},
        "application/x-www-form-urlencoded": {"schema": schema},
    }
    return {"requestBody": {"required": True, "content": content}}


def _problem(model: type[BaseModel], field: str, kind: str) -> str:
    if kind == "missing":
        return f"missing {field} parameter"
    rule = f"must be {model.model_fields[field].description}"
    if kind in ("int_parsing", "int_type"):
        return f"{field} parameter is not a number: it {rule}"
    return f"{field} {rule}"


def _utf8(data: bytes, where: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidRequest(
            f"Invalid request: {where} is not UTF-8 (byte {error.start + 1})"
        ) from None


def _json_object(body: str) -> dict[str, Any]:
    try:
        fields = json.loads(body)
        # A lone surrogate such as "\ud800" is JSON but no text: it could be neither
        # translated nor sent back.
        json.dumps(fields, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "not Unicode text"
        raise InvalidRequest(f"Invalid request: the body is not valid JSON: {reason}") from None
    if not isinstance(fields, dict):
        raise InvalidRequest("Invalid JSON format: the body must be a JSON object")
    return fields


def _pairs(text: str, where: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(text, keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        raise InvalidRequest(f"Invalid request: {where} has escapes that are not UTF-8") from None


def _gather(pairs: list[tuple[str, str]]) -> dict[str, Any]:
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        # Forms send line ends as CR LF, whatever the user typed.
        lines = value.replace("\r\n", "\n").replace("\r", "\n")
        values.setdefault(name, []).append(lines)
    return {name: value[0] if len(value) == 1 else value for name, value in values.items()}
