"""Runs joeynmt on a job (in an environment of its own).

It does not sort sentences by length: its token batches are as long as their longest sentence, and
that is how its users train. It has no bfloat16 on CPUs, and one rate for all its dropout.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from joeynmt.helpers import make_model_dir
from joeynmt.training import TrainManager, train
from recorder import Job, Recorder, read_job


def settings(job: Job) -> dict[str, Any]:
    """The configuration, as `joeynmt train` would read it."""
    corpus = Path(job.corpus)
    side = {
        "level": "word",  # the text is in pieces already
        "lowercase": False,
        "normalize": False,
        "max_length": 100,
        "voc_file": str(corpus / "vocabulary.txt"),
    }
    stack = {
        "type": "transformer",
        "num_layers": 3,
        "num_heads": 4,
        "embeddings": {"embedding_dim": 256, "scale": True, "dropout": 0.1},
        "hidden_size": 256,
        "ff_size": 1024,
        "dropout": 0.1,
        "layer_norm": "post",
    }
    return {
        "name": "bench",
        "joeynmt_version": "2.3.0",
        "model_dir": f"{job.folder}/run",
        "use_cuda": False,
        "fp16": False,
        "random_seed": 1,
        "data": {
            "train": str(corpus / "train"),
            "dev": str(corpus / "dev"),
            "dataset_type": "plain",
            "src": {"lang": "en", **side},
            "trg": {"lang": "de", **side},
        },
        "testing": {"beam_size": 1},
        "training": {
            "optimizer": "adamw",
            "adam_betas": [0.9, 0.98],
            "learning_rate": 0.001,
            "label_smoothing": 0.1,
            "normalization": "tokens",
            "clip_grad_norm": 1.0,
            "scheduling": "warmupinversesquareroot",  # it takes no constant rate
            "learning_rate_warmup": 500,
            "batch_type": "token",
            "batch_size": job.batch_tokens,
            "epochs": 1_000_000,
            "updates": 1_000_000,
            "logging_freq": 1_000_000,
            "validation_freq": 1_000_000,
        },
        "model": {
            "initializer": "xavier_uniform",
            "embed_initializer": "xavier_uniform",
            "tied_embeddings": True,
            "tied_softmax": True,
            "encoder": stack,
            "decoder": stack,
        },
    }


def main() -> None:
    """Train until the recorder has seen enough."""
    job = read_job()
    torch.set_num_threads(job.threads)
    recorder = Recorder(job, "float32")
    recorder.follow_optimizer()
    plain = TrainManager._train_step

    def watched(manager: Any, batch: Any) -> Any:
        recorder.batch(manager.model, batch.ntokens, batch.trg.numel())
        return plain(manager, batch)

    TrainManager._train_step = watched
    make_model_dir(Path(job.folder) / "run", overwrite=False)
    train(rank=0, world_size=1, cfg=settings(job), skip_test=True)


if __name__ == "__main__":
    main()
