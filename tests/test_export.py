"""Exported models in the libraries that they are for, against our own."""

from __future__ import annotations

from pathlib import Path

import ctranslate2
import pytest
import torch
from click.testing import CliRunner
from transformers import GenerationConfig, MarianMTModel, MarianTokenizer

from nmt.__main__ import main
from nmt.decode.engine import DecodeOptions
from nmt.decode.export import ExportFormat, export
from nmt.decode.translator import SHIPPED_MODEL, load_translator
from nmt.errors import InvalidInput, ModelError
from nmt.model.model_dir import load_model
from nmt.text.tokenizer import Tokenizer

GREEDY = DecodeOptions(beam_size=1)
TARGETS = ("es", "pt", "fr", "ja", "ko", "ru", "uk", "be")


@pytest.fixture(scope="module")
def sentences() -> list[str]:
    """Two hundred, of one to three clauses each."""
    lines = Path("tests/data/toy.en-es.tsv").read_text(encoding="utf-8").splitlines()
    toy = [line.split("\t")[0] for line in lines]
    joined = [f"{one.rstrip('.')} and {other.lower()}" for one in toy for other in toy]
    return [*toy, *joined][:200]


@pytest.fixture(scope="module")
def ours(sentences: list[str]) -> list[str]:
    translator = load_translator(precision="float32").sentences
    found = translator.translate(sentences, targets(sentences), options=GREEDY)
    return [translation.text for translation in found]


def targets(sentences: list[str]) -> list[str]:
    return [TARGETS[i % len(TARGETS)] for i in range(len(sentences))]


def test_ctranslate2_gives_what_we_give(
    tmp_path: Path, sentences: list[str], ours: list[str]
) -> None:
    export(SHIPPED_MODEL, "ctranslate2", tmp_path / "model")
    model = ctranslate2.Translator(str(tmp_path / "model"), compute_type="float32")
    tokenizer = Tokenizer.load(tmp_path / "model" / "spm.model")
    sources = [
        [f"<2{target}>", *map(tokenizer.piece, tokenizer.encode(sentence))]
        for sentence, target in zip(sentences, targets(sentences), strict=True)
    ]
    ids = {tokenizer.piece(i): i for i in range(tokenizer.vocab_size)}
    # One by one: in a batch of several targets any of their pieces may be written.
    found = model.translate_batch(sources, beam_size=1, use_vmap=True, max_batch_size=1)
    assert [tokenizer.decode([ids[p] for p in one.hypotheses[0]]) for one in found] == ours


# sacremoses would change quotation marks and the like before our own normalisation sees them.
@pytest.mark.filterwarnings("ignore:Recommended. pip install sacremoses")
def test_transformers_gives_what_we_give(
    tmp_path: Path, sentences: list[str], ours: list[str]
) -> None:
    export(SHIPPED_MODEL, "transformers", tmp_path / "model")
    model, told = MarianMTModel.from_pretrained(tmp_path / "model", output_loading_info=True)
    assert not told["missing_keys"] and not told["unexpected_keys"] and not told["mismatched_keys"]
    tokenizer = MarianTokenizer.from_pretrained(tmp_path / "model")
    found = dict.fromkeys(range(len(sentences)), "")
    for target in TARGETS:
        places = [i for i, code in enumerate(targets(sentences)) if code == target]
        tagged = [f">>{target}<< {sentences[i]}" for i in places]
        search = GenerationConfig.from_pretrained(
            tmp_path / "model", f"generation_config.{target}.json"
        )
        batch = tokenizer(tagged, return_tensors="pt", padding=True)
        with torch.inference_mode():
            output = model.generate(**batch, generation_config=search, num_beams=1)
        texts = tokenizer.decode(output, skip_special_tokens=True)
        found.update(zip(places, texts, strict=True))
    assert list(found.values()) == ours


def test_the_command_says_where_it_wrote_and_overwrites_nothing(
    tmp_path: Path, tiny_model_dir: Path
) -> None:
    arguments = ["export", "--to", "ctranslate2", "--model", str(tiny_model_dir)]
    done = CliRunner().invoke(main, [*arguments, str(tmp_path / "new")])
    assert done.output == f"{tmp_path / 'new'}\n"
    assert {"model.bin", "spm.model", "README.md"} <= {p.name for p in (tmp_path / "new").iterdir()}
    again = CliRunner().invoke(main, [*arguments, str(tmp_path / "new")])
    assert again.exit_code == 1
    assert "is there already" in again.output


@pytest.mark.parametrize("format", ["ctranslate2", "transformers"])
def test_a_failed_export_leaves_no_folder(tmp_path: Path, format: ExportFormat) -> None:
    with pytest.raises(ModelError):
        export(tmp_path / "nothing", format, tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_what_marian_cannot_express_is_refused(
    tmp_path: Path, tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info, tokenizer, weights = load_model(tiny_model_dir)
    architecture = info.architecture.model_copy(update={"norm": "pre"})
    pre = info.model_copy(update={"architecture": architecture})
    monkeypatch.setattr("nmt.decode.export.load_model", lambda _: (pre, tokenizer, weights))
    with pytest.raises(InvalidInput, match="pre-norm"):
        export(tiny_model_dir, "transformers", tmp_path / "new")
    assert list(tmp_path.iterdir()) == []
