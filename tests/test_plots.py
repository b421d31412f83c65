"""The picture of a sweep shows each translation once, in the right place."""

from __future__ import annotations

import builtins
import re
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from scripted import scripted

from nmt.analyse.plots import plot_sweep
from nmt.decode.sweep import Sweep, sweep, sweep_weights
from nmt.errors import InvalidInput, InvalidMix, MissingDependency

SIGNATURES = {"png": b"\x89PNG\r\n", "svg": b"<?xml", "pdf": b"%PDF"}


def make(*texts: str, source: str = "Where is the key?", steps: int = 5) -> Sweep:
    """A sweep whose translations change evenly from one text to the next."""
    translator = scripted(
        ["es", "pt"],
        [],
        lambda text, target, via: texts[
            min(int(dict(target.weights).get("pt", 0) * len(texts)), len(texts) - 1)
        ],
    )
    return sweep(translator, source, sweep_weights(["es", "pt"], steps))


@pytest.fixture(autouse=True)
def _svg_with_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Letters stay letters in SVG, so that tests can read them."""
    import matplotlib

    monkeypatch.setitem(matplotlib.rcParams, "svg.fonttype", "none")


def words(path: Path) -> list[str]:
    return re.findall(r"<text[^>]*>([^<]*)</text>", path.read_text("utf-8"))


@pytest.mark.parametrize("ending", SIGNATURES)
def test_the_ending_chooses_the_format(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"picture.{ending}"
    plot_sweep(make("¿Dónde está la llave?", "Onde está a chave?"), path)
    assert path.read_bytes().startswith(SIGNATURES[ending])


def test_each_translation_is_shown_with_weights_and_language(tmp_path: Path) -> None:
    path = tmp_path / "picture.svg"
    plot_sweep(make("¿Dónde está la llave?", "Onde está a chave?", "12"), path)
    shown = words(path)
    for text in (
        "Where is the key?",
        *("0.00 to 0.25   es", "¿Dónde está la llave?"),
        *("0.50   pt", "Onde está a chave?"),
        *("0.75 to 1.00   no letters", "12"),
        "weight of pt",
    ):
        assert shown.count(text) == 1, text


def test_long_texts_are_wrapped_and_the_picture_grows(tmp_path: Path) -> None:
    short, long = tmp_path / "short.png", tmp_path / "long.png"
    plot_sweep(make("La llave."), short)
    plot_sweep(make("La llave está debajo de la piedra. " * 12), long)
    (_, height), (long_width, long_height) = (
        struct.unpack(">II", path.read_bytes()[16:24]) for path in (short, long)
    )
    assert long_height > height + 150
    assert long_width < 1800


def test_wide_characters_wrap_earlier(tmp_path: Path) -> None:
    path = tmp_path / "picture.svg"
    plot_sweep(make("あ" * 60), path)
    lines = [text for text in words(path) if text.startswith("あ")]
    assert "".join(lines) == "あ" * 60
    assert [len(line) <= 40 for line in lines] == [True, True]


def test_steps_are_drawn_in_the_order_of_their_weights(tmp_path: Path) -> None:
    path = tmp_path / "picture.svg"
    drawn = make("¿Dónde está la llave?", "Onde está a chave?")
    plot_sweep(replace(drawn, steps=drawn.steps[::-1]), path)
    shown = words(path)
    assert "0.00 to 0.25   es" in shown
    assert "0.50 to 1.00   pt" in shown


def test_a_dollar_is_no_formula(tmp_path: Path) -> None:
    path = tmp_path / "picture.svg"
    plot_sweep(make("Cuesta $5 o $6_x^2.", source="It is $5 or $6."), path)
    assert "Cuesta $5 o $6_x^2." in words(path)
    assert "It is $5 or $6." in words(path)


def test_a_font_is_found_for_other_characters(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "picture.svg"
    plot_sweep(make("La llave \N{SCRIPT SMALL G}."), path)  # not in DejaVu, in fonts of matplotlib
    text = path.read_text("utf-8")
    (style,) = re.findall(r'<text style="([^"]*)"[^>]*>La llave', text)
    assert re.search(r"'DejaVu Sans', '?[^',]+", style)
    assert "Last Resort" not in style
    assert capsys.readouterr().err == ""


def test_characters_without_a_font_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "picture.png"
    plot_sweep(make("La llave \U000e0fff."), path)  # an unassigned character
    assert capsys.readouterr().err == "no installed font can show \U000e0fff\n"
    assert path.exists()


def test_an_empty_translation_is_shown_as_such(tmp_path: Path) -> None:
    path = tmp_path / "picture.svg"
    plot_sweep(make("", source=""), path)
    assert "(empty)" in words(path)


@pytest.mark.parametrize("name", ["picture", "picture.jpg", "png"])
def test_another_ending_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match=r"must end in one of \.png, \.svg, \.pdf"):
        plot_sweep(make("La llave."), tmp_path / name)


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"cannot write .*nowhere.*No such file"):
        plot_sweep(make("La llave."), tmp_path / "nowhere" / "picture.png")


def test_a_sweep_of_other_than_two_languages_or_weights_is_refused(tmp_path: Path) -> None:
    translator = scripted(["es", "pt", "fr"], [], lambda text, target, via: text)
    three = sweep(translator, "a", [{"es": 1, "pt": 1, "fr": 1}])
    with pytest.raises(InvalidMix, match="between two languages, received es, pt, fr"):
        plot_sweep(three, tmp_path / "picture.png")
    one = sweep(translator, "a", [{"es": 1, "pt": 1}])
    with pytest.raises(InvalidMix, match="at least two weights"):
        plot_sweep(one, tmp_path / "picture.png")


def test_without_matplotlib_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = make("La llave.")
    original = builtins.__import__

    def refuse(module: str, *args: Any, **kwargs: Any) -> Any:
        if module.startswith("matplotlib"):
            raise ImportError(module)
        return original(module, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingDependency, match=r"pip install 'macaronic\[plot\]'"):
        plot_sweep(drawn, tmp_path / "picture.png")
