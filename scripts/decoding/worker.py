"""A system in a process of its own: both ends of it.

`python -m decoding.worker NAME job.json` loads a system, then runs it once for each line that it
reads, and answers with what came out, in how many seconds, and with how much memory.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from decoding.studies import STUDIES
from decoding.systems import SYSTEMS, Job


@dataclass(frozen=True)
class Answer:
    """What came of one run, and the memory of the process since it began to load the system."""

    output: Any
    seconds: float
    peak_mb: float
    added_mb: float


class WorkerFailed(Exception):
    """A process that ended without an answer; it has told why on stderr."""


class Worker:
    """A process that has a system ready."""

    def __init__(self, name: str, job: Job, folder: Path) -> None:
        self._name = name
        path = folder / f"{name}-{job.beam}-{len(job.texts)}.json"
        path.write_text(json.dumps(asdict(job)), encoding="utf-8")
        threads = str(job.threads)
        places = [str(Path(__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "decoding.worker", name, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(filter(None, places)),
                "OMP_NUM_THREADS": threads,
                "OPENBLAS_NUM_THREADS": threads,
            },
        )

    def run(self) -> Answer:
        """One run of the system; WorkerFailed if it has none to give."""
        assert self._process.stdin and self._process.stdout
        try:
            print(file=self._process.stdin, flush=True)
            return Answer(**json.loads(self._process.stdout.readline()))
        except (BrokenPipeError, json.JSONDecodeError):
            raise WorkerFailed(f"{self._name} has failed: see above") from None

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def memory_mb(kind: str) -> float:
    """Memory of this process in units of 10^6 bytes: VmRSS is now, VmHWM the most so far."""
    # Not getrusage: its maximum is that of the process which started this one, if that is more.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition(f"{kind}:")[2].split()[0]) * 1024 / 1e6


def main() -> None:
    """Answer each line of input with one run."""
    answers, sys.stdout = sys.stdout, sys.stderr  # libraries may print what they like
    job = Job(**json.loads(Path(sys.argv[2]).read_text(encoding="utf-8")))
    before = memory_mb("VmRSS")
    run = {**SYSTEMS, **STUDIES}[sys.argv[1]](job)
    for _ in sys.stdin:
        start = time.perf_counter()
        output = run()
        seconds = time.perf_counter() - start
        peak = memory_mb("VmHWM")
        answer = Answer(output, seconds, peak, peak - before)
        print(json.dumps(asdict(answer)), file=answers, flush=True)


if __name__ == "__main__":
    main()
