"""Everything that a restart needs, written such that a kill at any moment leaves a whole file."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from nmt.data.batching import Position
from nmt.errors import CheckpointError

STATE = "state.pt"


@dataclass
class TrainState:
    """A training run between two steps."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    best_loss: float = float("inf")
    stale_validations: int = 0
    dtype: str = ""
    position: Position | None = None
    model: dict[str, Any] = field(default_factory=dict)
    optimizers: list[dict[str, Any]] = field(default_factory=list)
    average: list[torch.Tensor] = field(default_factory=list)
    identity: dict[str, Any] = field(default_factory=dict)
    origin: dict[str, Any] = field(default_factory=dict)


def save_state(state: TrainState, directory: Path) -> None:
    """Replace the run's checkpoint: the old one stays whole until the new one is on disk."""
    fields = {name: getattr(state, name) for name in state.__dataclass_fields__}
    fields["position"] = asdict(state.position) if state.position else None
    temporary = directory / f"{STATE}.tmp"
    with temporary.open("wb") as file:
        torch.save(fields, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(directory / STATE)


def load_state(directory: Path, identity: dict[str, Any]) -> TrainState:
    """The checkpoint of a run; CheckpointError if it is damaged or of another model or corpus."""
    path = directory / STATE
    try:
        fields = torch.load(path, map_location="cpu", weights_only=True)
        state = TrainState(**fields)
    except Exception as error:
        raise CheckpointError(f"{path} is damaged: {error}") from None
    if state.position is not None:
        state.position = Position(**fields["position"])
    for key, value in identity.items():
        if changes := _changes(key, state.identity.get(key), value):
            raise CheckpointError(
                f"{path} cannot go on: {', '.join(changes)}; "
                "change it back, or choose another training.directory"
            )
    return state


def _changes(key: str, before: Any, now: Any) -> list[str]:
    """What differs between two values, told key by key."""
    if isinstance(before, dict) and isinstance(now, dict):
        names = before.keys() | now.keys()
        return [
            change
            for name in sorted(names)
            for change in _changes(f"{key}.{name}", before.get(name), now.get(name))
        ]
    return [] if before == now else [f"{key} was {before!r}, is now {now!r}"]
