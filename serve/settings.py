"""Where and how the service runs; what it knows comes from the model."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from nmt.decode.engine import MAX_BEAM_SIZE, EngineName
from nmt.sections import Section


class Settings(Section):
    """All settings of one service."""

    host: str = Field("127.0.0.1", min_length=1)
    port: int = Field(8000, ge=0, le=65535, description="0 takes any free port")
    model: Path | None = Field(None, description="a model directory; absent: the shipped model")
    engine: EngineName = Field("ctranslate2", description="torch is the reference, and slow")
    device: str = Field("cpu", pattern=r"^(cpu|cuda(:\d+)?)$")
    precision: str = Field("default", description="of products: int8 on a CPU, float16 on CUDA")
    threads: int = Field(0, ge=0, description="CPU threads for decoding; 0 takes all cores")

    max_body_bytes: int = Field(1_048_576, ge=1)
    max_characters: int = Field(10_000, ge=1, description="of all texts of a request together")
    max_texts: int = Field(100, ge=1, description="of one request")
    max_sweep_characters: int = Field(1_000, ge=1, description="of the text of a sweep")
    max_sweep_steps: int = Field(101, ge=2)

    queue_size: int = Field(1_024, ge=1, description="waiting sentences that close the door")
    max_wait_seconds: float = Field(60.0, gt=0, description="for one request, waiting included")
    drain_seconds: int = Field(30, ge=0, description="for running requests when stopping")

    batch_size: int = Field(32, ge=1, description="sentences decoded together")
    batch_wait_seconds: float = Field(0.005, ge=0, description="for batch-mates to arrive")
    beam_size: int = Field(5, ge=1, le=MAX_BEAM_SIZE, description="1: greedy")
    sure_confidence: float = Field(
        0.9, ge=0, le=1, description="from here on, text detected in its target language is kept"
    )

    @property
    def max_alternatives(self) -> int:
        """How many translations besides the best one a beam can hold."""
        return self.beam_size - 1
