from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from nmt.config import Config, SourceConfig, load_config
from nmt.errors import ConfigError
from nmt.sections import parse, save_config

CONFIGS = sorted((Path(__file__).parent.parent / "configs").glob("*.yaml"))

PLAIN: dict[str, Any] = {
    "name": "plain",
    "languages": ["en", "es"],
    "data": {
        "directory": "corpus",
        "sources": [{"path": "a.en-es.tsv", "languages": ["en", "es"]}],
    },
    "training": {"directory": "run", "max_steps": 10},
}


def changed(**values: Any) -> dict[str, Any]:
    """PLAIN with values at keys such as `data__cleaning__max_words`."""
    tree = copy.deepcopy(PLAIN)
    for key, value in values.items():
        *sections, last = key.split("__")
        section = tree
        for name in sections:
            section = section.setdefault(name, {})
        section[last] = value
    return tree


def refusal(tree: object) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(Config, tree, "test.yaml")
    return str(caught.value)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_every_shipped_config_loads_and_survives_saving(path: Path, tmp_path: Path) -> None:
    config = load_config(path)
    save_config(config, tmp_path / "again.yaml")
    assert load_config(tmp_path / "again.yaml") == config


def test_there_are_shipped_configs() -> None:
    assert {"tiny.yaml"} <= {path.name for path in CONFIGS}


@pytest.mark.parametrize(
    ("key", "known"),
    [
        ("nmae", "languages, model, name"),
        ("data__sorces", "exclude, root, sources"),
        ("data__cleaning__max_wrods", "max_words"),
        ("data__vocabulary__sise", "size"),
        ("model__d_modle", "d_model"),
        ("training__max_step", "max_minutes"),
        ("training__optimizer__learning_rat", "learning_rate"),
    ],
)
def test_a_misspelt_key_is_named_with_what_is_allowed_there(key: str, known: str) -> None:
    message = refusal(changed(**{key: 1}))
    assert f"{key.replace('__', '.')}: unknown key; allowed here: " in message
    allowed = message.partition("allowed here: ")[2].partition("\n")[0].split(", ")
    assert set(known.split(", ")) <= set(allowed)


def test_a_misspelt_key_of_a_source_is_named_with_its_number() -> None:
    tree = changed()
    tree["data"]["sources"][0]["wieght"] = 2
    message = refusal(tree)
    assert "data.sources.0.wieght: unknown key; allowed here: " in message
    assert "weight" in message.partition("allowed here: ")[2].split(", ")
    assert "at least 1 item" not in message  # there is one, though it is wrong


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("languages", ["en"], "languages: Tuple should have at least 2"),
        ("languages", ["en", "Spanish"], "languages.1: "),
        ("name", "two words", "name: "),
        ("model__heads", 0, "model.heads: "),
        ("model__d_model", 100, "model: d_model must be a multiple of twice the heads"),
        ("model__norm", "none", "model.norm: Input should be 'post' or 'pre'"),
        ("model__max_length", 50, "training.max_pieces must be at least 2 below model.max_length"),
        ("data__vocabulary__size", 70_000, "data.vocabulary.size: "),
        ("data__cleaning__max_length_ratio", 1.0, "data.cleaning.max_length_ratio: "),
        ("data__cleaning__bad_lines", "keep", "data.cleaning.bad_lines: "),
        ("data__sources", [], "data.sources: Tuple should have at least 1"),
        (
            "data__sources",
            [{"path": "a.tsv", "languages": ["en", "es"], "distil": True}],
            "distil needs synthetic",
        ),
        ("training__dropout", 1.0, "training.dropout: "),
        ("training__dropout", -0.1, "training.dropout: "),
        ("training__temperature", 0.5, "training.temperature: "),
        ("training__device", "gpu", "training.device: "),
        ("training__directions", ["en-es"], "training.directions.0: "),
        ("training__directions", ["en>pt"], "not among the languages: pt"),
        ("training__max_steps", 0, "training.max_steps: "),
        ("training__max_minutes", float("inf"), "training.max_minutes: "),
        ("training__optimizer__learning_rate", float("nan"), "optimizer.learning_rate: "),
        ("training__optimizer__learning_rate", "fast", "optimizer.learning_rate: "),
    ],
)
def test_a_value_out_of_range_is_refused(key: str, value: object, said: str) -> None:
    assert said in refusal(changed(**{key: value}))


def test_the_value_received_and_the_rule_are_told() -> None:
    message = refusal(changed(training__dropout=1.5))
    assert "training.dropout: Input should be less than 1, received 1.5" in message


def test_a_budget_is_needed() -> None:
    tree = changed()
    del tree["training"]["max_steps"]
    assert "a budget is needed: max_steps, max_minutes or both" in refusal(tree)


def test_a_missing_key_is_named() -> None:
    tree = changed()
    del tree["data"]["directory"]
    assert "data.directory: missing" in refusal(tree)


def test_all_problems_are_told_at_once() -> None:
    tree = changed(model__heads=0, training__dropout=2, training__colour="red")
    del tree["name"]
    message = refusal(tree)
    for key in ("name: missing", "model.heads", "training.dropout", "training.colour: unknown"):
        assert key in message


def test_a_source_in_a_language_that_is_not_listed_is_refused() -> None:
    tree = changed()
    tree["data"]["sources"][0]["languages"] = ["en", "pt"]
    assert "not among the languages: pt" in refusal(tree)


def test_sources_of_one_name_are_refused() -> None:
    tree = changed()
    tree["data"]["sources"] *= 2
    assert "sources with the same name: a.en-es" in refusal(tree)


@pytest.mark.parametrize(
    ("source", "kind", "name"),
    [
        ({"path": "x/a.en-es.tsv.gz"}, "tsv", "a.en-es"),
        ({"path": ("a.en", "a.es")}, "moses", "a.en.en-es"),
        ({"path": "a.jsonl.gz"}, "jsonl", "a.en-es"),
        ({"path": "a.ndjson"}, "jsonl", "a.en-es"),
        ({"path": "a.json", "format": "jsonl"}, "jsonl", "a.json.en-es"),
    ],
)
def test_a_source_knows_its_format_and_name(source: dict[str, Any], kind: str, name: str) -> None:
    config = SourceConfig(languages=("en", "es"), **source)
    assert (config.kind, config.name) == (kind, name)


@pytest.mark.parametrize(
    "source",
    [
        {"path": "a.tsv", "format": "moses"},
        {"path": ["a.en", "a.es"], "format": "tsv"},
        {"path": "a.tsv", "languages": ["en", "en"]},
        {"path": "a.tsv", "weight": 0},
        {"path": "a.tsv", "weight": float("inf")},
    ],
)
def test_an_inconsistent_source_is_refused(source: dict[str, Any]) -> None:
    tree = changed()
    tree["data"]["sources"] = [{"languages": ["en", "es"], **source}]
    assert "data.sources.0" in refusal(tree)


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_overrides_take_the_place_of_values(tmp_path: Path) -> None:
    path = write(tmp_path, yaml.safe_dump(PLAIN))
    config = load_config(
        path, ["training.max_steps=7", "training.optimizer.learning_rate=2e-4", "name=other"]
    )
    assert config.training.max_steps == 7
    assert config.training.optimizer.learning_rate == 2e-4
    assert config.name == "other"
    assert config.data == load_config(path).data


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("training.max_steps", "must look like section.key=value"),
        ("training.max_step=3", "training.max_step: unknown key"),
        ("training.max_steps=many", "training.max_steps"),
        ("training.max_steps=[1", "not a YAML value"),
        ("name.first=x", "name has no keys of its own"),
        ("=3", "unknown key"),
    ],
)
def test_a_bad_override_is_named(tmp_path: Path, override: str, said: str) -> None:
    path = write(tmp_path, yaml.safe_dump(PLAIN))
    with pytest.raises(ConfigError) as caught:
        load_config(path, [override])
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: [", "not valid YAML"),
        ("- a\n- b", "must hold settings, found list"),
        ("", "must hold settings, found NoneType"),
        ("1: 2", "is not a valid configuration"),
    ],
)
def test_a_file_that_is_no_config_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        load_config(write(tmp_path, text))


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(b"name: \xff\xfe")
    with pytest.raises(ConfigError, match="not valid YAML"):
        load_config(path)


def test_a_missing_config_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read .*none\.yaml: No such file"):
        load_config(tmp_path / "none.yaml")


def test_a_config_is_frozen() -> None:
    config = parse(Config, PLAIN, "test.yaml")
    with pytest.raises(ValueError, match="frozen"):
        config.training.max_steps = 3  # type: ignore[misc]
