"""The model as other libraries take it: a folder for CTranslate2 or for transformers."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
from safetensors.numpy import save

from nmt.decode.ctranslate2_model import NEVER, ModelFiles
from nmt.errors import InvalidInput
from nmt.model.model_dir import CARD, VOCABULARY, WRITTEN, ModelInfo, Weights, load_model
from nmt.text.tokenizer import BOS, EOS, PAD, UNK, Tokenizer, language_tag

ExportFormat = Literal["ctranslate2", "transformers"]

# Where Marian has our sublayers: their names, and what they call the maps.
ATTENTION = {"self_attention": "self_attn", "cross_attention": "encoder_attn"}
FEED_FORWARD = {"inner": "fc1", "outer": "fc2"}


def export(directory: Path, format: ExportFormat, output: Path) -> None:
    """Write a model directory to a new folder in the format of another library.

    Raises ModelError for what is no model, InvalidInput if the folder has something in it or the
    library cannot express the model.
    """
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise InvalidInput(f"{output} is there already: name a folder that is empty or not there")
    info, tokenizer, weights = load_model(directory)
    make_files = _transformers if format == "transformers" else _ctranslate2
    files = make_files(info, tokenizer, weights)
    # Whole or not at all: what was interrupted is not taken for a model.
    partial = output.with_name(f"{output.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for name, content in files.items():
        (partial / name).write_bytes(content)
    if (directory / CARD).exists():
        shutil.copy(directory / CARD, partial / CARD)
    if output.exists():
        output.rmdir()
    partial.rename(output)


def _ctranslate2(info: ModelInfo, tokenizer: Tokenizer, weights: Weights) -> dict[str, bytes]:
    """A source starts with the tag of its target, such as `<2es>`; the end is added by itself.

    With `use_vmap=True` a translation keeps to the pieces that its language is written with; in a
    batch with several targets, to those of all of them.
    """
    return {
        **ModelFiles(info, tokenizer, weights).with_rows({}),
        VOCABULARY: tokenizer.model,
    }


def _transformers(info: ModelInfo, tokenizer: Tokenizer, weights: Weights) -> dict[str, bytes]:
    """A `MarianMTModel` with its tokenizer, for which a source starts with, for example, `>>es<<`.

    Marian takes a word of that form for one piece. `generation_config.es.json` keeps to the pieces
    that Spanish is written with, as our engines do.
    """
    own = info.architecture
    if own.norm == "pre":
        raise InvalidInput("MarianMTModel has no pre-norm: this model cannot be exported to it")
    config = {
        "architectures": ["MarianMTModel"],
        "model_type": "marian",
        "vocab_size": info.vocab_size,
        "decoder_vocab_size": info.vocab_size,
        "d_model": own.d_model,
        "activation_function": own.activation,
        "max_position_embeddings": own.max_length + 1,
        "scale_embedding": True,
        "static_position_embeddings": True,
        "share_encoder_decoder_embeddings": True,
        "tie_word_embeddings": True,
        "dropout": 0.0,
        "attention_dropout": 0.0,
        "activation_dropout": 0.0,
        "is_encoder_decoder": True,
        "num_hidden_layers": own.encoder_layers,
        "forced_eos_token_id": None,
        **_each_side("{}_layers", own.encoder_layers, own.decoder_layers),
        **_each_side("{}_attention_heads", own.heads, own.heads),
        **_each_side("{}_ffn_dim", own.ffn, own.ffn),
        **_each_side("{}_layerdrop", 0.0, 0.0),
        **_special(),
    }
    generation = {"max_length": own.max_length, "length_penalty": 1.0, "num_beams": 5, **_special()}
    pieces = [tokenizer.piece(i) for i in range(tokenizer.vocab_size)]
    tags = {language_tag(code): f">>{code}<<" for code in tokenizer.languages}
    settings = {
        "tokenizer_class": "MarianTokenizer",
        "separate_vocabs": False,
        "model_max_length": own.max_length,
        "pad_token": pieces[PAD],
        "eos_token": pieces[EOS],
        "unk_token": pieces[UNK],
    }
    bias = np.zeros((1, info.vocab_size), np.float32)
    bias[0, list(tokenizer.unwritten)] = NEVER
    arrays = {
        "model.shared.weight": weights["embedding.weight"].astype(np.float32),
        "final_logits_bias": bias,
        **dict(_marian_layers(weights)),
    }
    # Of what a language is written with, a search knows by a configuration of its own.
    searches = {
        f"generation_config.{code}.json": _json(
            {**generation, "suppress_tokens": np.flatnonzero(~own).tolist()}
        )
        for code, own in zip(info.languages, weights.get(WRITTEN, ()), strict=False)
    }
    return {
        "config.json": _json(config),
        "generation_config.json": _json(generation),
        **searches,
        "vocab.json": _json({tags.get(piece, piece): i for i, piece in enumerate(pieces)}),
        "tokenizer_config.json": _json(settings),
        "source.spm": tokenizer.model,
        "target.spm": tokenizer.model,
        "model.safetensors": save(arrays, metadata={"format": "pt"}),
    }


def _marian_layers(weights: Weights) -> Iterator[tuple[str, np.ndarray]]:
    """All weights but the table by Marian's names; its biases, which we do not have, are zero."""
    for name, value in weights.items():
        if not name.startswith(("encoder.", "decoder.")):
            continue
        side, layer, sublayer, part, kind = name.split(".")
        own = f"model.{side}.layers.{layer}"
        array = value.astype(np.float32)
        if part == "norm":
            yield f"{own}.{ATTENTION.get(sublayer, 'final')}_layer_norm.{kind}", array
            continue
        if sublayer == "feed_forward":
            maps = [(f"{own}.{FEED_FORWARD[part]}", array)]
        else:
            kinds = part.replace("query", "q").replace("key", "k").replace("value", "v")
            names = ["out"] if part == "output" else kinds.split("_")
            attention = f"{own}.{ATTENTION[sublayer]}"
            blocks = np.split(array, len(names))
            maps = [(f"{attention}.{n}_proj", b) for n, b in zip(names, blocks, strict=True)]
        for key, block in maps:
            yield f"{key}.weight", np.ascontiguousarray(block)
            yield f"{key}.bias", np.zeros(len(block), np.float32)


def _each_side(name: str, encoder: float, decoder: float) -> dict[str, float]:
    return {name.format("encoder"): encoder, name.format("decoder"): decoder}


def _special() -> dict[str, int]:
    return {
        "pad_token_id": PAD,
        "bos_token_id": BOS,
        "eos_token_id": EOS,
        "decoder_start_token_id": BOS,
    }


def _json(content: object) -> bytes:
    return (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode()
