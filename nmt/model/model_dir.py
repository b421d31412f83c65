"""The model directory: settings, vocabulary, weights and card in one folder."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import yaml
from pydantic import Field
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from nmt.config import Language, ModelConfig
from nmt.errors import ConfigError, ModelError
from nmt.sections import Section, parse, save_config
from nmt.text.tokenizer import Tokenizer

CONFIG, VOCABULARY, WEIGHTS, CARD = "config.yaml", "spm.model", "weights.safetensors", "README.md"

Weights = dict[str, np.ndarray]

# Beside the weights of the network, and optional: which pieces each language is written with,
# [languages, pieces]. A translation to that language is made of these, which is faster, and right.
WRITTEN = "written_pieces"


class ModelInfo(Section):
    """What a model is and where it comes from; `config.yaml` of a model directory."""

    format_version: Literal[1] = 1
    name: str
    languages: tuple[Language, ...] = Field(min_length=1)
    directions: tuple[Annotated[str, Field(pattern=r"^\S+>\S+$")], ...]
    architecture: ModelConfig
    vocab_size: int = Field(ge=1)
    parameters: int = Field(ge=1)
    trained_pieces: int | None = Field(None, ge=1, description="longest sentence of its training")
    provenance: dict[str, Any] = Field(default_factory=dict)

    @property
    def trained_pairs(self) -> frozenset[tuple[str, str]]:
        """Trained directions as (source, target)."""
        pairs = (direction.split(">") for direction in self.directions)
        return frozenset((source, target) for source, target in pairs)


def save_model(
    directory: Path, info: ModelInfo, vocabulary: bytes, weights: Mapping[str, np.ndarray]
) -> None:
    """Write a model directory in one piece, weights in half precision; an old one is replaced.

    A card that an old directory holds is not carried over: it describes other weights.
    """
    temporary = directory.with_name(directory.name + ".tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    save_config(info, temporary / CONFIG)
    (temporary / VOCABULARY).write_bytes(vocabulary)
    halves = {
        name: value if value.dtype == bool else value.astype(np.float16)
        for name, value in weights.items()
    }
    (temporary / WEIGHTS).write_bytes(save(halves))
    (temporary / CARD).write_text(describe(info), encoding="utf-8")
    # Moved away whole: a kill in the middle of deleting would leave half a model.
    replaced = directory.with_name(directory.name + ".old")
    shutil.rmtree(replaced, ignore_errors=True)
    if directory.exists():
        directory.replace(replaced)
    temporary.replace(directory)
    shutil.rmtree(replaced, ignore_errors=True)


def load_info(directory: Path) -> ModelInfo:
    """The settings of a model directory; ModelError names what is missing or wrong."""
    if not directory.is_dir():
        raise ModelError(f"{directory} is not a model directory: there is no such folder")
    path = directory / CONFIG
    try:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
        return parse(ModelInfo, tree, str(path))
    except OSError:
        raise ModelError(f"{directory} is not a model directory: it has no {CONFIG}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ModelError(f"{path} is not valid YAML: {error}") from None
    except ConfigError as error:
        raise ModelError(str(error)) from None


def load_model(directory: Path) -> tuple[ModelInfo, Tokenizer, Weights]:
    """Settings, tokenizer and weights in the precision in which they are stored.

    Raises ModelError if anything is missing, damaged or does not fit together.
    """
    info = load_info(directory)
    tokenizer = Tokenizer.load(directory / VOCABULARY)
    if tokenizer.vocab_size != info.vocab_size:
        raise ModelError(
            f"{directory / VOCABULARY} has {tokenizer.vocab_size} pieces, "
            f"but {CONFIG} says {info.vocab_size}"
        )
    if missing := [code for code in info.languages if code not in tokenizer.tag_ids]:
        raise ModelError(f"{directory / VOCABULARY} has no tag for {', '.join(missing)}")
    path = directory / WEIGHTS
    try:
        weights = load_file(path)
    except FileNotFoundError:
        raise ModelError(f"{directory} is not a model directory: it has no {WEIGHTS}") from None
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path} is damaged: {error}") from None
    _check_shapes(info, weights, path)
    return info, tokenizer, weights


def weight_shapes(architecture: ModelConfig, vocab_size: int) -> dict[str, tuple[int, ...]]:
    """Name and shape of each weight of a model: what `weights.safetensors` has to hold."""
    width, ffn = architecture.d_model, architecture.ffn
    attention = {"query_key_value.weight": (3 * width, width), "output.weight": (width, width)}
    cross = {
        "query.weight": (width, width),
        "key_value.weight": (2 * width, width),
        "output.weight": (width, width),
    }
    feed_forward = {"inner.weight": (ffn, width), "outer.weight": (width, ffn)}
    encoder = {"self_attention": attention, "feed_forward": feed_forward}
    shapes: dict[str, tuple[int, ...]] = {"embedding.weight": (vocab_size, width)}
    for side, layers, sublayers in (
        ("encoder", architecture.encoder_layers, encoder),
        ("decoder", architecture.decoder_layers, {**encoder, "cross_attention": cross}),
    ):
        norms = [f"{side}_norm"] if architecture.norm == "pre" else []
        for layer in range(layers):
            for name, maps in sublayers.items():
                own = f"{side}.{layer}.{name}"
                shapes |= {f"{own}.{key}": shape for key, shape in maps.items()}
                norms.append(f"{own}.norm")
        for norm in norms:
            shapes |= {f"{norm}.weight": (width,), f"{norm}.bias": (width,)}
    return shapes


def _check_shapes(info: ModelInfo, weights: Weights, path: Path) -> None:
    expected = weight_shapes(info.architecture, info.vocab_size)
    if WRITTEN in weights:
        expected[WRITTEN] = len(info.languages), info.vocab_size
    found = {name: value.shape for name, value in weights.items()}
    wrong = sorted(
        name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)
    )
    if wrong:
        name = wrong[0]
        raise ModelError(
            f"{path}: the weights do not fit the architecture: {name} is "
            f"{found.get(name, 'missing')}, expected {expected.get(name, 'nothing')}"
            + (f", and {len(wrong) - 1} others" if len(wrong) > 1 else "")
        )


def describe(info: ModelInfo) -> str:
    """A short model card: what can be said without measuring anything."""
    a = info.architecture
    lines = [
        f"# {info.name}",
        "",
        f"Languages: {', '.join(info.languages)}. "
        f"Trained directions: {', '.join(sorted(info.directions))}.",
        "",
        f"Transformer with {a.encoder_layers} encoder and {a.decoder_layers} decoder layers, "
        f"width {a.d_model}, feed-forward {a.ffn}, {a.heads} heads, {a.norm}-norm; "
        f"{info.parameters:,} parameters, {info.vocab_size:,} pieces.",
        "",
        *(f"- {key}: {value}" for key, value in info.provenance.items()),
        "",
    ]
    return "\n".join(lines)
