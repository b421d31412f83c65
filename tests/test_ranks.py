"""Data-parallel training: real processes under torchrun, on the CPU."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from nmt.config import Config
from nmt.sections import parse
from nmt.train.loop import train
from nmt.train.ranks import Ranks

ROOT = Path(__file__).parent.parent


@pytest.fixture
def config(tiny_config: Config, tiny_corpus: Path, tmp_path: Path) -> Config:
    """Twelve steps without dropout: its masks differ between ranks."""
    assert tiny_corpus.exists()
    return changed(
        tiny_config,
        directory=str(tmp_path / "run"),
        max_steps=12,
        threads=1,
        dropout=0.0,
        validation=["toy.en-es.tsv"],
        validate_every_minutes=0.01,
        save_every_minutes=0,
    )


def changed(config: Config, **training: Any) -> Config:
    tree = config.model_dump(mode="json")
    tree["training"].update(training)
    return parse(Config, tree, "test")


def torchrun(config: Config, ranks: int = 2) -> subprocess.Popen[str]:
    path = Path(config.training.directory).parent / "config.yaml"
    path.write_text(json.dumps(config.model_dump(mode="json")))  # JSON is YAML
    words = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(ranks)]
    words += ["-m", "nmt", "train", str(path), "--resume"]
    return subprocess.Popen(
        [sys.executable, *words],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[str, str]:
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 0, stderr
    return stdout, stderr


def steps(config: Config) -> list[dict[str, float]]:
    lines = (Path(config.training.directory) / "log.jsonl").read_text().splitlines()
    return [record for record in map(json.loads, lines) if record["kind"] == "train"]


def assert_about_the_same_weights(one: Path, other: Path) -> None:
    ours = load_file(one / "weights.safetensors")
    theirs = load_file(other / "weights.safetensors")
    for name, value in ours.items():
        np.testing.assert_allclose(value, theirs[name], rtol=1e-2, atol=2e-4, err_msg=name)


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_two_ranks_make_the_model_of_one(config: Config, tmp_path: Path, optimizer: str) -> None:
    config = changed(config, optimizer={"name": optimizer, "learning_rate": 1e-3})
    alone = changed(config, directory=str(tmp_path / "alone"))
    model = train(alone)
    stdout, _ = finish(torchrun(config))
    assert stdout.strip() == str(tmp_path / "run/model")  # told once
    assert_about_the_same_weights(model, tmp_path / "run/model")
    assert [record["step"] for record in steps(config)] == list(range(1, 13))
    for ours, theirs in zip(steps(config), steps(alone), strict=True):
        assert ours["tokens"] == theirs["tokens"]
        assert ours["nll"] == pytest.approx(theirs["nll"], rel=1e-4)


def test_a_killed_rank_ends_the_run_and_another_number_of_ranks_goes_on(
    config: Config, tmp_path: Path
) -> None:
    long = changed(config, max_steps=100_000)
    process = torchrun(long)
    log = tmp_path / "run/log.jsonl"
    end = time.monotonic() + 90
    while not log.exists() or log.read_bytes().count(b'"train"') < 12:
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.05)
    os.kill(child_of(process.pid, rank=1), signal.SIGKILL)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode != 0
    assert "Error: another process of this run has ended" in stderr
    done = len(steps(long))
    assert done >= 10

    whole = changed(config, max_steps=done + 5, directory=str(tmp_path / "whole"))
    train(whole)
    model = train(changed(config, max_steps=done + 5), resume=True)
    assert [record["step"] for record in steps(config)] == list(range(1, done + 6))
    assert_about_the_same_weights(model, tmp_path / "whole/model")


def child_of(parent: int, rank: int) -> int:
    for path in Path("/proc").glob("[0-9]*"):
        try:
            is_child = int((path / "stat").read_text().rsplit(")")[1].split()[1]) == parent
            environment = (path / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if is_child and f"RANK={rank}".encode() in environment:
            return int(path.name)
    raise AssertionError(f"no process of rank {rank}")


def test_a_process_alone_needs_no_group() -> None:
    ranks = Ranks(torch.device("cpu"))
    values = torch.ones(3)
    with ranks:
        ranks.sum(values)
        assert ranks.share(lambda: "mine") == "mine"
    assert ranks.is_first and torch.equal(values, torch.ones(3))


def test_each_process_of_a_machine_takes_its_own_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RANK": 5, "WORLD_SIZE": 8, "LOCAL_RANK": 1, "LOCAL_WORLD_SIZE": 4}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr(os, "cpu_count", lambda: 16)
    assert Ranks(torch.device("cuda")).device == torch.device("cuda:1")
    assert Ranks(torch.device("cuda:3")).device == torch.device("cuda:3")
    assert not Ranks(torch.device("cpu")).is_first
    assert Ranks(torch.device("cpu")).threads == 4
