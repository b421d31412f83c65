"""Where and how the service runs; what it knows comes from the model."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field

from nmt.decode.engine import MAX_BEAM_SIZE, EngineName
from nmt.errors import ConfigError
from nmt.sections import Section, parse, read_tree
from serve.logs import LogFormat

PREFIX = "MACARONIC_"  # of environment variables


class Settings(Section):
    """All settings of one service."""

    host: str = Field("127.0.0.1", min_length=1)
    port: int = Field(8000, ge=0, le=65535, description="0 takes any free port")
    model: Path | None = Field(None, description="a model directory; absent: the shipped model")
    engine: EngineName = Field("ctranslate2", description="torch is the reference, and slow")
    device: str = Field("cpu", pattern=r"^(cpu|cuda(:\d+)?)$")
    precision: str = Field("default", description="of products: int8 on a CPU, float16 on CUDA")
    threads: int = Field(0, ge=0, description="CPU threads for decoding; 0 takes all cores")

    workers: int = Field(1, ge=1, le=64, description="processes for HTTP, which share one engine")

    keys: Path | None = Field(None, description="file of API keys; see `macaronic keys`")
    require_key: bool = Field(True, description="where there are keys: refuse who has none")
    requests_per_minute: int = Field(
        0, ge=0, description="of a client without a key, or whose key has no limit; 0: any"
    )
    storage: str = Field("memory://", description="of rates and quotas; redis://… to share them")
    cors_origins: tuple[str, ...] = Field(("*",), description="pages that may call the service")
    trusted_proxies: str = Field(
        "127.0.0.1", description="addresses, with commas, whose X-Forwarded-For is believed"
    )
    log_format: LogFormat = Field("plain", description="json: one object a line")

    max_header_bytes: int = Field(16_384, ge=1_024)
    files: Path | None = Field(None, description="folder for files and glossaries; else temporary")
    file_seconds: float = Field(3_600, gt=0, description="that a translated file is kept")
    suggestions: Path | None = Field(None, description="file for what readers suggest; off if none")

    max_document_bytes: int = Field(4_194_304, ge=1, description="of a file to translate")
    max_body_bytes: int = Field(4_456_448, ge=1)
    max_characters: int = Field(10_000, ge=1, description="of all texts of a request together")
    max_texts: int = Field(100, ge=1, description="of one request")
    max_sweep_characters: int = Field(1_000, ge=1, description="of the text of a sweep")
    max_sweep_steps: int = Field(101, ge=2)

    queue_size: int = Field(
        64, ge=1, description="waiting sentences before a new one that close the door"
    )
    max_wait_seconds: float = Field(60.0, gt=0, description="for one request, waiting included")
    drain_delay_seconds: float = Field(
        1.0, ge=0, description="between SIGTERM and the last request that is taken"
    )
    drain_seconds: int = Field(30, ge=0, description="for running requests when stopping")

    batch_size: int = Field(32, ge=1, description="sentences decoded together")
    batch_pieces: int = Field(2_048, ge=1, description="of the sources decoded together")
    batch_wait_seconds: float = Field(0.005, ge=0, description="for batch-mates to arrive")
    untrained: Literal["pivot", "zero_shot"] = Field(
        "pivot", description="directions without training: through English, which is better, or not"
    )
    beam_size: int = Field(5, ge=1, le=MAX_BEAM_SIZE, description="1: greedy")
    sure_confidence: float = Field(
        0.9, ge=0, le=1, description="from here on, text detected in its target language is kept"
    )

    @property
    def max_alternatives(self) -> int:
        """How many translations besides the best one a beam can hold."""
        return self.beam_size - 1


def gather(
    flags: Mapping[str, str | None], environment: Mapping[str, str], file: Path | None
) -> tuple[Settings, dict[str, str]]:
    """All settings, and where each that is no default comes from: flags, environment, then file.

    Raises ConfigError naming each setting that is wrong or unknown.
    """
    known = Settings.model_fields
    variables = {
        name.removeprefix(PREFIX).lower(): text
        for name, text in environment.items()
        if name.startswith(PREFIX)
    }
    if unknown := sorted(set(variables) - set(known)):
        raise ConfigError(
            f"unknown environment variable {PREFIX}{unknown[0].upper()}: there are "
            + ", ".join(PREFIX + name.upper() for name in known)
        )
    tree: dict[str, Any] = read_tree(file) if file else {}
    origins = dict.fromkeys(tree, str(file))
    given = {name: text for name, text in flags.items() if text is not None}
    for texts, origin in ((variables, "environment"), (given, "flag")):
        for name, text in texts.items():
            tree[name] = _value(name, text)
            origins[name] = origin
    return parse(Settings, tree, "what is set"), origins


def describe(settings: Settings, origins: Mapping[str, str]) -> str:
    """All settings as YAML that can be read again, each with where it comes from."""
    return "\n".join(
        f"{name}: {json.dumps(value)}  # {origins.get(name, 'default')}"
        for name, value in settings.model_dump(mode="json").items()
    )


def _value(name: str, text: str) -> Any:
    """What a text stands for; names and paths are as they are, and nothing is no value."""
    if Settings.model_fields[name].annotation in (str, Path, Path | None):
        return text
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        raise ConfigError(f"{name} cannot be {text!r}") from None
