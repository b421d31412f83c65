from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from safetensors.numpy import load_file
from torch.nn import functional as F

from nmt.__main__ import main
from nmt.config import Config, OptimizerConfig, TrainingConfig
from nmt.data.batching import Batch, BatchStream
from nmt.data.corpus import Corpus
from nmt.errors import CheckpointError, ConfigError, CorpusError, NonFiniteLoss
from nmt.model.layers import Dropout
from nmt.model.model_dir import load_info
from nmt.model.transformer import Transformer
from nmt.sections import parse
from nmt.text.tokenizer import PAD
from nmt.train.checkpoint import STATE, TrainState, load_state, save_state
from nmt.train.device import compute_dtype
from nmt.train.log import RunLog
from nmt.train.loop import Run, train
from nmt.train.loss import batch_loss, output_loss
from nmt.train.optim import MovingAverage
from nmt.train.ranks import Ranks
from nmt.train.schedule import learning_rate, used_budget

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Any:
    """Batches this small are faster on one thread, and sums come in one order."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def config(tiny_config: Config, tiny_corpus: Path, tmp_path: Path) -> Config:
    """A small model that trains for 12 steps in a folder of its own, with dropout."""
    assert tiny_corpus.exists()
    return changed(
        tiny_config,
        {
            "training.directory": str(tmp_path / "run"),
            "training.max_steps": 12,
            "training.threads": 1,
            "training.dropout": 0.1,
            "training.validation": [],
            "training.save_every_minutes": 0,
            "model.d_model": 32,
            "model.ffn": 64,
        },
    )


def changed(config: Config, values: dict[str, Any]) -> Config:
    tree = config.model_dump(mode="json")
    for key, value in values.items():
        section, _, last = key.rpartition(".")
        where = tree
        for name in section.split(".") if section else []:
            where = where[name]
        where[last] = value
    return parse(Config, tree, "test")


def records(config: Config, kind: str = "train") -> list[dict[str, Any]]:
    lines = (Path(config.training.directory) / "log.jsonl").read_text().splitlines()
    return [record for record in map(json.loads, lines) if record["kind"] == kind]


def alone() -> Ranks:
    return Ranks(torch.device("cpu"))


def weights(directory: Path) -> dict[str, np.ndarray[Any, Any]]:
    return load_file(directory / "weights.safetensors")


def assert_same_weights(one: Path, other: Path) -> None:
    ours, theirs = weights(one), weights(other)
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        assert np.array_equal(value, theirs[name]), name


# One run and another


def test_one_seed_gives_one_model(config: Config, tmp_path: Path) -> None:
    again = changed(config, {"training.directory": str(tmp_path / "again")})
    other = changed(config, {"training.directory": str(tmp_path / "other"), "training.seed": 2})
    first = train(config)
    assert_same_weights(first, train(again))
    assert records(config) == records(again)
    second = weights(train(other))
    assert any(not np.array_equal(value, second[name]) for name, value in weights(first).items())


def command(config: Config, *overrides: str, resume: bool = False) -> list[str]:
    path = Path(config.training.directory).parent / "test.yaml"
    path.write_text(json.dumps(config.model_dump(mode="json")))  # JSON is YAML
    words = [sys.executable, "-m", "nmt", "train", str(path), *overrides]
    return words + ["--resume"] * resume


def start(words: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    with log.open("ab") as file:
        return subprocess.Popen(words, cwd=ROOT, stdout=file, stderr=file)


def wait_for_steps(config: Config, count: int, process: subprocess.Popen[bytes]) -> None:
    path = Path(config.training.directory) / "log.jsonl"
    end = time.monotonic() + 90
    while not path.exists() or path.read_bytes().count(b"\n") < count:
        assert process.poll() is None, "the run ended before it could be stopped"
        assert time.monotonic() < end
        time.sleep(0.005)


def test_killed_and_resumed_is_never_stopped(config: Config, tmp_path: Path) -> None:
    steps = {"training.max_steps": 80, "training.validate_every_minutes": 0.01}
    killed = changed(config, {**steps, "training.validation": ["toy.en-es.tsv"]})
    whole = changed(killed, {"training.directory": str(tmp_path / "whole")})
    seed = time.time_ns() % 1000
    print(f"random moments from {seed}")
    moments = np.random.default_rng(seed)
    for _ in range(2):
        process = start(command(killed, resume=True), tmp_path / "stderr")
        wait_for_steps(killed, int(moments.integers(5, 30)), process)
        time.sleep(moments.random() * 0.1)
        process.kill()
        process.wait()
    finished = start(command(killed, resume=True), tmp_path / "stderr")
    assert finished.wait() == 0, (tmp_path / "stderr").read_text()
    train(whole)
    assert records(killed) == records(whole)
    assert [record["step"] for record in records(killed)] == list(range(1, 81))
    run = Path(killed.training.directory)
    assert_same_weights(run / "model", tmp_path / "whole/model")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopped_by_a_signal_and_resumed_is_never_stopped(
    config: Config, tmp_path: Path, number: signal.Signals
) -> None:
    # Checkpoints come only from the signal here.
    stopped = changed(config, {"training.max_steps": 30, "training.save_every_minutes": 60})
    whole = changed(stopped, {"training.directory": str(tmp_path / "whole")})
    train(whole)

    def interrupt(self: RunLog, state: TrainState, *values: Any) -> None:
        write(self, state, *values)
        if state.step == 20:
            os.kill(os.getpid(), number)

    write = RunLog.step
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(RunLog, "step", interrupt)
        train(stopped)
    assert len(records(stopped)) == 21
    before = signal.getsignal(number)
    train(stopped, resume=True)
    assert signal.getsignal(number) == before
    assert records(stopped) == records(whole)
    assert_same_weights(tmp_path / "run/model", tmp_path / "whole/model")


def test_a_step_is_never_interrupted_in_its_middle(config: Config) -> None:
    step = Run.step

    def interrupted(self: Run, *arguments: float) -> Any:
        result = step(self, *arguments)  # the data has moved on, the state has not
        if self.state.step == 4:
            os.kill(os.getpid(), signal.SIGINT)
        return result

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Run, "step", interrupted)
        train(config)
    run = Run(config, resume=True, ranks=alone())
    assert run.state.step == len(records(config)) == 6  # all ranks hear of it in the next step


def test_resume_without_a_checkpoint_starts(config: Config) -> None:
    train(config, resume=True)
    assert len(records(config)) == 12


def test_a_finished_run_resumed_stays_as_it_is(config: Config, tmp_path: Path) -> None:
    model = train(config)
    before = weights(model)
    train(config, resume=True)
    assert all(np.array_equal(value, weights(model)[name]) for name, value in before.items())
    assert len(records(config)) == 12


def test_more_budget_goes_on_from_the_end(config: Config) -> None:
    train(config)
    train(changed(config, {"training.max_steps": 15}), resume=True)
    assert [record["step"] for record in records(config)] == list(range(1, 16))


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_the_type_of_products_is_chosen_once_a_run(config: Config, dtype: str) -> None:
    train(changed(config, {"training.dtype": dtype, "training.max_steps": 1}))
    later = train(changed(config, {"training.dtype": "auto", "training.max_steps": 2}), resume=True)
    assert load_info(later).provenance["dtype"] == dtype


@pytest.mark.parametrize(
    ("has_units", "faster", "expected"),
    [
        (False, torch.bfloat16, torch.float32),
        (True, torch.bfloat16, torch.bfloat16),
        (True, torch.float32, torch.float32),
    ],
)
def test_auto_is_bfloat16_where_the_cpu_has_units_that_are_faster(
    config: Config,
    monkeypatch: pytest.MonkeyPatch,
    has_units: bool,
    faster: torch.dtype,
    expected: torch.dtype,
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: has_units)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    monkeypatch.setattr("nmt.train.device.faster_dtype", lambda: faster)
    settings = config.training.model_copy(update={"dtype": "auto"})
    assert compute_dtype(settings) == expected


def test_a_compiled_model_trains_alike(
    config: Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes = []

    def compiler(function: Any, **options: Any) -> Any:
        modes.append(options)
        return function

    monkeypatch.setattr(torch, "compile", compiler)
    plain = train(config)
    assert not modes
    values = {"training.compile": "max-autotune", "training.directory": str(tmp_path / "compiled")}
    assert_same_weights(train(changed(config, values)), plain)
    assert modes == [{"mode": "max-autotune", "dynamic": True}]


# What refuses to go on


def test_a_used_directory_is_refused_without_resume(config: Config) -> None:
    train(config)
    with pytest.raises(CheckpointError, match=r"holds a run already: go on with --resume"):
        train(config)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("model.d_model", 64, "cannot go on: model.d_model was 32, is now 64;"),
        ("model.encoder_layers", 3, "model.encoder_layers was 2, is now 3;"),
        ("languages", ["en", "pt", "es", "fr"], "languages was"),
        ("training.optimizer.name", "muon", "optimizer was 'adamw', is now 'muon'"),
    ],
)
def test_another_model_is_refused_naming_the_difference(
    config: Config, key: str, value: Any, said: str
) -> None:
    train(config)
    with pytest.raises(CheckpointError, match=said):
        train(changed(config, {key: value}), resume=True)


def test_another_corpus_is_refused(config: Config) -> None:
    train(config)
    state = torch.load(Path(config.training.directory) / STATE, weights_only=True)
    state["identity"]["corpus"] = "0123"
    torch.save(state, Path(config.training.directory) / STATE)
    with pytest.raises(CheckpointError, match="corpus was '0123', is now"):
        train(config, resume=True)


def test_other_directions_are_refused(config: Config) -> None:
    train(config)
    with pytest.raises(ConfigError, match="cannot go on with other directions"):
        train(changed(config, {"training.directions": ["en>es"]}), resume=True)


@pytest.mark.parametrize("keep", [0, 100, 5000])
def test_a_truncated_checkpoint_is_named(config: Config, keep: int) -> None:
    train(config)
    path = Path(config.training.directory) / STATE
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match=r"state\.pt is damaged"):
        train(config, resume=True)


def test_a_directory_that_cannot_be_made_is_named(config: Config, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    blocked = changed(config, {"training.directory": str(tmp_path / "file/run")})
    with pytest.raises(CheckpointError, match=r"cannot make training\.directory .*Not a directory"):
        train(blocked)


def test_a_language_without_a_tag_is_refused(config: Config) -> None:
    more = changed(config, {"languages": ["en", "es", "pt", "fr", "de"]})
    with pytest.raises(ConfigError, match="no tag for de"):
        train(more)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_a_device_that_is_not_there_is_named(config: Config) -> None:
    with pytest.raises(ConfigError, match=r"training\.device is cuda:3"):
        train(changed(config, {"training.device": "cuda:3"}))


def test_a_loss_that_is_not_finite_stops_with_its_batch_saved(
    config: Config, tmp_path: Path
) -> None:
    overrides = ["training.optimizer.learning_rate=1e30", "training.optimizer.warmup_steps=0"]
    done = CliRunner().invoke(main, command(config, *overrides)[3:])
    assert done.exit_code == 1
    assert re.search("Error: training stopped before step .: the loss is (nan|inf);", done.output)
    assert "training.optimizer.learning_rate" in done.output
    with np.load(tmp_path / "run/bad-batch.npz") as batch:
        assert {"source_BS_0", "mix_BL_0", "target_BT_0", "labels_BT_0"} == set(batch)
        assert batch["labels_BT_0"].any()


def test_a_gradient_that_is_not_finite_stops_before_the_update(config: Config) -> None:
    run = Run(config, resume=False, ranks=alone())
    before = [parameter.detach().clone() for parameter in run.model.parameters()]
    run.model.decoder_norm.register_forward_hook(
        lambda _module, _inputs, output: output.register_hook(lambda g: g * float("inf")) and None
    )
    with pytest.raises(NonFiniteLoss, match="the gradient norm is (nan|inf)"):
        run.step(1e-3)
    assert all(map(torch.equal, before, run.model.parameters()))


# Budget, validation and early stopping


def test_a_budget_in_minutes_ends_the_run(config: Config) -> None:
    start_time = time.monotonic()
    timed = changed(config, {"training.max_steps": None, "training.max_minutes": 0.02})
    train(timed)
    assert 1.2 <= time.monotonic() - start_time < 30
    found = records(timed)
    assert found[-1]["learning_rate"] < found[len(found) // 2]["learning_rate"]


def test_the_used_budget_is_that_of_steps_or_minutes_whichever_is_more(config: Config) -> None:
    both = changed(config, {"training.max_steps": 100, "training.max_minutes": 2.0}).training
    assert used_budget(both, 50, 30) == 0.5
    assert used_budget(both, 10, 90) == 0.75


def test_validation_scores_are_logged_and_the_best_model_is_kept(config: Config) -> None:
    values = {"training.validation": ["toy.en-es.tsv"], "training.validate_every_minutes": 1e-6}
    validated = changed(config, {**values, "training.max_steps": 3})
    train(validated)
    found = records(validated, "validation")
    assert [record["step"] for record in found] == [1, 2, 3, 3]
    for record in found:
        assert record["loss"] == pytest.approx(
            (record["loss.toy.en>es"] + record["loss.toy.es>en"]) / 2
        )
        assert 0 <= record["bleu.toy.en>es"] <= 100
    assert (Path(validated.training.directory) / "best/weights.safetensors").exists()


def test_training_stops_when_validation_gains_no_more(config: Config) -> None:
    # A rate of almost nothing: the first validation is the best, and the model never gains.
    values = {
        "training.validation": ["toy.en-es.tsv"],
        "training.validate_every_minutes": 1e-6,
        "training.patience": 3,
        "training.ema_decay": 0.0,
        "training.optimizer.learning_rate": 1e-30,
        "training.max_steps": 50,
    }
    train(changed(config, values))
    assert len(records(config)) == 4


def test_patience_needs_something_to_validate_on(config: Config) -> None:
    with pytest.raises(ConfigError, match=r"training\.patience needs held-out files"):
        train(changed(config, {"training.patience": 2}))


def test_validation_sentences_that_are_too_long_are_refused_at_the_start(
    config: Config, tmp_path: Path
) -> None:
    (tmp_path / "long.en-es.tsv").write_text("cat " * 80 + "\t" + "gato " * 80 + "\n")
    long = changed(config, {"training.validation": [str(tmp_path / "long.en-es.tsv")]})
    with pytest.raises(CorpusError, match=r"long en>es: source 1 has \d+ pieces"):
        train(long)
    assert not records_exist(long)


def records_exist(config: Config) -> bool:
    return (Path(config.training.directory) / "log.jsonl").exists()


# Parts


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("tokens", [1, 255, 256, 600])
def test_the_output_loss_is_cross_entropy_with_its_gradients(tokens: int, smoothing: float) -> None:
    generator = torch.Generator().manual_seed(tokens)
    states = torch.randn(tokens, 16, generator=generator, requires_grad=True)
    table = torch.randn(50, 16, generator=generator, requires_grad=True)
    labels = torch.randint(50, (tokens,), generator=generator)
    loss, nll = output_loss(states, table, labels, smoothing)
    (3 * loss).backward()  # type: ignore[no-untyped-call]
    ours = states.grad, table.grad
    states.grad = table.grad = None
    plain = F.cross_entropy(states @ table.T, labels, reduction="sum", label_smoothing=smoothing)
    (3 * plain).backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(loss, plain)
    torch.testing.assert_close(nll, F.cross_entropy(states @ table.T, labels, reduction="sum"))
    torch.testing.assert_close(ours, (states.grad, table.grad), rtol=1e-4, atol=1e-4)


def small_batches(config: Config, count: int) -> list[Batch]:
    stream = BatchStream(Corpus(Path(config.data.directory)), config.languages, config.training)
    return [next(stream) for _ in range(count)]


def model_for(config: Config, dtype: torch.dtype = torch.float32) -> Transformer:
    torch.manual_seed(0)
    tokenizer = Corpus(Path(config.data.directory)).tokenizer
    tags = [tokenizer.tag_ids[code] for code in config.languages]
    return Transformer(config.model, tokenizer.vocab_size, tags, dtype=dtype)


def padded_to(batch: Batch, source: int, target: int) -> Batch:
    def pad(array: Any, width: int) -> Any:
        return np.pad(array, [(0, 0), (0, width - array.shape[1])], constant_values=PAD)

    return replace(
        batch,
        source_BS=pad(batch.source_BS, source),
        target_BT=pad(batch.target_BT, target),
        labels_BT=pad(batch.labels_BT, target),
    )


def joined(batches: Sequence[Batch]) -> Batch:
    source = max(batch.source_BS.shape[1] for batch in batches)
    target = max(batch.target_BT.shape[1] for batch in batches)
    padded = [vars(padded_to(batch, source, target)) for batch in batches]
    return Batch(**{name: np.concatenate([p[name] for p in padded]) for name in padded[0]})


def test_accumulated_batches_step_like_one_batch_of_all(config: Config, tmp_path: Path) -> None:
    plain = changed(config, {"training.dropout": 0.0})
    halves = small_batches(plain, 2)
    results = []
    for name, batches in [("two", halves), ("one", [joined(halves)])]:
        values = {
            "training.directory": str(tmp_path / name),
            "training.accumulation": len(batches),
        }
        run = Run(changed(plain, values), resume=False, ranks=alone())
        run.batches = iter(batches)  # type: ignore[assignment]
        result = run.step(1e-3)
        results.append((result, [p.detach().clone() for p in run.model.parameters()]))
    (two, two_weights), (one, one_weights) = results
    assert two.tokens == one.tokens
    assert two.loss == pytest.approx(one.loss, rel=1e-5)
    assert two.grad_norm == pytest.approx(one.grad_norm, rel=1e-4)
    for a, b in zip(two_weights, one_weights, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


def test_bfloat16_gives_about_the_loss_of_float32(config: Config) -> None:
    (batch,) = small_batches(config, 1)
    losses = {}
    for dtype in (torch.float32, torch.bfloat16):
        model = model_for(config, dtype)
        loss = batch_loss(model, batch, 0.1, torch.device("cpu")).objective
        loss.backward()  # type: ignore[no-untyped-call]
        losses[dtype] = loss.item() / batch.num_tokens
        assert all(p.dtype == torch.float32 for p in model.parameters())
    assert losses[torch.bfloat16] == pytest.approx(losses[torch.float32], rel=0.02)
    assert losses[torch.bfloat16] != losses[torch.float32]  # it did compute in another type


def test_padding_changes_no_loss(config: Config) -> None:
    (batch,) = small_batches(config, 1)
    model = model_for(config)
    wider = padded_to(batch, batch.source_BS.shape[1] + 3, batch.target_BT.shape[1] + 5)
    device = torch.device("cpu")
    ours, theirs = batch_loss(model, batch, 0.1, device), batch_loss(model, wider, 0.1, device)
    torch.testing.assert_close(vars(ours), vars(theirs))


def test_the_learning_rate_warms_up_stays_and_decays_to_nothing() -> None:
    schedule = OptimizerConfig(learning_rate=2.0, warmup_steps=4, decay_share=0.5)
    assert [learning_rate(step, 0.0, schedule) for step in range(6)] == [0.5, 1.0, 1.5, 2, 2, 2]
    shares = [0.0, 0.5, 0.75, 0.9, 1.0, 1.1]
    rates = [learning_rate(100, share, schedule) for share in shares]
    assert rates == pytest.approx([2.0, 2.0, 1.0, 0.4, 0.0, 0.0])


def test_the_learning_rate_may_do_without_warm_up_and_decay() -> None:
    schedule = OptimizerConfig(learning_rate=2.0, warmup_steps=0, decay_share=0.0)
    assert [learning_rate(step, 0.99, schedule) for step in (0, 5)] == [2.0, 2.0]


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_dropout_has_its_rate_and_keeps_the_mean(rate: float) -> None:
    torch.manual_seed(0)
    dropout = Dropout(rate).train()
    dropped = torch.stack([dropout(torch.ones(300, 400)) for _ in range(5)])
    assert (dropped == 0).float().mean().item() == pytest.approx(rate, abs=0.01)
    assert dropped.mean().item() == pytest.approx(1, abs=0.02)
    assert not torch.equal(dropped[0], dropped[1])
    assert torch.equal(dropout.eval()(torch.ones(5)), torch.ones(5))


def test_dropout_drops_gradients_where_it_drops_values() -> None:
    x = torch.ones(1000, requires_grad=True)
    dropped = Dropout(0.3).train()(x)
    dropped.sum().backward()
    assert x.grad is not None
    assert torch.equal(x.grad, dropped.detach())


def test_the_average_of_weights_follows_its_formula() -> None:
    parameter = torch.zeros(1)
    average = MovingAverage([parameter], decay=0.5)
    expected = 0.0
    for step in range(1, 30):
        parameter.fill_(float(step))
        average.update(step)
        decay = min(0.5, step / (step + 9))
        expected = decay * expected + (1 - decay) * step
        assert average.values[0].item() == pytest.approx(expected)


def test_without_averaging_the_raw_weights_are_kept() -> None:
    parameter = torch.zeros(3)
    average = MovingAverage([parameter], decay=0.0)
    parameter.fill_(4.0)
    average.update(1)
    assert torch.equal(average.values[0], parameter)


def test_a_checkpoint_survives_saving(tmp_path: Path) -> None:
    state = TrainState(step=3, tokens=9, average=[torch.ones(2)], identity={"corpus": "x"})
    save_state(state, tmp_path)
    again = load_state(tmp_path, {"corpus": "x"})
    assert (again.step, again.tokens, again.identity) == (3, 9, {"corpus": "x"})
    assert torch.equal(again.average[0], torch.ones(2))
    assert [path.name for path in tmp_path.iterdir()] == [STATE]


def test_the_log_takes_back_what_came_after_the_checkpoint(tmp_path: Path) -> None:
    lines = [json.dumps({"kind": "train", "step": step}) + "\n" for step in range(1, 6)]
    (tmp_path / "log.jsonl").write_text("".join(lines) + '{"kind": "tra')
    settings = TrainingConfig(directory=str(tmp_path), max_steps=9)
    with RunLog(tmp_path, 3, settings) as log:
        log.validation(4, {"loss": 1.0})
    text = (tmp_path / "log.jsonl").read_text()
    assert text == "".join(lines[:3]) + '{"kind": "validation", "step": 4, "loss": 1.0}\n'


def test_a_run_whose_folder_is_deleted_says_so(tiny_config: Config, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    with RunLog(tmp_path / "run", 0, tiny_config.training) as log:
        log.validation(1, {"loss": 1.0})
        log.flush()
        shutil.rmtree(tmp_path / "run")
        with pytest.raises(CheckpointError, match=r"run is gone"):
            log.validation(2, {"loss": 1.0})
        with pytest.raises(CheckpointError, match=r"run is gone"):
            log.flush()
