"""The Transformer: two ways to the same answer must agree."""

from __future__ import annotations

import pytest
import torch

from nmt.config import ModelConfig
from nmt.model.transformer import Transformer
from nmt.text.tokenizer import BOS, EOS, PAD

TAG_IDS = [4, 5, 6]
VOCAB = 50


def make_model(**changes: object) -> Transformer:
    torch.manual_seed(1)
    config = ModelConfig(
        d_model=32, heads=4, ffn=48, encoder_layers=2, decoder_layers=2, max_length=40
    )
    config = config.model_copy(update=changes)
    return Transformer(config, VOCAB, TAG_IDS).eval()


def one_hot(language: int) -> list[float]:
    return [float(i == language) for i in range(len(TAG_IDS))]


SOURCE = torch.tensor([[10, 11, 12, 13, EOS], [20, 21, EOS, PAD, PAD]])
MIX = torch.tensor([one_hot(0), one_hot(2)])
TARGET = torch.tensor([[BOS, 30, 31, 32], [BOS, 33, 34, PAD]])


@pytest.mark.parametrize("norm", ["post", "pre"])
def test_decoding_step_by_step_equals_decoding_at_once(norm: str) -> None:
    model = make_model(norm=norm)
    with torch.inference_mode():
        encoded = model.encode(SOURCE, MIX)
        whole = model.decode(TARGET, encoded).states
        caches = model.start_cache(encoded)
        for position in range(TARGET.shape[1]):
            step = model.decode_step(TARGET[:, position], position, caches, encoded.bias)
            torch.testing.assert_close(step, whole[:, position], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("norm", ["post", "pre"])
def test_a_row_does_not_depend_on_the_padding_of_its_batch(norm: str) -> None:
    model = make_model(norm=norm)
    with torch.inference_mode():
        together = model(SOURCE, MIX, TARGET).states[1, :3]
        alone = model(SOURCE[1:, :3], MIX[1:], TARGET[1:, :3]).states[0]
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_a_piece_does_not_see_later_ones() -> None:
    model = make_model()
    changed = TARGET.clone()
    changed[:, 3] = 40
    with torch.inference_mode():
        before, after = model(SOURCE, MIX, TARGET).states, model(SOURCE, MIX, changed).states
    torch.testing.assert_close(before[:, :3], after[:, :3])
    assert not torch.allclose(before[:, 3], after[:, 3])


def test_a_one_hot_mix_is_the_plain_tag_as_first_source_piece() -> None:
    model = make_model()
    with torch.inference_mode():
        x = model.embedding(torch.cat([torch.tensor([[TAG_IDS[1]]]), SOURCE[:1]], dim=1))
        x = x * model.config.d_model**0.5 + model.positions[: x.shape[1]]
        for layer in model.encoder:
            x = layer(x, torch.zeros(()))
        mixed = model.encode(SOURCE[:1], torch.tensor([one_hot(1)])).states
    torch.testing.assert_close(mixed, x)


def test_a_mix_lies_between_its_languages() -> None:
    model = make_model()
    rows = torch.tensor([one_hot(0), [0.5, 0.5, 0.0], one_hot(1)])
    with torch.inference_mode():
        states = model.encode(SOURCE[:1].expand(3, -1), rows).states
    first, middle, second = states
    span = (first - second).norm()
    assert 0 < (middle - first).norm() < span
    assert 0 < (middle - second).norm() < span


def test_equal_seeds_give_equal_weights() -> None:
    for a, b in zip(make_model().parameters(), make_model().parameters(), strict=True):
        assert torch.equal(a, b)


def test_activations_have_the_type_that_was_asked_for_and_weights_stay_float32() -> None:
    config = make_model().config
    torch.manual_seed(1)
    model = Transformer(config, VOCAB, TAG_IDS, dtype=torch.bfloat16).eval()
    states = model(SOURCE, MIX, TARGET).states
    states.float().sum().backward()
    assert states.dtype == torch.bfloat16
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert all(p.grad is not None and p.grad.dtype == torch.float32 for p in model.parameters())
    exact = make_model()(SOURCE, MIX, TARGET).states
    torch.testing.assert_close(states.float(), exact, rtol=0.1, atol=0.1)
