"""`macaronic fetch` against a server on this machine that can be slow, broken or changed."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import re
import tarfile
import threading
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import langcodes
import pytest
import yaml
from click.testing import CliRunner, Result

from nmt.__main__ import main
from nmt.config import load_config
from nmt.data import download as download_module
from nmt.data.download import downloader
from nmt.data.public import jobs_of
from nmt.errors import FetchError
from nmt.evaluate.testfiles import read_tests

PUBLIC = Path(__file__).parent.parent / "configs/nine-public.yaml"
BODY = bytes(range(256)) * 1000
NAME = "example.org/file.bin"


@dataclass
class Site:
    """What the server has, how it behaves, and what it was asked for."""

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    broken_after: list[int] = field(default_factory=list)  # bytes of the next answers, then a cut
    errors: list[int] = field(default_factory=list)  # statuses of the next answers
    retry_after: str = "0"
    asked: list[tuple[str, str]] = field(default_factory=list)  # path and range
    sent: int = 0


class Handler(BaseHTTPRequestHandler):
    """Files with an ETag and ranges, as object stores serve them."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        site = cast("Any", self.server).site
        name = self.path.removeprefix("/")
        wanted = self.headers.get("Range", "")
        site.asked.append((name, wanted))
        if site.errors or name not in site.files:
            self.send_response(site.errors.pop(0) if site.errors else 404)
            self.send_header("Retry-After", site.retry_after)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = site.files[name]
        tag = f'"{hashlib.md5(body).hexdigest()}"'
        start = 0
        if site.ranges and wanted and self.headers.get("If-Range") == tag:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
        self.send_response(206 if start else 200)
        self.send_header("ETag", tag)
        self.send_header("Content-Length", str(len(body) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.end_headers()
        end = site.broken_after.pop(0) if site.broken_after else len(body)
        self.wfile.write(body[start : start + end])
        site.sent += len(body[start : start + end])
        self.close_connection = end < len(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    """One that does not complain of clients who leave."""

    def handle_error(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setattr(download_module, "FIRST_WAIT_SECONDS", 0.0)
    server = Server(("127.0.0.1", 0), Handler)
    found = Site(f"http://127.0.0.1:{server.server_port}", {NAME: BODY})
    server.site = found  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def get(site: Site, tmp_path: Path) -> Callable[[], Path]:
    def download_it() -> Path:
        with downloader() as download:
            download(f"{site.url}/{NAME}", tmp_path / "file.bin")
        return tmp_path / "file.bin"

    return download_it


# The download of one file


def test_a_cut_connection_is_continued_where_it_broke_as_often_as_it_brings_something(
    site: Site, get: Callable[[], Path]
) -> None:
    site.broken_after = [30_000] * (download_module.ATTEMPTS + 2)
    path = get()
    assert path.read_bytes() == BODY
    starts = range(30_000, 30_000 * len(site.asked), 30_000)
    assert [wanted for _, wanted in site.asked] == ["", *(f"bytes={at}-" for at in starts)]
    assert site.sent == len(BODY), "nothing was sent twice"
    assert [p.name for p in path.parent.iterdir()] == ["file.bin"], "no parts are left"


def test_a_later_run_continues_what_an_earlier_one_began(
    site: Site, get: Callable[[], Path], tmp_path: Path
) -> None:
    site.broken_after = [1000] + [0] * download_module.ATTEMPTS
    with pytest.raises(FetchError, match="run the command again"):
        get()
    assert not (tmp_path / "file.bin").exists(), "half a file under the final name"
    assert get().read_bytes() == BODY
    assert site.asked[-1] == (NAME, "bytes=1000-")


def test_a_file_that_changed_in_between_is_fetched_whole(
    site: Site, get: Callable[[], Path]
) -> None:
    site.broken_after = [1000] + [0] * download_module.ATTEMPTS
    with pytest.raises(FetchError):
        get()
    site.files[NAME] = BODY[::-1]
    assert get().read_bytes() == BODY[::-1]


def test_a_server_without_ranges_sends_the_whole_file_again(
    site: Site, get: Callable[[], Path]
) -> None:
    site.ranges = False
    site.broken_after = [1000]
    assert get().read_bytes() == BODY
    assert site.sent == 1000 + len(BODY)


def test_a_part_that_does_not_fit_the_file_is_thrown_away(
    site: Site, get: Callable[[], Path], tmp_path: Path
) -> None:
    site.errors = [416]
    (tmp_path / "file.bin.part").write_bytes(b"x" * 10)
    (tmp_path / "file.bin.part.tag").write_text('"tag"')
    assert get().read_bytes() == BODY


def test_passing_errors_are_tried_again_after_the_wait_that_the_server_asks_for(
    site: Site, get: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("time.sleep", waits.append)
    site.errors, site.retry_after = [503, 429, 500], "7"
    assert get().read_bytes() == BODY
    assert waits == [7, 7, 7]


def test_lasting_errors_name_the_address_and_are_not_tried_again(
    site: Site, get: Callable[[], Path]
) -> None:
    site.errors = [403]
    with pytest.raises(FetchError, match=rf"{site.url}/{NAME}: the server answered 403 Forbidden"):
        get()
    assert len(site.asked) == 1


def test_a_server_that_is_not_there_is_asked_with_growing_waits_and_then_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("time.sleep", waits.append)
    with downloader() as download, pytest.raises(FetchError, match=r"127.0.0.1:9/x: .*tried 6 "):
        download("http://127.0.0.1:9/x", tmp_path / "x")
    assert waits == [1, 2, 4, 8, 16]


def test_a_full_disk_is_told_before_the_download(
    get: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    with pytest.raises(FetchError, match="room for 1,000 bytes, but 256,000 are still to come"):
        get()


# The command

OPUS = "object.pouta.csc.fi/OPUS-Talks/v1/moses/be-en.txt.zip"
TATOEBA = "downloads.tatoeba.org/exports/per_language"
EXTRA = "example.org/extra.tar.gz"
WORDS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]


def moses(english: list[str], other: list[str], language: str, corpus: str = "Talks") -> bytes:
    file = io.BytesIO()
    pair = "-".join(sorted(("en", language)))
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("README", "about")
        for code, lines in (("en", english), (language, other)):
            archive.writestr(f"{corpus}.{pair}.{code}", "".join(f"{line}\n" for line in lines))
    return file.getvalue()


def tar(members: dict[str, str]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        for name, text in members.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return file.getvalue()


def tatoeba(site: Site, code: str, sentences: list[str], links: list[tuple[int, int]]) -> None:
    """Sentences of a language, English ones numbered from 1000, others from 5000, and links."""
    start = 1000 if code == "eng" else 5000
    lines = [f"{number}\t{code}\t{text}\n" for number, text in enumerate(sentences, start)]
    site.files[f"{TATOEBA}/{code}/{code}_sentences.tsv.bz2"] = bz2.compress("".join(lines).encode())
    text = "".join(f"{a}\t{b}\n" for a, b in links)
    site.files[f"{TATOEBA}/eng/eng-{code}_links.tsv.bz2"] = bz2.compress(text.encode())


@pytest.fixture
def run(site: Site, tmp_path: Path) -> Callable[..., Result]:
    """`macaronic fetch` of a small configuration, with the `fetch` section given."""
    site.files[OPUS] = moses(["Yes.", "No\tway."], ["Так.", "Не."], "be")

    def fetch(section: dict[str, Any] | None = None, *arguments: str) -> Result:
        tree = {
            "name": "small",
            "languages": ["en", "be"],
            "data": {
                "directory": str(tmp_path / "data"),
                "root": str(tmp_path / "root"),
                "sources": [{"path": "talks.en-be.tsv.gz", "languages": ["en", "be"]}],
            },
            "fetch": {"opus": [TALKS]} if section is None else section,
            "training": {"directory": str(tmp_path / "run"), "max_steps": 1},
        }
        (tmp_path / "small.yaml").write_text(yaml.safe_dump(tree))
        mirror = f"fetch.mirror={site.url}/"
        return CliRunner().invoke(main, ["fetch", str(tmp_path / "small.yaml"), mirror, *arguments])

    return fetch


TALKS = {"corpus": "Talks", "version": "v1", "pairs": ["en-be"], "licence": "CC0"}


def rows(path: Path) -> list[str]:
    return gzip.decompress(path.read_bytes()).decode().splitlines()


def test_opus_pairs_become_columns_in_the_order_asked_for(
    run: Callable[..., Result], tmp_path: Path
) -> None:
    result = run()
    assert result.exit_code == 0, result.output
    assert rows(tmp_path / "root/talks.en-be.tsv.gz") == ["Yes.\tТак.", "No way.\tНе."]


def test_tatoeba_sentences_are_joined_by_their_links(
    site: Site, run: Callable[..., Result], tmp_path: Path
) -> None:
    tatoeba(site, "eng", ["Yes.", "No.", "Unlinked."], [])
    tatoeba(
        site, "bel", ["Так.", "Не.", "Ага."], [(1000, 5000), (1000, 5002), (1001, 5001), (1002, 9)]
    )
    assert run({"tatoeba": {"pairs": ["en-be"]}}).exit_code == 0
    found = rows(tmp_path / "root/tatoeba.en-be.tsv.gz")
    assert found == ["Yes.\tТак.", "Yes.\tАга.", "No.\tНе."]


def test_pairs_set_apart_are_the_same_sentences_in_every_language_and_not_trained_on(
    site: Site, run: Callable[..., Result], tmp_path: Path
) -> None:
    both = [*WORDS, *(word.upper() + "!" for word in WORDS)]  # each sentence in two spellings
    site.files[OPUS] = moses(both, [f"{word} be" for word in both], "be")
    site.files[OPUS.replace("be-en", "en-uk")] = moses(both, [f"{word} uk" for word in both], "uk")
    section = {"opus": [{**TALKS, "pairs": ["en-be", "en-uk"], "test": 3, "validation": 2}]}
    assert run(section).exit_code == 0
    english: dict[tuple[str, str], list[str]] = {}
    for kind in ("eval/talks-test", "eval/talks-valid", "talks"):
        for pair in ("en-be", "en-uk"):
            lines = rows(tmp_path / f"root/{kind}.{pair}.tsv.gz")
            english[kind, pair] = [line.split("\t")[0].strip("!").lower() for line in lines]
        assert english[kind, "en-be"] == english[kind, "en-uk"]
    test, valid, rest = (english[key] for key in english if key[1] == "en-be")
    assert (len(test), len(valid), len(rest)) == (3, 2, 10)
    assert sorted({*test, *valid, *rest}) == sorted(WORDS)
    assert not {*test} & {*valid} and not {*test, *valid} & {*rest}


def test_members_of_an_archive_and_plain_files_are_written_where_the_configuration_says(
    site: Site, run: Callable[..., Result], tmp_path: Path
) -> None:
    site.files[EXTRA] = tar({"./set/a.en": "A\nB\n", "./set/a.be": "А\nБ\n"})
    site.files["example.org/word.txt.bz2"] = bz2.compress(b"word\n")
    common = {"licence": "CC0", "name": "extra"}
    files = {"eval/a.en.txt": "set/a.en", "a.en-be.tsv.gz": ["set/a.en", "set/a.be"]}
    archive = {**common, "url": f"https://{EXTRA}", "files": files}
    plain = {
        **common, "url": "https://example.org/word.txt.bz2", "files": {"eval/word.en.txt": None},
    }  # fmt: skip
    result = run({"files": [archive, plain]})
    assert result.exit_code == 0, result.output
    assert (tmp_path / "root/eval/a.en.txt").read_text() == "A\nB\n"
    assert rows(tmp_path / "root/a.en-be.tsv.gz") == ["A\tА", "B\tБ"]
    assert (tmp_path / "root/eval/word.en.txt").read_text() == "word\n"


def test_what_is_there_already_is_not_fetched_again(
    site: Site, run: Callable[..., Result], tmp_path: Path
) -> None:
    first = run()
    for path in sorted((tmp_path / "root/downloads").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()  # downloads may go when all is made
    second = run()
    assert second.exit_code == 0
    assert second.stdout == first.stdout
    assert len(site.asked) == 1


def test_other_settings_make_the_files_anew_from_the_same_download(
    site: Site, run: Callable[..., Result], tmp_path: Path
) -> None:
    run()
    assert run({"opus": [{**TALKS, "test": 1}]}).exit_code == 0
    assert len(rows(tmp_path / "root/eval/talks-test.en-be.tsv.gz")) == 1
    assert len(rows(tmp_path / "root/talks.en-be.tsv.gz")) == 1
    assert run().exit_code == 0
    assert len(rows(tmp_path / "root/talks.en-be.tsv.gz")) == 2
    assert len(site.asked) == 1


def test_licences_are_printed_and_written_and_follow_the_configuration(
    run: Callable[..., Result], tmp_path: Path
) -> None:
    run()
    result = run({"opus": [{**TALKS, "licence": "CC BY 4.0", "attribution": "Ann"}]})
    line = f"| talks.en-be.tsv.gz | 2 | Talks en-be | CC BY 4.0 | Ann | <https://{OPUS}> |"
    assert line in result.stdout.splitlines()
    assert (tmp_path / "root/LICENCES.md").read_text() == result.stdout


def test_a_wrong_checksum_leaves_nothing_behind(
    site: Site, run: Callable[..., Result], tmp_path: Path
) -> None:
    site.files[EXTRA] = b"something else"
    entry = {
        "name": "extra", "licence": "CC0", "url": f"https://{EXTRA}", "sha256": "0" * 64,
        "files": {"eval/a.en.txt": "a.en"},
    }  # fmt: skip
    result = run({"files": [entry]})
    assert result.exit_code == 1
    assert f"https://{EXTRA} is not what the configuration says" in result.stderr
    assert hashlib.sha256(site.files[EXTRA]).hexdigest() in result.stderr
    assert not [p for p in (tmp_path / "root").rglob("*") if p.is_file()]


def test_a_download_that_changed_since_the_first_time_is_refused(
    site: Site, run: Callable[..., Result], tmp_path: Path
) -> None:
    run()
    (tmp_path / "root/talks.en-be.tsv.gz").unlink()
    (tmp_path / "root/downloads" / OPUS).unlink()
    site.files[OPUS] = moses(["New."], ["Новае."], "be")
    result = run()
    assert result.exit_code == 1
    assert "has changed since it was first fetched (to accept new editions, delete" in result.stderr
    (tmp_path / "root/fetched.json").unlink()
    assert run().exit_code == 0
    assert rows(tmp_path / "root/talks.en-be.tsv.gz") == ["New.\tНовае."]


@pytest.mark.parametrize(
    "body",
    [b"<html>please log in</html>", moses(["a"] * 99, ["b"] * 99, "be")[:-30]],
    ids=["page", "cut"],
)
def test_a_download_that_is_no_archive_is_refused_and_fetched_anew_next_time(
    site: Site, run: Callable[..., Result], tmp_path: Path, body: bytes
) -> None:
    good, site.files[OPUS] = site.files[OPUS], body
    result = run()
    assert result.exit_code == 1
    assert f"Talks en-be: cannot read what came from https://{OPUS}" in result.stderr
    assert isinstance(result.exception, SystemExit), "a traceback would reach the user"
    site.files[OPUS] = good
    assert run().exit_code == 0


def test_a_damaged_bz2_or_gz_is_refused(site: Site, run: Callable[..., Result]) -> None:
    for ending, packed in (("bz2", bz2.compress(BODY)), ("gz", gzip.compress(BODY))):
        site.files[f"example.org/a.txt.{ending}"] = packed[:20] + packed[30:]
        entry = {
            "name": "a", "licence": "CC0", "url": f"https://example.org/a.txt.{ending}",
            "files": {"a.en.txt": None},
        }  # fmt: skip
        result = run({"files": [entry]})
        assert result.exit_code == 1
        assert "cannot read what came from" in result.stderr


def test_sides_of_different_length_are_refused(site: Site, run: Callable[..., Result]) -> None:
    site.files[OPUS] = moses(["a", "b"], ["а"], "be")
    result = run()
    assert result.exit_code == 1
    assert "*.be-en.be ends before line 2" in result.stderr


def test_too_few_pairs_to_set_apart_are_told(run: Callable[..., Result]) -> None:
    result = run({"opus": [{**TALKS, "test": 3}]})
    assert result.exit_code == 1
    assert "Talks en-be has 2 different sentences, fewer than the 3 to set apart" in result.stderr


def test_nothing_of_an_archive_is_written_elsewhere(
    site: Site, run: Callable[..., Result], tmp_path: Path
) -> None:
    site.files[EXTRA] = tar({"../../escaped.txt": "out\n", "a.en": "in\n"})
    entry = {"name": "extra", "licence": "CC0", "url": f"https://{EXTRA}"}
    result = run({"files": [{**entry, "files": {"in.en.txt": "a.en"}}]})
    assert result.exit_code == 0, result.output
    assert not list(tmp_path.parent.rglob("escaped.txt"))
    for target in ("../out.txt", "/out.txt", "a/../../out.txt", "c:out.txt"):
        result = run({"files": [{**entry, "files": {target: "a.en"}}]})
        assert result.exit_code == 2
        assert "must be a path inside data.root" in result.stderr


@pytest.mark.parametrize(
    ("section", "status", "message"),
    [
        ({}, 2, "fetch: no corpus is named"),
        ({"opsu": []}, 2, "fetch.opsu: unknown key; allowed here: files, mirror, opus, tatoeba"),
        ({"opus": [{**TALKS, "pairs": ["en-en"]}]}, 2, "the two languages of a pair must differ"),
        ({"opus": [TALKS, {**TALKS, "version": "v2"}]}, 2, "would both write talks.en-be.tsv.gz"),
        ({"tatoeba": {"pairs": ["en-xx"]}}, 2, "xx is not a language of ISO 639"),
        ({"mirror": "ftp://x", "opus": [TALKS]}, 2, "must begin with http:// or https://"),
        ({"opus": [{**TALKS, "pairs": ["en-uk"]}]}, 1, "en-uk.txt.zip: the server answered 404"),
    ],
)
def test_mistakes_get_one_clear_message(
    run: Callable[..., Result], section: dict[str, Any], status: int, message: str
) -> None:
    overrides = [f"fetch.mirror={section['mirror']}"] if "mirror" in section else []
    result = run(section, *overrides)
    assert result.exit_code == status
    assert message in result.stderr
    assert isinstance(result.exception, SystemExit), "a traceback would reach the user"
    assert result.stdout == ""


def test_a_folder_that_cannot_be_written_and_a_damaged_record_are_told(
    run: Callable[..., Result], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    result = run(None, f"data.root={tmp_path}/file/under")
    assert result.exit_code == 1 and f"cannot write {tmp_path}/file" in result.stderr
    (tmp_path / "root").mkdir()
    (tmp_path / "root/fetched.json").write_text("{}")
    result = run()
    assert result.exit_code == 1 and "is damaged: delete it" in result.stderr


# The configuration of nine languages


def test_the_public_configuration_fetches_all_that_it_uses_with_the_same_licences() -> None:
    config = load_config(PUBLIC)
    licences = {name: job.licence for job in jobs_of(config.fetch) for name in job.files}
    for source in config.data.sources:
        assert licences.pop(source.paths[0]) == source.licence
    assert set(config.training.validation) <= set(licences)
    assert {name.split("/")[0] for name in licences} == {"eval"}, "fetched and not used"
    assert config.data.exclude == ("eval/*",)
    flores = {name.split(".")[1]: str(m) for name, m in config.fetch.files[0].files.items()}
    for language in config.languages:
        code = langcodes.Language.get(language).to_alpha3()
        assert re.fullmatch(rf".*/devtest/{code}_[A-Z][a-z]{{3}}\.devtest", flores[language])


def test_the_public_configuration_goes_from_a_mirror_to_a_prepared_corpus(
    site: Site, tmp_path: Path
) -> None:
    config = load_config(PUBLIC)
    for name, english in mirror_of_public(site):
        assert name in {url.partition("://")[2] for j in jobs_of(config.fetch) for url in j.urls}
        assert english
    flores = site.files["dl.fbaipublicfiles.com/nllb/flores200_dataset.tar.gz"]
    tree = yaml.safe_load(PUBLIC.read_text())
    tree["fetch"]["files"][0]["sha256"] = hashlib.sha256(flores).hexdigest()
    tree["fetch"]["tatoeba"] |= {"test": 5, "validation": 2}
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(tree))
    common = [str(tmp_path / "c.yaml"), f"data.root={tmp_path}/root"]
    runner = CliRunner()
    result = runner.invoke(main, ["fetch", *common, f"fetch.mirror={site.url}"])
    assert result.exit_code == 0, result.output
    tests = read_tests(sorted((tmp_path / "root/eval").glob("*-*test.*")), config.languages)
    assert Counter((test.name, len(test.sources)) for test in tests) == {
        ("flores200-devtest", 3): 9 * 8,
        ("tatoeba-test", 5): 8 * 2,
    }
    small = [f"data.directory={tmp_path}/data", "data.vocabulary.size=1200", "--workers", "1"]
    result = runner.invoke(main, ["prepare", *common, *small])
    assert result.exit_code == 0, result.output
    reports = json.loads((tmp_path / "data/report.json").read_text())
    found = {report["name"]: report for report in reports}
    assert len(found) == len(config.data.sources)
    assert all(report["kept"] for report in found.values())
    assert found["ted2020.en-be"]["dropped"]["held_out"] == 1, "it holds a sentence of FLORES"


def mirror_of_public(site: Site) -> Iterator[tuple[str, list[str]]]:
    """A small copy of all that the public configuration downloads."""
    config = load_config(PUBLIC)
    scripts = {"ja": "あいうえおかきくけこ", "ko": "가나다라마바사아자차"}
    scripts |= dict.fromkeys(("ru", "uk", "be"), "абвгдежзик")
    codes = {"es": "spa", "pt": "por", "fr": "fra", "ja": "jpn", "ko": "kor", "ru": "rus"}
    codes |= {"uk": "ukr", "be": "bel"}

    def translated(sentence: str, language: str, salt: str) -> str:
        """Letters of the right script, different for each corpus and sentence."""
        digest = hashlib.sha256(f"{sentence}{language}{salt}".encode()).hexdigest()
        letters = scripts.get(language, "abcdefghij")
        words = [digest[i : i + 6] for i in range(0, 30, 6)]
        return " ".join("".join(letters[int(c, 16) % 10] for c in word) for word in words)

    english = [f"The {a} saw {b} {a}s today." for a in WORDS for b in WORDS[:3]]
    tatoeba(site, "eng", english, [])
    for language, code in codes.items():
        other = [translated(sentence, language, "tatoeba") for sentence in english]
        tatoeba(site, code, other, [(1000 + n, 5000 + n) for n in range(len(english))])
        yield f"{TATOEBA}/{code}/{code}_sentences.tsv.bz2", other
    flores = [f"A sentence about {word} for testing." for word in WORDS[:3]]
    for opus in config.fetch.opus:
        lines = [f"{opus.corpus}: {sentence}" for sentence in english] + flores[:1]
        for pair in opus.pairs:
            language = pair.removeprefix("en-")
            other = [translated(line, language, opus.corpus) for line in lines]
            both = "-".join(sorted(("en", language)))
            name = f"object.pouta.csc.fi/OPUS-{opus.corpus}/{opus.version}/moses/{both}.txt.zip"
            site.files[name] = moses(lines, other, language, opus.corpus)
            yield name, lines
    members = [str(member) for member in config.fetch.files[0].files.values()]
    name = "dl.fbaipublicfiles.com/nllb/flores200_dataset.tar.gz"
    site.files[name] = tar({f"./{m}": "".join(f"{line}\n" for line in flores) for m in members})
    yield name, flores
