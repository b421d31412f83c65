"""The corpus that all trainers get: cleaned and cut into pieces by our own `prepare`, once."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from nmt.config import load_config
from nmt.data.corpus import Corpus

VOCABULARY = "vocabulary.txt"
SIDES = ("en", "de")
# Some trainers do not start without validation data; none gets so far as to use it.
DEV_PAIRS = 200


def settings(data: Path, folder: Path) -> dict[str, Any]:
    """Our configuration: `configs/multi30k.yaml` with the architecture that is compared."""
    return {
        "name": "bench-peers",
        "languages": list(SIDES),
        "data": {
            "root": str(data.resolve()),
            "directory": str((folder / "prepared").resolve()),
            "sources": [
                {"path": [find(data, side).name for side in SIDES], "languages": list(SIDES)}
            ],
            "vocabulary": {"size": 8000},
        },
        "model": {
            "d_model": 256,
            "heads": 4,
            "ffn": 1024,
            "encoder_layers": 3,
            "decoder_layers": 3,
        },
        "training": {
            "directory": "set for each run",
            "directions": [">".join(SIDES)],
            "max_steps": 1_000_000,
            "dropout": 0.1,
            "label_smoothing": 0.1,
        },
    }


def find(data: Path, side: str) -> Path:
    """The training file of a language, plain or compressed."""
    for name in (f"train.{side}", f"train.{side}.gz"):
        if (data / name).exists():
            return data / name
    raise FileNotFoundError(f"{data} has neither train.{side} nor train.{side}.gz")


def make_corpus(data: Path, folder: Path) -> None:
    """Prepare the corpus and write its pieces as text, unless that is done."""
    if (folder / VOCABULARY).exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "macaronic.yaml"
    path.write_text(yaml.safe_dump(settings(data, folder)), encoding="utf-8")
    subprocess.run([sys.executable, "-m", "nmt", "prepare", str(path)], check=True)
    config = load_config(path)
    corpus = Corpus(Path(config.data.directory), config.data.sources)
    (shard,) = corpus.shards
    pieces = [corpus.tokenizer.piece(i) for i in range(corpus.tokenizer.vocab_size)]
    pairs = [shard.pair(i) for i in range(len(shard))]
    for number, side in enumerate(SIDES):
        lines = [" ".join(pieces[i] for i in pair[number]) + "\n" for pair in pairs]
        (folder / f"train.{side}").write_text("".join(lines), encoding="utf-8")
        (folder / f"dev.{side}").write_text("".join(lines[:DEV_PAIRS]), encoding="utf-8")
    # Every trainer adds special pieces of its own; tags are ours alone. Last, as the sign of done.
    ours = max(corpus.tokenizer.tag_ids.values()) + 1
    vocabulary = "".join(f"{piece}\n" for piece in pieces[ours:])
    (folder / VOCABULARY).write_text(vocabulary, encoding="utf-8")
