"""Every experiment of the claims at toy size, through the code that makes the real numbers."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from click.testing import CliRunner

from nmt import Translator
from nmt.config import Config
from nmt.decode.engine import DecodeOptions, Source
from nmt.decode.torch_engine import TorchEngine
from nmt.errors import CheckpointError, InvalidInput
from nmt.model.model_dir import WRITTEN, load_model
from nmt.text.alignment import Link, word_spans
from nmt.text.langid import LanguageIdentifier

ROOT = Path(__file__).parent.parent
sys.path.append(str(ROOT / "scripts/claims"))

import mixed_sources  # noqa: E402
import mixed_targets  # noqa: E402
import rare_languages  # noqa: E402
import representation  # noqa: E402
import zero_shot  # noqa: E402
from code_switching import find_cuts, joined, middle, mirrored, switched  # noqa: E402
from study import Setup, kept, trained  # noqa: E402
from target_measures import judge, summary, telltale  # noqa: E402

TOY = ROOT / "tests/data"


def run(command: Any, plan: dict[str, Any], folder: Path, *words: str) -> str:
    """What an experiment prints, with its files in a folder."""
    config = folder / "plan.yaml"
    config.write_text(yaml.safe_dump(plan, sort_keys=False), encoding="utf-8")
    options = ["--config", str(config), "--work", str(folder / "work"), *words]
    done = CliRunner().invoke(command, options, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def rows(printed: str) -> list[list[str]]:
    """The cells of all lines of Markdown tables."""
    return [line.strip("| ").split(" | ") for line in printed.splitlines() if line[:1] == "|"]


@pytest.fixture
def toy(tiny_config: Config, tmp_path: Path) -> Callable[..., str]:
    """Writes a configuration like `configs/tiny.yaml` with a corpus and settings of its own."""

    def write(name: str, **training: Any) -> str:
        tree = tiny_config.model_dump(mode="json")
        tree["data"]["directory"] = str(tmp_path / f"corpus-{name}")
        tree["model"]["max_length"] = 256  # an untrained model does not know when to stop
        tree["training"].update({"max_steps": 8, "validation_sentences": 2, **training})
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump(tree), encoding="utf-8")
        return str(path)

    return write


@pytest.fixture
def between(tmp_path: Path) -> Path:
    """A folder with the toy tests, and one of French and Spanish with the English beside."""
    folder = tmp_path / "root"
    folder.mkdir()
    for path in TOY.glob("toy.*"):
        (folder / path.name).write_bytes(path.read_bytes())
    columns = {}
    for code in ("fr", "es"):
        lines = (TOY / f"toy.en-{code}.tsv").read_text(encoding="utf-8").splitlines()
        columns[code] = dict(line.split("\t") for line in lines)
    both = [e for e in columns["fr"] if e in columns["es"]]
    lines = [f"{columns['fr'][e]}\t{columns['es'][e]}\t{e}\n" for e in both]
    (folder / "between.fr-es.tsv").write_text("".join(lines), encoding="utf-8")
    return folder


def test_mixed_targets_from_sentences_to_tables_and_pictures(
    tiny_model_dir: Path, tmp_path: Path
) -> None:
    plan = {
        "root": str(TOY),
        "beam": 1,
        "tables": [
            {"text": "The cat sleeps.", "languages": ["es", "pt"], "lecture": {0.0: "A", 1.0: "B"}}
        ],
        "steps": 3,
        "limit": 4,
        "pairs": [
            {
                "languages": ["es", "pt"],
                "tests": ["toy.en-es.tsv", "toy.en-pt.tsv"],
                "third": {"language": "fr", "letters": "èê", "test": "toy.en-fr.tsv"},
            }
        ],
        "triangle": {
            "languages": ["es", "pt", "fr"],
            "tests": ["toy.en-es.tsv"],
            "parts": 2,
            "limit": 2,
        },
    }
    printed = run(mixed_targets.main, plan, tmp_path, "--model", str(tiny_model_dir))
    cells = rows(printed)
    assert ["1.00", "B", "O gato dorme."] in cells
    assert ["sentences", "4"] in cells
    assert sum("es 0.5, pt 0.5, fr 0.0" in row[0] for row in cells) == 1
    for name in ("mixed-es-pt", "mixed-targets", "mixed-triangle"):
        assert (tmp_path / f"work/{name}.png").stat().st_size > 5000
    # What is done is not done again; other weights are another experiment.
    outputs = tmp_path / "work/outputs.es-pt.json"
    before = outputs.stat().st_mtime_ns
    assert run(mixed_targets.main, plan, tmp_path, "--model", str(tiny_model_dir)) == printed
    assert outputs.stat().st_mtime_ns == before
    run(mixed_targets.main, plan, tmp_path, "--model", str(tiny_model_dir), "steps=2")
    assert outputs.stat().st_mtime_ns != before


def test_forced_scores_are_those_that_the_search_found(tiny_model_dir: Path) -> None:
    info, tokenizer, weights = load_model(tiny_model_dir)
    del weights[WRITTEN]  # a forced translation may have any piece
    engine = TorchEngine(info, tokenizer, weights)
    texts = ["The cat sleeps.", "I am reading a long book about the old city.", "Good morning."]
    mixed = [0.0, 0.5, 0.5, 0.0]
    assert len(mixed) == len(info.languages)
    sources = [Source(tokenizer.encode(text), mixed) for text in texts]
    found = [best[0] for best in engine.translate(sources, DecodeOptions(beam_size=1))]
    scores = engine.score(sources, [one.pieces for one in found])
    assert scores == pytest.approx([one.score for one in found], abs=1e-5)


def test_measures_of_a_way_between_languages(tiny_translator: Translator) -> None:
    identifier = LanguageIdentifier(["en", "es", "pt", "fr"])
    ends = "El perro come en la cocina de mi hermano.", "O cachorro não está na minha cozinha."
    mixed = "El perro come en la minha cozinha com você."
    third = "Le chien mange toujours dans la cuisine avec mon frère."
    known = {ends[0]: (-1.0, -5.0), ends[1]: (-5.0, -2.0), mixed: (-4.0, -3.0), third: (-6.0, -7.0)}

    def scorer(sources: Any, texts: Any, codes: Any) -> list[float]:
        return [
            known[text][("es", "pt").index(code)] for text, code in zip(texts, codes, strict=True)
        ]

    ways = [[ends[0], ends[0], ends[1], ends[1]], [ends[0], mixed, third, ends[1]]]
    sweeps = judge(["a", "b"], ways, ["es", "pt"], identifier, scorer)
    found = summary(sweeps, ["es", "pt"], [0.0, 0.25, 0.75, 1.0])
    assert found["switches"] == [0, 0, 1, 1] and found["never_switch"] == 0
    assert found["different_outputs"] == 3
    assert found["pass_a_mixed_output"] == 0.5 and found["mixed_ends"] == 0
    assert found["third_language"] == {"sentences": 0.5, "outputs": {"fr": 0.25}}
    assert found["third_language_at_the_ends"] == 0
    assert found["fluency"]["mixed"] == {"outputs": 1, "score": -3.0, "ends": -1.5}
    assert found["fluency"]["new"] == {"outputs": 2, "score": -4.5, "ends": -1.5}
    assert found["steps"][2]["score_better"] == (-2.0 + -6.0) / 2
    assert found["steps"][0]["words"]["es"] == 1.0
    tell = telltale(sweeps, "fr", "èê", ["Il est très vieux.", "Il est vieux."])
    assert tell == {"letters": "èê", "outputs": 1, "share": 1.0, "real": 0.5}
    assert telltale(sweeps, "fr", "ç", ["Il est vieux."])["share"] == 0
    backwards = summary([sweeps[0][::-1]], ["es", "pt"], [0.0, 0.25, 0.75, 1.0])
    assert backwards["never_switch"] == 1


def test_mixed_sources_from_sentences_to_table_and_picture(
    tiny_model_dir: Path, between: Path, tmp_path: Path
) -> None:
    case = {"first": "es", "second": "pt", "target": "en", "tests": ["toy.en-*.tsv"]}
    other = {"first": "en", "second": "fr", "target": "es", "tests": ["between.*"]}
    plan = {"root": str(between), "beam": 1, "limit": 5, "cases": [case, other]}
    printed = run(mixed_sources.main, plan, tmp_path, "--model", str(tiny_model_dir))
    head, _, first, second, mean = rows(printed)
    assert first[0] == "es, pt → en" and second[0] == "en, fr → es" and mean[0] == "mean"
    assert len(head) == len(first) and "in turns" in head
    assert float(first[head.index("first alone")]) > 50  # learnt by heart
    result = json.loads((tmp_path / "work/result.0.json").read_text())["result"]
    assert result["sentences"] == 5 and result["known"] > 5
    assert (tmp_path / "work/mixed-sources.png").stat().st_size > 5000
    plan["cases"] = [{**case, "target": "fr", "tests": ["toy.en-es.tsv", "toy.en-pt.tsv"]}]
    done = CliRunner().invoke(
        mixed_sources.main,
        ["--config", str(tmp_path / "none.yaml"), "--work", str(tmp_path)],
    )
    assert done.exit_code == 2 and "cannot read" in done.stderr


def test_cuts_are_where_no_link_crosses() -> None:
    first, second = "My old house is big.", "Mi casa vieja es grande."
    words = word_spans(first), word_spans(second)
    pairs = [(0, 0), (1, 2), (2, 1), (3, 3), (4, 4), (5, 5)]
    links = [Link(*words[0][a], *words[1][b]) for a, b in pairs]
    cuts = find_cuts(first, second, links)
    # Not within "old house", whose words stand the other way round, nor before the full stop.
    assert [(first[a:], second[b:]) for a, b, _, _ in cuts] == [
        ("old house is big.", "casa vieja es grande."),
        ("is big.", "es grande."),
        ("big.", "grande."),
    ]
    cut = middle(cuts)
    assert cut is not None
    assert switched(first, second, [cut]) == "My old house es grande."
    assert switched(second, first, mirrored([cut])) == "Mi casa vieja is big."
    assert switched(first, second, cuts) == "My casa vieja is grande."
    assert middle(cuts[:1]) is None and find_cuts(first, second, []) == []
    moved = [Link(*words[0][a], *words[1][b]) for a, b in [(0, 2), (1, 0), (2, 1), (3, 3), (4, 4)]]
    assert [first[a:] for a, *_ in find_cuts(first, second, moved)] == ["is big.", "big."]


def test_japanese_is_not_cut_within_a_word() -> None:
    first, second = "先生は本を読む。", "선생 님은 책을 읽는다."
    words = word_spans(first), word_spans(second)
    pairs = [(0, 0), (1, 1), (2, 1), (3, 2), (4, 2), (5, 3), (6, 3), (7, 4)]
    links = [Link(*words[0][a], *words[1][b]) for a, b in pairs]
    cuts = find_cuts(first, second, links)
    assert [first[a:] for a, *_ in cuts] == ["本を読む。", "読む。"]
    assert switched(first, second, cuts[:1]) == "先生は 책을 읽는다."


def test_sentences_are_joined_by_their_english(between: Path) -> None:
    whole = joined([between / "toy.en-es.tsv", between / "toy.en-fr.tsv"], "es", "fr", "en")
    columns = joined([between / "between.fr-es.tsv"], "es", "fr", "en")
    assert sorted(map(str, whole)) == sorted(map(str, columns)) and len(whole) > 10


def test_zero_shot_trains_its_models_and_tells_every_direction(
    toy: Callable[..., str], between: Path, tiny_model_dir: Path, tmp_path: Path
) -> None:
    cells = {
        "start": {"settings": []},
        "back": {"from": "start", "settings": ["training.back_translation.share=1"]},
    }
    tests = ["between.fr-es.tsv"]
    plan = {
        "root": str(between),
        "beam": 1,
        "slide": {
            "config": toy("slide", directions=["en>fr", "fr>en", "en>es"]),
            "tests": ["toy.en-es.tsv", "toy.en-fr.tsv", *tests],
            "directions": ["en>fr", "fr>en", "en>es", "fr>es"],
            "limit": 3,
        },
        "shipped": {"tests": tests, "limit": 3},
        "gap": {
            "config": toy("gap", max_steps=3, validation=[]),
            "tests": tests,
            "supervised": ["toy.en-es.tsv"],
            "limit": 2,
            "cells": cells,
        },
    }
    printed = run(zero_shot.main, plan, tmp_path, "--model", str(tiny_model_dir))
    cells_printed = rows(printed)
    paths = {row[0]: row[1] for row in cells_printed if "→" in row[0]}
    assert {w: p for w, p in paths.items() if "en" in w} == dict.fromkeys(
        ["en→es", "en→fr", "fr→en"], "direct"
    )
    assert paths["fr→es"] == paths["es→fr"] == "zero-shot"
    slide = next(row for row in cells_printed if row[0] == "fr→es")
    assert slide[5] != "-"  # by way of English
    assert [row[:2] for row in cells_printed if row[0] in cells] == [
        ["start", "nothing"],
        ["back", "start"],
    ]
    back = (tmp_path / "work/gap/back/model/config.yaml").read_text(encoding="utf-8")
    assert "started_from" in back
    assert "minutes of training" in printed
    assert (tmp_path / "work/zero-shot.png").stat().st_size > 5000
    log = (tmp_path / "work/slide/log.jsonl").stat().st_mtime_ns
    assert run(zero_shot.main, plan, tmp_path, "--model", str(tiny_model_dir)) == printed
    assert (tmp_path / "work/slide/log.jsonl").stat().st_mtime_ns == log


def test_a_table_takes_the_place_of_the_one_below_its_mark(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("Before.\n<!-- a -->\n| old |\n| --- |\n| 1 |\n\nBetween.\n<!-- b -->\n| b |\n")
    setup = Setup((), tmp_path, tmp_path, None, page, 1)
    setup.show("a", "| new |\n| --- |")
    expected = "Before.\n<!-- a -->\n| new |\n| --- |\n\nBetween.\n<!-- b -->\n| b |\n"
    assert page.read_text() == expected
    with pytest.raises(InvalidInput, match="<!-- c -->"):
        setup.show("c", "| new |")


def test_representation_from_sentences_to_tables_and_pictures(
    between: Path, tiny_model_dir: Path, tmp_path: Path
) -> None:
    columns = dict.fromkeys(("en", "es", "fr"), "")
    spanish = dict(
        line.split("\t") for line in (between / "toy.en-es.tsv").read_text("utf-8").splitlines()
    )
    for line in (between / "toy.en-fr.tsv").read_text("utf-8").splitlines():
        english, french = line.split("\t")
        if english in spanish:
            for code, text in (("en", english), ("es", spanish[english]), ("fr", french)):
                columns[code] += text + "\n"
    for code, text in columns.items():
        (between / f"lines.{code}.txt").write_text(text, "utf-8")
    slide = {"config": "-", "tests": [], "directions": [], "limit": 1}
    gap = {"config": "-", "tests": [], "supervised": [], "limit": 1, "cells": {}}
    tests = ["between.fr-es.tsv", "toy.en-es.tsv"]
    ways = tmp_path / "zero_shot.yaml"
    ways.write_text(
        yaml.safe_dump(
            {
                "root": "elsewhere",
                "beam": 1,
                "slide": slide,
                "shipped": {"tests": tests, "limit": 3},
                "gap": gap,
            }
        )
    )
    plan = {
        "root": str(between),
        "tests": "lines.*.txt",
        "target": "en",
        "limit": 8,
        "mixes": [["es", "fr"]],
        "steps": 3,
        "moved": 4,
        "zero_shot": str(ways),
        "zero_shot_work": str(tmp_path / "ways"),
    }
    printed = run(representation.main, plan, tmp_path, "--model", str(tiny_model_dir))
    cells = rows(printed)
    layers = {row[0]: float(row[2].rstrip("%")) for row in cells if row[0] in ("0 (words)", "2")}
    assert layers["2"] > layers["0 (words)"] >= 0
    moves = {row[1]: [float(cell) for cell in row[2:]] for row in cells if row[0] == "es, fr"}
    assert moves.keys() == {"1", "2"}
    assert all(0 < figures[0] < 1 for figures in moves.values())
    assert {row[0] for row in cells} >= {"bleu", "chrf"}
    for name in ("map", "retrieval", "distance", "mixes"):
        assert (tmp_path / f"work/representation-{name}.png").stat().st_size > 5000
    assert run(representation.main, plan, tmp_path, "--model", str(tiny_model_dir)) == printed


def test_distance_is_set_against_the_scores_of_its_direction() -> None:
    found = {
        "languages": ["a", "b", "c"],
        "distance": [[[0] * 3] * 3, [[0, 1, 2], [1, 0, 3], [2, 3, 0]]],
    }

    def row(way: str, path: str, bleu: float) -> dict[str, Any]:
        scores = {"bleu": {"value": bleu}}
        return {"source": way[0], "target": way[1], "path": path, "scores": scores}

    ways = {"ab": 9.0, "ac": 6.0, "bc": 3.0, "ba": 9.5, "ca": 5.0, "cb": 2.0}
    points = representation.against_distance(
        [row(way, "zero_shot", bleu) for way, bleu in ways.items()]
        + [row(way, "pivot", 10.0) for way in ways],
        found,
    )
    assert [point["distance"] for point in points] == [1, 2, 3, 1, 2, 3]
    assert points[1]["scores"]["share of pivoting"] == pytest.approx(0.6)
    r, low, high = representation.correlation(points, "bleu")
    expected = np.corrcoef([1, 2, 3, 1, 2, 3], list(ways.values()))[0, 1]
    assert r == pytest.approx(float(expected))
    assert -1 <= low <= r <= high < -0.9


def test_rare_languages_compares_models_of_the_same_pairs_and_steps(
    toy: Callable[..., str], tiny_model_dir: Path, tmp_path: Path
) -> None:
    plan = {
        "root": str(TOY),
        "beam": 1,
        "limit": 3,
        "seeds": [1],
        "test": "toy.en-{language}.tsv",
        "validation": "toy.en-{language}.tsv",
        "families": {
            "own": {"config": toy("own", max_steps=4), "rare": ["pt"]},
            "known": {
                "config": toy("known", max_steps=2),
                "rare": ["fr"],
                "model": str(tiny_model_dir),
            },
        },
        "curves": [{"family": "own", "language": "pt", "pairs": [12]}],
    }
    head, _, *lines = rows(run(rare_languages.main, plan, tmp_path))
    assert [line[:4] for line in lines] == [
        ["own", "all", "en→pt", "1"],
        ["own", "all", "pt→en", "1"],
        ["known", "all", "en→fr", "1"],
        ["known", "all", "fr→en", "1"],
    ]
    end, known = head.index("bilingual, at its end: BLEU (million pieces)"), lines[2]
    assert float(known[end].split()[0]) < float(known[end + 2].split()[0])
    assert (tmp_path / "work/rare-languages.png").stat().st_size > 5000
    models = tmp_path / "work/own/all/seed-1"
    languages = [
        yaml.safe_load((models / name / "model/config.yaml").read_text())["languages"]
        for name in ("bilingual-pt", "multilingual")
    ]
    assert languages == [["en", "pt"], ["en", "es", "pt", "fr"]]
    steps = [
        (models / name / "log.jsonl").read_text().count('"kind": "train"')
        for name in ("bilingual-pt", "multilingual")
    ]
    assert steps == [4, 4]
    _, _, *curve = rows(run(rare_languages.main, plan, tmp_path, "--curve"))
    assert [line[1:3] for line in curve] == [["12", "en→pt"], ["12", "pt→en"]]
    sample = (tmp_path / "work/own/pt-12/rare.en-pt.tsv").read_text(encoding="utf-8")
    assert set(sample.splitlines()) < set((TOY / "toy.en-pt.tsv").read_text().splitlines())
    assert (tmp_path / "work/rare-languages-curve.png").stat().st_size > 5000


def test_a_step_is_made_once_for_the_same_settings(tmp_path: Path) -> None:
    made = []

    def make() -> dict[str, float]:
        made.append(1)
        return {"value": float(np.float64(len(made)))}

    path = tmp_path / "folder/result.json"
    assert kept(path, {"a": (1, 2)}, make) == kept(path, {"a": [1, 2]}, make) == {"value": 1}
    assert kept(path, {"a": [1, 3]}, make) == {"value": 2}


def test_a_model_of_other_settings_is_not_taken_for_this_one(
    tiny_config: Config, tiny_model_dir: Path
) -> None:
    assert trained(tiny_config) == tiny_model_dir
    changed = tiny_config.training.model_copy(update={"max_steps": 999})
    with pytest.raises(CheckpointError, match="with other settings"):
        trained(tiny_config.model_copy(update={"training": changed}))


@pytest.mark.parametrize(
    "command", [mixed_sources, mixed_targets, rare_languages, representation, zero_shot]
)
def test_every_configuration_is_valid_and_shows_its_help(
    command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nmt.config import load_config
    from nmt.sections import load

    monkeypatch.chdir(ROOT)
    name = command.__name__
    plan = load(command.Experiment, ROOT / f"configs/claims/{name}.yaml")
    inner = [getattr(plan, part).config for part in ("slide", "gap") if hasattr(plan, part)]
    inner += [family.config for family in getattr(plan, "families", {}).values()]
    for path in inner:
        load_config(ROOT / path)
    done = CliRunner().invoke(command.main, ["--help"])
    assert f"python scripts/claims/{name}.py" in done.stdout
