"""The optimisers, the gradients that they use, and the moving average of weights."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from nmt.config import OptimizerConfig
from nmt.model.layers import Linear
from nmt.train.ranks import Ranks

# Coefficients of the quintic Newton-Schulz iteration that K. Jordan et al. (2024) tuned for Muon.
NEWTON_SCHULZ = 3.4445, -4.7750, 2.0315
NEWTON_SCHULZ_STEPS = 5
# The root mean square of AdamW's updates, which Muon's are scaled to (Liu et al. 2025).
ADAMW_RMS = 0.2


def make_optimizers(
    model: nn.Module, config: OptimizerConfig, ranks: Ranks, dtype: torch.dtype = torch.float32
) -> list[torch.optim.Optimizer]:
    """AdamW for all parameters, or Muon for the linear maps and AdamW for the rest.

    The learning rate means the same size of update in both. Normalisation weights do not decay.
    `dtype` is that of the products which Muon is made of.
    """
    linears = [module for module in model.modules() if isinstance(module, Linear)]
    if config.name == "adamw":
        linears = []
    by_muon = {id(linear.weight) for linear in linears}
    others = [p for p in model.parameters() if id(p) not in by_muon]
    groups = [
        {"params": [p for p in others if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in others if p.ndim <= 1], "weight_decay": 0.0},
    ]
    betas = config.beta1, config.beta2
    adamw = torch.optim.AdamW(
        groups, lr=config.learning_rate, betas=betas, eps=config.epsilon, fused=True
    )
    return [adamw, Muon(linears, config, ranks, dtype)] if linears else [adamw]


class Muon(torch.optim.Optimizer):
    """Momentum whose update of each matrix is made orthogonal (K. Jordan et al. 2024).

    Matrices of one shape are orthogonalised together as one batch of products, in a type that the
    hardware is fast in; torch's own Muon takes them one by one in bfloat16, which a CPU may have to
    emulate. Ranks share the work: each takes some matrices, and their sum brings all to all.
    """

    def __init__(
        self,
        linears: Sequence[Linear],
        config: OptimizerConfig,
        ranks: Ranks,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self._ranks = ranks
        self._dtype = dtype
        self._maps = {id(linear.weight): linear.maps for linear in linears}
        defaults = {
            "lr": config.learning_rate,
            "momentum": config.momentum,
            "weight_decay": config.weight_decay,
        }
        super().__init__([linear.weight for linear in linears], defaults)

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Update all weights from their gradients."""
        for group in self.param_groups:
            by_shape: dict[tuple[int, int], list[tuple[Tensor, Tensor]]] = {}
            for weight in group["params"]:
                state = self.state[weight]
                if not state:
                    state["momentum"] = torch.zeros_like(weight)
                average = state["momentum"].lerp_(weight.grad, 1 - group["momentum"])
                ahead = weight.grad.lerp(average, group["momentum"])  # as Nesterov
                maps = self._maps[id(weight)]
                for matrix, update in zip(weight.chunk(maps), ahead.chunk(maps), strict=True):
                    if matrix.shape[0] > matrix.shape[1]:
                        matrix, update = matrix.T, update.T
                    rows, columns = matrix.shape
                    by_shape.setdefault((rows, columns), []).append((matrix, update))
            for (_, columns), pairs in by_shape.items():
                matrices, updates = zip(*pairs, strict=True)
                step = group["lr"] * ADAMW_RMS * math.sqrt(columns)
                orthogonal = self._orthogonalise(torch.stack(updates))
                torch._foreach_mul_(matrices, 1 - group["lr"] * group["weight_decay"])
                torch._foreach_add_(matrices, orthogonal.unbind(), alpha=-step)

    def _orthogonalise(self, x_NRC: Tensor) -> Tensor:
        if self._ranks.size == 1:
            return orthogonalise(x_NRC, self._dtype)
        own = slice(self._ranks.rank, None, self._ranks.size)
        result = torch.zeros_like(x_NRC)
        if len(x_NRC[own]):
            result[own] = orthogonalise(x_NRC[own], self._dtype)
        self._ranks.sum(result)
        return result


def orthogonalise(x_NRC: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Wide matrices [N, R, C], R <= C, with their singular values brought near 1.

    The iteration mends its own rounding: bfloat16 moves the result by one per cent.
    """
    a, b, c = NEWTON_SCHULZ
    x_NRC = (x_NRC / (x_NRC.norm(dim=(1, 2), keepdim=True) + 1e-12)).to(dtype)
    for _ in range(NEWTON_SCHULZ_STEPS):
        gram = x_NRC @ x_NRC.mT
        factor = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        x_NRC = torch.baddbmm(x_NRC, factor, x_NRC, beta=a)
    return x_NRC.float()


class Gradients:
    """All gradients of a model in one tensor, followed by a few sums that belong to them.

    The parameters' gradients are views of it: ranks add up everything with one collective call,
    and norm and scale are one pass each.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], num_sums: int) -> None:
        parameters = list(parameters)
        size = sum(p.numel() for p in parameters)
        device = parameters[0].device
        self.flat = torch.zeros(size + num_sums, device=device)
        self._values = self.flat[:size]
        self.sums = self.flat[size:]
        views = torch.split(self._values, [p.numel() for p in parameters])
        for parameter, view in zip(parameters, views, strict=True):
            parameter.grad = view.view_as(parameter)

    def clear(self) -> None:
        """Set everything to zero."""
        self.flat.zero_()

    def scale(self, factor: float, clip_norm: float) -> float:
        """Multiply by a factor, then clip to a norm; gives the norm before clipping."""
        norm: float = factor * self._values.norm().item()
        self._values.mul_(factor * min(1.0, clip_norm / (norm + 1e-6)))
        return norm


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
