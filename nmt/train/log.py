"""What a training run writes down: a JSON line for each step and validation, and TensorBoard."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch.utils.tensorboard import SummaryWriter

from nmt.config import TrainingConfig
from nmt.errors import CheckpointError
from nmt.train.checkpoint import TrainState
from nmt.train.progress import TrainProgress

LOG = "log.jsonl"


class RunLog:
    """Progress on the terminal and records on disk; silent on all ranks but the first.

    Records are appended; on resuming, those after the checkpoint are taken back first.
    """

    def __init__(
        self, directory: Path, step: int, settings: TrainingConfig, is_silent: bool = False
    ) -> None:
        self._is_silent = is_silent
        if is_silent:
            return
        self._directory = directory
        self._progress = TrainProgress(settings)
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

    def step(
        self,
        state: TrainState,
        record: dict[str, float],
        rate: float,
        padded_tokens: int,
        used: float,
    ) -> None:
        """Tell of one step: means over its tokens, learning rate, used share of the budget."""
        if not self._is_silent:
            self._write("train", state.step, {**record, "learning_rate": rate})
            self._progress.step(state, record["nll"], int(record["tokens"]), padded_tokens, used)

    def validation(self, step: int, scores: dict[str, float]) -> None:
        """Tell the scores of a validation."""
        self._write("validation", step, scores)
        shown = (f"{name} {value:.3g}" for name, value in scores.items())
        self._progress.note(f"step {step}: {', '.join(shown)}")

    def note(self, text: str) -> None:
        """Print a line that stays."""
        if not self._is_silent:
            self._progress.note(text)

    def flush(self) -> None:
        """Bring all records to the disk: a checkpoint must not know more than its log."""
        with self._writing():
            self._file.flush()
            os.fsync(self._file.fileno())
            self._board.flush()

    def _write(self, kind: str, step: int, values: dict[str, Any]) -> None:
        record = {"kind": kind, "step": step, **values}
        with self._writing():
            self._file.write(json.dumps(record) + "\n")
            for name, value in values.items():
                if isinstance(value, (int, float)):
                    self._board.add_scalar(f"{kind}/{name}", value, step)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Name the folder of the run where it cannot be written to: it is full, or was deleted."""
        if not self._directory.is_dir():  # TensorBoard's thread would tell of it in its own way
            raise CheckpointError(f"{self._directory} is gone: the folder of this run was deleted")
        try:
            yield
        except OSError as error:
            raise CheckpointError(f"cannot write to {self._directory}: {error.strerror}") from None

    def __enter__(self) -> RunLog:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._is_silent:
            self._progress.close()
            self._file.close()
            self._board.close()


def _is_until(line: str, step: int) -> bool:
    """Whether a record is of this step or before; a kill may leave half a line, which is after."""
    return line.endswith("\n") and bool(json.loads(line)["step"] <= step)
