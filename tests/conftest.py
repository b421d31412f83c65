"""A real toy model, trained once for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from nmt import Translator, load_translator
from nmt.config import Config, load_config

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def tiny_config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """`configs/tiny.yaml`, working in a temporary folder on one thread."""
    folder = tmp_path_factory.mktemp("tiny")
    return load_config(
        ROOT / "configs/tiny.yaml",
        [
            f"data.root={ROOT / 'tests/data'}",
            f"data.directory={folder / 'corpus'}",
            f"training.directory={folder / 'run'}",
            "training.threads=1",
        ],
    )


@pytest.fixture(scope="session")
def tiny_corpus(tiny_config: Config) -> Path:
    """The prepared toy corpus."""
    from nmt.data.prepare import prepare

    prepare(tiny_config, workers=1)
    return Path(tiny_config.data.directory)


@pytest.fixture(scope="session")
def tiny_model_dir(tiny_config: Config, tiny_corpus: Path) -> Path:
    """A model of en, es, pt and fr that knows two dozen sentences by heart."""
    from nmt.train.loop import train

    return train(tiny_config)


@pytest.fixture(scope="session")
def tiny_translator(tiny_model_dir: Path) -> Translator:
    """The toy model, ready to translate."""
    return load_translator(tiny_model_dir, threads=2)
