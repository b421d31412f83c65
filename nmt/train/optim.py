"""The optimiser, its schedule, and the moving average of weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from nmt.config import OptimizerConfig


def make_optimizer(model: nn.Module, config: OptimizerConfig) -> torch.optim.AdamW:
    """AdamW (Loshchilov & Hutter 2019); normalisation weights do not decay."""
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim <= 1]
    groups = [
        {"params": matrices, "weight_decay": config.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    betas = config.beta1, config.beta2
    return torch.optim.AdamW(
        groups, lr=config.learning_rate, betas=betas, eps=config.epsilon, fused=True
    )


def learning_rate(step: int, progress: float, config: OptimizerConfig) -> float:
    """Linear warm-up, then constant, then linear decay to zero at the end of the budget.

    `step` counts from 0; `progress` is the used share of the budget, from 0 to 1.
    """
    warm = min(1.0, (step + 1) / config.warmup_steps) if config.warmup_steps else 1.0
    left = max(0.0, 1.0 - progress)
    decayed = min(1.0, left / config.decay_share) if config.decay_share else 1.0
    return config.learning_rate * warm * decayed


class MovingAverage:
    """Exponential moving average of a model's parameters, with a shorter memory at the start."""

    def __init__(self, parameters: Iterable[Tensor], decay: float) -> None:
        self._parameters = list(parameters)
        self._decay = decay
        self.values = [p.detach().clone() for p in self._parameters]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move towards the parameters after step number `step` (from 1)."""
        decay = min(self._decay, step / (step + 9))
        current = [p.detach() for p in self._parameters]
        torch._foreach_lerp_(self.values, current, 1 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Within the block the parameters hold the average."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        for parameter, value in zip(self._parameters, self.values, strict=True):
            kept = parameter.clone()
            parameter.copy_(value)
            value.copy_(kept)
