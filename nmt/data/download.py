"""One file from the web, whole or not at all: stopped at any moment, it goes on where it was."""

from __future__ import annotations

import hashlib
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx2

from nmt.errors import FetchError
from nmt.progress import Progress

ATTEMPTS = 6  # in a row that bring nothing
FIRST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 60.0
TIMEOUT_SECONDS = 60.0
BLOCK_BYTES = 1 << 20
# What a server says of a passing trouble: too slow, too many requests, overloaded.
TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})


class _Interrupted(Exception):
    """A trouble that may pass, and how long the server asks to wait."""

    def __init__(self, reason: str, wait_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.wait_seconds = wait_seconds


@contextmanager
def downloader(mirror: str | None = None) -> Iterator[Callable[[str, Path], None]]:
    """A function that has the file behind an address at a path, which appears when complete.

    Until then it grows in `PATH.part`, from where a later call goes on if the server can and still
    has the same file. Passing troubles are tried again with growing waits. Raises FetchError for
    lasting ones. With a mirror, MIRROR/HOST/PATH is asked for in place of https://HOST/PATH.
    """
    # Identity: a file that is packed on the way could not be continued, nor its digest compared.
    headers = {"Accept-Encoding": "identity", "User-Agent": "macaronic"}
    with httpx2.Client(headers=headers, follow_redirects=True, timeout=TIMEOUT_SECONDS) as client:

        def download(url: str, path: Path) -> None:
            copy = f"{mirror.rstrip('/')}/{url.partition('://')[2]}" if mirror else url
            _download(client, copy, path)

        yield download


def _download(client: httpx2.Client, url: str, path: Path) -> None:
    part = path.with_name(f"{path.name}.part")
    failures = 0
    while True:
        before = _size(part)
        try:
            _receive(client, url, part)
            break
        except (httpx2.TransportError, _Interrupted) as error:
            failures = 1 if _size(part) > before else failures + 1
            reason = str(error) or type(error).__name__
            if failures == ATTEMPTS:
                raise FetchError(
                    f"cannot fetch {url}: {reason} (tried {ATTEMPTS} times); look at the "
                    "connection and run the command again, which goes on from here"
                ) from None
            wait_seconds = FIRST_WAIT_SECONDS * 2 ** (failures - 1)
            if isinstance(error, _Interrupted) and error.wait_seconds is not None:
                wait_seconds = error.wait_seconds
            wait_seconds = min(wait_seconds, LONGEST_WAIT_SECONDS)
            print(f"{url}: {reason}; again in {wait_seconds:g} s", file=sys.stderr, flush=True)
            time.sleep(wait_seconds)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise FetchError(f"cannot fetch {url}: {error}") from None
    part.replace(path)
    _tag_of(part).unlink(missing_ok=True)


def sha256(path: Path) -> str:
    """The SHA-256 digest of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def _receive(client: httpx2.Client, url: str, part: Path) -> None:
    """Ask for what is missing of a file, and add it."""
    headers = {}
    offset, tag = _size(part), _read_tag(part)
    if offset and tag:
        # The server sends the rest only if its file is still the one that this tag was given for.
        headers = {"Range": f"bytes={offset}-", "If-Range": tag}
    with client.stream("GET", url, headers=headers) as response:
        continued = _is_rest(url, part, response, offset)
        total = _total_bytes(response)
        if not continued:
            # Emptied before the new tag is written: the tag of one file must not stand beside
            # the beginning of another.
            part.write_bytes(b"")
            _write_tag(part, response)
            offset = 0
        _check_space(part, (total or 0) - offset)
        with part.open("ab") as file, Progress(f"downloading {url}", total, "bytes") as progress:
            progress.advance(offset)
            for block in response.iter_raw():
                file.write(block)
                progress.advance(len(block))
    if total is not None and _size(part) != total:
        raise _Interrupted(f"{_size(part):,} of {total:,} bytes came")


def _is_rest(url: str, part: Path, response: httpx2.Response, offset: int) -> bool:
    """Whether this is the rest of the file rather than all of it; anything else is an error."""
    status = response.status_code
    content_range = response.headers.get("Content-Range", "")
    if status == 200:
        return False
    if status == 206 and content_range.startswith(f"bytes {offset}-"):
        return True
    answer = f"the server answered {status} {response.reason_phrase}".rstrip()
    if status in (206, 416):
        part.unlink(missing_ok=True)
        raise _Interrupted(f"{answer} for the rest of the file; starting anew")
    if status in TRANSIENT:
        wait = response.headers.get("Retry-After", "")
        raise _Interrupted(answer, float(wait) if wait.isdecimal() else None)
    raise FetchError(
        f"cannot fetch {url}: {answer}; see in a browser whether the address, corpus, version and "
        "languages are right, or take this corpus out of the configuration"
    )


def _total_bytes(response: httpx2.Response) -> int | None:
    """The size of the whole file, if the server tells."""
    if response.status_code == 206:
        text = response.headers["Content-Range"].rpartition("/")[2]
    else:
        text = response.headers.get("Content-Length", "")
    return int(text) if text.isdecimal() else None


def _check_space(part: Path, needed: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if needed > free:
        raise FetchError(
            f"{part.parent} has room for {free:,} bytes, but {needed:,} are still to come: "
            "make room or choose another data.root"
        )


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _tag_of(part: Path) -> Path:
    return part.with_name(f"{part.name}.tag")


def _read_tag(part: Path) -> str:
    with suppress(FileNotFoundError):
        return _tag_of(part).read_text(encoding="utf-8")
    return ""


def _write_tag(part: Path, response: httpx2.Response) -> None:
    """Remember what tells this version of the file; a weak tag does not tell it byte by byte."""
    tag = response.headers.get("ETag", "")
    if not tag or tag.startswith("W/"):
        tag = response.headers.get("Last-Modified", "")
    _tag_of(part).write_text(tag, encoding="utf-8")
