"""What translates piece ids, whatever computes it: the interface of all engines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from nmt.config import ModelConfig
from nmt.errors import InvalidInput, MissingDependency
from nmt.model.model_dir import ModelInfo, load_model
from nmt.text.tokenizer import Tokenizer

MAX_BEAM_SIZE = 64

# [T, S] weights over the pieces of a source for each piece of a target, without tag and end.
Attention = npt.NDArray[np.float32]

# ctranslate2 is the fast one, torch the reference.
EngineName = Literal["ctranslate2", "torch"]


@dataclass(frozen=True)
class DecodeOptions:
    """How to search for a translation; InvalidInput for values out of range.

    A hypothesis scores its log-probability / number of pieces ** `length_penalty`, end of
    sentence included. A beam of 1 is greedy search.
    """

    beam_size: int = 5
    n_best: int = 1
    length_penalty: float = 1.0
    batch_size: int = 64

    def __post_init__(self) -> None:
        if not 1 <= self.beam_size <= MAX_BEAM_SIZE:
            raise InvalidInput(f"beam size is {self.beam_size}: it must be 1 to {MAX_BEAM_SIZE}")
        if not 1 <= self.n_best <= self.beam_size:
            raise InvalidInput(
                f"n-best is {self.n_best}: it must be 1 to the beam size, {self.beam_size}"
            )
        if self.batch_size < 1:
            raise InvalidInput(f"batch size is {self.batch_size}: it must be 1 or more")


@dataclass(frozen=True)
class Source:
    """A sentence as piece ids, without special pieces, and its weights over the languages."""

    pieces: Sequence[int]
    mix: Sequence[float]


@dataclass(frozen=True)
class Decoded:
    """A hypothesis as piece ids; incomplete if the length limit came before its end."""

    pieces: Sequence[int]
    score: float
    is_complete: bool


class Engine(Protocol):
    """Translates any sources together, with whatever mixes."""

    def translate(self, sources: Sequence[Source], options: DecodeOptions) -> list[list[Decoded]]:
        """Up to `n_best` hypotheses for each source, best first, in the order of the sources."""

    def align(self, sources: Sequence[Source], targets: Sequence[Sequence[int]]) -> list[Attention]:
        """How much each piece of a translation looks at each piece of its source.

        The weights are those of the attention head that guided training supervises. Without pieces
        on either side there is nothing to look at.
        """


class NoEngine:
    """Stands where texts are only planned and judged, and another process translates."""

    def translate(self, sources: Sequence[Source], options: DecodeOptions) -> list[list[Decoded]]:
        """Cannot be done here."""
        raise RuntimeError("this process has no engine")

    def align(self, sources: Sequence[Source], targets: Sequence[Sequence[int]]) -> list[Attention]:
        """Cannot be done here."""
        raise RuntimeError("this process has no engine")


def max_source_pieces(architecture: ModelConfig) -> int:
    """Pieces that a sentence may have: the rest of the positions is for tag and end."""
    return architecture.max_length - 2


def max_target_pieces(architecture: ModelConfig, source_pieces: int) -> int:
    """Length limit of a translation, end of sentence included; generous, so that few meet it.

    A power of two: sentences share a batch only if they share a limit, so that nobody's result
    depends on batch-mates.
    """
    return min(architecture.max_length, 1 << (3 * source_pieces + 19).bit_length())


def load_engine(
    directory: Path,
    name: EngineName = "ctranslate2",
    device: str = "cpu",
    threads: int = 0,
    precision: str = "default",
) -> tuple[ModelInfo, Tokenizer, Engine]:
    """The engine for a model directory.

    `threads` 0 takes all cores. `precision` is that of matrix products: by default int8 on a CPU
    and float16 on CUDA; `torch` has float32 only. Raises ModelError, and InvalidInput for what is
    not there.
    """
    info, tokenizer, weights = load_model(directory)
    if name == "ctranslate2":
        from nmt.decode.ctranslate2_engine import CTranslate2Engine

        fast = CTranslate2Engine(info, tokenizer, weights, device, threads, precision)
        return info, tokenizer, fast
    if precision not in ("default", "float32"):
        raise InvalidInput(f"no precision {precision} with the engine torch: it has float32")
    try:
        from nmt.decode.torch_engine import TorchEngine
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise MissingDependency(
            "the engine torch needs PyTorch: pip install 'macaronic[torch]'"
        ) from None
    return info, tokenizer, TorchEngine(info, tokenizer, weights, device, threads)
