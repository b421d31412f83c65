"""What an evaluation found, for people and for programs: text tables, JSON, HTML heat maps."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from html import escape
from importlib.resources import files
from statistics import fmean
from string import Template
from typing import Any

from nmt.evaluate.matrix import Comparison, DirectionResult, EvaluateOptions
from nmt.evaluate.metrics import Interval, Score

JSON_VERSION = 1
OFF_TARGET = "off_target"
TITLES = {"bleu": "BLEU", "chrf": "chrF2", OFF_TARGET: "off-target"}
PATHS = ("direct", "zero_shot", "pivot")
SIGNIFICANT = 0.05

Row = list[str]


@dataclass(frozen=True)
class Report:
    """An evaluation of a model, and its comparison with a baseline model if there was one."""

    model: str
    options: EvaluateOptions
    results: Sequence[DirectionResult]
    baseline: str | None = None
    comparisons: Sequence[Comparison] = ()


def table(report: Report) -> str:
    """Aligned lines: each direction and path, averages, the comparison, and all signatures."""
    parts = [_align(_result_rows(report.results), labels=3)]
    if report.comparisons:
        parts += [_comparison_title(report), _align(_comparison_rows(report.comparisons), labels=4)]
    parts.append("\n".join(["Signatures", *(f"  {line}" for line in _signatures(report))]))
    return "\n\n".join(parts)


def to_json(report: Report) -> str:
    """The report as JSON.

    `{"version": 1, "model": …, "options": {"metrics": […], "pivot": …, "via": …, "decode": {…}},
    "results": [{"test", "source", "target", "path", "via", "sentences", "scores", "off_target",
    "truncated", "seconds"}, …], "comparison": {"baseline": …, "results": [{"test", "source",
    "target", "path", "scores"}, …]}}`, where a result's scores are `{metric: {"value",
    "signature"}}`, off_target is one such score or null, and a comparison's scores are `{metric:
    {"system": {"score", "mean", "margin"}, "baseline": {…}, "p_value", "signature"}}`. Without a
    baseline, comparison is null.
    """
    comparison = {
        "baseline": report.baseline,
        "results": [
            {
                **_place(row),
                "scores": {name: asdict(paired) for name, paired in row.scores.items()},
            }
            for row in report.comparisons
        ],
    }
    tree = {
        "version": JSON_VERSION,
        "model": report.model,
        "options": asdict(report.options),
        "results": [_result_as_dict(row) for row in sorted(report.results, key=_order)],
        "comparison": comparison if report.baseline is not None else None,
    }
    return json.dumps(tree, ensure_ascii=False, indent=1, allow_nan=False)


def to_html(report: Report) -> str:
    """One page that loads nothing: a heat map for each test and metric, then all tables."""
    template = files("nmt.evaluate").joinpath("report.html").read_text(encoding="utf-8")
    tests = dict.fromkeys(row.test.name for row in report.results)
    maps = [
        _heat_map(name, metric, [row for row in report.results if row.test.name == name])
        for name in sorted(tests)
        for metric in _metrics(report.results)
    ]
    comparison = ""
    if report.comparisons:
        title = f"<h2>{escape(_comparison_title(report))}</h2>"
        comparison = title + _html_table(_comparison_rows(report.comparisons), labels=4)
    return Template(template).substitute(
        model=escape(report.model),
        options=escape(json.dumps(asdict(report.options))),
        maps="\n".join(maps),
        results=_html_table(_result_rows(report.results), labels=3),
        comparison=comparison,
        signatures="".join(f"<li>{escape(line)}</li>" for line in _signatures(report)),
    )


def _result_rows(results: Sequence[DirectionResult]) -> list[Row]:
    metrics = _metrics(results)
    titles = [_title(name) for name in metrics]
    rows = [["test", "direction", "path", "sentences", *titles, "truncated", "seconds"]]
    for row in sorted(results, key=_order):
        direction = f"{row.test.source}>{row.test.target}"
        rows.append([row.test.name, direction, _way(row), *_figures([row], metrics)])
    for name, path in sorted({(row.test.name, row.path) for row in results}, key=_group_order):
        group = [row for row in results if (row.test.name, row.path) == (name, path)]
        rows.append([name, f"average of {len(group)}", _spoken(path), *_figures(group, metrics)])
    return rows


def _figures(group: Sequence[DirectionResult], metrics: Sequence[str]) -> Row:
    """Mean scores, and sums of what is counted, over the given results."""
    means = []
    for name in metrics:
        values = [score.value for row in group if (score := _score(row, name))]
        means.append(_shown(name, fmean(values)) if values else "-")
    return [
        f"{sum(row.sentences for row in group)}",
        *means,
        f"{sum(row.truncated for row in group)}",
        f"{sum(row.seconds for row in group):.1f}",
    ]


def _comparison_title(report: Report) -> str:
    return (
        f"{report.model} against the baseline {report.baseline} "
        f"(in brackets mean ± 95 % interval of the bootstrap; * means p < {SIGNIFICANT})"
    )


def _comparison_rows(comparisons: Sequence[Comparison]) -> list[Row]:
    head = ["test", "direction", "path", "metric", "system", "baseline", "difference", "p-value"]
    rows = [head]
    for row in sorted(comparisons, key=_order):
        direction = f"{row.test.source}>{row.test.target}"
        for name, paired in row.scores.items():
            difference = f"{paired.system.score - paired.baseline.score:+.1f}"
            mark = "*" if paired.p_value < SIGNIFICANT else " "
            rows.append(
                [
                    *(row.test.name, direction, _spoken(row.path), _title(name)),
                    *(_interval(paired.system), _interval(paired.baseline)),
                    *(difference, f"{paired.p_value:.3f} {mark}"),
                ]
            )
    return rows


def _signatures(report: Report) -> list[str]:
    """Each signature once, with the metric and the target languages that it stands for."""
    targets: dict[tuple[str, str], set[str]] = {}
    for row in report.results:
        for name in _metrics(report.results):
            if score := _score(row, name):
                targets.setdefault((_title(name), score.signature), set()).add(row.test.target)
    for comparison in report.comparisons:
        for name, paired in comparison.scores.items():
            key = (f"{_title(name)}, comparison", paired.signature)
            targets.setdefault(key, set()).add(comparison.test.target)
    return [
        f"{title} into {', '.join(sorted(codes))}: {signature}"
        for (title, signature), codes in sorted(targets.items())
    ]


def _heat_map(test: str, metric: str, results: Sequence[DirectionResult]) -> str:
    sources = sorted({row.test.source for row in results})
    targets = sorted({row.test.target for row in results})
    scores = [score.value for row in results if (score := _score(row, metric))]
    full = max([1.0, *scores])  # a rate is at most 1, a best score below 1 deserves no colour
    caption = escape(f"{test}: {_title(metric)}")
    lines = [f'<table class="map {metric}"><caption>{caption}</caption>']
    heads = "".join(f'<th scope="col">{escape(code)}</th>' for code in targets)
    lines.append(f'<tr><td class="corner">from \\ to</td>{heads}</tr>')
    for source in sources:
        cells = []
        for target in targets:
            here = [r for r in results if (r.test.source, r.test.target) == (source, target)]
            boxes = "".join(_box(row, metric, full) for row in sorted(here, key=_order))
            cells.append(f"<td><div>{boxes}</div></td>")
        lines.append(f'<tr><th scope="row">{escape(source)}</th>{"".join(cells)}</tr>')
    return "\n".join([*lines, "</table>"])


def _box(row: DirectionResult, metric: str, full: float) -> str:
    score = _score(row, metric)
    share = round(100 * score.value / full) if score else 0
    shown = _shown(metric, score.value) if score else "-"
    title = f"{row.sentences} sentences; {score.signature if score else 'no output has letters'}"
    return (
        f'<span style="--share:{share}%" title="{escape(title)}">{escape(shown)}'
        f"<small>{escape(_way(row))}</small></span>"
    )


def _align(rows: Sequence[Row], labels: int) -> str:
    """Columns of text: the first ones, which are labels, to the left, figures to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = list(zip(row, widths, strict=True))
        left = [cell.ljust(width) for cell, width in cells[:labels]]
        right = [cell.rjust(width) for cell, width in cells[labels:]]
        lines.append("  ".join([*left, *right]).rstrip())
    return "\n".join(lines)


def _html_table(rows: Sequence[Row], labels: int) -> str:
    head, *body = rows
    lines = ["<table>", _html_row("th", head, labels)]
    return "\n".join([*lines, *(_html_row("td", row, labels) for row in body), "</table>"])


def _html_row(tag: str, row: Row, labels: int) -> str:
    cells = (
        f"<{tag}{'' if index < labels else ' class=figure'}>{escape(cell)}</{tag}>"
        for index, cell in enumerate(row)
    )
    return f"<tr>{''.join(cells)}</tr>"


def _result_as_dict(row: DirectionResult) -> dict[str, Any]:
    return {
        **_place(row),
        "via": row.via,
        "sentences": row.sentences,
        "scores": {name: asdict(score) for name, score in row.scores.items()},
        OFF_TARGET: asdict(row.off_target) if row.off_target else None,
        "truncated": row.truncated,
        "seconds": round(row.seconds, 3),
    }


def _place(row: DirectionResult | Comparison) -> dict[str, str]:
    test = row.test
    return {"test": test.name, "source": test.source, "target": test.target, "path": row.path}


def _metrics(results: Iterable[DirectionResult]) -> list[str]:
    return [*dict.fromkeys(name for row in results for name in row.scores), OFF_TARGET]


def _score(row: DirectionResult, name: str) -> Score | None:
    return row.off_target if name == OFF_TARGET else row.scores.get(name)


def _title(name: str) -> str:
    return TITLES.get(name, name)


def _shown(name: str, value: float) -> str:
    return f"{100 * value:.1f} %" if name == OFF_TARGET else f"{value:.1f}"


def _interval(interval: Interval) -> str:
    return f"{interval.score:.1f} ({interval.mean:.1f} ± {interval.margin:.1f})"


def _way(row: DirectionResult) -> str:
    return f"{_spoken(row.path)} via {row.via}" if row.via else _spoken(row.path)


def _spoken(path: str) -> str:
    return path.replace("_", "-")


def _order(row: DirectionResult | Comparison) -> tuple[str, str, str, int]:
    return row.test.name, row.test.source, row.test.target, PATHS.index(row.path)


def _group_order(group: tuple[str, str]) -> tuple[str, int]:
    name, path = group
    return name, PATHS.index(path)
