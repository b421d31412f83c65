"""Positions of pieces in a sentence, as every engine encodes them."""

from __future__ import annotations

import math

import numpy as np


def sinusoids(length: int, width: int) -> np.ndarray:
    """Position encodings [length, width]: all sines, then all cosines, as Marian lays them out."""
    rates = np.exp(np.arange(0, width, 2) * (-math.log(10000.0) / width))
    angles = np.arange(length)[:, None] * rates[None]
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)
