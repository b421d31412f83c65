"""Counts and times the steps of a trainer from inside.

Every trainer is measured by this one module, in the trainer's own environment, as their own logs
count in different ways. It needs the standard library and torch only.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Job:
    """One run of one trainer, as the driver asks for it."""

    corpus: str
    """Folder of `train.en`, `train.de`, `dev.en`, `dev.de` and `vocabulary.txt`, all in pieces."""
    folder: str
    """Empty folder for what the trainer writes."""
    batch_tokens: int
    threads: int
    dtype: str
    warmup: int
    steps: int
    seconds: float


@dataclass(frozen=True)
class Measured:
    """What a run came to, over its steady steps."""

    steps: int
    seconds: float
    tokens: int
    """Real target tokens: pieces and ends of sentences, no padding."""
    positions: int
    """Target positions that were computed, padding included."""
    parameters: int
    peak_megabytes: float
    dtype: str


def read_job() -> Job:
    """The job in the file that the command line names."""
    return Job(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))


def result_path(job: Job) -> Path:
    """Where the measurement of a job is left."""
    return Path(job.folder) / "measured.json"


class Recorder:
    """Sees each batch and each step of a trainer, and ends it when enough has been seen."""

    def __init__(self, job: Job, dtype: str) -> None:
        self._job = job
        self._dtype = dtype
        self._parameters = 0
        self._steps = self._tokens = self._positions = 0
        self._start = 0.0

    def batch(self, model: Any, tokens: int, positions: int) -> None:
        """A batch that the trainer works on now: its real target tokens and its positions."""
        # Shared weights are listed once.
        self._parameters = self._parameters or sum(p.numel() for p in model.parameters())
        self._tokens += tokens
        self._positions += positions

    def follow_optimizer(self) -> None:
        """Take the end of every optimiser's step as the end of a step."""
        from torch.optim.optimizer import register_optimizer_step_post_hook

        register_optimizer_step_post_hook(lambda *_: self.step())

    def step(self) -> None:
        """The end of a step; does not return from the last one."""
        now = time.perf_counter()
        self._steps += 1
        steady = self._steps - self._job.warmup
        if steady == 0:
            self._start, self._tokens, self._positions = now, 0, 0
        if steady > 0 and (steady >= self._job.steps or now - self._start >= self._job.seconds):
            self._finish(steady, now - self._start)

    def _finish(self, steps: int, seconds: float) -> None:
        measured = Measured(
            steps=steps,
            seconds=seconds,
            tokens=self._tokens,
            positions=self._positions,
            parameters=self._parameters,
            peak_megabytes=_peak_megabytes(),
            dtype=self._dtype,
        )
        result_path(self._job).write_text(json.dumps(asdict(measured)), encoding="utf-8")
        sys.stdout.flush()
        sys.stderr.flush()
        # At once: an ordinary end would have some trainers write checkpoints or validate.
        os._exit(0)


def _peak_megabytes() -> float:
    """Peak resident memory of this process; from /proc, so on Linux only."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    peak = next(line for line in lines if line.startswith("VmHWM"))
    return int(peak.split()[1]) * 1024 / 1e6
