"""Large files: in constant memory, in order, resumable."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nmt.decode.output import ResumableFile
from nmt.errors import InvalidInput

WORDS = [
    "The cat sleeps.",
    "The dog eats.",
    "",
    "Where is the station?",
    "Thank you.",
    "I like it.",
]


def command(model: Path, file: Path, output: Path, *more: str) -> list[str]:
    words = ["translate", "--to", "es", "--beam", "1", "--threads", "1", "--model", str(model)]
    return [sys.executable, "-m", "nmt", *words, str(file), "--output", str(output), *more]


def test_a_killed_translation_goes_on_to_the_file_of_one_never_killed(
    tiny_model_dir: Path, tmp_path: Path
) -> None:
    text, output = tmp_path / "text", tmp_path / "text.es"
    text.write_text("".join(f"{WORDS[i % len(WORDS)]}\n" for i in range(3000)))
    whole = tmp_path / "whole.es"
    subprocess.run(command(tiny_model_dir, text, whole), check=True)
    partial = tmp_path / "text.es.partial"
    process = subprocess.Popen(command(tiny_model_dir, text, output))
    try:
        end = time.monotonic() + 60
        while time.monotonic() < end and not (partial.exists() and partial.stat().st_size):
            time.sleep(0.005)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    assert not output.exists()
    assert 0 < partial.stat().st_size < whole.stat().st_size
    refused = subprocess.run(
        command(tiny_model_dir, text, output), capture_output=True, text=True, check=False
    )
    assert refused.returncode == 1
    assert "go on with --resume, or delete it" in refused.stderr
    subprocess.run(command(tiny_model_dir, text, output, "--resume"), check=True)
    assert output.read_bytes() == whole.read_bytes()
    assert len(output.read_text().splitlines()) == 3000
    assert sorted(path.name for path in tmp_path.iterdir()) == ["text", "text.es", "whole.es"]


def test_a_line_cut_in_the_middle_is_written_again(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with pytest.raises(RuntimeError), ResumableFile(path, {"to": "es"}, resume=False) as file:
        file.write(["one", "two"])
        raise RuntimeError
    with (tmp_path / "out.partial").open("ab") as partial:
        partial.write("trè".encode()[:-1])
    with ResumableFile(path, {"to": "es"}, resume=True) as file:
        assert file.done == 2
        file.write(["three"])
    assert path.read_text() == "one\ntwo\nthree\n"


def test_other_settings_do_not_go_on_with_a_file(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with pytest.raises(RuntimeError), ResumableFile(path, {"to": "es"}, resume=False) as file:
        file.write(["uno"])
        raise RuntimeError
    with pytest.raises(InvalidInput, match="to was es, is pt"):
        ResumableFile(path, {"to": "pt"}, resume=True)
    (tmp_path / "out.partial.json").unlink()
    with pytest.raises(InvalidInput, match=r"has lost its out\.partial\.json"):
        ResumableFile(path, {"to": "es"}, resume=True)


def test_resuming_what_was_never_begun_begins_it(tmp_path: Path) -> None:
    with ResumableFile(tmp_path / "out", {}, resume=True) as file:
        assert file.done == 0
    assert (tmp_path / "out").read_bytes() == b""
