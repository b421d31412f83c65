"""The processes that train one model together, as `torchrun` starts them; or one alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor

from nmt.errors import LostRank

T = TypeVar("T")


def own_rank() -> int:
    """The number of this process within its run; 0 if it is alone."""
    return int(os.environ.get("RANK", "0"))


class Ranks:
    """A process among those of its run; as a context, it joins and leaves their group.

    All processes take the same decisions: what only one of them can know (the clock, a stop
    request) goes through `share` or `sum` first. The first rank alone writes files.
    """

    def __init__(self, device: torch.device) -> None:
        self.rank = own_rank()
        self.size = int(os.environ.get("WORLD_SIZE", "1"))
        self._local_rank = int(os.environ.get("LOCAL_RANK", "0"))
        self._local_size = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        # One GPU a process: `cuda` is the one of this process's place on its machine.
        is_spread = device.type == "cuda" and device.index is None and self.size > 1
        self.device = torch.device("cuda", self._local_rank) if is_spread else device

    @property
    def is_first(self) -> bool:
        """Whether this process writes the files of the run."""
        return self.rank == 0

    @property
    def threads(self) -> int:
        """CPU threads for each of the processes on this machine."""
        return max(1, (os.cpu_count() or 1) // self._local_size)

    def share(self, make: Callable[[], T]) -> T:
        """What the first rank makes, on all ranks; it is sent as a pickle."""
        made = make() if self.is_first else None
        if self.size == 1:
            return cast(T, made)
        values = [made]
        with _peers_needed():
            dist.broadcast_object_list(values, src=0, device=self._collective_device)
        return cast(T, values[0])

    def sum(self, values: Tensor) -> None:
        """Replace a tensor, which all ranks have, by its sum over them."""
        if self.size > 1:
            with _peers_needed():
                dist.all_reduce(values)

    @property
    def _collective_device(self) -> torch.device:
        return self.device if dist.get_backend() == "nccl" else torch.device("cpu")

    def __enter__(self) -> Ranks:
        if self.size > 1:
            if self.device.type == "cuda":
                torch.cuda.set_device(self.device)
            with _peers_needed():
                dist.init_process_group("nccl" if self.device.type == "cuda" else "gloo")
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if self.size > 1:
            if kind is None:
                # Gloo may abort a process that leaves while another one is still at work.
                with suppress(RuntimeError):
                    dist.barrier()
            dist.destroy_process_group()


@contextmanager
def _peers_needed() -> Iterator[None]:
    """Tells the end of another rank from other errors."""
    try:
        yield
    except RuntimeError as error:
        raise LostRank(
            f"another process of this run has ended or cannot be reached ({error}); "
            "start all of them again with --resume"
        ) from None
