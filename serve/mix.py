"""The sweep: one text in the languages between languages."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from nmt import TargetMix
from nmt.decode.sweep import WEIGHT_DIGITS, sweep_weights
from nmt.errors import InvalidMix
from nmt.text.langid import LanguageIdentifier
from serve.backend import AUTO, Backend, Task
from serve.connection import ERRORS, CurrentBackend, CurrentSettings, while_connected
from serve.errors import InvalidRequest
from serve.fields import body_schema, parse, read_fields
from serve.languages import known_code, known_weights
from serve.libretranslate import DetectedLanguage, detected_language
from serve.limits import admit, check_characters

DEFAULT_STEPS = 21

router = APIRouter(tags=["Mixing"])

EXAMPLES: dict[str, dict[str, Any]] = {
    "From one language to another": {
        "q": "Here the other guinea-pig cheered, and was suppressed.",
        "source": "auto",
        "languages": ["es", "pt"],
        "steps": DEFAULT_STEPS,
    },
    "Weights of your own": {
        "q": "Where are you going?",
        "weights": [{"es": 0.58, "pt": 0.42}, {"es": 1, "pt": 1, "fr": 1}],
    },
}


class MixRequest(BaseModel):
    """A text, and either two languages with a number of steps or the weights of each step."""

    q: str = Field(description="a text")
    source: str = Field(AUTO, description="a language code, or auto to have it detected")
    languages: list[str] | None = Field(None, description="a list of language codes")
    steps: int | None = Field(
        None, description=f"a whole number of 2 or more, {DEFAULT_STEPS} where absent"
    )
    weights: list[dict[str, Any]] | None = Field(
        None, description='a list of objects such as {"es": 0.58, "pt": 0.42}'
    )
    api_key: str | None = None


class MixWord(BaseModel):
    """A word and the language that it is in, or what stands between words, which is in none."""

    text: str
    language: str | None


class MixStep(BaseModel):
    """One mix, and the translation to it; detectedLanguage is null without letters."""

    weights: dict[str, float]
    translatedText: str
    detectedLanguage: DetectedLanguage | None
    words: list[MixWord] = Field(description="all of the translation, in order")


class Switch(BaseModel):
    """The indices of two neighbouring steps whose translations differ."""

    after: int
    before: int


class MixResponse(BaseModel):
    """All steps in order, and where the translation changes."""

    q: str
    languages: list[str]
    steps: list[MixStep]
    switches: list[Switch]


@router.post("/mix", responses=ERRORS, openapi_extra=body_schema(MixRequest, EXAMPLES))
async def mix(request: Request, backend: CurrentBackend, settings: CurrentSettings) -> MixResponse:
    """Translate a text to a row of mixes, from all of one language to all of another."""
    wanted = parse(MixRequest, await read_fields(request))
    check_characters(len(wanted.q), settings.max_sweep_characters)
    await admit(request, wanted.api_key, characters=len(wanted.q))
    weights = _weights(wanted, backend.languages, settings.max_sweep_steps)
    return await while_connected(request, _sweep(wanted, weights, backend))


async def _sweep(
    wanted: MixRequest, weights: list[dict[str, Any]], backend: Backend
) -> MixResponse:
    mixes = [TargetMix.of(step) for step in weights]
    languages = list(dict.fromkeys(code for step in weights for code in step))
    (found,) = await backend.sources([wanted.q], wanted.source)
    source = found.language if found else None
    answers = await backend.translate([Task(wanted.q, mix, source) for mix in mixes])
    texts = [answer.text for answer in answers]
    detections = await backend.detect(texts)
    identifier = backend.ready().translator.identifier
    words = await asyncio.to_thread(lambda: [_words(text, identifier) for text in texts])
    steps = [
        MixStep(
            weights={
                code: round(weight, WEIGHT_DIGITS)
                for code, weight in zip(languages, mix.row(languages), strict=True)
            },
            translatedText=text,
            detectedLanguage=detected_language(found) if found else None,
            words=parts,
        )
        for mix, text, found, parts in zip(mixes, texts, detections, words, strict=True)
    ]
    switches = [Switch(after=i, before=i + 1) for i, (a, b) in enumerate(pairwise(texts)) if a != b]
    return MixResponse(q=wanted.q, languages=languages, steps=steps, switches=switches)


def _words(text: str, identifier: LanguageIdentifier) -> list[MixWord]:
    """The whole text in parts: each word, and each stretch between words."""
    parts, end = [], 0
    for word in identifier.words(text):
        if end < word.start:
            parts.append(MixWord(text=text[end : word.start], language=None))
        parts.append(MixWord(text=text[word.start : word.end], language=word.language))
        end = word.end
    if end < len(text):
        parts.append(MixWord(text=text[end:], language=None))
    return parts


def _weights(wanted: MixRequest, known: tuple[str, ...], max_steps: int) -> list[dict[str, Any]]:
    """The weights of each step under the model's own codes."""
    languages = [known_code(code, known) for code in wanted.languages or ()]
    if wanted.weights is None:
        if wanted.languages is None:
            raise InvalidRequest("Invalid request: missing languages parameter")
        steps = DEFAULT_STEPS if wanted.steps is None else wanted.steps
        _check_steps(steps, max_steps)
        return list(sweep_weights(languages, steps))
    if wanted.steps is not None:
        raise InvalidRequest("Invalid request: give either steps or weights, not both")
    if not wanted.weights:
        raise InvalidMix("weights is empty: it must hold the weights of at least one step")
    _check_steps(len(wanted.weights), max_steps)
    steps_weights = [known_weights(step, known) for step in wanted.weights]
    for code in {code for step in steps_weights for code in step} if languages else ():
        if code not in languages:
            raise InvalidMix(f"weights name {code}, which is not in languages")
    # The order of languages is that of the answer; a weight that is not given is 0.
    return [{**dict.fromkeys(languages, 0.0), **step} for step in steps_weights]


def _check_steps(steps: int, max_steps: int) -> None:
    if steps > max_steps:
        raise InvalidMix(f"a sweep of {steps} steps is too long: at most {max_steps} are allowed")
