"""Runs eole on a job (in an environment of its own).

Settings chosen for it: no attention entropy in the log, no workers, since batches made in the
background would take the core that is measured, and a bucket of 200,000 sentences to sort. Its
attention is that of PyTorch; its other kind needs CUDA. There is no dropout on attention weights,
as in ours; after the activation it has no switch of its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from eole.bin.run.train import train
from eole.config.run import TrainConfig
from eole.trainer import BatchProcessor
from recorder import Job, Recorder, read_job


def settings(job: Job) -> dict[str, Any]:
    """The configuration, as `eole train --config` would read it."""
    corpus = Path(job.corpus)
    return {
        "src_vocab": str(corpus / "vocabulary.txt"),
        "tgt_vocab": str(corpus / "vocabulary.txt"),
        "share_vocab": True,
        "src_vocab_size": 100_000,
        "tgt_vocab_size": 100_000,
        "data": {
            "train": {
                "path_src": str(corpus / "train.en"),
                "path_tgt": str(corpus / "train.de"),
                "transforms": [],
                "weight": 1,
            }
        },
        "report_every": 1_000_000,
        "seed": 1,
        "model": {
            "architecture": "transformer",
            "layers": 3,
            "hidden_size": 256,
            "heads": 4,
            "transformer_ff": 1024,
            "share_embeddings": True,
            "share_decoder_embeddings": True,
            "embeddings": {
                "word_vec_size": 256,
                "position_encoding_type": "SinusoidalInterleaved",
            },
        },
        "training": {
            "model_path": f"{job.folder}/run",
            "world_size": 1,
            "gpu_ranks": [],
            "batch_type": "tokens",
            "batch_size": job.batch_tokens,
            "normalization": "tokens",
            "accum_count": [1],
            "bucket_size": 200_000,
            "num_workers": 0,
            "train_steps": 1_000_000,
            "valid_steps": 1_000_000,
            "save_checkpoint_steps": 1_000_000,
            "dropout": [0.1],
            "attention_dropout": [0.0],
            "label_smoothing": 0.1,
            "optim": "adamw",
            "adam_beta2": 0.98,
            "learning_rate": 0.001,
            "max_grad_norm": 1.0,
            "param_init_method": "xavier_uniform",
            "compute_dtype": {"bfloat16": "bf16", "float32": "fp32"}[job.dtype],
            "torch_compile": False,
            "log_attention_entropy": False,
        },
    }


def main() -> None:
    """Train until the recorder has seen enough."""
    job = read_job()
    torch.set_num_threads(job.threads)
    recorder = Recorder(job, job.dtype)
    recorder.follow_optimizer()
    plain = BatchProcessor.process_batch

    def watched(processor: Any, batch: dict[str, Any], *rest: Any) -> Any:
        labels = batch["tgt"][:, 1:]
        real = labels.ne(processor.train_loss.padding_idx)
        recorder.batch(processor.model, int(real.sum()), labels.numel())
        return plain(processor, batch, *rest)

    BatchProcessor.process_batch = watched
    train(TrainConfig(**settings(job)))


if __name__ == "__main__":
    main()
