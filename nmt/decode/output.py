"""A file that is written line by line, and goes on where it was after a kill."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from nmt.errors import InvalidInput


class ResumableFile:
    """Lines go to `FILE.partial`, which becomes FILE when all is done.

    `FILE.partial.json` holds what the lines were made with: to go on with something else would
    make a file of two kinds. A last line that was not finished is made again. Raises InvalidInput
    if there is a partial file and nobody asked to go on, or if it was made otherwise.
    """

    def __init__(self, path: Path, made_with: Mapping[str, object], resume: bool) -> None:
        self._path = path
        self._partial = path.with_name(f"{path.name}.partial")
        self._notes = path.with_name(f"{path.name}.partial.json")
        settings = json.dumps(made_with, indent=1, sort_keys=True)
        self.done = 0
        if self._partial.exists():
            self._check(settings, resume)
            self.done = self._cut_to_whole_lines()
        self._notes.write_text(settings, encoding="utf-8")
        self._file = self._partial.open("ab")

    def write(self, lines: Sequence[str]) -> None:
        """Add lines, which survive a kill from now on."""
        self._file.write("".join(f"{line}\n" for line in lines).encode())
        self._file.flush()

    def __enter__(self) -> ResumableFile:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._file.close()
        if kind is None:
            self._partial.replace(self._path)
            self._notes.unlink()

    def _check(self, settings: str, resume: bool) -> None:
        if not resume:
            raise InvalidInput(
                f"{self._partial} holds what an earlier run made: go on with --resume, or delete it"
            )
        if not self._notes.exists():
            raise InvalidInput(f"{self._partial} has lost its {self._notes.name}: delete it")
        before, now = json.loads(self._notes.read_text(encoding="utf-8")), json.loads(settings)
        if changed := sorted(key for key in now if now[key] != before.get(key)):
            told = ", ".join(f"{key} was {before.get(key)}, is {now[key]}" for key in changed)
            raise InvalidInput(f"{self._partial} was made otherwise ({told}): delete it")

    def _cut_to_whole_lines(self) -> int:
        lines = size = 0
        with self._partial.open("r+b") as file:
            for line in file:
                if line.endswith(b"\n"):
                    lines, size = lines + 1, size + len(line)
            file.truncate(size)
        return lines
