"""Starting from a finished model whose vocabulary and languages may differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from nmt.config import Config
from nmt.errors import ConfigError
from nmt.model.model_dir import WRITTEN, load_model
from nmt.model.transformer import Transformer
from nmt.text.tokenizer import UNK, Tokenizer


def start_from(
    model: Transformer, tokenizer: Tokenizer, config: Config, directory: Path
) -> dict[str, Any]:
    """Copy a model directory's weights into `model`; gives what a card should tell of that.

    These are the old model's name and training, and how many pieces were taken over or composed.

    A piece that both vocabularies have keeps its embedding. One that is new starts as the mean of
    the old pieces that spell it, a new language as the mean of the old languages' tags. Raises
    ConfigError if the architectures differ, ModelError if the directory cannot be read.
    """
    info, old_tokenizer, weights = load_model(directory)
    ours, theirs = config.model.model_dump(), info.architecture.model_dump()
    ignored = {"max_length"}  # positions are computed, not learnt
    if different := sorted(key for key in ours.keys() - ignored if ours[key] != theirs[key]):
        told = ", ".join(f"model.{key} is {ours[key]}, there {theirs[key]}" for key in different)
        raise ConfigError(f"cannot start from {directory}: {told}")
    tensors = {name: torch.from_numpy(value).float() for name, value in weights.items()}
    tensors.pop(WRITTEN, None)  # that follows from the new text
    old_table_VD = tensors.pop("embedding.weight")
    model.load_state_dict(tensors, strict=False)

    old_ids = {old_tokenizer.piece(i): i for i in range(old_tokenizer.vocab_size)}
    old_tags = list(old_tokenizer.tag_ids.values())
    new_tags = set(tokenizer.tag_ids.values())
    kept = composed = 0
    with torch.no_grad():
        table_VD = model.embedding.weight
        for index in range(tokenizer.vocab_size):
            piece = tokenizer.piece(index)
            if piece in old_ids:
                table_VD[index] = old_table_VD[old_ids[piece]]
                kept += 1
                continue
            if index in new_tags:
                spelling = old_tags
            else:
                spelling = [i for i in old_tokenizer.encode(tokenizer.decode([index])) if i != UNK]
            if spelling:
                table_VD[index] = old_table_VD[spelling].mean(dim=0)
                composed += 1
    facts = ("steps", "target_tokens", "training_minutes", "started_from")
    return {
        "name": info.name,
        **{key: info.provenance[key] for key in facts if key in info.provenance},
        "pieces_kept": kept,
        "pieces_composed": composed,
    }
