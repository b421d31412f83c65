"""Progress of long work on stderr: a bar on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time

from tqdm import tqdm

SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """Counts finished work towards a total that may be unknown; short work prints no lines."""

    def __init__(self, what: str, total: int | None = None, unit: str = "it") -> None:
        self._what = what
        self._total = total
        self._unit = unit
        self._done = 0
        self._printed: int | None = None
        self._last_line = time.monotonic()
        self._bar = tqdm(
            desc=what,
            total=total,
            unit=f" {unit}",
            unit_scale=unit == "bytes",
            disable=not sys.stderr.isatty(),
            leave=False,
        )

    def advance(self, amount: int = 1) -> None:
        """Report that so much more is done."""
        self._done += amount
        self._bar.update(amount)
        now = time.monotonic()
        if self._bar.disable and now - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = now
            self._print_line()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._bar.close()
        if kind is None and self._printed not in (None, self._done):
            self._print_line()

    def _print_line(self) -> None:
        self._printed = self._done
        total = f" of {self._total:,}" if self._total is not None else ""
        print(f"{self._what}: {self._done:,}{total} {self._unit}", file=sys.stderr, flush=True)
