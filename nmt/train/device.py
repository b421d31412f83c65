"""What a run computes on, and in which type."""

from __future__ import annotations

import ctypes
import sys

import torch

from nmt.config import TrainingConfig
from nmt.errors import ConfigError

# Parameters of glibc's mallopt.
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4


def compute_dtype(settings: TrainingConfig) -> torch.dtype:
    """The type of matrix products: `auto` takes bfloat16 only where the hardware multiplies it.

    Without such hardware a CPU emulates bfloat16, a hundred times slower than float32.
    """
    if settings.dtype != "auto":
        return {"bfloat16": torch.bfloat16, "float32": torch.float32}[settings.dtype]
    if settings.device != "cpu":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    supported = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.bfloat16 if supported else torch.float32


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
