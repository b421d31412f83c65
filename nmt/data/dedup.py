"""Exact duplicates among more pairs than fit into memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

HASHES_PER_PASS = 4_000_000


def mark_duplicates(
    hash_files: Sequence[Path], scratch: Path, hashes_per_pass: int = HASHES_PER_PASS
) -> None:
    """Write `X.keep.npy` for each `X.hash.npy`: whether an entry is the first of its value.

    Each pass takes one residue class of the hashes, so that memory holds about `hashes_per_pass`
    of them however many there are; `scratch` is a file that is removed afterwards.
    """
    sizes = [np.load(path, mmap_mode="r").size for path in hash_files]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    total = int(starts[-1])
    if total:
        passes = -(-total // hashes_per_pass)
        keep = np.memmap(scratch, dtype=np.bool_, mode="w+", shape=(total,))
        for residue in range(passes):
            hashes, positions = _residue_class(hash_files, starts, residue, passes)
            _, first = np.unique(hashes, return_index=True)  # first: positions are ascending
            keep[positions[first]] = True
    for path, start, size in zip(hash_files, starts, sizes, strict=False):
        kept = keep[start : start + size] if size else np.zeros(0, dtype=np.bool_)
        np.save(path.with_name(path.name.replace(".hash.npy", ".keep.npy")), kept)
    scratch.unlink(missing_ok=True)


def _residue_class(
    hash_files: Sequence[Path], starts: np.ndarray, residue: int, passes: int
) -> tuple[np.ndarray, np.ndarray]:
    hashes: list[np.ndarray] = []
    positions: list[np.ndarray] = []
    for path, start in zip(hash_files, starts, strict=False):
        values = np.load(path)
        chosen = np.flatnonzero(values % np.uint64(passes) == residue)
        hashes.append(values[chosen])
        positions.append(chosen + start)
    return np.concatenate(hashes), np.concatenate(positions)
