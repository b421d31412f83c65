"""Runs a trainer as its users do and counts what it does: real target tokens, and time, by step.

Every trainer counts tokens in its own way, with padding or without, source or target. Here each is
stopped at the beginning of a step and its batch looked at. This file runs in the environment of the
trainer and uses nothing but the standard library and what the trainer brings along.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any


class Watch:
    """Measures `steps` steps after `warmup`, from beginning to beginning, then ends the process."""

    def __init__(self, warmup: int, steps: int, output: Path) -> None:
        self.warmup, self.steps, self.output = warmup, steps, output
        self.begun: list[tuple[float, int, int]] = []

    def begin(self, tokens: int, positions: int, model: Any) -> None:
        """A step begins, on so many real target tokens in so many positions."""
        self.begun.append((time.perf_counter(), tokens, positions))
        if len(self.begun) <= self.warmup + self.steps:
            return
        measured = self.begun[self.warmup : -1]
        result = {
            "steps": len(measured),
            "tokens": sum(tokens for _, tokens, _ in measured),
            "positions": sum(positions for *_, positions in measured),
            "seconds": self.begun[-1][0] - measured[0][0],
            # Tied tables have one set of numbers.
            "parameters": sum({p.data_ptr(): p.numel() for p in model.parameters()}.values()),
            "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
        self.output.write_text(json.dumps(result))
        sys.stdout.flush()
        os._exit(0)


def before(owner: Any, name: str, look: Any) -> None:
    """Call `look` with the arguments of a method each time before it runs."""
    method = getattr(owner, name)

    def watched(self: Any, *arguments: Any, **options: Any) -> Any:
        look(self, *arguments, **options)
        return method(self, *arguments, **options)

    setattr(owner, name, watched)


def macaronic(watch: Watch) -> None:
    """Ours."""
    from nmt.__main__ import main

    loop: Any = importlib.import_module("nmt.train.loop")
    original = loop.batch_loss

    def batch_loss(model: Any, batch: Any, *arguments: Any) -> Any:
        watch.begin(batch.num_tokens, batch.labels_BT.size, model)
        return original(model, batch, *arguments)

    loop.batch_loss = batch_loss
    main()


def eole(watch: Watch) -> None:
    """https://github.com/eole-nlp/eole."""
    from eole.bin.main import main
    from eole.trainer import Trainer

    def look(trainer: Any, batches: Any, *_: Any, **__: Any) -> None:
        targets = [batch["tgt"][:, 1:] for batch in batches]
        pad = trainer.train_loss.padding_idx
        real = sum(int(target.ne(pad).sum()) for target in targets)
        watch.begin(real, sum(target.numel() for target in targets), trainer.model)

    before(Trainer, "_train_step", look)
    main()


def sockeye(watch: Watch) -> None:
    """https://github.com/awslabs/sockeye."""
    from sockeye import constants
    from sockeye.train import main
    from sockeye.training import EarlyStoppingTrainer

    def look(trainer: Any, batch: Any) -> None:
        labels = batch.labels[constants.TARGET_LABEL_NAME]
        real = int((labels != constants.PAD_ID).sum())
        watch.begin(real, labels.numel(), trainer.sockeye_model)

    before(EarlyStoppingTrainer, "_step", look)
    main()


def joeynmt(watch: Watch) -> None:
    """https://github.com/joeynmt/joeynmt."""
    from joeynmt.__main__ import main
    from joeynmt.training import TrainManager

    def look(trainer: Any, batch: Any) -> None:
        watch.begin(int(batch.trg_mask.sum()), batch.trg.numel(), trainer.model)

    before(TrainManager, "_train_step", look)
    main()


if __name__ == "__main__":
    trainer, warmup, steps, output, *rest = sys.argv[1:]
    sys.argv = [trainer, *rest]
    globals()[trainer](Watch(int(warmup), int(steps), Path(output)))
