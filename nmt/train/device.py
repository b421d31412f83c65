"""What a run computes on, and in which type."""

from __future__ import annotations

import ctypes
import sys
import time

import torch

from nmt.config import TrainingConfig
from nmt.errors import ConfigError

# Parameters of glibc's mallopt.
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4


def compute_dtype(settings: TrainingConfig) -> torch.dtype:
    """The type of matrix products: `auto` takes bfloat16 where the hardware is faster in it.

    A CPU without bfloat16 units emulates it, a hundred times slower than float32; and some that
    have them multiply float32 with twice as many units, so that bfloat16 takes twice the time.
    """
    if settings.dtype != "auto":
        return {"bfloat16": torch.bfloat16, "float32": torch.float32}[settings.dtype]
    if settings.device != "cpu":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    has_units = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return faster_dtype() if has_units else torch.float32


def faster_dtype() -> torch.dtype:
    """The faster of bfloat16 and float32, by products of a common size on this CPU, in turns."""
    types = (torch.bfloat16, torch.float32)
    pairs = {dtype: torch.ones(2, 512, 512, dtype=dtype) for dtype in types}
    seconds: dict[torch.dtype, list[float]] = {dtype: [] for dtype in types}
    for _ in range(7):
        for dtype, (left, right) in pairs.items():
            start = time.perf_counter()
            left @ right
            seconds[dtype].append(time.perf_counter() - start)
    # The quickest of each: what other programs do at the time only adds to it.
    return min(types, key=lambda dtype: min(seconds[dtype]))


def find_device(settings: TrainingConfig) -> torch.device:
    """The device to train on; ConfigError if torch does not find it."""
    device = torch.device(settings.device)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise ConfigError(
            f"training.device is {settings.device}, but torch finds {torch.cuda.device_count()} "
            "CUDA devices"
        )
    return device


def keep_freed_memory() -> None:
    """Let the C library keep what tensors free, for the next ones; only glibc knows how.

    Else every large tensor takes fresh pages from the system, which clears them first: some
    percent of a step on a CPU.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
