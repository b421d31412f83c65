"""Imports go down the list of CONTRIBUTING.md only, and heavy libraries stay where they belong."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# A module imports from its own part and from parts in lines above; nmt/__init__.py is of decode.
ORDER: tuple[tuple[str, ...], ...] = (
    ("errors",),
    ("progress",),
    ("sections",),
    ("config",),
    ("text",),
    ("data",),
    ("model",),
    ("decode",),
    ("documents",),
    ("evaluate",),
    ("train", "analyse"),
    ("options",),
    ("__main__",),
)
# Third-party libraries that few modules may import, by the beginnings of the modules' names.
IMPORTERS = {
    "torch": (
        "nmt.model",
        "nmt.decode.search",
        "nmt.decode.torch_engine",
        "nmt.train",
    ),
    "ctranslate2": ("nmt.decode.ctranslate2_engine",),
    "fastapi": ("serve",),
    "httpx2": ("nmt.data.download",),
    "linkify_it": ("nmt.text.protect",),
    "markdown_it": ("nmt.documents.markdown",),
    "mdit_py_plugins": ("nmt.documents.markdown",),
    "matplotlib": ("nmt.analyse",),
    "py3langid": ("nmt.text.langid",),
    "sacrebleu": ("nmt.evaluate",),
    "scipy": ("nmt.train.alignment",),
    "sklearn": ("nmt.analyse.representations",),
    "sentencepiece": ("nmt.text.tokenizer",),
    "sentencex": ("nmt.text.segment",),
    "uvicorn": ("serve",),
}
# What people wait for before anything is computed: --help, answers to wrong input, tests.
TORCH_FREE = (
    "nmt.__main__",
    "nmt.config",
    "nmt.errors",
    "nmt.text",
    "nmt.data",
    "nmt.documents",
    "serve",
)


def modules(root: Path) -> dict[str, Path]:
    """Path by name of each module of both packages."""
    paths = [path for package in ("nmt", "serve") for path in (root / package).rglob("*.py")]
    return {module_name(path.relative_to(root)): path for path in paths}


def module_name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path, known: set[str]) -> Iterator[str]:
    """Names of the modules that a file imports anywhere, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                yield submodule if submodule in known else str(node.module)


def is_within(module: str, part: str) -> bool:
    return module == part or module.startswith(f"{part}.")


def part_of(module: str) -> str:
    """The part of nmt that a module belongs to."""
    return "decode" if module == "nmt" else module.split(".")[1]


def rank(module: str) -> int:
    ranks = {part: line for line, parts in enumerate(ORDER) for part in parts}
    part = part_of(module)
    assert part in ranks, f"{module}: {part} has no place in the import order"
    return ranks[part]


def problems(root: Path) -> list[str]:
    """What breaks the rules, one line each."""
    found = []
    known = modules(root)
    for module, path in known.items():
        for target in imported(path, set(known)):
            if not may_import(module, target):
                found.append(f"{module} must not import {target}")
    return sorted(set(found))


def may_import(module: str, target: str) -> bool:
    library = target.split(".")[0]
    if library in IMPORTERS:
        return any(is_within(module, allowed) for allowed in IMPORTERS[library])
    if library == "serve":
        return is_within(module, "serve") or module == "nmt.__main__"
    if library != "nmt":
        return True
    if module == "serve.command" and target == "nmt.options":
        return True
    if is_within(module, "serve"):
        return rank(target) <= rank("nmt.documents")
    return rank(target) < rank(module) or part_of(target) == part_of(module)


def test_imports_go_down_the_list_only() -> None:
    assert problems(ROOT) == []


@pytest.mark.parametrize(
    ("path", "line", "problem"),
    [
        ("nmt/text/a.py", "import nmt.model.b", "nmt.text.a must not import nmt.model.b"),
        ("nmt/text/a.py", "from nmt import model", "nmt.text.a must not import nmt.model"),
        ("nmt/text/a.py", "from nmt import Translator", "nmt.text.a must not import nmt"),
        ("nmt/errors.py", "from nmt.config import c", "nmt.errors must not import nmt.config"),
        ("nmt/train/a.py", "import nmt.analyse.b", "nmt.train.a must not import nmt.analyse.b"),
        ("nmt/data/a.py", "def f():\n    import torch", "nmt.data.a must not import torch"),
        ("nmt/decode/sweep.py", "from torch import nn", "nmt.decode.sweep must not import torch"),
        ("nmt/data/a.py", "import sentencepiece", "nmt.data.a must not import sentencepiece"),
        ("nmt/train/a.py", "from serve import app", "nmt.train.a must not import serve"),
        ("serve/app.py", "from nmt.train.a import b", "serve.app must not import nmt.train.a"),
        ("serve/app.py", "import torch", "serve.app must not import torch"),
    ],
)
def test_a_broken_rule_is_found(tmp_path: Path, path: str, line: str, problem: str) -> None:
    for empty in ("nmt/model/__init__.py", path):
        (tmp_path / empty).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / empty).touch()
    assert problems(tmp_path) == []
    (tmp_path / path).write_text(line, encoding="utf-8")
    assert problems(tmp_path) == [problem]


def test_torch_is_loaded_by_those_who_compute_with_it_only() -> None:
    free = [name for name in modules(ROOT) if any(is_within(name, part) for part in TORCH_FREE)]
    script = f"""
import importlib, sys
for module in {sorted(free)!r}:
    importlib.import_module(module)
    assert "torch" not in sys.modules, module
"""
    run = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    assert {"nmt.errors", "nmt.config", "nmt.text.segment", "serve.app"} <= set(free)
