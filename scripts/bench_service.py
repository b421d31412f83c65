"""How fast the service is, beside what the same translator does offline in the same run.

The load generator is wrk (https://github.com/wg/wrk; `apt install wrk`). Each round measures the
translator on all sentences at once, one client alone, many clients as fast as they can, and the
same clients at a share of that speed; then many more clients ask for many times as much as can be
done, for a while. Load generator and service share the machine. Linux only.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import click

from nmt import DecodeOptions, load_translator
from nmt.data.corpus import decode_line, read_lines

LOAD = Path(__file__).parent / "service" / "load.lua"
START_SECONDS = 60
PROBE_PAUSE_SECONDS = 0.2
RECOVERED = 2.0  # times the latency of a client alone
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Load:
    """What one run of the load generator saw."""

    seconds: float
    statuses: dict[str, int]
    p50_ms: float
    p95_ms: float
    max_ms: float
    broken: int  # connections

    @property
    def rate(self) -> float:
        """Translations a second."""
        return self.statuses.get("200", 0) / self.seconds


class Service:
    """The service, started as a user does."""

    def __init__(self, flags: tuple[str, ...]) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        command = [sys.executable, "-m", "nmt", "serve", "--port", str(self.port), *flags]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)

    def wait_until_ready(self) -> None:
        """Return once requests are answered."""
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self.process.poll() is None:
            try:
                with urlopen(self.url("readyz"), timeout=1):
                    return
            except OSError:
                time.sleep(0.1)
        raise click.ClickException("the service does not start")

    def url(self, route: str = "") -> str:
        """The address of a route."""
        return f"http://127.0.0.1:{self.port}/{route}"

    def stat(self) -> tuple[float, float]:
        """Seconds of CPU used so far, and resident megabytes now."""
        folder = Path("/proc") / str(self.process.pid)
        fields = (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        status = (folder / "status").read_text(encoding="utf-8")
        kilobytes = int(status.partition("VmRSS:")[2].split()[0])
        return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS, kilobytes / 1024

    def translate(self, body: bytes) -> tuple[int, float]:
        """Status and milliseconds of one request."""
        request = Request(self.url("translate"), body, {"Content-Type": "application/json"})
        start = time.perf_counter()
        try:
            with urlopen(request, timeout=60) as answer:
                answer.read()
                status = answer.status
        except HTTPError as error:
            status = error.code
        return status, 1000 * (time.perf_counter() - start)


@contextmanager
def running(flags: tuple[str, ...]) -> Iterator[Service]:
    """A service that is stopped afterwards."""
    service = Service(flags)
    try:
        service.wait_until_ready()
        yield service
    finally:
        service.process.terminate()
        service.process.wait()


def load(
    service: Service, bodies: Path, clients: int, seconds: float, pause_ms: float = 0
) -> subprocess.Popen[str]:
    """Start the load generator."""
    duration = f"{max(1, round(seconds))}s"
    options = ["-t1", f"-c{clients}", f"-d{duration}", "--timeout", "60s", "-s", str(LOAD)]
    command = ["wrk", *options, service.url(), "--", str(bodies), f"{pause_ms:g}"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def seen(generator: subprocess.Popen[str]) -> Load:
    """What the load generator saw, when it has finished."""
    output, _ = generator.communicate()
    if generator.returncode:
        raise click.ClickException(f"wrk failed: {output}")
    return Load(**json.loads(output.splitlines()[-1]))


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--sentences",
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="English text, a sentence a line, may be .gz; of a TSV the first column.",
)
@click.option("--to", "target", default="es", show_default=True)
@click.option("--limit", default=1000, show_default=True, type=click.IntRange(1))
@click.option("--clients", default=64, show_default=True, type=click.IntRange(2))
@click.option("--seconds", default=15.0, show_default=True, help="Of each measurement.")
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(1))
@click.option("--share", default=0.7, show_default=True, help="Of full speed, for latency.")
@click.option("--overload", default=10.0, show_default=True, help="Times full speed; 0: none.")
@click.option("--overload-seconds", default=60.0, show_default=True)
@click.option("--flag", "flags", multiple=True, help="For `macaronic serve`; may be repeated.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write figures here.")
def main(
    sentences: Path,
    target: str,
    limit: int,
    clients: int,
    seconds: float,
    rounds: int,
    share: float,
    overload: float,
    overload_seconds: float,
    flags: tuple[str, ...],
    json_path: Path | None,
) -> None:
    """Measure throughput, latency and overload of the service.

    \b
    Example:
      python scripts/bench_service.py --sentences tatoeba-test.en-es.tsv.gz
    """
    if shutil.which("wrk") is None:
        raise click.ClickException("wrk is not installed: https://github.com/wg/wrk")
    texts = read_texts(sentences, limit)
    bodies = [json.dumps({"q": text, "source": "en", "target": target}) for text in texts]
    tree: dict[str, Any] = {"conditions": conditions(len(texts), clients)}
    for key, value in tree["conditions"].items():
        click.echo(f"{key}: {value}")
    translator = load_translator()
    with tempfile.TemporaryDirectory() as folder, running(flags) as service:
        file = Path(folder) / "bodies.jsonl"
        file.write_text("".join(f"{body}\n" for body in bodies), encoding="utf-8")
        seen(load(service, file, clients, 3))  # not counted: first runs allocate
        tree["rounds"] = []
        for number in range(rounds):
            found: dict[str, Any] = {}
            start = time.process_time(), time.perf_counter()
            translator.translate(texts, target, source="en", options=DecodeOptions(beam_size=5))
            found["offline_rate"] = len(texts) / (time.perf_counter() - start[1])
            found["offline_cpu_ms"] = 1000 * (time.process_time() - start[0]) / len(texts)
            found["alone"] = asdict(seen(load(service, file, 1, seconds / 3)))
            before = service.stat()[0]
            full = seen(load(service, file, clients, seconds))
            answered = full.statuses.get("200", 1)
            found["full"] = {**asdict(full), "rate": full.rate}
            found["full"]["cpu_ms"] = 1000 * (service.stat()[0] - before) / answered
            pause = 1000 * clients / (share * full.rate) - full.p50_ms * share / 2
            part = seen(load(service, file, clients, seconds, pause))
            found["part"] = {**asdict(part), "rate": part.rate}
            tree["rounds"].append(found)
            click.echo(f"round {number + 1}: {summary(found)}")
        click.echo(f"\n{table(tree['rounds'], share)}")
        if overload:
            full_rate = median(found["full"]["rate"] for found in tree["rounds"])
            many = round(overload * clients)
            pause = 1000 * many / (overload * full_rate)
            tree["overload"] = overwhelm(service, file, bodies, many, overload_seconds, pause)
            click.echo(f"\noverload, {overload:g} times: {json.dumps(tree['overload'])}")
    if json_path:
        json_path.write_text(json.dumps(tree, indent=1) + "\n", encoding="utf-8")


def read_texts(file: Path, limit: int) -> list[str]:
    """The first sentences that are not blank, each once."""
    lines = (decode_line(raw, f"{file}:{n}") for n, raw in enumerate(read_lines(file), start=1))
    texts = dict.fromkeys(line.partition("\t")[0].strip() for line in lines)
    found = [text for text in texts if text][:limit]
    if not found:
        raise click.UsageError(f"{file} has no sentence")
    return found


def overwhelm(
    service: Service, file: Path, bodies: list[str], clients: int, seconds: float, pause: float
) -> dict[str, Any]:
    """What becomes of the service, and of one more client that asks now and then."""
    before = service.stat()[1]
    generator = load(service, file, clients, seconds, pause)
    probes: list[tuple[int, float]] = []
    while generator.poll() is None:
        probes.append(service.translate(bodies[len(probes) % len(bodies)].encode()))
        time.sleep(PROBE_PAUSE_SECONDS)
    whole = seen(generator)
    start = time.monotonic()
    accepted = sorted(ms for status, ms in probes if status == 200)
    usual = service.translate(bodies[0].encode())[1]
    recovery = time.monotonic() - start
    return {
        "clients": clients,
        "statuses": whole.statuses,
        "broken": whole.broken,
        "rate": whole.rate,
        "accepted_p50_ms": median(accepted) if accepted else None,
        "accepted_p95_ms": accepted[int(0.95 * len(accepted))] if accepted else None,
        "probes": len(probes),
        "probes_accepted": len(accepted),
        "first_afterwards_ms": usual,
        "recovery_seconds": recovery,
        "megabytes_before": before,
        "megabytes_after": service.stat()[1],
    }


def summary(found: dict[str, Any]) -> str:
    """One round in a line."""
    full, part, alone = found["full"], found["part"], found["alone"]
    return (
        f"offline {found['offline_rate']:.0f}/s ({found['offline_cpu_ms']:.2f} ms CPU), "
        f"full {full['rate']:.0f}/s ({full['cpu_ms']:.2f} ms CPU, p95 {full['p95_ms']:.0f} ms, "
        f"{full['statuses']}), part {part['rate']:.0f}/s (p95 {part['p95_ms']:.0f} ms), "
        f"alone p50 {alone['p50_ms']:.1f} ms"
    )


def table(rounds: list[dict[str, Any]], share: float) -> str:
    """Medians over the rounds, in Markdown."""
    offline = median(found["offline_rate"] for found in rounds)
    full = median(found["full"]["rate"] for found in rounds)
    ratio = median(found["full"]["rate"] / found["offline_rate"] for found in rounds)
    cpu = median(found["offline_cpu_ms"] / found["full"]["cpu_ms"] for found in rounds)
    alone = median(found["alone"]["p50_ms"] for found in rounds)
    part = median(found["part"]["p95_ms"] for found in rounds)
    times = median(found["part"]["p95_ms"] / found["alone"]["p50_ms"] for found in rounds)
    rows = [
        ("sentences/s offline", f"{offline:,.0f}"),
        ("sentences/s served", f"{full:,.0f}"),
        ("served to offline", f"{ratio:.2f}"),
        ("the same by CPU time a sentence", f"{cpu:.2f}"),
        ("p50 of one client alone", f"{alone:.1f} ms"),
        (f"p95 at {share:.0%} of full speed", f"{part:.1f} ms"),
        ("p95 at that load to p50 alone", f"{times:.1f}"),
    ]
    return "\n".join(["| | median |", "| --- | ---: |", *(f"| {a} | {b} |" for a, b in rows)])


def conditions(texts: int, clients: int) -> dict[str, Any]:
    """What the figures depend on."""
    return {
        "command": " ".join(["python", *sys.argv]),
        **{name: version(name) for name in ("macaronic", "ctranslate2", "fastapi", "uvicorn")},
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "sentences": texts,
        "clients": clients,
    }


if __name__ == "__main__":
    main()
