"""What `macaronic explore` writes and prints."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from nmt.analyse.plots import plot_map
from nmt.analyse.representations import (
    Figures,
    Method,
    SentenceEncoder,
    between_languages,
    centred,
    own_sentences,
    retrieval,
    sentence_map,
)
from nmt.errors import InvalidInput
from nmt.evaluate.testfiles import read_translations
from nmt.progress import Progress

MAP = "map"


def explore(
    encoder: SentenceEncoder,
    output: Path,
    tests: Sequence[Path] = (),
    target: str | None = None,
    method: Method = "tsne",
    limit: int = 1000,
    points: int = 40,
) -> str:
    """Write the map of sentences to a folder; gives the figures as text.

    `limit` sentences are measured, `points` of them are in the map. Raises InvalidInput if the
    folder cannot be made, and what SentenceEncoder and the test files raise.
    """
    languages = encoder.info.languages
    texts = read_translations(tests, languages, limit) if tests else own_sentences(languages)
    texts = {code: texts[code][:limit] for code in languages if code in texts}
    target = target or languages[0]
    states = {}
    with Progress("reading", len(texts), "languages") as progress:
        for code, sentences in texts.items():
            states[code] = encoder.states(sentences, target)
            progress.advance()
    shown = {code: each[:points] for code, each in states.items()}
    map = {"model": encoder.info.name, **sentence_map(shown, texts, method)}
    try:
        output.mkdir(parents=True, exist_ok=True)
        written = json.dumps(map, ensure_ascii=False, separators=(",", ":"))
        (output / f"{MAP}.json").write_text(written + "\n", encoding="utf-8")
        (output / f"{MAP}.html").write_text(to_html(map), encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"cannot write to {output}: {error.strerror}") from None
    plot_map(map, output / f"{MAP}.png")
    raw = between_languages(states, retrieval)
    own = between_languages({code: centred(each) for code, each in states.items()}, retrieval)
    count = len(next(iter(texts.values())))
    return f"{_layers(raw, own, count, target)}\n\n{_pairs(own[-1], list(texts))}"


def to_html(map: Mapping[str, Any]) -> str:
    """The map as a page of its own, which loads nothing."""
    template = files("nmt.analyse").joinpath("map.html").read_text(encoding="utf-8")
    # In a script element only the sign that could end it has to be written otherwise.
    data = json.dumps(map, ensure_ascii=False).replace("<", "\\u003c")
    return Template(template).substitute(model=escape(str(map["model"])), data=data)


def _layers(raw: Figures, own: Figures, count: int, target: str) -> str:
    """Means over all pairs of languages, a line for each layer."""
    lines = [
        f"nearest of {count} sentences is the translation (to be translated to {target})",
        "encoder layer   as they are   around the mean of the language",
    ]
    for layer, (plain, around) in enumerate(zip(raw, own, strict=True)):
        name = str(layer) if layer else "0 (words)"
        lines.append(f"{name:13} {np.nanmean(plain):11.1%} {np.nanmean(around):30.1%}")
    return "\n".join(lines)


def _pairs(table: Figures, languages: Sequence[str]) -> str:
    """The last layer for every pair: sources down, targets across."""
    lines = ["", *languages]
    rows = ["last layer, around the mean, %", "".join(f"{code:>6}" for code in lines)]
    for code, row in zip(languages, table, strict=True):
        cells = ("-" if np.isnan(share) else f"{100 * share:.0f}" for share in row)
        rows.append(f"{code:>6}" + "".join(f"{cell:>6}" for cell in cells))
    return "\n".join(rows)
