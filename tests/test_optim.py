from __future__ import annotations

import pytest
import torch
from torch import nn

from nmt.config import ModelConfig, OptimizerConfig
from nmt.model.layers import Linear
from nmt.model.transformer import Transformer
from nmt.train.optim import Gradients, Muon, make_optimizers, orthogonalise
from nmt.train.ranks import Ranks

ALONE = Ranks(torch.device("cpu"))


@pytest.mark.parametrize("shape", [(1, 32, 32), (3, 16, 64)])
def test_orthogonalising_keeps_directions_and_evens_out_their_sizes(
    shape: tuple[int, int, int],
) -> None:
    torch.manual_seed(0)
    x = torch.randn(shape)
    u, _, v = torch.linalg.svd(x, full_matrices=False)
    ours = u.mT @ orthogonalise(x) @ v.mT  # diagonal if the singular vectors are the same
    sizes = torch.diagonal(ours, dim1=1, dim2=2)
    assert sizes.min() > 0.3 and sizes.max() < 1.4
    torch.testing.assert_close(ours, torch.diag_embed(sizes), atol=1e-3, rtol=0)


def test_orthogonalising_in_bfloat16_is_the_same_but_for_rounding() -> None:
    torch.manual_seed(0)
    x = torch.randn(3, 64, 128)
    exact, rounded = orthogonalise(x), orthogonalise(x, torch.bfloat16)
    assert rounded.dtype == torch.float32
    assert (rounded - exact).norm() < 0.03 * exact.norm()


def test_muon_updates_each_stacked_map_as_if_it_stood_alone() -> None:
    torch.manual_seed(0)
    config = OptimizerConfig(name="muon", weight_decay=0.1)
    stacked = Linear(8, 8, maps=3)
    alone = [Linear(8, 8) for _ in range(3)]
    gradient = torch.randn(24, 8)
    for linear, weight, part in zip(alone, stacked.weight.chunk(3), gradient.chunk(3), strict=True):
        linear.weight.data.copy_(weight.data)
        linear.weight.grad = part.clone()
    stacked.weight.grad = gradient
    together, apart = Muon([stacked], config, ALONE), Muon(alone, config, ALONE)
    for _ in range(3):
        together.step()
        apart.step()
    torch.testing.assert_close(stacked.weight, torch.cat([linear.weight for linear in alone]))


@pytest.mark.parametrize("shape", [(16, 16), (64, 16), (16, 64)])
def test_updates_of_muon_are_as_large_as_those_of_adamw(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    linear = Linear(shape[1], shape[0])
    before = linear.weight.detach().clone()
    linear.weight.grad = torch.randn_like(linear.weight)
    Muon([linear], OptimizerConfig(learning_rate=0.01, weight_decay=0.0), ALONE).step()
    change = (linear.weight.detach() - before) / 0.01
    assert 0.14 < change.square().mean().sqrt() < 0.26


def test_muon_takes_the_linear_maps_and_adamw_the_rest() -> None:
    model = Transformer(ModelConfig(d_model=16, heads=2, ffn=32), 50, [4, 5])
    adamw, muon = make_optimizers(model, OptimizerConfig(name="muon"), ALONE)
    taken = [
        id(p) for optimizer in (adamw, muon) for g in optimizer.param_groups for p in g["params"]
    ]
    assert sorted(taken) == sorted(id(p) for p in model.parameters())
    linears = {id(m.weight) for m in model.modules() if isinstance(m, Linear)}
    assert {id(p) for p in muon.param_groups[0]["params"]} == linears
    assert len(make_optimizers(model, OptimizerConfig(name="adamw"), ALONE)) == 1


def test_gradients_in_one_tensor_are_scaled_and_clipped_as_torch_does() -> None:
    torch.manual_seed(0)
    one, other = nn.Linear(4, 3), nn.Linear(4, 3)
    other.load_state_dict(one.state_dict())
    gradients = Gradients(one.parameters(), num_sums=2)
    x = torch.randn(5, 4)
    one(x).square().sum().backward()
    (other(x).square().sum() / 5).backward()
    plain = torch.nn.utils.clip_grad_norm_(other.parameters(), 0.1)
    assert gradients.scale(1 / 5, clip_norm=0.1) == pytest.approx(plain.item())
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad)
    gradients.sums[0] = 3.0
    gradients.clear()
    assert all(not p.grad.any() for p in one.parameters() if p.grad is not None)
    assert not gradients.sums.any()
