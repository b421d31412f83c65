from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from nmt.config import CleaningConfig, Config, SourceConfig, load_config
from nmt.data import chunks
from nmt.data.corpus import Corpus, read_pairs
from nmt.data.dedup import mark_duplicates
from nmt.data.prepare import prepare
from nmt.data.report import SourceReport, format_reports
from nmt.errors import ConfigError, CorpusError
from nmt.sections import parse
from nmt.text.tokenizer import Tokenizer

PAIRS = [
    ("The cat sleeps on the sofa.", "El gato duerme en el sofá."),
    ("Where is the station?", "¿Dónde está la estación?"),
    ("I have two brothers and one sister.", "Tengo dos hermanos y una hermana."),
    ("It rains a lot in autumn.", "Llueve mucho en otoño."),
    ("She reads a long book.", "Ella lee un libro largo."),
    ("We are going home now.", "Ahora nos vamos a casa."),
] + [(f"Number {n} is a good number.", f"El número {n} es un buen número.") for n in range(20)]


def settings(root: Path, *sources: dict[str, Any], **data: Any) -> Config:
    """Prepares into `root/corpus` from files in `root`."""
    tree = {
        "name": "test",
        "languages": ["en", "es"],
        "data": {
            "directory": str(root / "corpus"),
            "root": str(root),
            "sources": [{"languages": ["en", "es"], **source} for source in sources],
            "vocabulary": {"size": 360},
            **data,
        },
        "training": {"directory": str(root / "run"), "max_steps": 1},
    }
    return parse(Config, tree, "test")


def write_tsv(path: Path, pairs: list[tuple[str, str]]) -> dict[str, Any]:
    text = "".join(f"{first}\t{second}\n" for first, second in pairs)
    content = text.encode()
    path.write_bytes(gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)
    return {"path": path.name}


def write_moses(root: Path, pairs: list[tuple[str, str]]) -> dict[str, Any]:
    for side, code in enumerate(["en", "es"]):
        (root / f"a.{code}").write_text("".join(f"{pair[side]}\n" for pair in pairs), "utf-8")
    return {"path": ["a.en", "a.es"]}


def write_jsonl(path: Path, pairs: list[tuple[str, str]], is_nested: bool) -> dict[str, Any]:
    entries: list[dict[str, Any]] = [{"en": first, "es": second} for first, second in pairs]
    if is_nested:
        entries = [{"id": 1, "translation": entry} for entry in entries]
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries), "utf-8")
    return {"path": path.name}


def contents(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(directory.iterdir())}


def texts(config: Config) -> list[tuple[str, str]]:
    """All pairs of a prepared corpus, as text."""
    corpus = Corpus(Path(config.data.directory))
    decode = corpus.tokenizer.decode
    return [
        (decode(first.tolist()), decode(second.tolist()))
        for shard in corpus.shards
        for first, second in (shard.pair(index) for index in range(len(shard)))
    ]


WRITERS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "tsv": lambda root: write_tsv(root / "a.tsv", PAIRS),
    "tsv.gz": lambda root: write_tsv(root / "a.tsv.gz", PAIRS),
    "moses": lambda root: write_moses(root, PAIRS),
    "jsonl": lambda root: write_jsonl(root / "a.jsonl", PAIRS, is_nested=False),
    "nested jsonl": lambda root: write_jsonl(root / "a.jsonl", PAIRS, is_nested=True),
}


@pytest.mark.parametrize("form", WRITERS)
def test_every_format_gives_the_same_pairs(tmp_path: Path, form: str) -> None:
    config = settings(tmp_path, WRITERS[form](tmp_path))
    reports = prepare(config, workers=1)
    assert (reports[0].read, reports[0].kept) == (len(PAIRS), len(PAIRS))
    assert texts(config) == PAIRS
    assert list(read_pairs(config.data.sources[0], tmp_path)) == PAIRS


def test_a_byte_order_mark_and_windows_line_ends_are_no_text(tmp_path: Path) -> None:
    lines = "".join(f"{first}\t{second}\r\n" for first, second in PAIRS)
    (tmp_path / "a.tsv").write_bytes(b"\xef\xbb\xbf" + lines.encode())
    assert (
        list(read_pairs(settings(tmp_path, {"path": "a.tsv"}).data.sources[0], tmp_path)) == PAIRS
    )


BAD_PAIRS = {
    "empty": ("?!", "Sí."),
    "too_long": ("word " * 120, "palabra " * 110),
    "length_ratio": ("Yes.", "Sí, por supuesto que vamos a ir todos juntos a la playa mañana."),
    "wrong_script": ("The cat sleeps on the sofa.", "Кот спит на диване сегодня."),
    "identical": ("Hotel Miramar, Barcelona!", "hotel miramar barcelona"),
    "held_out": ("Do not train on this.", "No se entrena con esto."),
    "duplicate": ("the cat sleeps on the sofa", "El gato duerme en el sofá"),
}


@pytest.fixture
def dirty(tmp_path: Path) -> Config:
    """Good pairs, and one for each rule to drop."""
    write_tsv(tmp_path / "test.tsv", [("do NOT train on this...", "something else")])
    source = write_tsv(tmp_path / "a.tsv", [*PAIRS, *BAD_PAIRS.values()])
    return settings(tmp_path, source, exclude=["test.tsv"])


def test_each_rule_drops_its_pair_and_tells_it(dirty: Config) -> None:
    (report,) = prepare(dirty, workers=1)
    assert report.dropped == dict.fromkeys(BAD_PAIRS, 1)
    assert report.read == len(PAIRS) + len(BAD_PAIRS)
    assert report.read == report.kept + report.dropped.total()
    for rule, (first, second) in BAD_PAIRS.items():
        assert report.examples[rule] == [f"{first.strip()}\t{second.strip()}"]
    assert texts(dirty) == PAIRS
    table = format_reports([report])
    assert all(rule in table for rule in BAD_PAIRS)


@pytest.mark.parametrize("rule", BAD_PAIRS)
def test_a_rule_that_is_not_named_drops_nothing(dirty: Config, rule: str) -> None:
    rules = [name for name in CleaningConfig().rules if name != rule]
    tree = dirty.model_dump(mode="json")
    tree["data"]["cleaning"]["rules"] = rules
    (report,) = prepare(parse(Config, tree, "test"), workers=1)
    assert rule not in report.dropped
    assert report.read == report.kept + report.dropped.total()


def test_a_report_keeps_only_the_first_examples(tmp_path: Path) -> None:
    bad = [(f"{n}?", "") for n in range(9)]
    (report,) = prepare(settings(tmp_path, write_tsv(tmp_path / "a.tsv", PAIRS + bad)), workers=1)
    assert report.dropped["empty"] == 9
    assert report.examples["empty"] == ["0?\t", "1?\t", "2?\t"]


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("spelling", ["{}", "  {}!", "«{}»"])
def test_a_pair_with_either_side_held_out_goes(tmp_path: Path, side: int, spelling: str) -> None:
    held = spelling.format(PAIRS[2][side].upper())
    (tmp_path / "eval").mkdir()
    write_tsv(tmp_path / "eval/test.tsv.gz", [("Another sentence.", held)])
    config = settings(tmp_path, write_tsv(tmp_path / "a.tsv", PAIRS), exclude=["eval/*.gz"])
    (report,) = prepare(config, workers=1)
    assert report.dropped == {"held_out": 1}
    assert texts(config) == PAIRS[:2] + PAIRS[3:]


def test_a_pair_of_two_sources_stays_in_the_first(tmp_path: Path) -> None:
    first = write_tsv(tmp_path / "a.tsv", PAIRS[:10])
    second = write_tsv(tmp_path / "b.tsv", [*PAIRS[5:], PAIRS[-1]])
    one, two = prepare(settings(tmp_path, first, second), workers=1)
    assert (one.kept, dict(one.dropped)) == (10, {})
    assert (two.kept, dict(two.dropped)) == (len(PAIRS) - 10, {"duplicate": 6})


def test_the_other_order_of_languages_is_a_duplicate_as_well(tmp_path: Path) -> None:
    first = write_tsv(tmp_path / "a.tsv", PAIRS)
    second = write_tsv(tmp_path / "b.tsv", [(b, a) for a, b in PAIRS])
    config = settings(tmp_path, first, {**second, "languages": ["es", "en"]})
    one, two = prepare(config, workers=1)
    assert (one.kept, two.kept, two.dropped["duplicate"]) == (len(PAIRS), 0, len(PAIRS))
    assert [len(shard) for shard in Corpus(tmp_path / "corpus").shards] == [len(PAIRS)]


def test_white_space_is_folded_and_accents_composed(tmp_path: Path) -> None:
    source = write_tsv(
        tmp_path / "a.tsv", [*PAIRS, ("A  cafe\u0301 \u2028 here", "Un\u00a0café  aquí")]
    )
    config = settings(tmp_path, source)
    prepare(config, workers=1)
    assert texts(config)[-1] == ("A café here", "Un café aquí")


def many_pairs(count: int) -> list[tuple[str, str]]:
    return [
        (f"We count {n} of {n * 7 % 1000} cats.", f"Contamos {n} de {n * 7 % 1000} gatos.")
        for n in range(count)
    ]


def test_any_number_of_workers_gives_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nmt.data.prepare.LINES_PER_CHUNK", 200)
    made = []
    for workers in (1, 2):
        root = tmp_path / str(workers)
        root.mkdir()
        first = write_tsv(root / "a.tsv", many_pairs(1900))  # ten chunks
        second = write_tsv(root / "b.tsv", many_pairs(250))
        prepare(settings(root, first, second), workers=workers)
        made.append(contents(root / "corpus"))
    assert made[0] == made[1]


def test_a_corpus_of_the_same_inputs_is_left_as_it_is(tmp_path: Path) -> None:
    config = settings(tmp_path, write_tsv(tmp_path / "a.tsv", PAIRS))
    reports = prepare(config, workers=1)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "corpus").iterdir()}
    assert prepare(config, workers=1) == reports
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "corpus").iterdir()} == before


@pytest.mark.parametrize("change", ["settings", "text", "held-out"])
def test_a_change_of_the_inputs_makes_it_anew(tmp_path: Path, change: str) -> None:
    held_out = tmp_path / "test.tsv"
    write_tsv(held_out, [("Nothing of this.", "Nada de esto.")])
    source = write_tsv(tmp_path / "a.tsv", PAIRS)
    config = settings(tmp_path, source, exclude=["test.tsv"])
    prepare(config, workers=1)
    if change == "settings":
        config = settings(tmp_path, source, exclude=["test.tsv"], cleaning={"max_characters": 25})
    elif change == "text":
        write_tsv(tmp_path / "a.tsv", PAIRS[:-1])
    else:
        write_tsv(held_out, PAIRS[:1])
    prepare(config, workers=1)
    assert len(texts(config)) < len(PAIRS)
    assert {path.name for path in tmp_path.iterdir()} == {"a.tsv", "test.tsv", "corpus"}


@pytest.mark.parametrize("name", ["corpus.tsv", "spm.model.tsv", "replaced.tsv", "sources.tsv"])
def test_a_source_may_have_any_name(tmp_path: Path, name: str) -> None:
    config = settings(tmp_path, write_tsv(tmp_path / name, PAIRS))
    prepare(config, workers=1)
    assert texts(config) == PAIRS


@pytest.mark.parametrize("damage", ["shard", "manifest", "vocabulary"])
def test_a_damaged_corpus_is_made_anew(tmp_path: Path, damage: str) -> None:
    config = settings(tmp_path, write_tsv(tmp_path / "a.tsv", PAIRS))
    prepare(config, workers=1)
    whole = contents(tmp_path / "corpus")
    name = {"shard": "a.pieces.npy", "manifest": "manifest.json", "vocabulary": "spm.model"}[damage]
    (tmp_path / "corpus" / name).write_bytes(whole[name][:60])
    prepare(config, workers=1)
    assert contents(tmp_path / "corpus") == whole


def test_a_folder_of_other_files_is_never_replaced(tmp_path: Path) -> None:
    source = write_tsv(tmp_path / "a.tsv", PAIRS)
    precious = tmp_path / "corpus/thesis.txt"
    precious.parent.mkdir()
    precious.write_text("years of work")
    with pytest.raises(CorpusError, match="holds other files than a prepared corpus"):
        prepare(settings(tmp_path, source), workers=1)
    assert precious.read_text() == "years of work"


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    source = write_tsv(tmp_path / "a.tsv", PAIRS)
    config = settings(tmp_path, source, directory=str(tmp_path / "a.tsv/corpus"))
    with pytest.raises(CorpusError, match=r"cannot make the folder .*Not a directory"):
        prepare(config, workers=1)


# Killed at any moment and started again


class Killed(BaseException):
    """Stands for a kill: no handler for errors may see it."""


def test_a_restart_after_a_kill_between_any_two_files_gives_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = [
        write_tsv(tmp_path / "a.tsv", PAIRS),
        write_tsv(tmp_path / "b.tsv", [*PAIRS[:8], ("New words here.", "Palabras nuevas.")]),
    ]
    undisturbed = tmp_path / "undisturbed"
    prepare(settings(tmp_path, *sources, directory=str(undisturbed)), workers=1)
    rename = Path.replace
    for renames_until_kill in range(100):
        renamed = iter(range(renames_until_kill))

        def replace(self: Path, target: Path, renamed: Iterator[int] = renamed) -> Path:
            if next(renamed, None) is None:
                raise Killed
            return rename(self, target)

        directory = tmp_path / str(renames_until_kill)
        config = settings(tmp_path, *sources, directory=str(directory))
        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", replace)
            try:
                prepare(config, workers=1)
                break  # nothing was left to be interrupted
            except Killed:
                pass
        prepare(config, workers=1)
        assert contents(directory) == contents(undisturbed)
        assert not list(tmp_path.glob("*.work-*"))
    assert renames_until_kill > 10


@pytest.mark.parametrize("step", ["rmtree", "replace"])
def test_a_kill_while_an_old_corpus_gives_way_leaves_no_damaged_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    prepare(settings(tmp_path, write_tsv(tmp_path / "a.tsv", PAIRS[:9])), workers=1)
    config = settings(tmp_path, write_tsv(tmp_path / "a.tsv", PAIRS))
    directory = tmp_path / "corpus"
    rename = Path.replace

    def replace(self: Path, target: Path) -> Path:
        if target == directory:
            raise Killed
        return rename(self, target)

    def rmtree(path: Path, ignore_errors: bool = False) -> None:
        if not ignore_errors:
            raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        if step == "replace":
            patch.setattr(Path, "replace", replace)
        else:
            patch.setattr("shutil.rmtree", rmtree)
        prepare(config, workers=1)
    assert not directory.exists() or texts(config) == PAIRS
    prepare(config, workers=1)
    assert texts(config) == PAIRS
    assert not list(tmp_path.glob("*.work-*"))


def test_what_a_kill_left_of_a_finished_preparation_is_removed(tmp_path: Path) -> None:
    config = settings(tmp_path, write_tsv(tmp_path / "a.tsv", PAIRS))
    prepare(config, workers=1)
    left = tmp_path / "corpus.work-0123456789ab"
    (left / "sources/a").mkdir(parents=True)
    other = tmp_path / "corpus2.work-0123456789ab"
    other.mkdir()
    prepare(config, workers=1)
    assert not left.exists()
    assert other.exists()


def start_prepare(config: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "nmt", "prepare", str(config), "--workers", "2"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def test_killed_in_the_middle_and_started_again_gives_the_same_bytes(tmp_path: Path) -> None:
    source = write_tsv(tmp_path / "a.tsv", many_pairs(41_000))
    quick = {"vocabulary": {"size": 360, "characters_per_language": 5000}}
    config = settings(tmp_path, source, **quick)
    path = tmp_path / "test.yaml"
    path.write_text(yaml.safe_dump(config.model_dump(mode="json")))
    process = start_prepare(path)
    while not list(tmp_path.glob("corpus.work-*/sources/a/*.json")):
        assert process.poll() is None
        time.sleep(0.01)
    tasks = Path(f"/proc/{process.pid}/task").glob("*/children")
    children = " ".join(task.read_text() for task in tasks)
    process.kill()
    process.wait()
    assert not (tmp_path / "corpus").exists()
    assert children.split()
    _wait_until(lambda: not any(_is_running(int(child)) for child in children.split()))
    assert start_prepare(path).wait() == 0
    undisturbed = settings(tmp_path, source, directory=str(tmp_path / "undisturbed"), **quick)
    prepare(undisturbed, workers=1)
    assert contents(tmp_path / "corpus") == contents(tmp_path / "undisturbed")
    assert load_config(path) == config


def _wait_until(is_true: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < end, "workers outlive the process that started them"
        time.sleep(0.05)


def _is_running(pid: int) -> bool:
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False


def _kill_itself() -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def test_a_killed_worker_is_told_without_a_traceback() -> None:
    from nmt.data.parallel import Workers

    with Workers(2) as pool, pytest.raises(CorpusError, match="a worker process was killed"):
        list(pool.run([(_kill_itself,)]))


# Bad input


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.tsv", b"one\ttwo\njust one\n", r"a\.tsv:2: expected 2 columns \(en TAB es\), found 1"),
        ("a.tsv", b"one\ttwo\tthree\n", r"a\.tsv:1: expected 2 columns .* found 3"),
        ("a.tsv", b"one\ttwo\n\n", r"a\.tsv:2: expected 2 columns .* found 1"),
        ("a.tsv", b"one\ttwo\nab\xff\tc\n", r"a\.tsv:2: not valid UTF-8 at byte 3"),
        ("a.jsonl", b'{"en": "a", "es": "b"}\n{"en"', r"a\.jsonl:2: not valid JSON"),
        ("a.jsonl", b'{"en": "a"}\n', r'a\.jsonl:1: expected an object with texts \{"en": '),
        ("a.jsonl", b'{"en": "a", "es": 3}\n', r"a\.jsonl:1: expected an object"),
        ("a.jsonl", b"[]\n", r"a\.jsonl:1: expected an object"),
        ("a.jsonl", b"1" * 5000 + b"\n", r"a\.jsonl:1: not valid JSON"),
        ("a.jsonl", b'{"en": "a\\ud800", "es": "b"}\n', r"a\.jsonl:1: half of a surrogate"),
        (
            "a.tsv.gz",
            gzip.compress(b"one\ttwo\n" * 9000)[:-9],
            r"a\.tsv\.gz is not a complete gzip",
        ),
        ("a.tsv.gz", b"one\ttwo\n", r"a\.tsv\.gz is not a complete gzip"),
    ],
)
def test_bad_input_names_file_and_line(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CorpusError, match=said):
        prepare(settings(tmp_path, {"path": name}), workers=1)
    assert not (tmp_path / "corpus").exists()


def test_bad_lines_can_be_dropped_and_are_counted(tmp_path: Path) -> None:
    write_tsv(tmp_path / "a.tsv", PAIRS)
    with (tmp_path / "a.tsv").open("ab") as file:
        file.write(b"no columns\nbad \xff\tbytes\n")
    config = settings(tmp_path, {"path": "a.tsv"}, cleaning={"bad_lines": "drop"})
    (report,) = prepare(config, workers=1)
    assert report.dropped == {"bad_line": 2}
    assert report.read == len(PAIRS) + 2
    assert f"a.tsv:{len(PAIRS) + 1}: expected 2 columns" in report.examples["bad_line"][0]
    assert texts(config) == PAIRS


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"cannot read .*none\.tsv: No such file"):
        prepare(settings(tmp_path, {"path": "none.tsv"}), workers=1)


@pytest.mark.parametrize("short", ["a.en", "a.es"])
def test_aligned_files_of_different_length_are_refused(tmp_path: Path, short: str) -> None:
    source = write_moses(tmp_path, PAIRS)
    lines = (tmp_path / short).read_text("utf-8").splitlines(keepends=True)
    (tmp_path / short).write_text("".join(lines[:-2]), "utf-8")
    with pytest.raises(CorpusError, match=rf"{short} ends before line {len(PAIRS) - 1}"):
        prepare(settings(tmp_path, source), workers=1)


def test_an_unknown_rule_is_refused_with_the_known(tmp_path: Path) -> None:
    config = settings(tmp_path, {"path": "a.tsv"}, cleaning={"rules": ["empty", "emtpy"]})
    with pytest.raises(ConfigError, match=r"unknown rule 'emtpy'; allowed: empty, too_long"):
        prepare(config, workers=1)


@pytest.mark.parametrize(
    ("pattern", "said"),
    [("eval/*.gz", r"no file under .* matches 'eval/\*\.gz'"), ("/etc/*", "under data.root")],
)
def test_a_pattern_of_held_out_files_must_match(tmp_path: Path, pattern: str, said: str) -> None:
    source = write_tsv(tmp_path / "a.tsv", PAIRS)
    with pytest.raises(CorpusError, match=said):
        prepare(settings(tmp_path, source, exclude=[pattern]), workers=1)


@pytest.mark.parametrize("pairs", [[], [("?", "!"), ("word", "слово")]])
def test_a_corpus_of_which_nothing_is_left_says_why(
    tmp_path: Path, pairs: list[tuple[str, str]]
) -> None:
    reasons = "empty 1, wrong_script 1" if pairs else "none"
    with pytest.raises(CorpusError, match=f"no pair is left after cleaning.*: {reasons}"):
        prepare(settings(tmp_path, write_tsv(tmp_path / "a.tsv", pairs)), workers=1)


# Parts


@pytest.mark.parametrize("hashes_per_pass", [1, 7, 100, 10_000])
def test_duplicates_are_those_that_a_set_finds(tmp_path: Path, hashes_per_pass: int) -> None:
    rng = np.random.default_rng(0)
    values = rng.integers(0, 2**64, 150, dtype=np.uint64)
    files, expected, seen = [], [], set()
    for number, size in enumerate([90, 0, 1, 130, 77]):
        hashes = rng.choice(values, size)
        files.append(tmp_path / f"{number}.hash.npy")
        np.save(files[-1], hashes)
        keep = []
        for value in hashes.tolist():
            keep.append(value not in seen)
            seen.add(value)
        expected.append(keep)
    mark_duplicates(files, tmp_path / "scratch", hashes_per_pass)
    found = [np.load(tmp_path / f"{number}.keep.npy").tolist() for number in range(5)]
    assert found == expected
    assert not (tmp_path / "scratch").exists()


def test_a_report_survives_saving() -> None:
    report = SourceReport("a", ("en", "es"), read=3, kept=1)
    report.drop("empty", "\t")
    report.drop("too_long", "x\ty")
    assert SourceReport.from_json(json.loads(json.dumps(report.to_json()))) == report


def test_a_file_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    chunks.write_bytes(path, b"old")

    def fail(self: Path, target: Path) -> Path:
        raise Killed

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(Killed):
        chunks.write_bytes(path, b"new")
    assert path.read_bytes() == b"old"


def test_the_source_of_a_pair_of_files_is_read_in_step(tmp_path: Path) -> None:
    source = SourceConfig(languages=("en", "es"), **write_moses(tmp_path, PAIRS))
    assert list(read_pairs(source, tmp_path)) == PAIRS


def test_held_out_files_that_would_exclude_nothing_are_refused(tmp_path: Path) -> None:
    source = write_tsv(tmp_path / "a.tsv", PAIRS)
    (tmp_path / "test.jsonl").write_text('{"en": "Hello.", "es": "Hola."}\n')
    with pytest.raises(CorpusError, match=r"test\.jsonl: held-out files are text or TSV"):
        prepare(settings(tmp_path, source, exclude=["test.jsonl"]), workers=1)


def test_a_source_may_be_in_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, work = tmp_path / "corpora", tmp_path / "work"
    for folder in (root, work):
        folder.mkdir()
    monkeypatch.chdir(work)
    write_tsv(root / "both.tsv", PAIRS)
    write_tsv(work / "both.tsv", PAIRS[:5])
    write_tsv(work / "own.tsv", [(f"{a} It is so.", f"{b} Es así.") for a, b in PAIRS])
    config = settings(root, {"path": "both.tsv"}, {"path": "own.tsv"})
    prepare(config)
    assert [len(s) for s in Corpus(root / "corpus").shards] == [len(PAIRS), len(PAIRS)]


def test_the_phrases_that_come_along_hold_all_nine_languages() -> None:
    config = load_config(Path("configs/nine.yaml"))
    sources = [s for s in config.data.sources if s.path == "configs/phrases.jsonl"]
    assert len(sources) == 8
    for source in sources:
        pairs = list(read_pairs(source, Path("nowhere")))
        assert len(pairs) > 150
        assert all(side and side == side.strip() for pair in pairs for side in pair)


def test_the_vocabulary_of_a_model_is_taken_as_it_is(tmp_path: Path, tiny_model_dir: Path) -> None:
    source = write_tsv(tmp_path / "a.tsv", PAIRS)
    vocabulary = {"from_model": str(tiny_model_dir)}
    config = settings(tmp_path, source, vocabulary=vocabulary)
    prepare(config, workers=1)
    corpus = Corpus(tmp_path / "corpus")
    assert corpus.tokenizer.model == (tiny_model_dir / "spm.model").read_bytes()
    first, second = corpus.shards[0].pair(0)
    texts = [corpus.tokenizer.decode(side.tolist()) for side in (first, second)]
    assert tuple(texts) == PAIRS[0]


def test_a_vocabulary_without_a_language_needs_room_and_text_for_it(
    tmp_path: Path, tiny_model_dir: Path
) -> None:
    size = Tokenizer.load(tiny_model_dir / "spm.model").vocab_size
    source = write_tsv(tmp_path / "a.tsv", PAIRS)
    vocabulary = {"from_model": str(tiny_model_dir), "size": size + 99}
    config = settings(tmp_path, source, vocabulary=vocabulary)
    without_text = config.model_copy(update={"languages": ("en", "es", "ja")})
    with pytest.raises(ConfigError, match="has no tag for ja, and no source has text"):
        prepare(without_text, workers=1)
    (japanese,) = (s.model_copy(update={"languages": ("en", "ja")}) for s in config.data.sources)
    data = config.data.model_copy(update={"sources": (japanese,)})
    with pytest.raises(ConfigError, match="has no tag for ja, only for en, es, pt, fr") as caught:
        prepare(without_text.model_copy(update={"data": data}), workers=1)
    assert f"has to be {size + 100:,} or more" in str(caught.value)
    assert not any(tmp_path.glob("corpus*"))


def test_a_vocabulary_is_extended_by_the_pieces_of_a_new_language(
    tmp_path: Path, tiny_model_dir: Path
) -> None:
    old = Tokenizer.load(tiny_model_dir / "spm.model")
    english = write_tsv(tmp_path / "a.tsv", PAIRS)
    ukrainian = write_tsv(tmp_path / "b.tsv", [("The cat sleeps.", "Кішка спить.")])
    vocabulary = {"from_model": str(tiny_model_dir), "size": old.vocab_size + 100}
    tree = settings(tmp_path, english, ukrainian, vocabulary=vocabulary).model_dump(mode="json")
    tree["languages"].append("uk")
    tree["data"]["sources"][1]["languages"] = ["en", "uk"]
    config = parse(Config, tree, "test")
    prepare(config, workers=1)
    corpus = Corpus(tmp_path / "corpus")
    assert corpus.tokenizer.languages == (*old.languages, "uk")
    spelt = [corpus.tokenizer.piece(i) for i in corpus.shards[0].pair(0)[1]]
    assert spelt == [old.piece(i) for i in old.encode(PAIRS[0][1])]
    assert not corpus.tokenizer.has_bytes("Кішка спить.")
