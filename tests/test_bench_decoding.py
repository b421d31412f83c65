from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nmt.text.tokenizer import Tokenizer

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "scripts"))

from decoding.compare import RAW, as_texts, check  # noqa: E402
from decoding.worker import WorkerFailed  # noqa: E402

SYSTEMS = ["macaronic", "macaronic-sentences", RAW]
SENTENCES = 12


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "scripts/bench_decoding.py", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True)


@pytest.fixture(scope="module")
def measured(
    tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, dict[str, Any]]:
    """What the script prints and writes for the toy model."""
    path = tmp_path_factory.mktemp("bench") / "figures.json"
    words = ["--model", str(tiny_model_dir), "--test", "tests/data/toy.en-es.tsv"]
    words += ["--limit", str(SENTENCES), "--beam", "1", "--rounds", "2", "--starts", "1"]
    words += ["--precision", "float32", "--threads", "2", "--json", str(path)]
    for name in SYSTEMS:
        words += ["--system", name] if name != RAW else []
    done = run(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(path.read_text())


def test_all_systems_translate_the_same_sentences_to_the_same(
    measured: tuple[str, dict[str, Any]],
) -> None:
    systems = measured[1]["beams"]["1"]["systems"]
    assert list(systems) == SYSTEMS
    for speed in systems.values():
        assert speed["sentences"] == SENTENCES == measured[1]["conditions"]["sentences"]
        assert speed["agreement"] == 1.0
        assert speed["target_pieces"] == systems[RAW]["target_pieces"] > SENTENCES
        assert speed["source_pieces"] == systems[RAW]["source_pieces"] > SENTENCES


def test_ratios_are_quotients_of_the_same_round(measured: tuple[str, dict[str, Any]]) -> None:
    systems = measured[1]["beams"]["1"]["systems"]
    raw = systems[RAW]["seconds"]
    for speed in systems.values():
        assert len(speed["seconds"]) == 2 and min(speed["seconds"]) > 0
        quotients = [a / b for a, b in zip(raw, speed["seconds"], strict=True)]
        assert speed["ratio"] == pytest.approx(statistics.median(quotients))
    assert systems[RAW]["ratio"] == 1.0


def test_the_table_shows_what_was_measured(measured: tuple[str, dict[str, Any]]) -> None:
    output, tree = measured
    for name, speed in tree["beams"]["1"]["systems"].items():
        rate = SENTENCES / statistics.median(speed["seconds"])
        assert f"| {name} | {rate:,.1f} (" in output
        assert f"| {name} | {tree['start'][name]['seconds']:.2f} |" in output
    assert tree["conditions"]["processor"] in output
    setting = tree["beams"]["1"]["setting"]
    assert setting["inter_threads"] * setting["intra_threads"] == 2
    assert f"batch_type {setting['batch_type']}" in output


def test_parts_are_of_the_whole_and_memory_is_within_the_peak(
    measured: tuple[str, dict[str, Any]],
) -> None:
    parts = measured[1]["beams"]["1"]["parts"]
    assert {"whole", "tokenising", "decoding", "detokenising", "flags"} < set(parts)
    assert all(seconds > 0 for seconds in parts.values())
    for name, speed in measured[1]["beams"]["1"]["systems"].items():
        assert speed["added_mb"] > 0 and measured[1]["start"][name]["peak_mb"] > 0


def test_mixes_from_many_clients_are_those_of_one_after_the_other(
    measured: tuple[str, dict[str, Any]],
) -> None:
    mixes = measured[1]["mixes"]
    assert mixes["requests"] == 200 and mixes["sentences_per_second"] > 0
    assert mixes["differing_in_float32"] == 0


def test_a_system_that_does_nothing_is_no_result() -> None:
    expected = ["Hola."] * 20
    check("good", ["Hola."] * 19 + [""], 20, expected)
    with pytest.raises(WorkerFailed, match="gave 19 translations for 20 sentences"):
        check("short", expected[1:], 20, expected)
    with pytest.raises(WorkerFailed, match="silent does not work: 0 of 20"):
        check("silent", [""] * 20, 20, expected)
    with pytest.raises(WorkerFailed, match="ctranslate2 does not work"):
        check(RAW, [""] * 20, 20, [""] * 20)


def test_text_ids_and_pieces_are_the_same_translation(tiny_model_dir: Path) -> None:
    tokenizer = Tokenizer.load(tiny_model_dir / "spm.model")
    ids = tokenizer.encode("El gato duerme.")
    pieces = [tokenizer.piece(i) for i in ids]
    assert as_texts(["El gato duerme.", ids, pieces], tokenizer) == ["El gato duerme."] * 3


def test_a_worker_that_fails_is_told(tiny_model_dir: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("The cat sleeps.\n")
    done = run("--model", str(tiny_model_dir), "--sentences", str(text), "--precision", "int3")
    assert done.returncode == 1
    assert "search has failed: see above" in done.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "give either --sentences or --test"),
        (["--test", "tests/data/toy.en-es.tsv", "--to", "xx"], "xx is not supported"),
        (["--sentences", "tests/data/toy.en-es.tsv", "--model", "nowhere"], "no such folder"),
    ],
)
def test_mistakes_are_told(words: list[str], message: str) -> None:
    done = run(*words)
    assert done.returncode != 0
    assert message in done.stderr
