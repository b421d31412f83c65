from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from nmt.__main__ import main
from nmt.config import Config
from nmt.data.corpus import Corpus
from nmt.data.prepare import prepare
from nmt.errors import ConfigError
from nmt.model.model_dir import WRITTEN, load_model
from nmt.model.transformer import Transformer
from nmt.sections import parse
from nmt.text.tokenizer import Tokenizer
from nmt.train.initialise import start_from
from nmt.train.loop import train


@pytest.fixture(scope="module")
def two_languages(tiny_config: Config, tmp_path_factory: pytest.TempPathFactory) -> Config:
    """English and Spanish alone, with a vocabulary of their own."""
    folder = tmp_path_factory.mktemp("two")
    tree = tiny_config.model_dump(mode="json")
    tree["languages"] = ["en", "es"]
    tree["data"]["sources"] = tree["data"]["sources"][:1]
    tree["data"]["directory"] = str(folder / "corpus")
    tree["data"]["vocabulary"]["size"] = 400
    tree["training"].update(directory=str(folder / "run"), validation=["toy.en-es.tsv"])
    config = parse(Config, tree, "test")
    prepare(config, workers=1)
    return config


def fresh(config: Config) -> tuple[Transformer, Tokenizer]:
    tokenizer = Corpus(Path(config.data.directory)).tokenizer
    tags = [tokenizer.tag_ids[code] for code in config.languages]
    return Transformer(config.model, tokenizer.vocab_size, tags), tokenizer


def test_what_two_vocabularies_share_is_taken_over(
    tiny_config: Config, tiny_model_dir: Path, two_languages: Config
) -> None:
    model, tokenizer = fresh(two_languages)
    told = start_from(model, tokenizer, two_languages, tiny_model_dir)
    _, old_tokenizer, weights = load_model(tiny_model_dir)
    ours = {name: value.detach().numpy() for name, value in model.named_parameters()}
    for name in ours.keys() - {"embedding.weight"}:
        assert np.array_equal(ours[name], weights[name]), name
    table, old_table = ours["embedding.weight"], weights["embedding.weight"].astype(np.float32)
    old_ids = {old_tokenizer.piece(i): i for i in range(old_tokenizer.vocab_size)}
    shared = [i for i in range(tokenizer.vocab_size) if tokenizer.piece(i) in old_ids]
    assert len(shared) > 100 and told["pieces_kept"] == len(shared)
    for i in shared:
        assert np.array_equal(table[i], old_table[old_ids[tokenizer.piece(i)]])
    assert tokenizer.piece(tokenizer.tag_ids["es"]) == "<2es>"
    assert tokenizer.tag_ids["es"] in shared
    composed = next(i for i in range(tokenizer.vocab_size) if i not in shared and i > 300)
    spelling = old_tokenizer.encode(tokenizer.decode([composed]))
    np.testing.assert_allclose(table[composed], old_table[spelling].mean(axis=0), atol=1e-6)


def test_a_new_language_starts_between_the_old_ones(
    two_languages: Config, tiny_config: Config, tmp_path: Path
) -> None:
    tree = two_languages.model_dump(mode="json")
    tree["training"].update(directory=str(tmp_path / "run"), max_steps=2)
    old = train(parse(Config, tree, "test"))
    model, tokenizer = fresh(tiny_config)
    start_from(model, tokenizer, tiny_config, old)
    _, old_tokenizer, weights = load_model(old)
    table = weights["embedding.weight"].astype(np.float32)
    tags = table[list(old_tokenizer.tag_ids.values())]
    french = model.embedding.weight[tokenizer.tag_ids["fr"]].detach().numpy()
    np.testing.assert_allclose(french, tags.mean(axis=0), atol=1e-6)


def test_training_goes_on_from_a_model(
    tiny_config: Config, tiny_model_dir: Path, tmp_path: Path
) -> None:
    tree = tiny_config.model_dump(mode="json")
    tree["training"].update(directory=str(tmp_path / "run"), max_steps=1)
    tree["training"]["optimizer"]["learning_rate"] = 1e-9
    path = tmp_path / "config.yaml"
    path.write_text(str(tree).replace("None", "null").replace("True", "true"))
    done = CliRunner().invoke(main, ["train", str(path), "--init", str(tiny_model_dir)])
    assert done.exit_code == 0, done.output
    assert "started from another model: name tiny, steps 200" in done.output
    old, _, before = load_model(tiny_model_dir)
    new, _, after = load_model(tmp_path / "run/model")
    assert new.provenance["started_from"]["target_tokens"] == old.provenance["target_tokens"]
    assert np.array_equal(before.pop(WRITTEN), after.pop(WRITTEN))
    for name, value in before.items():
        np.testing.assert_allclose(after[name], value, atol=1e-3, err_msg=name)


def test_another_architecture_is_named(tiny_config: Config, tiny_model_dir: Path) -> None:
    tree = tiny_config.model_dump(mode="json")
    tree["model"].update(ffn=256, norm="pre")
    config = parse(Config, tree, "test")
    model, tokenizer = fresh(config)
    with pytest.raises(ConfigError, match="model.ffn is 256, there 128, model.norm is pre, there"):
        start_from(model, tokenizer, config, tiny_model_dir)


def test_positions_may_be_more(tiny_config: Config, tiny_model_dir: Path) -> None:
    tree = tiny_config.model_dump(mode="json")
    tree["model"]["max_length"] = 200
    config = parse(Config, tree, "test")
    model, tokenizer = fresh(config)
    start_from(model, tokenizer, config, tiny_model_dir)
    _, _, weights = load_model(tiny_model_dir)
    assert torch.equal(
        model.embedding.weight, torch.from_numpy(weights["embedding.weight"]).float()
    )
