"""What is compared: how to install each trainer, and the same work in the terms of each."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from nmt.config import Config
from nmt.data.corpus import Corpus, read_pairs


@dataclass(frozen=True)
class Work:
    """The task: files of pieces, one sentence a line, and the settings that all share."""

    folder: Path
    config: Config
    threads: int

    def path(self, name: str) -> str:
        """A file of the work folder."""
        return str((self.folder / name).absolute())


@dataclass(frozen=True)
class Peer:
    """A trainer: packages for its environment, and the arguments of its own command."""

    name: str
    arguments: Callable[[Work], list[str]]
    packages: tuple[str, ...] = ()
    # Installed without what they ask for, because they ask for releases of long ago.
    alone: tuple[str, ...] = ()

    def python(self, folder: Path) -> str:
        """The interpreter of its environment; ours is the one that runs."""
        return (
            str((folder / "env" / self.name / "bin/python").absolute())
            if (self.packages)
            else sys.executable
        )

    def install(self, folder: Path) -> None:
        """Make its environment, unless it is there."""
        done = folder / "env" / self.name / "installed"
        if not self.packages or done.exists():
            return
        subprocess.run([sys.executable, "-m", "venv", done.parent], check=True)
        pip = [self.python(folder), "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, *self.packages], check=True)
        if self.alone:
            subprocess.run([*pip, "--no-deps", *self.alone], check=True)
        done.touch()


def write_work(config: Config, folder: Path, threads: int) -> Work:
    """Write training and validation text as pieces of our own vocabulary, and the vocabulary."""
    source = config.data.sources[0]
    tokenizer = Corpus(Path(config.data.directory)).tokenizer
    folder.mkdir(parents=True, exist_ok=True)
    pairs = [p for p in read_pairs(source, Path(config.data.root)) if all(t.strip() for t in p)]
    for language, texts in zip(source.languages, zip(*pairs, strict=True), strict=True):
        lines = [
            " ".join(tokenizer.piece(i) for i in ids) for ids in tokenizer.encode_all(list(texts))
        ]
        (folder / f"train.{language}").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (folder / f"valid.{language}").write_text("\n".join(lines[:50]) + "\n", encoding="utf-8")
    pieces = [tokenizer.piece(i) for i in range(4, tokenizer.vocab_size)]
    (folder / "vocabulary.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")
    return Work(folder, config, threads)


def _write_yaml(work: Work, name: str, tree: dict[str, Any]) -> str:
    path = work.path(name)
    Path(path).write_text(yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")
    return path


def _ours(work: Work) -> list[str]:
    config = work.config.model_dump(mode="json")
    config["training"] |= {"directory": work.path("ours"), "threads": work.threads}
    return ["train", _write_yaml(work, "ours.yaml", config)]


def _eole(work: Work) -> list[str]:
    m, t = work.config.model, work.config.training
    first, second = work.config.data.sources[0].languages
    tree = {
        "data": {
            "train": {
                "path_src": work.path(f"train.{first}"),
                "path_tgt": work.path(f"train.{second}"),
            }
        },
        "src_vocab": work.path("vocabulary.txt"),
        "tgt_vocab": work.path("vocabulary.txt"),
        "share_vocab": True,
        "n_sample": 0,
        "report_every": 1_000_000,
        "model": {
            "architecture": "transformer",
            "hidden_size": m.d_model,
            "heads": m.heads,
            "transformer_ff": m.ffn,
            "encoder": {"layers": m.encoder_layers},
            "decoder": {"layers": m.decoder_layers},
            "share_embeddings": True,
            "share_decoder_embeddings": True,
            "embeddings": {
                "word_vec_size": m.d_model,
                "position_encoding_type": "SinusoidalInterleaved",
            },
        },
        "training": {
            "model_path": work.path("eole"),
            "compute_dtype": "fp32",
            "batch_type": "tokens",
            "batch_size": t.batch_tokens,
            "batch_size_multiple": 1,
            "normalization": "tokens",
            "num_workers": 0,
            "train_steps": 1_000_000,
            "valid_steps": 1_000_000,
            "save_checkpoint_steps": 0,
            "optim": "adamw",
            "learning_rate": 0.001,
            "label_smoothing": t.label_smoothing,
            "dropout": [t.dropout],
            "attention_dropout": [0.0],
            "max_grad_norm": 1.0,
        },
    }
    return ["train", "-config", _write_yaml(work, "eole.yaml", tree)]


def _sockeye(work: Work) -> list[str]:
    m, t = work.config.model, work.config.training
    first, second = work.config.data.sources[0].languages
    options = {
        "source": work.path(f"train.{first}"),
        "target": work.path(f"train.{second}"),
        "validation-source": work.path(f"valid.{first}"),
        "validation-target": work.path(f"valid.{second}"),
        "output": work.path("sockeye"),
        "num-layers": f"{m.encoder_layers}:{m.decoder_layers}",
        "transformer-model-size": m.d_model,
        "transformer-attention-heads": m.heads,
        "transformer-feed-forward-num-hidden": m.ffn,
        "transformer-dropout-attention": 0.0,
        "transformer-dropout-act": t.dropout,
        "transformer-dropout-prepost": t.dropout,
        "weight-tying-type": "src_trg_softmax",
        "batch-type": "word",
        "batch-size": t.batch_tokens,
        "label-smoothing": t.label_smoothing,
        "initial-learning-rate": 0.001,
        "checkpoint-interval": 1_000_000,
        "max-updates": 1_000_000,
        "seed": 1,
    }
    words = [word for key, value in options.items() for word in (f"--{key}", str(value))]
    return [*words, "--shared-vocab", "--use-cpu", "--overwrite-output"]


def _joeynmt(work: Work) -> list[str]:
    m, t = work.config.model, work.config.training
    first, second = work.config.data.sources[0].languages

    def side(language: str) -> dict[str, Any]:
        return {
            "lang": language,
            "level": "word",  # the pieces are words to it: they are cut already
            "max_length": 100,
            "lowercase": False,
            "voc_file": work.path("joeynmt.vocabulary.txt"),
        }

    pieces = Path(work.path("vocabulary.txt")).read_text(encoding="utf-8")
    specials = "<unk>\n<pad>\n<s>\n</s>\n"
    Path(work.path("joeynmt.vocabulary.txt")).write_text(specials + pieces, encoding="utf-8")

    def stack(layers: int) -> dict[str, Any]:
        return {
            "type": "transformer",
            "num_layers": layers,
            "num_heads": m.heads,
            "embeddings": {"embedding_dim": m.d_model, "scale": True, "dropout": t.dropout},
            "hidden_size": m.d_model,
            "ff_size": m.ffn,
            "dropout": t.dropout,
            "layer_norm": "post",
        }

    tree = {
        "name": "peer",
        "model_dir": work.path("joeynmt"),
        "use_cuda": False,
        "fp16": False,
        "data": {
            "train": work.path("train"),
            "dev": work.path("valid"),
            "dataset_type": "plain",
            "src": side(first),
            "trg": side(second),
        },
        "testing": {"beam_size": 1, "batch_size": 10},
        "training": {
            "optimizer": "adamw",
            "learning_rate": 0.001,
            "loss": "crossentropy",
            "label_smoothing": t.label_smoothing,
            "clip_grad_norm": 1.0,
            "batch_size": t.batch_tokens,
            "batch_type": "token",
            "normalization": "tokens",
            "epochs": 1000,
            "validation_freq": 1_000_000,
            "logging_freq": 1_000_000,
            "overwrite": True,
        },
        "model": {
            "initializer": "xavier_uniform",
            "tied_embeddings": True,
            "tied_softmax": True,
            "encoder": stack(m.encoder_layers),
            "decoder": stack(m.decoder_layers),
        },
    }
    return ["train", _write_yaml(work, "joeynmt.yaml", tree), "--skip-test"]


TORCH = "torch==2.13.0"
PEERS = (
    Peer("macaronic", _ours),
    Peer("eole", _eole, (TORCH, "eole==0.6.4", "aiohttp")),
    Peer(
        "sockeye",
        _sockeye,
        (TORCH, "numpy<2", "pyyaml==6.0.3", "sacrebleu==2.6.0"),
        alone=("sockeye==3.1.34",),
    ),
    Peer(
        "joeynmt",
        _joeynmt,
        (
            TORCH,
            "numpy<2",
            "setuptools<81",
            "tensorboard==2.20.0",
            "sacrebleu==2.6.0",
            "sacremoses",
            "sentencepiece==0.2.1",
            "subword-nmt",
            "matplotlib",
            "seaborn",
            "pyyaml==6.0.3",
            "datasets",
            "importlib_metadata",
            "packaging",
            "pandas",
            "pillow",
        ),
        alone=("joeynmt==2.3.0",),
    ),
)
