from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from nmt.config import Config

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "scripts/bench_peers"
sys.path.insert(0, str(FOLDER))

from run import table  # noqa: E402
from watch import Watch  # noqa: E402


class Ended(Exception):
    pass


def test_a_watch_counts_steps_after_the_warm_up_from_beginning_to_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    moments = iter([0.0, 10.0, 11.0, 13.0, 16.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(moments))

    def end(status: int) -> None:
        assert status == 0
        raise Ended

    monkeypatch.setattr("os._exit", end)
    model = torch.nn.Linear(3, 2)
    watch = Watch(warmup=1, steps=3, output=tmp_path / "result.json")
    for step in range(4):
        watch.begin(tokens=10 + step, positions=20, model=model)
    with pytest.raises(Ended):
        watch.begin(tokens=99, positions=99, model=model)
    found = json.loads((tmp_path / "result.json").read_text())
    assert (found["steps"], found["tokens"], found["positions"]) == (3, 11 + 12 + 13, 60)
    assert found["seconds"] == 6.0
    assert found["parameters"] == 8


def test_the_table_compares_round_by_round() -> None:
    def rounds(*seconds: float) -> list[dict[str, float]]:
        return [
            {
                "tokens": 1000,
                "positions": 1250,
                "seconds": s,
                "parameters": 2e6,
                "peak_megabytes": 9,
            }
            for s in seconds
        ]

    rows = table({"ours": rounds(1, 10, 2), "theirs": rounds(2, 20, 8), "broken": []}).splitlines()
    assert rows[2] == "| ours | 500 | 1.00 | 20 % | 2.00 M | 9 MB |"
    assert rows[3].startswith("| theirs | 125 | 0.50 |")
    assert rows[4].startswith("| broken | failed |")


def test_our_own_trainer_is_measured(
    tiny_config: Config, tiny_corpus: Path, tmp_path: Path
) -> None:
    assert tiny_corpus.exists()
    path = tmp_path / "tiny.yaml"
    path.write_text(json.dumps(tiny_config.model_dump(mode="json")))
    words = ["macaronic", "--config", str(path), "--work", str(tmp_path / "work")]
    words += ["--rounds", "1", "--steps", "4", "--warmup", "1", "--batch-tokens", "200"]
    done = subprocess.run(
        [sys.executable, str(FOLDER / "run.py"), *words], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "| macaronic |" in done.stdout and "failed" not in done.stdout
    assert (tmp_path / "work/work/train.en").read_text().startswith("▁")


def test_an_unknown_trainer_is_told() -> None:
    done = subprocess.run(
        [sys.executable, str(FOLDER / "run.py"), "marian"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "no trainer marian; there are macaronic, eole, sockeye, joeynmt" in done.stderr
