"""Pictures, one function for each figure. The only module that knows matplotlib."""

from __future__ import annotations

import sys
import textwrap
import unicodedata
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nmt.decode.sweep import Sweep, weight_digits
from nmt.errors import InvalidInput, InvalidMix, MissingDependency

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FORMATS = (".png", ".svg", ".pdf")
# Okabe and Ito's colours, which everybody can tell apart.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
MARKS = "os^D"  # where there are more languages than colours
INK, QUIET, UNDETECTED = "#222222", "#666666", "#999999"
TEXT_COLUMNS = 76
WIDTH_INCHES, LINE_INCHES, FOOT_INCHES = 11.0, 0.21, 0.6
LEFT, RIGHT = 0.03, 0.36  # of the width: between them the weights, to the right the translations


@dataclass(frozen=True)
class Segment:
    """Neighbouring steps of one translation, from weight `first` to `last` of the second language.

    It is drawn from `left` to `right`, half-way to the steps around it.
    """

    lines: tuple[str, ...]
    language: str | None
    first: float
    last: float
    left: float
    right: float

    @property
    def height(self) -> float:
        """Lines of text that it takes: a label, the translation and some space."""
        return len(self.lines) + 1.7


def plot_sweep(sweep: Sweep, path: Path) -> None:
    """Draw a sweep between two languages: the translation and its language for each weight.

    The ending of the file name chooses PNG, SVG or PDF. Raises InvalidInput for another ending or a
    file that cannot be written, InvalidMix unless the sweep has two languages and two weights.
    """
    if path.suffix.lower() not in FORMATS:
        raise InvalidInput(f"cannot draw {path}: the name must end in one of {', '.join(FORMATS)}")
    if len(sweep.languages) != 2:
        raise InvalidMix(
            f"a plot shows a sweep between two languages, received {', '.join(sweep.languages)}"
        )
    if len({step.weights[sweep.languages[1]] for step in sweep.steps}) < 2:
        raise InvalidMix("a plot shows how the weight changes the text: give at least two weights")
    figure_class = _figure_class()
    segments = _segments(sweep)
    title = _wrap(sweep.text)
    head = LINE_INCHES * (2.5 + len(title))
    rows = 1.5 + sum(segment.height for segment in segments)
    height = head + LINE_INCHES * rows + FOOT_INCHES

    figure = figure_class(figsize=(WIDTH_INCHES, height), facecolor="white")
    # A dollar sign is a dollar sign, not the start of a formula.
    style: dict[str, Any] = {
        "family": _fonts(sweep),
        "parse_math": False,
        "va": "top",
        "linespacing": 1.3,
    }
    figure.text(LEFT, 1 - LINE_INCHES / height, "\n".join(title), size=13, **style)
    axes = figure.add_axes(
        (LEFT, FOOT_INCHES / height, RIGHT - LEFT, 1 - (head + FOOT_INCHES) / height)
    )
    _draw_axes(axes, sweep, segments, rows)
    _draw_segments(axes, sweep, segments, style)
    with warnings.catch_warnings():
        # Characters without a font have been named already.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        try:
            figure.savefig(path, dpi=150, bbox_inches="tight", pad_inches=0.3)
        except OSError as error:
            raise InvalidInput(f"cannot write {path}: {error.strerror}") from None


def plot_map(map: Mapping[str, Any], path: Path) -> None:
    """Draw a map of sentences: a dot for each, grey lines between translations of each other.

    Raises InvalidInput for a file that cannot be written.
    """
    figure = _figure_class()(figsize=(9, 9), facecolor="white", layout="constrained")
    axes = figure.subplots()
    groups: dict[int, list[Mapping[str, Any]]] = {}
    for point in map["points"]:
        groups.setdefault(point["group"], []).append(point)
    for members in groups.values():
        x, y = (sum(point[axis] for point in members) / len(members) for axis in "xy")
        for point in members:
            line = [x, point["x"]], [y, point["y"]]
            axes.plot(*line, color="#cccccc", linewidth=0.7, zorder=0)
            if point["language"] == "en":  # which every font can show
                words = textwrap.shorten(point["text"], 34, placeholder=" …")
                top = max(other["y"] for other in members) + 0.025
                axes.text(x, top, words, size=7, color=QUIET, ha="center", parse_math=False)
    for number, code in enumerate(map["languages"]):
        own = [(point["x"], point["y"]) for point in map["points"] if point["language"] == code]
        axes.scatter(
            [x for x, _ in own],
            [y for _, y in own],
            26,
            color=COLOURS[number % len(COLOURS)],
            marker=MARKS[number // len(COLOURS) % len(MARKS)],
            label=code,
        )
    axes.set(aspect="equal", xlim=(-1.05, 1.05), ylim=(-1.05, 1.05))
    axes.set_axis_off()
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 0.0), ncols=9, frameon=False)
    try:
        figure.savefig(path, dpi=110)
    except OSError as error:
        raise InvalidInput(f"cannot write {path}: {error.strerror}") from None


def _figure_class() -> type[Figure]:
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingDependency(
            "plots need matplotlib: install it with: pip install 'macaronic[plot]'"
        ) from None
    return Figure


def _draw_axes(axes: Axes, sweep: Sweep, segments: Sequence[Segment], rows: float) -> None:
    """Weights to the right, lines of text downwards, and where the translation switches."""
    axes.set(xlim=(segments[0].left, segments[-1].right), ylim=(rows, 0))
    axes.set_xlabel(f"weight of {sweep.languages[1]}", color=QUIET)
    axes.tick_params(left=False, labelleft=False, color=QUIET, labelcolor=QUIET)
    axes.spines[["left", "right", "top"]].set_visible(False)
    axes.spines["bottom"].set_color(QUIET)
    for segment in segments[:-1]:
        axes.axvline(segment.right, color=QUIET, linewidth=0.8, linestyle=":", zorder=0)


def _draw_segments(
    axes: Axes, sweep: Sweep, segments: Sequence[Segment], style: Mapping[str, Any]
) -> None:
    """A band of languages on top; below, a staircase of segments with their translations."""
    beside = {"x": 1.04, "transform": axes.get_yaxis_transform(), **style}
    axes.text(y=0.1, s="language detected", size=9, color=QUIET, **beside)
    colours = _colours(sweep)
    digits = weight_digits(sweep)
    y = 1.5
    for segment in segments:
        colour = colours[segment.language]
        for top, height in ((0, 0.9), (y, len(segment.lines) + 1)):
            axes.barh(
                top, segment.right - segment.left, height, segment.left, align="edge", color=colour
            )
        weights = dict.fromkeys(f"{w:.{digits}f}" for w in (segment.first, segment.last))
        label = f"{' to '.join(weights)}   {segment.language or 'no letters'}"
        axes.text(y=y, s=label, size=9, color=colour, **beside)
        axes.text(y=y + 1, s="\n".join(segment.lines), size=11, color=INK, **beside)
        y += segment.height


def _segments(sweep: Sweep) -> list[Segment]:
    second = sweep.languages[1]
    steps = sorted(sweep.steps, key=lambda step: step.weights[second])
    weights = [step.weights[second] for step in steps]
    edges = [weights[0], *((a + b) / 2 for a, b in pairwise(weights)), weights[-1]]
    segments = []
    for text, group in groupby(range(len(steps)), lambda index: steps[index].translation.text):
        first, *rest = group
        last = rest[-1] if rest else first
        found = steps[first].translation.detected
        segments.append(
            Segment(
                lines=tuple(_wrap(text) or ["(empty)"]),
                language=found.language if found else None,
                first=weights[first],
                last=weights[last],
                left=edges[first],
                right=edges[last + 1],
            )
        )
    return segments


def _colours(sweep: Sweep) -> dict[str | None, str]:
    """A colour for each language: the same ones for the two of the sweep in every picture."""
    detected = (
        step.translation.detected.language for step in sweep.steps if step.translation.detected
    )
    languages = dict.fromkeys([*sweep.languages, *detected])
    colours: dict[str | None, str] = {None: UNDETECTED}
    return colours | {code: COLOURS[i % len(COLOURS)] for i, code in enumerate(languages)}


def _wrap(text: str) -> list[str]:
    """Lines of at most TEXT_COLUMNS columns, of which a wide character takes two."""
    columns = len(text) + sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return textwrap.wrap(text, max(1, TEXT_COLUMNS * len(text) // max(1, columns)))


def _fonts(sweep: Sweep) -> list[str]:
    """Font families that together have all characters of a sweep, matplotlib's own first.

    Says on stderr which characters no installed font has.
    """
    from matplotlib.font_manager import findfont, fontManager
    from matplotlib.ft2font import FT2Font

    texts = [sweep.text, *(step.translation.text for step in sweep.steps)]
    missing = {ord(c) for text in texts for c in text if not c.isspace()}
    fonts = ["DejaVu Sans"]
    missing -= FT2Font(findfont(fonts[0])).get_charmap().keys()
    if missing:
        coverage = {
            entry.name: missing & FT2Font(entry.fname).get_charmap().keys()
            for entry in fontManager.ttflist
            if not entry.name.startswith("Last Resort")  # which has a box for every character
        }
        while missing:
            best = max(coverage, key=lambda name: len(coverage[name] & missing))
            if not coverage[best] & missing:
                break
            fonts.append(best)
            missing -= coverage[best]
    if missing:
        characters = "".join(map(chr, sorted(missing)))
        print(f"no installed font can show {characters}", file=sys.stderr)
    return fonts
