"""Runs sockeye on a job (in an environment of its own).

Settings chosen for it: buckets of 2 pieces in place of 8, which takes the padding of Multi30k from
21 % to 8 %, and batches by padded target pieces. Its graph is traced, as always. Dropout as in
ours: on embeddings and on what a sub-layer adds. It has no bfloat16 on CPUs.

It asks for a torch before 1.14, which newer Pythons do not have; it is installed without its
requirements, and its code runs unchanged with the torch that all trainers have here.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from recorder import Job, Recorder, read_job
from sockeye import constants
from sockeye.train import main as train
from sockeye.training import EarlyStoppingTrainer


def write_vocabulary(job: Job) -> Path:
    """The pieces in sockeye's form, its special symbols first."""
    pieces = Path(job.corpus, "vocabulary.txt").read_text(encoding="utf-8").split("\n")[:-1]
    symbols = [*constants.VOCAB_SYMBOLS, *pieces]
    path = Path(job.folder) / "vocabulary.json"
    path.write_text(json.dumps({symbol: i for i, symbol in enumerate(symbols)}), encoding="utf-8")
    return path


def command_line(job: Job, vocabulary: Path) -> list[str]:
    """The options of `sockeye-train`."""
    corpus = Path(job.corpus)
    options: dict[str, object] = {
        "source": corpus / "train.en",
        "target": corpus / "train.de",
        "validation-source": corpus / "dev.en",
        "validation-target": corpus / "dev.de",
        "source-vocab": vocabulary,
        "target-vocab": vocabulary,
        "output": Path(job.folder) / "run",
        "max-seq-len": 100,
        "bucket-width": 2,
        "batch-type": "max-word",
        "batch-size": job.batch_tokens,
        "batch-sentences-multiple-of": 1,
        "num-layers": 3,
        "transformer-model-size": 256,
        "transformer-attention-heads": 4,
        "transformer-feed-forward-num-hidden": 1024,
        "transformer-dropout-attention": 0.0,
        "transformer-dropout-act": 0.0,
        "transformer-dropout-prepost": 0.1,
        "embed-dropout": 0.1,
        "weight-tying-type": "src_trg_softmax",
        "label-smoothing": 0.1,
        "optimizer": "adam",
        "optimizer-betas": "0.9:0.98",
        "initial-learning-rate": 0.001,
        "learning-rate-scheduler-type": "none",
        "gradient-clipping-type": "norm",
        "gradient-clipping-threshold": 1.0,
        "checkpoint-interval": 1_000_000,
        "max-updates": 1_000_000,
        "seed": 1,
    }
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return [*words, "--shared-vocab", "--use-cpu", "--no-logfile"]


def main() -> None:
    """Train until the recorder has seen enough."""
    job = read_job()
    torch.set_num_threads(job.threads)
    recorder = Recorder(job, "float32")
    recorder.follow_optimizer()
    plain = EarlyStoppingTrainer._step

    def watched(trainer: Any, batch: Any) -> Any:
        labels = batch.labels[constants.TARGET_LABEL_NAME]
        real = labels.ne(constants.PAD_ID)
        recorder.batch(trainer.sockeye_model, int(real.sum()), labels.numel())
        return plain(trainer, batch)

    EarlyStoppingTrainer._step = watched
    sys.argv[1:] = command_line(job, write_vocabulary(job))
    train()


if __name__ == "__main__":
    main()
