"""The service as a process: what signals do to it while clients use it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has other signals")

LIMIT_SECONDS = 40


@dataclass
class Process:
    process: subprocess.Popen[bytes]
    url: str
    log: Path

    def get(self, route: str) -> tuple[int, str]:
        return self._open(Request(self.url + route))

    def translate(self, text: str) -> tuple[int, str]:
        body = json.dumps({"q": text, "source": "en", "target": "es"}).encode()
        return self._open(Request(self.url + "translate", body))

    def _open(self, request: Request) -> tuple[int, str]:
        try:
            with urlopen(request, timeout=LIMIT_SECONDS) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()

    def wait_until_logged(self, words: str, times: int = 1) -> None:
        deadline = time.monotonic() + LIMIT_SECONDS
        while self.log.read_text(encoding="utf-8").count(words) < times:
            assert time.monotonic() < deadline, f"never logged: {words}"
            time.sleep(0.02)

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + LIMIT_SECONDS
        while time.monotonic() < deadline:
            try:
                if self.get("readyz")[0] == 200:
                    return
            except URLError:
                assert self.process.poll() is None, "it stopped"
            time.sleep(0.05)
        raise AssertionError("it is not ready")


@contextmanager
def serving(model: Path, log: Path, *flags: str) -> Iterator[Process]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    command = [sys.executable, "-m", "nmt", "serve", "--port", port, "--model", str(model)]
    with log.open("wb") as stderr:
        process = subprocess.Popen([*command, *flags], stderr=stderr)
    try:
        running = Process(process, f"http://127.0.0.1:{port}/", log)
        running.wait_until_ready()
        yield running
    finally:
        process.kill()
        process.wait()


def test_sigterm_loses_no_request_that_was_taken(tiny_model_dir: Path, tmp_path: Path) -> None:
    flags = ("--drain-delay-seconds", "0.5", "--batch-size", "1", "--threads", "1")
    long = " ".join(["The house is white."] * 40)
    with (
        serving(tiny_model_dir, tmp_path / "log", *flags) as service,
        ThreadPoolExecutor(6) as clients,
    ):
        taken = [clients.submit(service.translate, long) for _ in range(6)]
        time.sleep(0.2)
        service.process.send_signal(signal.SIGTERM)
        service.wait_until_logged("draining")
        status, body = service.get("readyz")
        assert status == 503 and "stopping" in body
        assert service.translate("The house is white.")[0] == 200  # it came in time
        assert [future.result()[0] for future in taken] == [200] * 6
        assert service.process.wait(LIMIT_SECONDS) == 0
        with pytest.raises(URLError):
            service.get("healthz")


def test_sighup_takes_another_model_into_use_and_keeps_the_old_one_if_it_cannot(
    tiny_model_dir: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    shutil.copytree(tiny_model_dir, model)
    with serving(model, tmp_path / "log") as service, ThreadPoolExecutor(4) as clients:
        weights = (model / "weights.safetensors").rename(tmp_path / "away")
        service.process.send_signal(signal.SIGHUP)
        service.wait_until_logged("loading it again failed")
        assert service.translate("The house is white.")[0] == 200
        weights.rename(model / "weights.safetensors")
        service.process.send_signal(signal.SIGHUP)
        answers = [clients.submit(service.translate, "The house is white.") for _ in range(40)]
        service.wait_until_logged("ready after", times=2)
        assert {future.result()[0] for future in answers} == {200}
        assert service.translate("The house is white.")[0] == 200


@pytest.mark.skipif(not Path("/proc").exists(), reason="looks for processes in /proc")
def test_several_workers_share_one_engine_and_are_started_again(
    tiny_model_dir: Path, tmp_path: Path
) -> None:
    with (
        serving(tiny_model_dir, tmp_path / "log", "--workers", "2") as service,
        ThreadPoolExecutor(8) as clients,
    ):
        service.wait_until_logged("ready after", times=3)  # the engine and two workers
        texts = ["The house is white.", "Where is it?"] * 20
        answers = list(clients.map(service.translate, texts))
        assert {status for status, _ in answers} == {200}
        assert len({body for _, body in answers}) == 2  # the same from both
        status, body = service.translate("x" * 20_000)
        assert status == 400 and "limit" in body
        workers = children(service.process.pid)
        os.kill(workers[0], signal.SIGKILL)
        service.wait_until_logged("another one starts")
        service.wait_until_logged("ready after", times=4)
        taken = [clients.submit(service.translate, " ".join(texts)) for _ in range(4)]
        time.sleep(0.2)
        service.process.send_signal(signal.SIGTERM)
        assert [future.result()[0] for future in taken] == [200] * 4
        assert service.process.wait(LIMIT_SECONDS) == 0
        assert not any(Path(f"/proc/{worker}").exists() for worker in workers)


def test_a_model_that_cannot_be_loaded_ends_all_workers(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "nmt", "serve", "--port", "0", "--workers", "2"]
    command += ["--model", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, timeout=LIMIT_SECONDS, check=False)
    assert done.returncode == 1
    assert str(tmp_path) in done.stderr.decode() and "Traceback" not in done.stderr.decode()


def children(pid: int) -> list[int]:
    """The processes that answer HTTP for a service."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            command = (stat.parent / "cmdline").read_bytes()
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            if parent == pid and b"spawn_main" in command:
                found.append(int(stat.parent.name))
    return sorted(found)
