"""The model as CTranslate2 reads it: NumPy arrays in its binary format, made in memory.

The library's own `TransformerSpec` saves the same variables, but imports torch where that is
installed and writes to a folder; a server that adds a row to a table wants neither.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence

import numpy as np

from nmt.config import ModelConfig
from nmt.model.model_dir import ModelInfo, Weights
from nmt.model.positions import sinusoids
from nmt.text.tokenizer import BOS, EOS, UNK, Tokenizer

MODEL, CONFIG = "model.bin", "config.json"
SOURCE_VOCABULARY, TARGET_VOCABULARY = "source_vocabulary.json", "target_vocabulary.json"

# What the library's format calls itself, and the numbers that it has for types and activations.
BINARY_VERSION, SPEC, SPEC_REVISION = 6, "TransformerSpec", 7
TYPES = ("float32", "int8", "int16", "int32", "float16")
ACTIVATIONS = {"relu": 0, "swish": 2, "gelu": 3}
# Linear maps of a sublayer, in the library's order.
SUBLAYERS = {
    "self_attention": ("self_attention", ("query_key_value", "output")),
    "cross_attention": ("attention", ("query", "key_value", "output")),
    "feed_forward": ("ffn", ("inner", "outer")),
}
# Added to the score of a piece that is never to be written.
NEVER = np.float32(-1e9)


def model_files(
    info: ModelInfo,
    tokenizer: Tokenizer,
    weights: Weights,
    mixes: Mapping[str, np.ndarray] | None = None,
) -> dict[str, bytes]:
    """All files of a model in CTranslate2's format, by name.

    `mixes` are embeddings [D] of further source words, such as blended language tags.
    """
    pieces = [tokenizer.piece(i) for i in range(tokenizer.vocab_size)]
    rows = mixes or {}
    config = {
        "add_source_bos": False,
        "add_source_eos": True,
        "bos_token": pieces[BOS],
        "decoder_start_token": pieces[BOS],
        "eos_token": pieces[EOS],
        "unk_token": pieces[UNK],
    }
    bias = np.zeros(info.vocab_size, np.float32)
    bias[list(tokenizer.unwritten)] = NEVER
    return {
        MODEL: _serialise(_variables(info.architecture, weights, bias, list(rows.values()))),
        CONFIG: _json(config),
        SOURCE_VOCABULARY: _json([*pieces, *rows]),
        TARGET_VOCABULARY: _json(pieces),
    }


def _variables(
    architecture: ModelConfig, weights: Weights, bias: np.ndarray, rows: Sequence[np.ndarray]
) -> dict[str, np.ndarray]:
    """The library's variables: ours by other names; `rows` go on the source embedding."""
    embedding = weights["embedding.weight"]
    found = {
        "encoder/embeddings_0/weight": np.vstack([embedding, *rows]) if rows else embedding,
        "decoder/embeddings/weight": embedding,
        "decoder/projection/weight": embedding,
        "decoder/projection/bias": bias,
    }
    sides = {"encoder": architecture.encoder_layers, "decoder": architecture.decoder_layers}
    for side, layers in sides.items():
        found |= _settings(architecture, side)
        if architecture.norm == "pre":
            found |= _norm(weights, f"{side}/layer_norm", f"{side}_norm")
        for layer in range(layers):
            for ours, (theirs, maps) in SUBLAYERS.items():
                if side == "encoder" and ours == "cross_attention":
                    continue
                name, own = f"{side}/layer_{layer}/{theirs}", f"{side}.{layer}.{ours}"
                found |= _norm(weights, f"{name}/layer_norm", f"{own}.norm")
                for index, linear in enumerate(maps):
                    found[f"{name}/linear_{index}/weight"] = weights[f"{own}.{linear}.weight"]
    return found


def _settings(architecture: ModelConfig, side: str) -> dict[str, np.ndarray]:
    """What the encoder or decoder has to know beside its weights."""
    settings = {
        "activation": np.int8(ACTIVATIONS[architecture.activation]),
        "num_heads": np.int16(architecture.heads),
        "position_encodings/encodings": sinusoids(
            architecture.max_length + 1, architecture.d_model
        ),
        "pre_norm": np.int8(architecture.norm == "pre"),
        "scale_embeddings": np.int8(True),
    }
    if side == "decoder":
        # Where words align: the head that guided training supervises.
        settings |= {"alignment_heads": np.int16(1), "alignment_layer": np.int16(-1)}
    return {f"{side}/{name}": np.asarray(value) for name, value in settings.items()}


def _norm(weights: Weights, theirs: str, ours: str) -> dict[str, np.ndarray]:
    return {f"{theirs}/gamma": weights[f"{ours}.weight"], f"{theirs}/beta": weights[f"{ours}.bias"]}


def _serialise(variables: Mapping[str, np.ndarray]) -> bytes:
    """`model.bin`: each array once, under the first of its names; the others are aliases."""
    first: dict[int, str] = {}
    for name, value in sorted(variables.items()):
        first.setdefault(id(value), name)
    parts = [struct.pack("=I", BINARY_VERSION), _string(SPEC)]
    parts.append(struct.pack("=II", SPEC_REVISION, len(first)))
    for name in first.values():
        value = variables[name]
        header = struct.pack(
            f"=B{value.ndim}IBI",
            value.ndim,
            *value.shape,
            TYPES.index(value.dtype.name),
            value.nbytes,
        )
        parts += [_string(name), header, value.tobytes()]
    aliases = {name: first[id(value)] for name, value in variables.items()}
    aliases = {name: original for name, original in aliases.items() if name != original}
    parts.append(struct.pack("=I", len(aliases)))
    parts += [_string(name) for pair in aliases.items() for name in pair]
    return b"".join(parts)


def _string(text: str) -> bytes:
    encoded = text.encode() + b"\0"
    return struct.pack("=H", len(encoded)) + encoded


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=0).encode()
