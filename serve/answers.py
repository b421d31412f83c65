"""From errors to answers: one table of statuses, and the two shapes that clients expect."""

from __future__ import annotations

from dataclasses import dataclass

from fastapi.responses import JSONResponse

from nmt.errors import MacaronicError
from serve.batcher import BatcherClosed, QueueFull
from serve.errors import (
    BodyTooLarge,
    ClientLeft,
    Forbidden,
    HeadersTooLarge,
    InvalidKey,
    NotFound,
    NotReady,
    QuotaExceeded,
    TookTooLong,
    TooManyRequests,
)

INTERNAL = "internal error; the server's log has more"
DEEPL = ("/v2/", "/v3/")  # paths whose answers have DeepL's shape
DEEPL_QUOTA = 456  # its own status for a quota that is used up


@dataclass(frozen=True)
class Answer:
    """The status of an error, after how many seconds to come back, and its name in metrics."""

    status: int
    retry_after: int | None = None
    reason: str | None = None


# The nearest base class counts.
ANSWERS: dict[type[Exception], Answer] = {
    MacaronicError: Answer(400),
    InvalidKey: Answer(403, reason="key"),
    Forbidden: Answer(403),
    NotFound: Answer(404),
    BodyTooLarge: Answer(413, reason="too_large"),
    HeadersTooLarge: Answer(431, reason="too_large"),
    TooManyRequests: Answer(429, 60, "rate"),
    QuotaExceeded: Answer(429, 3600, "quota"),
    ClientLeft: Answer(499),  # never seen by anybody but the log
    NotReady: Answer(503, 2, "not_ready"),
    QueueFull: Answer(503, 1, "queue_full"),
    BatcherClosed: Answer(503, 5, "not_ready"),
    TookTooLong: Answer(504, reason="deadline"),
}


def answer_to(error: Exception) -> Answer:
    """What stands for an error, which must be in the table."""
    return next(ANSWERS[kind] for kind in type(error).__mro__ if kind in ANSWERS)


def error_response(path: str, error: Exception) -> JSONResponse:
    """The answer to a request that failed, with an error of the table."""
    answer = answer_to(error)
    status = answer.status
    if isinstance(error, QuotaExceeded) and path.startswith(DEEPL):
        status = DEEPL_QUOTA
    seconds = getattr(error, "retry_after", None) or answer.retry_after
    headers = {} if seconds is None else {"Retry-After": str(seconds)}
    return message_response(path, str(error), status, headers)


def message_response(
    path: str, message: str, status: int, headers: dict[str, str] | None = None
) -> JSONResponse:
    """A message in the shape of the API that a path belongs to."""
    name = "message" if path.startswith(DEEPL) else "error"
    return JSONResponse({name: message}, status, headers)
