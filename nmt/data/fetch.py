"""Bring the public corpora that a configuration names, checked, with a list of their licences."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from nmt.config import Config
from nmt.data.download import downloader, sha256
from nmt.data.public import DamagedDownload, Job, jobs_of, write_job
from nmt.errors import ConfigError, FetchError

RECORD = "fetched.json"
LICENCES = "LICENCES.md"
DOWNLOADS = "downloads"

Download = Callable[[str, Path], None]


@dataclass(frozen=True)
class Fetched:
    """One file that was made of downloads; `recipe` is what decided its content."""

    lines: int
    corpus: str
    licence: str
    attribution: str
    urls: list[str]
    recipe: str

    @classmethod
    def of(cls, job: Job, lines: int) -> Fetched:
        """The entry of a file that a job has written."""
        return cls(lines, job.name, job.licence, job.attribution, list(job.urls), _recipe(job))


@dataclass
class Record:
    """What was fetched into a folder: SHA-256 of each download by address, and files by name."""

    downloads: dict[str, str] = field(default_factory=dict)
    files: dict[str, Fetched] = field(default_factory=dict)

    @classmethod
    def load(cls, root: Path) -> Record:
        """The record of a folder; an empty one if nothing was fetched yet."""
        path = root / RECORD
        if not path.exists():
            return cls()
        try:
            tree: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
            files = {name: Fetched(**entry) for name, entry in tree["files"].items()}
            return cls(dict(tree["downloads"]), files)
        except (ValueError, TypeError, KeyError, AttributeError):
            raise FetchError(f"{path} is damaged: delete it to fetch everything anew") from None

    def save(self, root: Path) -> None:
        """Write it, whole or not at all."""
        part = root / f"{RECORD}.part"
        text = json.dumps(asdict(self), indent=1, ensure_ascii=False)
        part.write_text(f"{text}\n", encoding="utf-8")
        part.replace(root / RECORD)

    def has(self, job: Job, root: Path) -> bool:
        """Whether all files of a job are there, made as it says."""
        known = [self.files.get(name) for name in job.files]
        return all(entry and entry.recipe == _recipe(job) for entry in known) and all(
            (root / name).is_file() for name in job.files
        )


def fetch(config: Config) -> str:
    """Fetch what is missing under `data.root`; gives the list of licences, also written there.

    Raises FetchError naming the address for what cannot be had or is not what it should be, and
    ConfigError if there is nothing to fetch.
    """
    jobs = jobs_of(config.fetch)
    if not jobs:
        raise ConfigError("fetch: no corpus is named; add fetch.tatoeba, fetch.opus or fetch.files")
    root = Path(config.data.root)
    try:
        root.mkdir(parents=True, exist_ok=True)
        record = Record.load(root)
        with downloader(config.fetch.mirror) as download:
            for job in jobs:
                if not record.has(job, root):
                    _bring(job, download, record, root)
                for name in job.files:  # what is said of a file may change without the file
                    record.files[name] = Fetched.of(job, record.files[name].lines)
        record.save(root)
        licences = _licences(record)
        (root / LICENCES).write_text(licences, encoding="utf-8")
    except OSError as error:
        raise FetchError(f"cannot write {error.filename or root}: {error.strerror}") from None
    return licences


def _bring(job: Job, download: Download, record: Record, root: Path) -> None:
    """Download what a job needs and write its files."""
    paths = [_have(url, job.sha256, download, record, root) for url in job.urls]
    try:
        counts = write_job(job, paths, root)
    except DamagedDownload:
        # The next run must not take it for good.
        for url, path in zip(job.urls, paths, strict=True):
            path.unlink()
            del record.downloads[url]
        record.save(root)
        raise
    record.files |= {name: Fetched.of(job, count) for name, count in counts.items()}
    record.save(root)
    print(f"fetched {job.name}: {sum(counts.values()):,} lines", file=sys.stderr, flush=True)


def _have(url: str, digest: str | None, download: Download, record: Record, root: Path) -> Path:
    """The checked copy of a download, of this or an earlier run."""
    path = root / DOWNLOADS / _local_name(url)
    if path.exists() and url in record.downloads:
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        download(url, path)
    found = sha256(path)
    _check(found, digest, f"{url} is not what the configuration says", path)
    known = record.downloads.get(url)
    hint = f"to accept new editions, delete {root / RECORD}"
    _check(found, known, f"{url} has changed since it was first fetched ({hint})", path)
    record.downloads[url] = found
    record.save(root)
    return path


def _check(found: str, wanted: str | None, problem: str, path: Path) -> None:
    if wanted not in (None, found):
        path.unlink()
        raise FetchError(f"{problem}: its SHA-256 is {found}, expected {wanted}")


def _local_name(url: str) -> str:
    """HOST/PATH of an address, safe as the path of a file."""
    parts = urlsplit(url)
    query = f"_{parts.query}" if parts.query else ""
    pieces = [parts.netloc.replace(":", "_"), *f"{parts.path}{query}".split("/")]
    return "/".join(piece for piece in pieces if piece not in ("", ".", ".."))


def _recipe(job: Job) -> str:
    return " | ".join((*job.urls, job.sha256 or "any", job.settings))


def _licences(record: Record) -> str:
    rows = [
        f"| {name} | {entry.lines:,} | {entry.corpus} | {entry.licence} | {entry.attribution} "
        f"| {'<br>'.join(f'<{url}>' for url in entry.urls)} |"
        for name, entry in record.files.items()
    ]
    return "\n".join(
        [
            "# Licences of the fetched corpora",
            "",
            "They bind what you train on these files and pass on. Written by `macaronic fetch`.",
            "",
            "| file | lines | corpus | licence | attribution | source |",
            "| --- | ---: | --- | --- | --- | --- |",
            *rows,
            "",
        ]
    )
