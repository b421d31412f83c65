from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from nmt.config import Config, load_config

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "scripts"))

from recipe import overrides  # noqa: E402


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "scripts/recipe.py", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.fixture
def study(tiny_config: Config, tiny_corpus: Path, tmp_path: Path) -> Path:
    assert tiny_corpus.exists()
    plan = {
        "config": "configs/tiny.yaml",
        "supervised": ["toy.en-es.tsv"],
        "zero_shot": ["toy.es-pt.tsv"],
        "base": [f"data.directory={tiny_config.data.directory}", "training.max_steps=5"],
        "cells": {"base": [], "small": ["model.ffn=32"]},
    }
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(plan))
    return path


def test_a_cell_is_trained_and_judged_once(study: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for toy in (ROOT / "tests/data").glob("toy.*"):
        (tmp_path / "data" / toy.name).write_bytes(toy.read_bytes())
    (tmp_path / "data/toy.es-pt.tsv").write_text("El gato duerme.\tO gato dorme.\n")
    words = ["--study", str(study), "--root", str(tmp_path / "data"), "--work", str(tmp_path)]
    words += ["--minutes", "5", "--threads", "2", "--limit", "3"]
    done = run("small", *words)
    assert done.returncode == 0, done.stderr
    heading, _, row = done.stdout.strip().splitlines()
    assert "supervised BLEU | zero-shot BLEU | off-target" in heading
    assert row.startswith("| small | model.ffn=32 |")
    result = json.loads((tmp_path / "small/result.json").read_text())
    assert result["tokens"] > 0 and 0 <= result["off_target"] <= 1
    (tmp_path / "small/result.json").write_text(json.dumps({**result, "tokens_per_second": 1234}))
    again = run("small", *words)
    assert "1,234" in again.stdout  # not trained anew


def test_an_unknown_cell_is_told_with_those_that_there_are(study: Path) -> None:
    done = run("--study", str(study), "big")
    assert done.returncode == 2
    assert "no cell big; there are base, small" in done.stderr


@pytest.mark.parametrize("name", ["recipe.yaml", "recipe-late.yaml"])
def test_every_cell_of_the_study_is_a_valid_configuration(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    plan = yaml.safe_load((ROOT / "scripts" / name).read_text())
    for cell in plan["cells"]:
        load_config(ROOT / plan["config"], overrides(plan, cell, Path("corpora")))


def test_a_cell_may_set_the_weights_of_sources_by_their_files(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(ROOT)
    cells = {"spanish": ["weight.*=0.5", "weight.*en-es*=2"]}
    plan: dict[str, Any] = {"config": "configs/tiny.yaml", "base": [], "cells": cells}
    config = load_config(ROOT / plan["config"], overrides(plan, "spanish", Path("corpora")))
    assert [source.weight for source in config.data.sources] == [2, 0.5, 0.5]
