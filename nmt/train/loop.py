"""The training run, top to bottom."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from nmt.config import Config, TrainingConfig, save_config
from nmt.data.batching import Batch, BatchStream
from nmt.data.corpus import Corpus
from nmt.errors import CheckpointError, ConfigError, NonFiniteLoss
from nmt.model.model_dir import ModelInfo, save_model
from nmt.model.transformer import Transformer
from nmt.text.tokenizer import Tokenizer
from nmt.train.checkpoint import STATE, TrainState, load_state, save_state
from nmt.train.device import compute_dtype, find_device
from nmt.train.interrupt import StopRequest
from nmt.train.log import TrainLog
from nmt.train.loss import batch_loss
from nmt.train.optim import MovingAverage, learning_rate, make_optimizer
from nmt.train.progress import TrainProgress
from nmt.train.validate import Validator


@dataclass(frozen=True)
class StepResult:
    """Sums over the real target tokens of one step, and the norm of its gradient."""

    loss: float
    nll: float
    tokens: int
    padded_tokens: int
    grad_norm: float

    def record(self) -> dict[str, float]:
        """What the log tells of it: means over tokens."""
        return {
            "nll": self.nll / self.tokens,
            "loss": self.loss / self.tokens,
            "grad_norm": self.grad_norm,
            "tokens": self.tokens,
        }


def train(config: Config, resume: bool = False) -> Path:
    """Train until the budget is used or validation stops improving; gives the model directory.

    With `resume`, goes on from the last checkpoint, if there is one, to the same losses as a run
    never stopped. Ctrl-C and SIGTERM save after the step at work and raise KeyboardInterrupt.
    Raises CheckpointError if the run directory holds another run, NonFiniteLoss if training blows
    up (the batch is saved in the run directory).
    """
    run = Run(config, resume)
    with (
        TrainLog(run.directory, run.state.step) as log,
        TrainProgress(config.training) as progress,
        StopRequest() as stop,
    ):
        run.loop(log, progress, stop)
    run.export(run.directory / "model")
    return run.directory / "model"


class Run:
    """A model with its optimiser, data and state."""

    def __init__(self, config: Config, resume: bool) -> None:
        settings = config.training
        torch.set_num_threads(settings.threads or os.cpu_count() or 1)
        torch.manual_seed(settings.seed)
        self.config = config
        self.directory = Path(settings.directory)
        self.corpus = Corpus(Path(config.data.directory))
        self.tokenizer = self.corpus.tokenizer
        _check_languages(config, self.tokenizer)
        self.device = find_device(settings)
        self.state = self._start_state(resume)
        self.batches = BatchStream(self.corpus, config.languages, settings, self.state.position)
        self.model = Transformer(
            config.model,
            self.tokenizer.vocab_size,
            [self.tokenizer.tag_ids[code] for code in config.languages],
            settings.dropout,
            compute_dtype(settings),
        ).to(self.device)
        self.optimizer = make_optimizer(self.model, settings.optimizer)
        self.average = MovingAverage(self.model.parameters(), settings.ema_decay)
        if self.state.step:
            self._restore()
        self.validator = Validator(config, self.tokenizer)

    def loop(self, log: TrainLog, progress: TrainProgress, stop: StopRequest) -> None:
        """Steps, validations and checkpoints until the budget is used."""
        settings, state = self.config.training, self.state
        clock = _Clock(state.seconds)
        last_save = last_validation = clock.seconds
        while (used := used_budget(settings, state.step, clock.seconds)) < 1:
            rate = learning_rate(state.step, used, settings.optimizer)
            result = self.step(rate)
            state.step += 1
            state.tokens += result.tokens
            state.seconds = clock.seconds
            log.write("train", state.step, **result.record(), learning_rate=rate)
            progress.step(state, result.nll, result.tokens, result.padded_tokens, used)
            if state.seconds - last_validation >= 60 * settings.validate_every_minutes:
                self.validate(log, progress)
                self.save(log)  # else a restart would not know the best loss of `best/`
                last_save = last_validation = clock.seconds
                if settings.patience and state.stale_validations >= settings.patience:
                    progress.note(f"no gain in {settings.patience} validations: stopping")
                    break
            if stop.is_made or state.seconds - last_save >= 60 * settings.save_every_minutes:
                self.save(log)
                last_save = clock.seconds
            if stop.is_made:
                progress.note(f"stopped after step {state.step}; --resume goes on from here")
                raise KeyboardInterrupt
        else:  # an early stop has validated and saved already
            self.validate(log, progress)
            self.save(log)
        if self.batches.skipped_long:
            progress.note(
                f"left out {self.batches.skipped_long:,} drawn pairs that are longer than "
                f"training.max_pieces ({settings.max_pieces}) or have an empty side"
            )

    def step(self, rate: float) -> StepResult:
        """One update of the weights, from `accumulation` batches."""
        settings = self.config.training
        batches = [next(self.batches) for _ in range(settings.accumulation)]
        num_tokens = sum(batch.num_tokens for batch in batches)
        self.model.train()
        loss_sum = nll_sum = 0.0
        for batch in batches:
            loss, nll = batch_loss(self.model, batch, settings.label_smoothing, self.device)
            if not torch.isfinite(loss):
                self._blow_up(batches, f"the loss is {loss.item()}")
            (loss / num_tokens).backward()  # type: ignore[no-untyped-call]
            loss_sum += loss.item()
            nll_sum += nll.item()
        norm = torch.nn.utils.clip_grad_norm_(
            self.model.parameters(), settings.optimizer.clip_norm
        ).item()
        if not np.isfinite(norm):
            self._blow_up(batches, f"the gradient norm is {norm}")
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.average.update(self.state.step + 1)
        padded = sum(batch.labels_BT.size for batch in batches)
        return StepResult(loss_sum, nll_sum, num_tokens, padded, norm)

    def validate(self, log: TrainLog, progress: TrainProgress) -> None:
        """Scores of the averaged weights; the best of them become `best/`."""
        if not self.validator.has_data:
            return
        with self.average.in_place():
            scores = self.validator.run(self.model, self.device)
        log.write("validation", self.state.step, **scores)
        progress.note(
            f"step {self.state.step}: "
            + ", ".join(f"{name} {value:.3g}" for name, value in scores.items())
        )
        if scores["loss"] < self.state.best_loss:
            self.state.best_loss = scores["loss"]
            self.state.stale_validations = 0
            self.export(self.directory / "best")
        else:
            self.state.stale_validations += 1

    def save(self, log: TrainLog) -> None:
        """Write a checkpoint of this moment."""
        log.flush()
        state = self.state
        state.position = self.batches.position
        state.rng = torch.get_rng_state()
        state.model = self.model.state_dict()
        state.optimizer = self.optimizer.state_dict()
        state.average = self.average.values
        save_state(state, self.directory)

    def export(self, directory: Path) -> None:
        """Write the averaged weights as a model directory."""
        names = [name for name, _ in self.model.named_parameters()]
        weights = {
            name: value.cpu().numpy()
            for name, value in zip(names, self.average.values, strict=True)
        }
        info = ModelInfo(
            name=self.config.name,
            languages=self.config.languages,
            directions=tuple(f"{s}>{t}" for s, t in self.batches.directions),
            architecture=self.config.model,
            vocab_size=self.tokenizer.vocab_size,
            parameters=sum(value.size for value in weights.values()),
            provenance=self._provenance(),
        )
        save_model(directory, info, self.tokenizer.model, weights)

    def _provenance(self) -> dict[str, object]:
        state = self.state
        pairs = {shard.info.name: len(shard) for shard in self.corpus.shards}
        return {
            "corpus": self.corpus.fingerprint[:16],
            "sources": [
                {"name": source.name, "pairs": pairs[source.name], "licence": source.licence}
                for source in self.config.data.sources
                if source.name in pairs
            ],
            "steps": state.step,
            "target_tokens": state.tokens,
            "training_minutes": round(state.seconds / 60, 1),
            "dtype": str(self.model.dtype).removeprefix("torch."),
            "threads": torch.get_num_threads(),
            "device": self.device.type,
            "torch": torch.__version__,
        }

    def _start_state(self, resume: bool) -> TrainState:
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CheckpointError(
                f"cannot make training.directory {self.directory}: {error.strerror}"
            ) from None
        identity = {
            "model": self.config.model.model_dump(mode="json"),
            "languages": list(self.config.languages),
            "corpus": self.corpus.fingerprint,
        }
        has_state = (self.directory / STATE).exists()
        if has_state and not resume:
            raise CheckpointError(
                f"{self.directory} holds a run already: go on with --resume, "
                "or choose another training.directory"
            )
        state = load_state(self.directory, identity) if has_state else TrainState(identity=identity)
        save_config(self.config, self.directory / "config.yaml")
        return state

    def _restore(self) -> None:
        state = self.state
        self.model.load_state_dict(state.model)
        self.optimizer.load_state_dict(state.optimizer)
        for value, saved in zip(self.average.values, state.average, strict=True):
            value.copy_(saved)
        assert state.rng is not None
        torch.set_rng_state(state.rng)

    def _blow_up(self, batches: list[Batch], what: str) -> None:
        path = self.directory / "bad-batch.npz"
        arrays = {
            f"{name}_{number}": array
            for number, batch in enumerate(batches)
            for name, array in vars(batch).items()
        }
        np.savez(path, **arrays)
        raise NonFiniteLoss(
            f"training stopped before step {self.state.step + 1}: {what}; the batch is in {path}. "
            "A lower training.optimizer.learning_rate or a longer warm-up usually helps"
        )


def used_budget(settings: TrainingConfig, step: int, seconds: float) -> float:
    """The used share of the budget; that of steps or that of minutes, whichever is more."""
    shares = [0.0]
    if settings.max_steps is not None:
        shares.append(step / settings.max_steps)
    if settings.max_minutes is not None:
        shares.append(seconds / (60 * settings.max_minutes))
    return max(shares)


def _check_languages(config: Config, tokenizer: Tokenizer) -> None:
    if missing := [code for code in config.languages if code not in tokenizer.tag_ids]:
        raise ConfigError(
            f"the prepared corpus has no tag for {', '.join(missing)}: it knows "
            f"{', '.join(tokenizer.languages)}; run `macaronic prepare` with this configuration"
        )


class _Clock:
    """Seconds of training, counted on from those of earlier starts."""

    def __init__(self, before: float) -> None:
        self._start = time.monotonic() - before

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._start
