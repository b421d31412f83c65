"""The multilingual Transformer: one set of weights for all languages (Vaswani et al. 2017).

The target language is told by one tag in front of the source (Johnson et al. 2017). The tag is
the weighted sum of tag embeddings, so a mix of languages takes the same path as a plain one.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nmt.config import ModelConfig
from nmt.model.layers import DecoderLayer, Dropout, EncoderLayer, LayerCache, LayerNorm, Linear
from nmt.model.positions import sinusoids
from nmt.text.tokenizer import PAD

# B batch, S source length, T target length, D model width, L languages, V vocabulary

# Far below any score, and finite: a row that is all padding gives no NaN.
MASKED = -1e9


class Encoded(NamedTuple):
    """Encoder states [B, 1 + S, D], tag first, and the bias [B, 1, 1, 1 + S] that hides padding."""

    states: Tensor
    bias: Tensor


class DecoderOutput(NamedTuple):
    """Decoder states [B, T, D], and where each position looks in the source [B, T, 1 + S].

    The looks are the weights of the first cross-attention head of the last layer: the one that
    training can guide to the source words that a target word translates.
    """

    states: Tensor
    looks: Tensor


class Transformer(nn.Module):
    """Encoder and decoder over one embedding table, which is the output layer as well.

    `tag_ids` are the vocabulary ids of the language tags, in the order of the mix rows.
    `dtype` is that of the activations, and so of the products; parameters stay in float32.
    """

    def __init__(
        self,
        config: ModelConfig,
        vocab_size: int,
        tag_ids: list[int],
        dropout: float = 0.0,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        super().__init__()
        self.config = config
        self.dtype = dtype
        self.scale = math.sqrt(config.d_model)
        self.dropout = Dropout(dropout)
        self.embedding = nn.Embedding(vocab_size, config.d_model)
        self.encoder = nn.ModuleList(
            EncoderLayer(config, self.dropout) for _ in range(config.encoder_layers)
        )
        self.decoder = nn.ModuleList(
            DecoderLayer(config, self.dropout) for _ in range(config.decoder_layers)
        )
        # Pre-norm leaves the last sum without a normalisation; post-norm needs none.
        is_pre_norm = config.norm == "pre"
        self.encoder_norm = LayerNorm(config.d_model) if is_pre_norm else nn.Identity()
        self.decoder_norm = LayerNorm(config.d_model) if is_pre_norm else nn.Identity()
        self.tag_ids: Tensor
        self.register_buffer("tag_ids", torch.tensor(tag_ids), persistent=False)
        self.positions: Tensor
        positions = sinusoids(config.max_length + 1, config.d_model)  # one more for the tag
        self.register_buffer("positions", torch.from_numpy(positions), persistent=False)
        self.init_weights()

    @torch.no_grad()
    def init_weights(self) -> None:
        """Xavier for the maps, so that a layer keeps the variance; 1 / sqrt(D) for embeddings."""
        for module in self.modules():
            if isinstance(module, Linear):
                nn.init.xavier_uniform_(module.weight)
            elif isinstance(module, nn.LayerNorm):
                module.reset_parameters()
        nn.init.normal_(self.embedding.weight, std=self.config.d_model**-0.5)

    def encode(self, source_BS: Tensor, mix_BL: Tensor) -> Encoded:
        """Encoder states of sources headed by one target tag, which may lie between languages."""
        layers, bias = self.encode_layers(source_BS, mix_BL)
        return Encoded(layers[-1], bias)

    def encode_layers(self, source_BS: Tensor, mix_BL: Tensor) -> tuple[list[Tensor], Tensor]:
        """States before the first layer and after each, as in `Encoded`, and their bias."""
        tag_BD = mix_BL @ self.embedding(self.tag_ids)
        x = torch.cat([tag_BD[:, None], self.embedding(source_BS)], dim=1)
        x = self._positioned(x, start=0)
        is_padding = F.pad(source_BS == PAD, (1, 0), value=False)
        bias = (is_padding * MASKED).to(self.dtype)[:, None, None]
        found = [x]
        for layer in self.encoder:
            found.append(layer(found[-1], bias))
        found[-1] = self.encoder_norm(found[-1])
        return found, bias

    def decode(self, target_BT: Tensor, encoded: Encoded) -> DecoderOutput:
        """Decoder states for whole targets, each piece seeing those before it."""
        length = target_BT.shape[1]
        x = self._positioned(self.embedding(target_BT), start=0)
        future = torch.ones(length, length, dtype=torch.bool, device=x.device).triu(1)
        bias = (future * MASKED).to(self.dtype)
        for layer in self.decoder:
            keys_values = layer.cross_attention.keys_values(encoded.states)  # type: ignore[operator, union-attr]
            x, weights = layer(x, bias, keys_values, encoded.bias)
        return DecoderOutput(self.decoder_norm(x), weights[:, 0])

    def start_cache(self, encoded: Encoded) -> list[LayerCache]:
        """Caches for decoding these sources piece by piece."""
        return [
            LayerCache(*layer.cross_attention.keys_values(encoded.states))  # type: ignore[operator, union-attr]
            for layer in self.decoder
        ]

    def decode_step(
        self, pieces_B: Tensor, position: int, caches: list[LayerCache], source_bias: Tensor
    ) -> Tensor:
        """Decoder states [B, D] for one more piece; the caches grow by it."""
        x = self._positioned(self.embedding(pieces_B[:, None]), start=position)
        bias = torch.zeros((), dtype=self.dtype, device=x.device)
        for layer, cache in zip(self.decoder, caches, strict=True):
            x, _ = layer(x, bias, cache.source, source_bias, cache)
        return self.decoder_norm(x)[:, 0]  # type: ignore[no-any-return]

    def logits(self, states: Tensor) -> Tensor:
        """Scores [..., V] of the next piece."""
        return F.linear(states, self.embedding.weight.to(states.dtype))

    def forward(self, source_BS: Tensor, mix_BL: Tensor, target_BT: Tensor) -> DecoderOutput:
        """Decoder states, which the output layer turns into the next pieces."""
        return self.decode(target_BT, self.encode(source_BS, mix_BL))

    def _positioned(self, x: Tensor, start: int) -> Tensor:
        x = x * self.scale + self.positions[start : start + x.shape[1]]
        return self.dropout(x.to(self.dtype))  # type: ignore[no-any-return]
