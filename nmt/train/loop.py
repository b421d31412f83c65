"""The training run, top to bottom."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from nmt.config import Config, DataConfig
from nmt.data.batching import Batch, BatchStream
from nmt.data.corpus import Corpus
from nmt.errors import CheckpointError, ConfigError, NonFiniteLoss
from nmt.model.model_dir import WRITTEN, ModelInfo, save_model
from nmt.model.transformer import Transformer
from nmt.sections import save_config
from nmt.text.tokenizer import Tokenizer
from nmt.train.alignment import Guide, Lexicon
from nmt.train.back_translation import BackTranslator
from nmt.train.checkpoint import STATE, TrainState, load_state, save_state
from nmt.train.device import compute_dtype, find_device, keep_freed_memory
from nmt.train.initialise import start_from
from nmt.train.interrupt import StopRequest
from nmt.train.log import RunLog
from nmt.train.loss import batch_loss
from nmt.train.optim import Gradients, MovingAverage, make_optimizers
from nmt.train.ranks import Ranks
from nmt.train.schedule import Clock, learning_rate, used_budget
from nmt.train.validate import Validator


@dataclass(frozen=True)
class StepResult:
    """Sums over the real target tokens of one step on all ranks, and the norm of its gradient."""

    loss: float
    nll: float
    tokens: int
    padded_tokens: int
    grad_norm: float
    seconds: float
    is_stop_requested: bool

    def record(self) -> dict[str, float]:
        """What the log tells of it: means over tokens."""
        return {
            "nll": self.nll / self.tokens,
            "loss": self.loss / self.tokens,
            "grad_norm": self.grad_norm,
            "tokens": self.tokens,
        }


def train(config: Config, resume: bool = False, init: Path | None = None) -> Path:
    """Train until the budget is used or validation stops improving; gives the model directory.

    With `resume`, goes on from the last checkpoint, if there is one, to the same losses as a run
    never stopped; else with `init` it starts from the weights of that model directory, whose
    languages and vocabulary may differ. Ctrl-C and SIGTERM save after the step at work and raise
    KeyboardInterrupt. Under torchrun all processes train one model: each takes its share of every
    batch, and the first one writes. Raises CheckpointError if the run directory holds another run,
    NonFiniteLoss if training blows up (the batch is saved in the run directory), LostRank if
    another process of the run ends.
    """
    keep_freed_memory()
    with Ranks(find_device(config.training)) as ranks:
        run = Run(config, resume, ranks, init)
        is_silent = not ranks.is_first
        with RunLog(run.directory, run.state.step, config.training, is_silent) as log, run.stop:
            run.loop(log)
        if ranks.is_first:
            run.export(run.directory / "model")
    return run.directory / "model"


class Run:
    """A model with its optimiser, data and state; the same on all ranks."""

    def __init__(
        self, config: Config, resume: bool, ranks: Ranks, init: Path | None = None
    ) -> None:
        settings = config.training
        torch.set_num_threads(settings.threads or ranks.threads)
        torch.manual_seed(settings.seed)
        self.config = config
        self.ranks = ranks
        self.directory = Path(settings.directory)
        self.corpus = Corpus(Path(config.data.directory), config.data.sources)
        self.tokenizer = self.corpus.tokenizer
        _check_languages(config, self.tokenizer)
        self.device = ranks.device
        self.state = ranks.share(lambda: self._start_state(resume))
        self.batches = BatchStream(
            self.corpus, config.languages, settings, self.state.position, ranks.rank, ranks.size
        )
        self.model = Transformer(
            config.model,
            self.tokenizer.vocab_size,
            [self.tokenizer.tag_ids[code] for code in config.languages],
            settings.dropout,
            self._dtype(),
        )
        if init is not None and not self.state.step:
            self.state.origin = start_from(self.model, self.tokenizer, config, init)
        self.model.to(self.device)
        if settings.compile != "off":
            self.model.compile(mode=settings.compile, dynamic=True)
        self.gradients = Gradients(self.model.parameters(), num_sums=6)
        self.optimizers = make_optimizers(self.model, settings.optimizer, ranks, self.model.dtype)
        self.average = MovingAverage(self.model.parameters(), settings.ema_decay)
        self.guide = self._make_guide()
        written = self.corpus.written_pieces(config.languages)
        self.back_translate = BackTranslator(
            self.model,
            self.tokenizer,
            config.languages,
            self.batches.directions,
            settings.back_translation.thin,
            written,
        )
        if self.state.step:
            self._restore()
        self.validator = Validator(config, self.tokenizer)
        self.clock = Clock(self.state.seconds, config.training.clock)
        self.stop = StopRequest()

    def loop(self, log: RunLog) -> None:
        """Steps, validations and checkpoints until the budget is used."""
        settings, state = self.config.training, self.state
        if state.origin and not state.step:
            told = ", ".join(f"{key} {value}" for key, value in state.origin.items())
            log.note(f"started from another model: {told}")
        last_save = last_validation = state.seconds
        while (used := used_budget(settings, state.step, state.seconds)) < 1:
            rate = learning_rate(state.step, used, settings.optimizer)
            result = self.step(rate, used)
            state.step += 1
            state.tokens += result.tokens
            state.seconds = result.seconds
            log.step(state, result.record(), rate, result.padded_tokens, used)
            if state.seconds - last_validation >= 60 * settings.validate_every_minutes:
                self.validate(log)
                self.save(log)  # else a restart would not know the best loss of `best/`
                last_save = last_validation = state.seconds
                if settings.patience and state.stale_validations >= settings.patience:
                    log.note(f"no gain in {settings.patience} validations: stopping")
                    break
            must_stop = result.is_stop_requested
            if must_stop or state.seconds - last_save >= 60 * settings.save_every_minutes:
                self.save(log)
                last_save = state.seconds
            if must_stop:
                log.note(f"stopped after step {state.step}; --resume goes on from here")
                raise KeyboardInterrupt
        else:  # an early stop has validated and saved already
            self.validate(log)
            self.save(log)
        if self.batches.skipped_long:
            log.note(
                f"left out {self.batches.skipped_long:,} drawn pairs that are longer than "
                f"training.max_pieces ({settings.max_pieces}) or have an empty side"
            )

    def step(self, rate: float, used: float = 0.0) -> StepResult:
        """One update of the weights, from the shares that all ranks have of some batches.

        `used` is the used share of the budget, from 0 to 1.
        """
        settings, state = self.config.training, self.state
        # Nothing random in a step depends on the steps before: a checkpoint needs no generator.
        rng = np.random.default_rng([settings.seed, state.step, self.ranks.rank])
        torch.manual_seed(int(rng.integers(2**63)))
        batches = [self._next_batch(used, rng) for _ in range(settings.accumulation)]
        self.model.train()
        self.gradients.clear()
        sums = torch.zeros(2, device=self.device)
        for batch in batches:
            if not batch.num_tokens:
                continue
            loss = batch_loss(self.model, batch, settings.label_smoothing, self.device, self.guide)
            loss.objective.backward()  # type: ignore[no-untyped-call]
            sums += torch.stack([loss.smoothed, loss.nll])
        tokens = sum(batch.num_tokens for batch in batches)
        padded = sum(batch.labels_BT.size for batch in batches)
        seconds = self.clock.seconds if self.ranks.is_first else 0.0
        self.gradients.sums.copy_(torch.tensor([0, 0, tokens, padded, seconds, self.stop.is_made]))
        self.gradients.sums[:2] = sums
        self.ranks.sum(self.gradients.flat)
        all_loss, all_nll, all_tokens, all_padded, seconds, stops = self.gradients.sums.tolist()
        norm = self.gradients.scale(1 / all_tokens, settings.optimizer.clip_norm)
        for name, value in {"loss": all_loss, "gradient norm": norm}.items():
            if not math.isfinite(value):
                self._blow_up(batches, f"the {name} is {value}")
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
        self.average.update(state.step + 1)
        return StepResult(
            all_loss, all_nll, int(all_tokens), int(all_padded), norm, seconds, stops > 0
        )

    def _next_batch(self, used: float, rng: np.random.Generator) -> Batch:
        settings = self.config.training.back_translation
        batch = next(self.batches)
        if used >= settings.start and rng.random() < settings.share and batch.num_tokens:
            return self.back_translate(batch, rng)
        return batch

    def validate(self, log: RunLog) -> None:
        """Scores of the averaged weights; the best of them become `best/`."""
        if not self.validator.has_data:
            return
        state = self.state
        if self.ranks.is_first:
            with self.average.in_place():
                scores = self.validator.run(self.model, self.device)
            log.validation(state.step, scores)
            if scores["loss"] < state.best_loss:
                state.best_loss, state.stale_validations = scores["loss"], 0
                self.export(self.directory / "best")
            else:
                state.stale_validations += 1
        state.best_loss, state.stale_validations = self.ranks.share(
            lambda: (state.best_loss, state.stale_validations)
        )

    def save(self, log: RunLog) -> None:
        """Write a checkpoint of this moment."""
        if not self.ranks.is_first:
            return
        log.flush()
        state = self.state
        state.position = self.batches.position
        state.model = self.model.state_dict()
        state.optimizers = [optimizer.state_dict() for optimizer in self.optimizers]
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
            trained_pieces=self.config.training.max_pieces,
            provenance={
                **data_provenance(self.config.data, self.corpus),
                "steps": self.state.step,
                "target_tokens": self.state.tokens,
                "training_minutes": round(self.state.seconds / 60, 1),
                **({"started_from": self.state.origin} if self.state.origin else {}),
                "dtype": self.state.dtype,
                "ranks": self.ranks.size,
                "threads": torch.get_num_threads(),
                "device": self.device.type,
                "torch": torch.__version__,
            },
        )
        weights[WRITTEN] = self.corpus.written_pieces(self.config.languages)
        save_model(directory, info, self.tokenizer.model, weights)

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
            "optimizer": self.config.training.optimizer.name,
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

    def _dtype(self) -> torch.dtype:
        """One for all ranks; `auto` is decided once a run, or a restart might round otherwise."""
        if not self.state.dtype or self.config.training.dtype != "auto":
            chosen = self.ranks.share(lambda: compute_dtype(self.config.training))
            self.state.dtype = str(chosen).removeprefix("torch.")
        dtype: torch.dtype = getattr(torch, self.state.dtype)
        return dtype

    def _make_guide(self) -> Guide | None:
        settings = self.config.training.alignment
        if not settings.weight:
            return None
        return Guide(self.ranks.share(self._lexicon), settings.weight)

    def _lexicon(self) -> Lexicon:
        """Counted once a run: it takes a minute."""
        path = self.directory / "lexicon.npz"
        if not path.exists():
            Lexicon.count(self.corpus, self.config.training.alignment.max_pairs).save(path)
        return Lexicon.load(path)

    def _restore(self) -> None:
        state = self.state
        self.model.load_state_dict(state.model)
        for optimizer, saved in zip(self.optimizers, state.optimizers, strict=True):
            optimizer.load_state_dict(saved)
        for value, average in zip(self.average.values, state.average, strict=True):
            value.copy_(average)

    def _blow_up(self, batches: list[Batch], what: str) -> None:
        path = self.directory / f"bad-batch{self.ranks.rank or ''}.npz"
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


def _check_languages(config: Config, tokenizer: Tokenizer) -> None:
    if missing := [code for code in config.languages if code not in tokenizer.tag_ids]:
        raise ConfigError(
            f"the prepared corpus has no tag for {', '.join(missing)}: it knows "
            f"{', '.join(tokenizer.languages)}; run `macaronic prepare` with this configuration"
        )


def data_provenance(config: DataConfig, corpus: Corpus) -> dict[str, object]:
    """What a model was trained on: the corpus, and each source with its pairs and licence."""
    pairs = {shard.info.name: len(shard) for shard in corpus.shards}
    return {
        "corpus": corpus.fingerprint[:16],
        "sources": [
            {"name": source.name, "pairs": pairs[source.name], "licence": source.licence}
            for source in config.sources
            if source.name in pairs
        ],
    }
