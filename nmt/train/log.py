"""What a training run writes down: a JSON line for each step and validation, and TensorBoard."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter

LOG = "log.jsonl"


class TrainLog:
    """Appends records; on resuming, those after the checkpoint are taken back first."""

    def __init__(self, directory: Path, step: int) -> None:
        path = directory / LOG
        if path.exists():
            temporary = path.with_suffix(".tmp")
            with (
                path.open(encoding="utf-8") as lines,
                temporary.open("w", encoding="utf-8") as kept,
            ):
                kept.writelines(line for line in lines if _is_until(line, step))
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

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._board.close()


def _is_until(line: str, step: int) -> bool:
    """Whether a record is of this step or before; a kill may leave half a line, which is after."""
    return line.endswith("\n") and bool(json.loads(line)["step"] <= step)
