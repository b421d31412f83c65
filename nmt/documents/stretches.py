"""Words divided into stretches that do not overlap."""

from __future__ import annotations

from collections.abc import Sequence

# What it costs to give no word at all: nobody goes without as long as there are enough words.
_EMPTY = 1e6
_NEVER = float("-inf")


def best_stretches(gains: Sequence[Sequence[float]], tiles: bool = False) -> list[tuple[int, int]]:
    """For each row the stretch of columns that it gets, in order, with the greatest sum of gains.

    Columns may belong to no row, unless the stretches are to be tiles. A row gets an empty stretch
    only if there are fewer columns than rows.
    """
    # State 2k: the rows before k are done, and none has begun; state 2k+1: row k goes on.
    columns = len(gains[0]) if gains else 0
    best = [0.0, *[_NEVER] * (2 * len(gains))]
    ended, entered = [], []  # for each column and state, the state before
    for column in range(columns):
        ended.append(_end_rows(best))
        entered.append([s - 1 if s % 2 and best[s - 1] > best[s] else s for s in range(len(best))])
        taken = [_NEVER if tiles else value for value in best]
        for row, gain in enumerate(gains):
            taken[2 * row + 1] = max(best[2 * row], best[2 * row + 1]) + gain[column]
        best = taken
    ended.append(_end_rows(best))
    return _traced(ended, entered, len(gains))


def _end_rows(best: list[float]) -> list[int]:
    """Let rows end or get nothing, without a column; the state that each state came from."""
    origins = list(range(len(best)))
    for state in range(2, len(best), 2):
        for origin, cost in ((state - 1, 0.0), (state - 2, _EMPTY)):
            if best[origin] - cost > best[state]:
                best[state] = best[origin] - cost
                origins[state] = origin
    return origins


def _traced(
    ended: Sequence[Sequence[int]], entered: Sequence[Sequence[int]], rows: int
) -> list[tuple[int, int]]:
    starts, ends = [0] * rows, [0] * rows
    state = 2 * rows
    for column in range(len(entered), -1, -1):
        while (origin := ended[column][state]) != state:
            ends[state // 2 - 1] = column
            if origin == state - 2:
                starts[state // 2 - 1] = column
            state = origin
        if column and entered[column - 1][state] != state:
            starts[state // 2] = column - 1
            state -= 1
    return list(zip(starts, ends, strict=True))
