"""The model as CTranslate2 reads it: NumPy arrays in its binary format, made in memory.

The library's own `TransformerSpec` saves the same variables, but imports torch where that is
installed and writes to a folder; a server that adds a row to a table wants neither.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping

import numpy as np

from nmt.config import ModelConfig
from nmt.model.model_dir import WRITTEN, ModelInfo, Weights
from nmt.model.positions import sinusoids
from nmt.text.tokenizer import BOS, EOS, UNK, Tokenizer

MODEL, CONFIG = "model.bin", "config.json"
SOURCE_VOCABULARY, TARGET_VOCABULARY = "source_vocabulary.json", "target_vocabulary.json"
SHORTLIST = "vmap.txt"

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
SOURCE_TABLE = "encoder/embeddings_0/weight"
# Added to the score of a piece that is never to be written.
NEVER = np.float32(-1e9)


class ModelFiles:
    """All files of a model in CTranslate2's format, with ever other rows in its source table.

    What does not change is put together once, so that a row is added in milliseconds. With
    `quantised` the maps are in 8 bits, just as the library would make them of the floats.
    """

    def __init__(
        self,
        info: ModelInfo,
        tokenizer: Tokenizer,
        weights: Weights,
        quantised: bool = False,
        adds_end: bool = True,
    ) -> None:
        """Without `adds_end` the caller ends each source himself, with a word of his choice."""
        self._pieces = [tokenizer.piece(i) for i in range(tokenizer.vocab_size)]
        self._quantised = quantised
        bias = np.zeros(info.vocab_size, np.float32)
        bias[list(tokenizer.unwritten)] = NEVER
        variables = _variables(info.architecture, weights, bias)
        if quantised:
            variables = _quantised(variables)
        self._source = {n: v for n, v in variables.items() if n.startswith(SOURCE_TABLE)}
        others = {n: v for n, v in variables.items() if n not in self._source}
        self._others = _Serialised(others)
        config = {
            "add_source_bos": False,
            "add_source_eos": adds_end,
            "bos_token": self._pieces[BOS],
            "decoder_start_token": self._pieces[BOS],
            "eos_token": self._pieces[EOS],
            "unk_token": self._pieces[UNK],
        }
        self._fixed = {CONFIG: _json(config), TARGET_VOCABULARY: _json(self._pieces)}
        # A tag stands for all pieces of its language; other pieces bring none.
        tags = [self._pieces[tokenizer.tag_ids[code]] for code in info.languages]
        written = weights.get(WRITTEN, ())
        self._shortlists = {
            tag: self._shortlist(tag, own) for tag, own in zip(tags, written, strict=False)
        }

    def with_rows(
        self,
        rows: Mapping[str, np.ndarray],
        written: Mapping[str, np.ndarray] | None = None,
    ) -> dict[str, bytes]:
        """The files by name; `rows` are embeddings [D] of further source words.

        `written` are the pieces [V] that some of these words stand for, as a tag stands for the
        pieces of its language.
        """
        table = self._source
        if rows:
            new = {SOURCE_TABLE: np.stack(list(rows.values()))}
            if self._quantised:
                new = _quantised(new)
            table = {name: np.concatenate([old, new[name]]) for name, old in table.items()}
        new_lists = {word: self._shortlist(word, own) for word, own in (written or {}).items()}
        shortlists = {**self._shortlists, **new_lists}
        files = {SHORTLIST: b"".join(shortlists.values())} if shortlists else {}
        return {
            MODEL: self._others.together_with(_Serialised(table)),
            SOURCE_VOCABULARY: _json([*self._pieces, *rows]),
            **self._fixed,
            **files,
        }

    def _shortlist(self, word: str, written: np.ndarray) -> bytes:
        """A line of what the library calls a vocabulary map: a word, and what it may become."""
        return f"{word}\t{' '.join(self._pieces[i] for i in np.flatnonzero(written))}\n".encode()


def _variables(
    architecture: ModelConfig, weights: Weights, bias: np.ndarray
) -> dict[str, np.ndarray]:
    """The library's variables: ours by other names."""
    embedding = weights["embedding.weight"]
    found = {
        SOURCE_TABLE: embedding,
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


def _quantised(variables: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Tables and maps in 8 bits with a scale for each row, as the library has them."""
    found: dict[str, np.ndarray] = {}
    done: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    for name, value in variables.items():
        if not name.endswith("/weight"):
            found[name] = value
            continue
        if id(value) not in done:
            rows = value.astype(np.float32)
            largest = np.abs(rows).max(axis=1)
            scale = np.float32(127) / np.where(largest == 0, np.float32(127), largest)
            done[id(value)] = np.rint(rows * scale[:, None]).astype(np.int8), scale
        found[name], found[f"{name}_scale"] = done[id(value)]
    return found


class _Serialised:
    """Variables as `model.bin` has them: each array once; further names of it are aliases."""

    def __init__(self, variables: Mapping[str, np.ndarray]) -> None:
        first: dict[int, str] = {}
        for name, value in sorted(variables.items()):
            first.setdefault(id(value), name)
        self.count = len(first)
        self.arrays = b"".join(_array(name, variables[name]) for name in first.values())
        aliases = {name: first[id(value)] for name, value in variables.items()}
        self.aliases = [pair for pair in aliases.items() if pair[0] != pair[1]]

    def together_with(self, other: _Serialised) -> bytes:
        """The file of both."""
        aliases = [*self.aliases, *other.aliases]
        return b"".join(
            (
                struct.pack("=I", BINARY_VERSION),
                _string(SPEC),
                struct.pack("=II", SPEC_REVISION, self.count + other.count),
                self.arrays,
                other.arrays,
                struct.pack("=I", len(aliases)),
                *(_string(name) for pair in aliases for name in pair),
            )
        )


def _array(name: str, value: np.ndarray) -> bytes:
    header = struct.pack(
        f"=B{value.ndim}IBI", value.ndim, *value.shape, TYPES.index(value.dtype.name), value.nbytes
    )
    return _string(name) + header + value.tobytes()


def _string(text: str) -> bytes:
    encoded = text.encode() + b"\0"
    return struct.pack("=H", len(encoded)) + encoded


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=0).encode()
