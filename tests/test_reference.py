"""The trainer against a plain one written from PyTorch's own parts: the same losses."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from nmt.config import Config
from nmt.data.batching import Batch, BatchStream
from nmt.data.corpus import Corpus
from nmt.sections import parse
from nmt.text.tokenizer import PAD
from nmt.train.loop import Run
from nmt.train.ranks import Ranks

STEPS = 25


class PlainTransformer:
    """The same function of the same parameters: fused attention, no cache, no blocks."""

    def __init__(self, run: Run) -> None:
        self.heads = run.config.model.heads
        self.layers = run.config.model.encoder_layers, run.config.model.decoder_layers
        self.tags = run.model.tag_ids
        self.w = {
            name: value.detach().clone().requires_grad_()
            for name, value in run.model.named_parameters()
        }

    def loss(self, batch: Batch, smoothing: float) -> Tensor:
        source, mix, target, labels = (
            torch.from_numpy(getattr(batch, name))
            for name in ("source_BS", "mix_BL", "target_BT", "labels_BT")
        )
        is_seen = F.pad(source != PAD, (1, 0), value=True)[:, None, None]
        table = self.w["embedding.weight"]
        tag = (mix @ table[self.tags])[:, None]
        x = self.positioned(torch.cat([tag, F.embedding(source, table)], dim=1))
        for i in range(self.layers[0]):
            name = f"encoder.{i}.self_attention"
            q, k, v = F.linear(x, self.w[f"{name}.query_key_value.weight"]).chunk(3, -1)
            x = self.normed(x + self.attend(name, q, k, v, is_seen), name)
            x = self.feed_forward(x, f"encoder.{i}.feed_forward")
        memory, x = x, self.positioned(F.embedding(target, table))
        past = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool).tril()
        for i in range(self.layers[1]):
            name = f"decoder.{i}.self_attention"
            q, k, v = F.linear(x, self.w[f"{name}.query_key_value.weight"]).chunk(3, -1)
            x = self.normed(x + self.attend(name, q, k, v, past), name)
            name = f"decoder.{i}.cross_attention"
            q = F.linear(x, self.w[f"{name}.query.weight"])
            k, v = F.linear(memory, self.w[f"{name}.key_value.weight"]).chunk(2, -1)
            x = self.normed(x + self.attend(name, q, k, v, is_seen), name)
            x = self.feed_forward(x, f"decoder.{i}.feed_forward")
        logits = F.linear(x, table)
        return F.cross_entropy(
            logits.flatten(0, 1), labels.flatten(), ignore_index=PAD, label_smoothing=smoothing
        )

    def positioned(self, x: Tensor) -> Tensor:
        width = x.shape[2]
        position = np.arange(x.shape[1])[:, None]
        angles = position / 10000 ** (np.arange(0, width, 2) / width)
        waves = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
        return x * math.sqrt(width) + torch.from_numpy(waves).float()

    def attend(self, name: str, q: Tensor, k: Tensor, v: Tensor, is_seen: Tensor) -> Tensor:
        def split(x: Tensor) -> Tensor:
            return x.view(*x.shape[:2], self.heads, -1).transpose(1, 2)

        mixed = F.scaled_dot_product_attention(split(q), split(k), split(v), attn_mask=is_seen)
        return F.linear(mixed.transpose(1, 2).flatten(2), self.w[f"{name}.output.weight"])

    def feed_forward(self, x: Tensor, name: str) -> Tensor:
        inner = F.relu(F.linear(x, self.w[f"{name}.inner.weight"]))
        return self.normed(x + F.linear(inner, self.w[f"{name}.outer.weight"]), name)

    def normed(self, x: Tensor, name: str) -> Tensor:
        weight, bias = self.w[f"{name}.norm.weight"], self.w[f"{name}.norm.bias"]
        return F.layer_norm(x, (x.shape[-1],), weight, bias)


@pytest.fixture
def run(tiny_config: Config, tiny_corpus: Path, tmp_path: Path) -> Run:
    tree = tiny_config.model_dump(mode="json")
    tree["training"].update(directory=str(tmp_path / "run"), threads=1)
    assert tiny_corpus.exists()
    return Run(parse(Config, tree, "test"), resume=False, ranks=Ranks(torch.device("cpu")))


def test_the_trainer_has_the_losses_of_a_plain_one(run: Run, tiny_corpus: Path) -> None:
    settings = run.config.training
    plain = PlainTransformer(run)
    decayed = [value for value in plain.w.values() if value.ndim > 1]
    others = [value for value in plain.w.values() if value.ndim <= 1]
    o = settings.optimizer
    groups: list[dict[str, Any]] = [{"params": decayed, "weight_decay": o.weight_decay}]
    optimizer = torch.optim.AdamW(
        [*groups, {"params": others}],
        betas=(o.beta1, o.beta2),
        eps=o.epsilon,
        weight_decay=0.0,
        foreach=False,
    )
    batches = BatchStream(Corpus(tiny_corpus), run.config.languages, settings)
    ours, theirs = [], []
    for step in range(STEPS):
        rate = 1e-3 * (step + 1) / STEPS
        loss = plain.loss(next(batches), settings.label_smoothing)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(plain.w.values(), o.clip_norm)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        theirs.append(loss.item())
        result = run.step(rate)
        run.state.step += 1
        ours.append(result.record()["loss"])
    assert ours == pytest.approx(theirs, rel=2e-4)
    assert ours[-1] < 0.9 * ours[0]
