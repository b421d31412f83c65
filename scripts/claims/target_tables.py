"""What the measures of mixed targets are, as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import quantiles
from typing import Any

from study import markdown


def overview(found: Sequence[dict[str, Any]]) -> str:
    """Markdown of the numbers of all pairs, one column for each."""
    titles: dict[str, Callable[[dict[str, Any]], str]] = {
        "sentences": lambda r: f"{r['sentences']}",
        "different outputs of a sentence": lambda r: f"{r['different_outputs']:.1f}",
        "weight at the switch: quartiles": _quartiles,
        "no switch to be seen": lambda r: _percent(r["never_switch"]),
        "pass through an output with words of both": lambda r: _percent(r["pass_a_mixed_output"]),
        "such outputs at the ends (false alarms)": lambda r: _percent(r["mixed_ends"]),
        "pass through a third language": lambda r: _percent(r["third_language"]["sentences"]),
        "third language: of outputs between the ends": _third_languages,
        "where it is most frequent": _third_peak,
        "with letters that only it has (in its real text)": _telltale,
        "third language at the ends (false alarms)": lambda r: _percent(
            r["third_language_at_the_ends"]
        ),
        "fluency of new outputs (of their ends)": lambda r: _fluency(r["fluency"]["new"]),
        "fluency of mixed outputs (of their ends)": lambda r: _fluency(r["fluency"]["mixed"]),
    }
    rows = [[title, *(show(one) for one in found)] for title, show in titles.items()]
    return markdown(["", *(" to ".join(one["languages"]) for one in found)], rows)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _quartiles(result: dict[str, Any]) -> str:
    """The weights at which a quarter, half and three quarters of the sweeps have switched."""
    pairs = zip(result["weights"], result["switches"], strict=True)
    places = [weight for weight, count in pairs for _ in range(count)]
    if len(places) < 2:
        return "-"
    return ", ".join(f"{place:.2f}" for place in quantiles(places, n=4, method="inclusive"))


def _third_languages(result: dict[str, Any]) -> str:
    shares = result["third_language"]["outputs"].items()
    return ", ".join(f"{code} {_percent(share)}" for code, share in shares) or "none"


def _third_peak(result: dict[str, Any]) -> str:
    """The weight at which most outputs are in one third language."""
    shares = [
        (share, code, weight)
        for step, weight in zip(result["steps"], result["weights"], strict=True)
        for code, share in step["detected"].items()
        if code not in result["languages"]
    ]
    if not shares:
        return "-"
    share, code, weight = max(shares)
    return f"{code} {_percent(share)} at {weight:.2f}"


def _telltale(result: dict[str, Any]) -> str:
    found = result.get("telltale")
    return f"{_percent(found['share'])} ({_percent(found['real'])})" if found else "-"


def _fluency(kind: dict[str, Any]) -> str:
    if not kind["outputs"]:
        return "-"
    return f"{kind['score']:.2f} ({kind['ends']:.2f})"


def triangle(points: Sequence[dict[str, Any]], languages: Sequence[str]) -> str:
    """Markdown of the corners, the middles of the edges, and the mix nearest to the middle."""
    centre = min(points, key=lambda point: max(abs(w - 1 / 3) for w in point["weights"].values()))
    chosen = [
        point
        for point in points
        if point is centre or sorted(point["weights"].values()) in ([0, 0, 1], [0, 0.5, 0.5])
    ]
    rows = [
        [
            ", ".join(f"{code} {weight:.1f}" for code, weight in point["weights"].items()),
            *(_percent(point["words"][code]) for code in languages),
            _largest_other(point["words"], languages),
            _percent(point["mixed"]),
        ]
        for point in chosen
    ]
    head = ["mix", *(f"words {code}" for code in languages), "most others", "mixed outputs"]
    return markdown(head, rows)


def _largest_other(words: Mapping[str, float], languages: Sequence[str]) -> str:
    others = {code: share for code, share in words.items() if code not in languages}
    code = max(others, key=lambda code: others[code], default=None)
    return f"{code} {_percent(others[code])}" if code else "none"
