"""What a training run writes down: a JSON line for each step and validation, and TensorBoard."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any

from torch.utils.tensorboard import SummaryWriter

LOG = "log.jsonl"


class TrainLog:
    """Appends records; on resuming, those after the checkpoint are taken back first."""

    def __init__(self, directory: Path, step: int) -> None:
        path = directory / LOG
        if path.exists():
            kept = [line for line in _whole_lines(path) if json.loads(line)["step"] <= step]
            temporary = path.with_suffix(".tmp")
            temporary.write_text("".join(kept), encoding="utf-8")
            temporary.replace(path)
        self._file = path.open("a", encoding="utf-8")
        self._board = SummaryWriter(str(directory / "tensorboard"), purge_step=step + 1)

    def write(self, kind: str, step: int, **values: Any) -> None:
        """Append one record; numbers also go to TensorBoard."""
        record = {"kind": kind, "step": step, **values}
        self._file.write(json.dumps(record) + "\n")
        for name, value in values.items():
            if isinstance(value, (int, float)):
                self._board.add_scalar(f"{kind}/{name}", value, step)

    def flush(self) -> None:
        """Bring all records to the disk: a checkpoint must not know more than its log."""
        self._file.flush()
        os.fsync(self._file.fileno())
        self._board.flush()

    def __enter__(self) -> TrainLog:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()
        self._board.close()


def _whole_lines(path: Path) -> list[str]:
    """The lines that were written to their end: a kill may leave half of one."""
    text = path.read_text(encoding="utf-8")
    return [line for line in text.splitlines(keepends=True) if line.endswith("\n")]
