"""Log lines on stderr, plain or in JSON, without a word of what users translate."""

from __future__ import annotations

import json
import logging
import sys
from typing import Literal

LogFormat = Literal["plain", "json"]

log = logging.getLogger(__name__)


class JsonFormatter(logging.Formatter):
    """One JSON object a line; what a request was is in fields of their own."""

    def format(self, record: logging.LogRecord) -> str:
        """A record as a line."""
        line = {"time": self.formatTime(record), "level": record.levelname.lower()}
        line["message"] = record.getMessage()
        line |= getattr(record, "request", {})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def log_to_stderr(format: LogFormat = "plain") -> None:
    """Send the service's lines, and the server's warnings, to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    plain = logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S")
    handler.setFormatter(JsonFormatter() if format == "json" else plain)
    for name, level in (("serve", logging.INFO), ("uvicorn", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(level)


def log_request(method: str, route: str, status: int, seconds: float, name: str) -> None:
    """Log one request; `name` is its id."""
    ms = round(1000 * seconds, 1)
    fields = {"method": method, "route": route, "status": status, "ms": ms, "request_id": name}
    log.info("%s %s %d %.0f ms %s", method, route, status, ms, name, extra={"request": fields})
