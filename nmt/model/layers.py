"""The parts of a Transformer: attention, feed-forward, encoder and decoder layers.

Parameters are kept in float32; products run in the type of the activations, so that training in
bfloat16 and decoding in float32 are the same lines. No linear map has a bias: what remains is
expressible in CTranslate2's `TransformerSpec` and in transformers' `MarianMTModel`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nmt.config import ModelConfig

# B batch, S source length, T target length, D model width, H heads, K width of a head

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "gelu": F.gelu,
    "swish": F.silu,
}


class Linear(nn.Linear):
    """A linear map without bias, in the type of its input.

    `maps` counts the maps that share the weight as blocks of rows (query, key and value): one
    product for the hardware, several matrices for the optimiser.
    """

    def __init__(self, inputs: int, outputs: int, maps: int = 1) -> None:
        super().__init__(inputs, outputs * maps, bias=False)
        self.maps = maps

    def forward(self, x: Tensor) -> Tensor:
        """Map the last dimension."""
        return F.linear(x, self.weight.to(x.dtype))


class LayerNorm(nn.LayerNorm):
    """Layer normalisation in the type of its input."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last dimension."""
        weight, bias = self.weight.to(x.dtype), self.bias.to(x.dtype)
        return F.layer_norm(x, self.normalized_shape, weight, bias, self.eps)


class Dropout(nn.Module):
    """Dropout with masks read at a random place of a pool drawn once.

    Drawing a mask anew costs more on a CPU than the matrix product around it. The pool is some
    prime number of elements, and every call starts elsewhere; the place comes from torch's global
    generator, whose state a run saves.
    """

    POOL = 8_388_593

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self._pool: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Zero a share of the elements and scale up the rest, in training only."""
        if not self.training or self.rate == 0:
            return x
        size = x.numel()
        if size >= self.POOL:
            return F.dropout(x, self.rate)
        if self._pool is None or self._pool.dtype != x.dtype or self._pool.device != x.device:
            self._pool = self._draw_pool(x)
        start = int(torch.randint(self.POOL - size, ()))
        return x * self._pool[start : start + size].view_as(x)

    def _draw_pool(self, x: Tensor) -> Tensor:
        # A generator of its own: a resumed run must find the same pool.
        generator = torch.Generator().manual_seed(0)
        keep = torch.rand(self.POOL, generator=generator) >= self.rate
        return (keep / (1 - self.rate)).to(x.dtype).to(x.device)


class Attention(nn.Module):
    """Scaled dot-product attention over heads, as two batched products and a softmax.

    For sentences of some tens of pieces this is several times faster on a CPU than the fused
    kernels, which are made for long sequences.
    """

    def __init__(self, heads: int) -> None:
        super().__init__()
        self.heads = heads

    def forward(
        self, q_BTD: Tensor, k_BSD: Tensor, v_BSD: Tensor, bias: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Mixed values [B, T, D] and weights [B, H, T, S], given a bias that broadcasts to them."""
        size, length, width = q_BTD.shape
        scale = math.sqrt(self.heads / width)
        q, k, v = (self._split(x) for x in (q_BTD * scale, k_BSD, v_BSD))
        scores = torch.bmm(q, k.transpose(1, 2)).view(size, self.heads, length, -1)
        weights = torch.softmax(scores + bias, dim=-1)
        mixed = torch.bmm(weights.view(-1, length, k.shape[1]), v)
        mixed = mixed.view(size, self.heads, length, -1).transpose(1, 2)
        return mixed.reshape(size, length, width), weights

    def _split(self, x_BSD: Tensor) -> Tensor:
        size, length, width = x_BSD.shape
        heads = x_BSD.view(size, length, self.heads, width // self.heads).transpose(1, 2)
        return heads.reshape(size * self.heads, length, width // self.heads)


class LayerCache:
    """Keys and values of one decoder layer for the pieces decoded so far."""

    def __init__(self, source_keys: Tensor, source_values: Tensor) -> None:
        self.source = source_keys, source_values
        self.target: tuple[Tensor, Tensor] | None = None

    def extend(self, k_BTD: Tensor, v_BTD: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values of all pieces, the new ones included."""
        if self.target is not None:
            k_BTD = torch.cat([self.target[0], k_BTD], dim=1)
            v_BTD = torch.cat([self.target[1], v_BTD], dim=1)
        self.target = k_BTD, v_BTD
        return self.target

    def select(self, rows: Tensor) -> None:
        """Keep these rows, in this order: beams move within a sentence, finished sentences go."""
        if self.target is not None:
            self.target = self.target[0][rows], self.target[1][rows]
        # All beams of a sentence look at the same source: it moves only when rows go.
        if len(rows) != len(self.source[0]):
            self.source = self.source[0][rows], self.source[1][rows]


class Sublayer(nn.Module):
    """What surrounds attention and feed-forward: residual, dropout and normalisation."""

    def __init__(self, config: ModelConfig, dropout: Dropout) -> None:
        super().__init__()
        self.norm = LayerNorm(config.d_model)
        self.is_pre_norm = config.norm == "pre"
        self.dropout = dropout

    def enter(self, x: Tensor) -> Tensor:
        """What the sublayer works on."""
        normed: Tensor = self.norm(x) if self.is_pre_norm else x
        return normed

    def leave(self, x: Tensor, change: Tensor) -> Tensor:
        """The input joined with what the sublayer made of it."""
        summed: Tensor = x + self.dropout(change)
        return summed if self.is_pre_norm else self.norm(summed)


class SelfAttention(Sublayer):
    """Every position looks at those of its own sentence that the bias lets it see."""

    def __init__(self, config: ModelConfig, dropout: Dropout) -> None:
        super().__init__(config, dropout)
        self.query_key_value = Linear(config.d_model, config.d_model, maps=3)
        self.attention = Attention(config.heads)
        self.output = Linear(config.d_model, config.d_model)

    def forward(self, x: Tensor, bias: Tensor, cache: LayerCache | None = None) -> Tensor:
        """States after this sublayer; with a cache, `x` goes on from what it holds."""
        q, k, v = self.query_key_value(self.enter(x)).chunk(3, dim=-1)
        if cache is not None:
            k, v = cache.extend(k, v)
        mixed, _ = self.attention(q, k, v, bias)
        return self.leave(x, self.output(mixed))


class CrossAttention(Sublayer):
    """Every target position looks at the source."""

    def __init__(self, config: ModelConfig, dropout: Dropout) -> None:
        super().__init__(config, dropout)
        self.query = Linear(config.d_model, config.d_model)
        self.key_value = Linear(config.d_model, config.d_model, maps=2)
        self.attention = Attention(config.heads)
        self.output = Linear(config.d_model, config.d_model)

    def keys_values(self, states_BSD: Tensor) -> tuple[Tensor, Tensor]:
        """What the decoder looks up in the source; the same for every step."""
        keys, values = self.key_value(states_BSD).chunk(2, dim=-1)
        return keys, values

    def forward(
        self, x: Tensor, keys_values: tuple[Tensor, Tensor], bias: Tensor
    ) -> tuple[Tensor, Tensor]:
        """States after this sublayer and where it looked [B, H, T, S], given `keys_values`."""
        mixed, weights = self.attention(self.query(self.enter(x)), *keys_values, bias)
        return self.leave(x, self.output(mixed)), weights


class FeedForward(Sublayer):
    """Two maps with an activation between them, for each position alone."""

    def __init__(self, config: ModelConfig, dropout: Dropout) -> None:
        super().__init__(config, dropout)
        self.inner = Linear(config.d_model, config.ffn)
        self.outer = Linear(config.ffn, config.d_model)
        self.activation = ACTIVATIONS[config.activation]

    def forward(self, x: Tensor) -> Tensor:
        """States after this sublayer."""
        return self.leave(x, self.outer(self.activation(self.inner(self.enter(x)))))


class EncoderLayer(nn.Module):
    """Self-attention and feed-forward."""

    def __init__(self, config: ModelConfig, dropout: Dropout) -> None:
        super().__init__()
        self.self_attention = SelfAttention(config, dropout)
        self.feed_forward = FeedForward(config, dropout)

    def forward(self, x_BSD: Tensor, bias: Tensor) -> Tensor:
        """States after this layer."""
        return self.feed_forward(self.self_attention(x_BSD, bias))  # type: ignore[no-any-return]


class DecoderLayer(nn.Module):
    """Self-attention, cross-attention and feed-forward."""

    def __init__(self, config: ModelConfig, dropout: Dropout) -> None:
        super().__init__()
        self.self_attention = SelfAttention(config, dropout)
        self.cross_attention = CrossAttention(config, dropout)
        self.feed_forward = FeedForward(config, dropout)

    def forward(
        self,
        x_BTD: Tensor,
        bias: Tensor,
        keys_values: tuple[Tensor, Tensor],
        source_bias: Tensor,
        cache: LayerCache | None = None,
    ) -> tuple[Tensor, Tensor]:
        """States after this layer and its looks at the source [B, H, T, S].

        With a cache, `x_BTD` goes on from what it holds.
        """
        x_BTD = self.self_attention(x_BTD, bias, cache)
        x_BTD, weights = self.cross_attention(x_BTD, keys_values, source_bias)
        return self.feed_forward(x_BTD), weights
