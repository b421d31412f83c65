"""The training objective: output layer and label-smoothed cross-entropy as one step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from nmt.data.batching import Batch
from nmt.model.transformer import Transformer
from nmt.text.tokenizer import PAD
from nmt.train.alignment import Guide

# N real target tokens of a batch, D model width, V vocabulary

# Rows of logits held at a time: enough for fast products, small against the whole [N, V].
ROWS_PER_BLOCK = 256


class _OutputLoss(torch.autograd.Function):
    """Computes both gradients along with the loss, so that logits live for one block only."""

    @staticmethod
    def forward(
        ctx: Any, states_ND: Tensor, table_VD: Tensor, labels_N: Tensor, smoothing: float
    ) -> tuple[Tensor, Tensor]:
        table = table_VD.to(states_ND.dtype)
        vocab = table.shape[0]
        grad_states = torch.empty_like(states_ND)
        grad_table = torch.zeros_like(table_VD)
        loss = nll = torch.zeros((), device=states_ND.device)
        for start in range(0, len(labels_N), ROWS_PER_BLOCK):
            states = states_ND[start : start + ROWS_PER_BLOCK]
            labels = labels_N[start : start + ROWS_PER_BLOCK, None]
            # Log-softmax and its gradient with one pass of exponentials, in place.
            logits = (states @ table.T).float()
            logits.sub_(logits.amax(dim=1, keepdim=True))
            label_logits, sum_logits = logits.gather(1, labels).sum(), logits.sum()
            p = logits.exp_()
            totals = p.sum(dim=1, keepdim=True)
            sum_log_totals = totals.log().sum()
            block_nll = sum_log_totals - label_logits
            sum_log_p = sum_logits - vocab * sum_log_totals
            nll = nll + block_nll
            loss = loss + (1 - smoothing) * block_nll - smoothing / vocab * sum_log_p
            # d loss / d logits = p - (smoothed one-hot label)
            grad = p.div_(totals).sub_(smoothing / vocab)
            grad.scatter_add_(1, labels, grad.new_full((), smoothing - 1).expand_as(labels))
            grad = grad.to(states.dtype)
            grad_states[start : start + ROWS_PER_BLOCK] = grad @ table
            if grad.dtype == grad_table.dtype:
                grad_table.addmm_(grad.T, states)
            else:
                grad_table += grad.T @ states
        ctx.save_for_backward(grad_states, grad_table)
        ctx.mark_non_differentiable(nll)
        return loss, nll

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None, None]:
        grad_states, grad_table = ctx.saved_tensors
        return grad_states * grads[0].to(grad_states.dtype), grad_table * grads[0], None, None


def output_loss(
    states_ND: Tensor, table_VD: Tensor, labels_N: Tensor, smoothing: float
) -> tuple[Tensor, Tensor]:
    """Sums over N tokens of the label-smoothed loss and of the plain negative log-likelihood.

    The logits are `states_ND @ table_VD.T`; the smoothed target gives `smoothing` evenly to all V
    pieces and the rest to the label (Szegedy et al. 2016). Only the first sum has gradients.
    """
    return _OutputLoss.apply(states_ND, table_VD, labels_N, smoothing)  # type: ignore[no-any-return, no-untyped-call]


@dataclass(frozen=True)
class BatchLoss:
    """Sums over the real target tokens of a batch; `objective` alone has gradients."""

    objective: Tensor
    smoothed: Tensor
    nll: Tensor


def batch_loss(
    model: Transformer,
    batch: Batch,
    smoothing: float,
    device: torch.device,
    guide: Guide | None = None,
) -> BatchLoss:
    """The label-smoothed loss of a batch, and with a guide that of the alignment head on top."""
    source_BS, mix_BL, target_BT, labels_BT = (
        torch.from_numpy(array).to(device)
        for array in (batch.source_BS, batch.mix_BL, batch.target_BT, batch.labels_BT)
    )
    output = model(source_BS, mix_BL, target_BT)
    is_real = labels_BT != PAD
    smoothed, nll = output_loss(
        output.states[is_real], model.embedding.weight, labels_BT[is_real], smoothing
    )
    objective = smoothed
    if guide is not None:
        objective = smoothed + guide.weight * guide.loss(output.looks, batch)
    return BatchLoss(objective, smoothed.detach(), nll)
