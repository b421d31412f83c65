"""The figures of the experiments, one function for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from nmt.analyse.plots import COLOURS, INK, QUIET, UNDETECTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

NAMES = {
    "en": "English",
    "es": "Spanish",
    "pt": "Portuguese",
    "fr": "French",
    "ja": "Japanese",
    "ko": "Korean",
    "ru": "Russian",
    "uk": "Ukrainian",
    "be": "Belarusian",
}


@contextmanager
def _figure(path: Path, width: float, height: float) -> Iterator[Figure]:
    """A figure that is written to a file at the end."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), facecolor="white", layout="constrained")
    yield figure
    figure.savefig(path, dpi=100)


def _quiet(axes: Axes) -> None:
    axes.spines[["right", "top"]].set_visible(False)
    axes.tick_params(color=QUIET, labelcolor=QUIET)


def mixed_targets(results: Sequence[Mapping[str, Any]], path: Path) -> None:
    """For each pair of languages: words, places of the switch, and fluency, by weight."""
    with _figure(path, 4.2 * len(results), 8.4) as figure:
        grid = figure.subplots(3, len(results), squeeze=False, sharex=True, sharey="row")
        for column, result in enumerate(results):
            first, second = (NAMES.get(code, code) for code in result["languages"])
            weights = result["weights"]
            _words(grid[0, column], result)
            grid[0, column].set_title(f"{first} to {second}", color=INK)
            switches = [100 * count / result["sentences"] for count in result["switches"]]
            grid[1, column].bar(weights, switches, width=0.8 * weights[1], color=COLOURS[2])
            _fluency(grid[2, column], result)
            grid[2, column].set_xlabel(f"weight of {second}", color=QUIET)
            for axes in grid[:, column]:
                _quiet(axes)
        grid[0, 0].set_ylabel("share of the words, %")
        grid[1, 0].set_ylabel("sentences that switch here, %")
        grid[2, 0].set_ylabel("log-probability a piece")


def _words(axes: Axes, result: Mapping[str, Any]) -> None:
    """The share of words in either language, in a third one that stands out, and in all others."""
    steps, languages = result["steps"], list(result["languages"])
    others = {code for step in steps for code in step["words"]} - set(languages)
    peak = {code: max(step["words"].get(code, 0.0) for step in steps) for code in others}
    third = [code for code in sorted(others, key=lambda code: -peak[code])[:1] if peak[code] > 0.05]
    order = [languages[0], *third, languages[1]]
    rows = [[step["words"].get(code, 0.0) for step in steps] for code in order]
    rows.append([1 - sum(column) for column in zip(*rows, strict=True)])
    colours = dict(zip(languages, COLOURS, strict=False))
    axes.stackplot(
        result["weights"],
        100 * np.array(rows),
        labels=[*(NAMES.get(code, code) for code in order), "others"],
        colors=[*(colours.get(code, COLOURS[4]) for code in order), UNDETECTED],
    )
    axes.set(xlim=(0, 1), ylim=(0, 100))
    axes.legend(loc="center left", fontsize=8, framealpha=0.85)


def _fluency(axes: Axes, result: Mapping[str, Any]) -> None:
    """Scores of the outputs under both pure targets, and under the better of both."""
    for place, key in enumerate(("score_first", "score_second")):
        code = result["languages"][place]
        values = [step[key] for step in result["steps"]]
        label = f"if {NAMES.get(code, code)} is asked for"
        axes.plot(result["weights"], values, color=COLOURS[place], label=label)
    better = [step["score_better"] for step in result["steps"]]
    axes.plot(result["weights"], better, color=INK, linestyle="--", label="the better of both")
    axes.legend(loc="lower center", fontsize=8, framealpha=0.85)


def triangle(points: Sequence[Mapping[str, Any]], languages: Sequence[str], path: Path) -> None:
    """Mixes of three languages: whose words come out, how often together, and others' words."""
    from matplotlib.colors import to_rgb

    corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(0.75)]])
    own = np.array([to_rgb(colour) for colour in COLOURS[: len(languages)]])
    mixes = np.array([[point["weights"][code] for code in languages] for point in points])
    words = np.array([[point["words"].get(code, 0.0) for code in languages] for point in points])
    others = 1 - words.sum(1)
    x, y = (mixes @ corners).T
    parts = (np.sqrt(8 * len(points) + 1) - 3) / 2
    hexagons = {"marker": "h", "s": (210 / (parts + 1)) ** 2}
    with _figure(path, 13.5, 4.4) as figure:
        panels = figure.subplots(1, 3)
        colours = np.clip(words @ own + others[:, None] * to_rgb(UNDETECTED), 0, 1)
        panels[0].scatter(x, y, c=colours, **hexagons)
        panels[0].set_title("whose words come out (grey: others')", color=INK)
        shares = {
            "outputs with words of more than one, %": [point["mixed"] for point in points],
            "words of none of the three, %": others,
        }
        for axes, (title, values) in zip(panels[1:], shares.items(), strict=True):
            shown = axes.scatter(x, y, c=100 * np.array(values), cmap="viridis", **hexagons)
            axes.set_title(title, color=INK)
            figure.colorbar(shown, ax=axes, shrink=0.7)
        for axes in panels:
            axes.set(aspect="equal", xlim=(-0.15, 1.15), ylim=(-0.17, 1.0))
            axes.set_axis_off()
            for (a, b), code, colour in zip(corners, languages, own, strict=True):
                below = -0.13 if b == 0 else 0.1
                name = NAMES.get(code, code)
                axes.text(a, b + below, name, color=colour, ha="center", va="center", weight="bold")


def zero_shot(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """BLEU of every direction, directly and through English, with a line between the two."""
    scores: dict[str, dict[str, float]] = {}
    for row in rows:
        direction = f"{row['source']}→{row['target']}"
        way = "pivot" if row["path"] == "pivot" else "direct"
        scores.setdefault(direction, {})[way] = row["scores"]["bleu"]["value"]
    order = sorted(scores, key=lambda name: scores[name].get("pivot", scores[name]["direct"]))
    with _figure(path, 7.5, 1.2 + 0.24 * len(order)) as figure:
        axes = figure.subplots()
        for y, name in enumerate(order):
            values = list(scores[name].values())
            axes.plot([min(values), max(values)], [y, y], color=UNDETECTED, linewidth=1, zorder=0)
        for way, label, colour in (
            ("direct", "directly, never trained", COLOURS[1]),
            ("pivot", "by way of English", COLOURS[0]),
        ):
            places = [(scores[name][way], y) for y, name in enumerate(order) if way in scores[name]]
            axes.scatter(*zip(*places, strict=True), color=colour, label=label)
        axes.set_yticks(range(len(order)), order)
        axes.set_xlim(left=0)
        axes.set_xlabel("BLEU", color=QUIET)
        axes.legend(loc="lower right")
        _quiet(axes)


def mixed_sources(cases: Sequence[Mapping[str, Any]], path: Path) -> None:
    """For each case BLEU of both unmixed sources and of the mixed ones."""
    names = list(dict.fromkeys(name for case in cases for name in case["bleu"]))
    width = 0.8 / len(names)
    with _figure(path, 2.2 + 1.25 * len(cases), 4.2) as figure:
        axes = figure.subplots()
        for place, name in enumerate(names):
            bars = [(x, case["bleu"][name]) for x, case in enumerate(cases) if name in case["bleu"]]
            left = [x + (place - (len(names) - 1) / 2) * width for x, _ in bars]
            heights = [value for _, value in bars]
            axes.bar(left, heights, width, color=COLOURS[place], label=name)
        axes.set_xticks(range(len(cases)), [case["name"] for case in cases])
        axes.set_ylabel("BLEU")
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=len(names), fontsize=8)
        _quiet(axes)


def rare_languages(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """BLEU of every direction by bilingual and multilingual models; a bar each, means of seeds."""
    names = list(rows[0]["bleu"])
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["family"], row["direction"]), []).append(row)
    width = 0.8 / len(names)
    with _figure(path, 2.5 + 1.1 * len(groups), 4.2) as figure:
        axes = figure.subplots()
        for place, name in enumerate(names):
            heights = [np.mean([row["bleu"][name] for row in own]) for own in groups.values()]
            left = np.arange(len(groups)) + (place - (len(names) - 1) / 2) * width
            axes.bar(left, heights, width, color=COLOURS[place], label=name)
        axes.set_xticks(range(len(groups)), [f"{way}\n{family}" for family, way in groups])
        axes.set_ylabel("BLEU")
        axes.legend(fontsize=8)
        _quiet(axes)


def rare_curve(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """BLEU by the number of pairs of the rare language: a panel for each direction."""
    directions = list(dict.fromkeys(row["direction"] for row in rows))
    names = list(rows[0]["bleu"])
    with _figure(path, 4.2 * len(directions), 3.8) as figure:
        panels = figure.subplots(1, len(directions), squeeze=False, sharey=True)[0]
        for axes, direction in zip(panels, directions, strict=True):
            own = [row for row in rows if row["direction"] == direction]
            for place, name in enumerate(names):
                counts = sorted({row["pairs"] for row in own})
                means = [
                    np.mean([row["bleu"][name] for row in own if row["pairs"] == count])
                    for count in counts
                ]
                axes.plot(counts, means, color=COLOURS[place], marker="o", label=name)
            axes.set_xscale("log")
            axes.set_title(direction, color=INK)
            axes.set_xlabel("pairs of the rare language", color=QUIET)
            _quiet(axes)
        panels[0].set_ylabel("BLEU")
        panels[0].legend(fontsize=8)


def retrieval(found: Mapping[str, Any], path: Path) -> None:
    """How often the translation is nearest: by layer on the mean, and for every pair and layer."""
    layers = range(len(found["retrieval"]))
    labels = ["words", *(f"layer {layer}" for layer in layers[1:])]
    across = -(-(len(layers) + 1) // 2)
    with _figure(path, 4.2 * across, 8.4) as figure:
        first, *others = figure.subplots(2, across, squeeze=False).flat
        for place, (kind, label) in enumerate(
            (("retrieval", "as they are"), ("retrieval_around", "around the language's mean"))
        ):
            tables = np.array(found[kind], float)
            means = 100 * np.nanmean(tables, axis=(1, 2))
            first.plot(layers, means, color=COLOURS[place], marker="o", label=label)
        chance = 100 / found["sentences"]
        first.axhline(chance, color=UNDETECTED, linestyle=":", label="chance")
        first.set_xticks(layers, labels)
        first.set_ylabel(f"translation is nearest of {found['sentences']}, %")
        first.set_ylim(bottom=0)
        first.legend(fontsize=8)
        _quiet(first)
        for axes, label, table in zip(others, labels, found["retrieval_around"], strict=False):
            _pairs(axes, found["languages"], 100 * np.array(table, float))
            axes.set_title(f"{label}, %", color=INK)
        for axes in others[len(layers) :]:
            axes.set_axis_off()


def _pairs(axes: Axes, names: Sequence[str], shares: np.ndarray) -> None:
    """A square of percentages: sources down, targets across."""
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=100)
    for row, column in np.ndindex(shares.shape):
        if row != column:
            colour = "white" if shares[row, column] > 60 else INK
            text = f"{shares[row, column]:.0f}"
            axes.text(column, row, text, ha="center", va="center", color=colour, size=8)
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)
    axes.set_ylabel("sentence in", color=QUIET)
    axes.set_xlabel("translation in", color=QUIET)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def distance_and_quality(points: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Zero-shot scores of every direction against the distance of its languages."""
    names = {"bleu": "BLEU", "share of pivoting": "BLEU / BLEU by way of English"}
    with _figure(path, 11, 4.6) as figure:
        for axes, (name, label) in zip(figure.subplots(1, 2), names.items(), strict=True):
            own = [point for point in points if name in point["scores"]]
            x = np.array([point["distance"] for point in own])
            y = np.array([point["scores"][name] for point in own])
            axes.scatter(x, y, color=COLOURS[0], s=18)
            for point, a, b in zip(own, x, y, strict=True):
                text = point["direction"].replace(">", "→")
                axes.annotate(text, (a, b), (3, 3), textcoords="offset points", size=7, color=QUIET)
            if len(set(x)) > 1:
                slope, start = np.polyfit(x, y, 1)
                ends = np.array([x.min(), x.max()])
                axes.plot(ends, start + slope * ends, color=COLOURS[1], linewidth=1)
            axes.set_xlabel("distance of translations after the last encoder layer", color=QUIET)
            axes.set_ylabel(f"zero-shot {label}")
            axes.set_ylim(bottom=0)
            _quiet(axes)


def moving_states(moves: Sequence[Mapping[str, Any]], path: Path) -> None:
    """How far along and beside the line between two targets the states are, by weight."""
    with _figure(path, 4.2 * len(moves), 3.8) as figure:
        panels = figure.subplots(1, len(moves), squeeze=False, sharey=True)[0]
        for axes, move in zip(panels, moves, strict=True):
            first, second = (NAMES.get(code, code) for code in move["languages"])
            for layer in range(1, len(move["along"])):
                colour = COLOURS[layer - 1]
                axes.plot(move["weights"], move["along"][layer], color=colour, label=f"{layer}")
                axes.plot(move["weights"], move["beside"][layer], color=colour, linestyle=":")
            axes.plot([0, 1], [0, 1], color=UNDETECTED, linewidth=0.7, zorder=0)
            axes.set_title(f"{first} to {second}", color=INK)
            axes.set_xlabel(f"weight of {second}", color=QUIET)
            _quiet(axes)
        panels[0].set_ylabel("way from one target to the other")
        panels[0].legend(title="layer: along, dotted beside", fontsize=8)
