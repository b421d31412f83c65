from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BENCH = ROOT / "scripts/bench_peers"
sys.path.append(str(BENCH))

from figures import schedule, summarise, table  # noqa: E402
from recorder import Job, Measured, result_path  # noqa: E402


def measured(tokens: int, seconds: float = 10.0, positions: int = 0) -> Measured:
    return Measured(
        steps=60,
        seconds=seconds,
        tokens=tokens,
        positions=positions or tokens,
        parameters=7_500_000,
        peak_megabytes=1000.0,
        dtype="float32",
    )


def test_trainers_take_turns_in_every_round() -> None:
    assert list(schedule(["a", "b"], 2)) == [(1, "a"), (1, "b"), (2, "a"), (2, "b")]


def test_ratios_compare_runs_of_the_same_round() -> None:
    ours = {1: measured(2000), 2: measured(1000), 3: measured(4000)}
    peer = {1: measured(1000), 2: measured(250), 3: measured(4000)}
    summaries = summarise({"macaronic": ours, "peer": peer})
    assert summaries["peer"].ratio == 2.0
    assert summaries["peer"].tokens_per_second == 100.0
    assert (summaries["peer"].slowest, summaries["peer"].fastest) == (25.0, 400.0)
    assert summaries["macaronic"].tokens_per_second == 200.0


def test_padding_is_the_share_of_positions_without_a_token() -> None:
    summary = summarise({"peer": {1: measured(600, positions=800)}})["peer"]
    assert summary.padding == pytest.approx(0.25)
    assert summary.tokens_per_step == 10.0
    assert summary.ratio is None


def test_a_round_that_ours_misses_has_no_ratio_and_a_trainer_without_runs_no_line() -> None:
    runs = {1: measured(1000), 2: measured(1000)}
    summaries = summarise({"macaronic": {2: measured(3000)}, "peer": runs, "broken": {}})
    assert summaries["peer"].ratio == 3.0
    assert list(summaries) == ["macaronic", "peer"]


def test_the_table_names_versions_and_puts_the_fastest_first() -> None:
    summaries = summarise({"peer": {1: measured(1000)}, "macaronic": {1: measured(12340)}})
    lines = table(summaries, {"peer": "1.2", "macaronic": "0.1"}).splitlines()
    assert lines[2].startswith("| macaronic 0.1 | float32 | 1,234 (1,234-1,234) | - |")
    assert "| peer 1.2 |" in lines[3] and "| 12.34 x |" in lines[3]
    assert {line.count("|") for line in lines} == {10}


def test_the_recorder_counts_steady_steps_only_and_ends_the_trainer(tmp_path: Path) -> None:
    job = Job("", str(tmp_path), 10, 1, "float32", warmup=2, steps=3, seconds=60)
    (tmp_path / "job.json").write_text(json.dumps(asdict(job)))
    trainer = """
from recorder import Recorder, read_job
class Model:
    def parameters(self): return []
recorder = Recorder(read_job(), "float32")
for number in range(100):
    recorder.batch(Model(), tokens=10 ** number, positions=2 * 10 ** number)
    recorder.step()
"""
    subprocess.run(
        [sys.executable, "-c", trainer, str(tmp_path / "job.json")], cwd=BENCH, check=True
    )
    result = Measured(**json.loads(result_path(job).read_text()))
    assert (result.steps, result.tokens, result.positions) == (3, 11100, 22200)


def test_an_unknown_trainer_is_refused(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "run.py", "--data", str(tmp_path), "--trainers", "macaronic,marian"],
        cwd=BENCH,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "no trainer marian; there are macaronic, eole, joeynmt, sockeye" in done.stderr
