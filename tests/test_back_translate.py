from __future__ import annotations

import gzip
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from nmt import Translator
from nmt.config import Config, load_config
from nmt.data.batching import BatchStream
from nmt.data.corpus import Corpus
from nmt.data.prepare import prepare
from nmt.decode.engine import DecodeOptions
from nmt.sections import save_config

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

from back_translate import main  # noqa: E402


@pytest.fixture(scope="module")
def made(
    tiny_config: Config,
    tiny_corpus: Path,
    tiny_model_dir: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    folder = tmp_path_factory.mktemp("made")
    assert tiny_corpus.exists()
    save_config(tiny_config, folder / "before.yaml")
    words = [str(folder / "before.yaml"), "--model", str(tiny_model_dir)]
    result = CliRunner().invoke(main, [*words, "--output", str(folder), "--pairs", "8"])
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(folder / "config.yaml")
    return folder


def rows(path: Path) -> list[tuple[str, ...]]:
    text = gzip.decompress(path.read_bytes()).decode()
    return [tuple(line.split("\t")) for line in text.splitlines()]


def test_each_untrained_direction_gets_a_file(made: Path) -> None:
    names = {path.name.split(".")[1] for path in made.glob("*.tsv.gz")}
    assert names == {"es-pt", "pt-es", "es-fr", "fr-es", "pt-fr", "fr-pt"}


def test_targets_are_human_and_sources_translations_of_their_english_side(
    made: Path, tiny_translator: Translator
) -> None:
    human = [
        tuple(line.split("\t"))
        for line in (ROOT / "tests/data/toy.en-pt.tsv").read_text("utf-8").splitlines()
    ]
    english = {portuguese: text for text, portuguese in human}
    pairs = rows(made / "back-translated.es-pt.tsv.gz")
    assert pairs
    for source, target in pairs:
        options = DecodeOptions(beam_size=1)
        translated = tiny_translator.translate([english[target]], "es", options=options)
        assert source == translated[0].text


def test_a_model_trained_on_them_says_that_the_direction_is_zero_shot(
    made: Path, tmp_path: Path
) -> None:
    config = load_config(made / "config.yaml", [f"data.directory={tmp_path / 'corpus'}"])
    prepare(config, workers=1)
    corpus = Corpus(Path(config.data.directory), config.data.sources)
    batches = BatchStream(corpus, config.languages, config.training)
    assert ("es", "pt") in {(stream.source, stream.target) for stream in batches.streams}
    assert ("en", "pt") in batches.directions
    assert ("es", "pt") not in batches.directions


def test_the_configuration_says_whether_they_are_targets_as_well(
    made: Path, tiny_model_dir: Path
) -> None:
    words = [str(made / "before.yaml"), "--model", str(tiny_model_dir), "--output", str(made)]
    for options, distilled in [(["--distil"], True), ([], False)]:
        assert CliRunner().invoke(main, [*words, "--pairs", "8", *options]).exit_code == 0
        made_ones = [s for s in load_config(made / "config.yaml").data.sources if s.synthetic]
        assert len(made_ones) == 6
        assert all(source.distil is distilled for source in made_ones)


def test_what_is_there_is_not_made_again(made: Path, tiny_model_dir: Path) -> None:
    path = made / "back-translated.es-pt.tsv.gz"
    before = path.read_bytes()
    path.write_bytes(gzip.compress("á\tà\n".encode()))
    (made / "back-translated.pt-es.tsv.gz").unlink()
    words = [str(made / "before.yaml"), "--model", str(tiny_model_dir)]
    result = CliRunner().invoke(main, [*words, "--output", str(made), "--pairs", "8"])
    assert result.exit_code == 0
    assert rows(path) == [("á", "à")]
    assert rows(made / "back-translated.pt-es.tsv.gz")
    path.write_bytes(before)
