"""What a translation may be written with: the pieces of its language, or those of a mix."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

# L languages, V vocabulary

# Languages are written alike if they share this part of the pieces of the one that has fewer: with
# our nine those of Latin script share 0.8 and more, those of Cyrillic 0.8, all others 0.6 at most.
ALIKE = 0.7


class WrittenPieces:
    """Which pieces a target may have.

    One language has its own. A mix has those of its languages and of all that are written like one
    of them: what lies between Russian and Belarusian may be Ukrainian.
    """

    def __init__(self, written_LV: npt.NDArray[np.bool_]) -> None:
        self._written_LV = written_LV
        counts_LL = written_LV.astype(np.float32) @ written_LV.T.astype(np.float32)
        fewer_LL = np.minimum.outer(counts_LL.diagonal(), counts_LL.diagonal())
        self._are_alike_LL = counts_LL >= ALIKE * fewer_LL

    def languages(self, mix: Sequence[float]) -> tuple[int, ...]:
        """Numbers of the languages whose pieces a target with these weights may have."""
        own = np.flatnonzero(mix)
        if len(own) == 1:
            return (int(own[0]),)
        return tuple(np.flatnonzero(self._are_alike_LL[own].any(axis=0)).tolist())

    def pieces(self, languages: Sequence[int]) -> npt.NDArray[np.bool_]:
        """The pieces [V] of all these languages."""
        together: npt.NDArray[np.bool_] = np.logical_or.reduce(self._written_LV[list(languages)])
        return together
