"""Our model as the peers of bench_decoding.py read it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nmt.decode.ctranslate2_model import model_files
from nmt.model.model_dir import ModelInfo, Weights
from nmt.text.tokenizer import BOS, EOS, PAD, Tokenizer

# What MarianMTModel calls the maps of a layer; those that we keep as one are blocks of rows.
MARIAN = {
    "self_attention.query_key_value": ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"),
    "self_attention.output": ("self_attn.out_proj",),
    "self_attention.norm": ("self_attn_layer_norm",),
    "cross_attention.query": ("encoder_attn.q_proj",),
    "cross_attention.key_value": ("encoder_attn.k_proj", "encoder_attn.v_proj"),
    "cross_attention.output": ("encoder_attn.out_proj",),
    "cross_attention.norm": ("encoder_attn_layer_norm",),
    "feed_forward.inner": ("fc1",),
    "feed_forward.outer": ("fc2",),
    "feed_forward.norm": ("final_layer_norm",),
}
EMBEDDINGS = ("shared.weight", "embed_tokens.weight", "lm_head.weight")


def convert_to_ctranslate2(
    info: ModelInfo, tokenizer: Tokenizer, weights: Weights, folder: Path
) -> None:
    """Write a folder that CTranslate2 loads."""
    folder.mkdir()
    for name, content in model_files(info, tokenizer, weights).items():
        (folder / name).write_bytes(content)


def export_transformers(
    info: ModelInfo, tokenizer: Tokenizer, weights: Weights, folder: Path
) -> None:
    """Write a folder that MarianMTModel loads; the model has to be post-norm."""
    import torch
    from transformers import MarianConfig, MarianMTModel

    a = info.architecture
    config = MarianConfig(
        vocab_size=info.vocab_size,
        d_model=a.d_model,
        encoder_layers=a.encoder_layers,
        decoder_layers=a.decoder_layers,
        encoder_attention_heads=a.heads,
        decoder_attention_heads=a.heads,
        encoder_ffn_dim=a.ffn,
        decoder_ffn_dim=a.ffn,
        activation_function=a.activation,
        scale_embedding=True,
        static_position_embeddings=True,
        max_position_embeddings=a.max_length + 1,
        pad_token_id=PAD,
        bos_token_id=BOS,
        eos_token_id=EOS,
        decoder_start_token_id=BOS,
        forced_eos_token_id=None,
        tie_word_embeddings=True,
        share_encoder_decoder_embeddings=True,
    )
    model = MarianMTModel(config)
    state = model.state_dict()
    for name, value in state.items():
        if name.endswith("bias"):  # we have those of the norms only, which follow
            value.zero_()
        elif name.endswith(EMBEDDINGS):
            value.copy_(torch.from_numpy(weights["embedding.weight"]))
    state["final_logits_bias"][0, list(tokenizer.unwritten)] = -1e9
    for name, value in weights.items():
        if name == "embedding.weight":
            continue
        side, layer, rest = name.split(".", 2)
        own, _, kind = rest.rpartition(".")
        blocks = np.split(value, len(MARIAN[own]))
        for theirs, block in zip(MARIAN[own], blocks, strict=True):
            state[f"model.{side}.layers.{layer}.{theirs}.{kind}"].copy_(torch.from_numpy(block))
    model.save_pretrained(folder)
