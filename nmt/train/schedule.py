"""The budget of a run, and the learning rate that follows it."""

from __future__ import annotations

import time
from typing import Literal

import torch

from nmt.config import OptimizerConfig, TrainingConfig


def used_budget(settings: TrainingConfig, step: int, seconds: float) -> float:
    """The used share of the budget; that of steps or that of minutes, whichever is more."""
    shares = [0.0]
    if settings.max_steps is not None:
        shares.append(step / settings.max_steps)
    if settings.max_minutes is not None:
        shares.append(seconds / (60 * settings.max_minutes))
    return max(shares)


def learning_rate(step: int, progress: float, config: OptimizerConfig) -> float:
    """Linear warm-up, then constant, then linear decay to zero at the end of the budget.

    `step` counts from 0; `progress` is the used share of the budget, from 0 to 1.
    """
    warm = min(1.0, (step + 1) / config.warmup_steps) if config.warmup_steps else 1.0
    left = max(0.0, 1.0 - progress)
    decayed = min(1.0, left / config.decay_share) if config.decay_share else 1.0
    return config.learning_rate * warm * decayed


class Clock:
    """Seconds of training, counted on from those of earlier starts.

    `kind` "cpu" counts this process's CPU seconds a thread instead of those on the wall.
    """

    def __init__(self, before: float, kind: Literal["wall", "cpu"] = "wall") -> None:
        self._kind = kind
        self._start = self._now() - before

    @property
    def seconds(self) -> float:
        """Since the first start, without the pauses between."""
        return self._now() - self._start

    def _now(self) -> float:
        if self._kind == "cpu":
            return time.process_time() / torch.get_num_threads()
        return time.monotonic()
