"""What preparation kept and dropped, by source and rule, with examples."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

EXAMPLES_PER_RULE = 3
REPORT = "report.json"


@dataclass
class SourceReport:
    """Counts of one source (or of one chunk of it): `read` = `kept` + all of `dropped`."""

    name: str
    languages: tuple[str, str]
    read: int = 0
    kept: int = 0
    dropped: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def drop(self, rule: str, example: str) -> None:
        """Count a dropped pair; the first few of each rule are kept as examples."""
        self.dropped[rule] += 1
        examples = self.examples.setdefault(rule, [])
        if len(examples) < EXAMPLES_PER_RULE:
            examples.append(example)

    def forget(self, rule: str) -> None:
        """Take back all that a rule has dropped."""
        self.dropped.pop(rule, None)
        self.examples.pop(rule, None)

    def add(self, other: SourceReport) -> None:
        """Count in the report of another part of the same source."""
        self.read += other.read
        self.kept += other.kept
        self.dropped += other.dropped
        for rule, examples in other.examples.items():
            merged = self.examples.setdefault(rule, []) + examples
            self.examples[rule] = merged[:EXAMPLES_PER_RULE]

    def to_json(self) -> dict[str, Any]:
        """Plain values that `from_json` reads back."""
        return {
            "name": self.name,
            "languages": list(self.languages),
            "read": self.read,
            "kept": self.kept,
            "dropped": dict(sorted(self.dropped.items())),
            "examples": dict(sorted(self.examples.items())),
        }

    @classmethod
    def from_json(cls, tree: dict[str, Any]) -> SourceReport:
        """The report that `to_json` wrote."""
        first, second = tree["languages"]
        return cls(
            name=tree["name"],
            languages=(first, second),
            read=tree["read"],
            kept=tree["kept"],
            dropped=Counter(tree["dropped"]),
            examples=tree["examples"],
        )


def save_report(reports: Sequence[SourceReport], directory: Path) -> None:
    """Write `report.json`: one entry a source."""
    text = json.dumps([r.to_json() for r in reports], ensure_ascii=False, indent=1)
    (directory / REPORT).write_text(text + "\n", encoding="utf-8")


def load_reports(directory: Path) -> list[SourceReport]:
    """The reports of a prepared corpus."""
    entries = json.loads((directory / REPORT).read_text(encoding="utf-8"))
    return [SourceReport.from_json(entry) for entry in entries]


def format_reports(reports: Sequence[SourceReport]) -> str:
    """A table for people: a row a source, a column a rule that dropped any; examples below."""
    rules = sorted({rule for report in reports for rule in report.dropped})
    header = ["source", "languages", "read", "kept", *rules]
    rows = [
        [r.name, "-".join(r.languages), f"{r.read:,}", f"{r.kept:,}"]
        + [f"{r.dropped[rule]:,}" for rule in rules]
        for r in reports
    ]
    total = SourceReport("total", ("", ""))
    for report in reports:
        total.add(report)
    sums = [total.dropped[rule] for rule in rules]
    rows.append(["total", "", f"{total.read:,}", f"{total.kept:,}", *(f"{n:,}" for n in sums)])
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    lines = [_aligned(row, widths) for row in [header, *rows]]
    for report in reports:
        for rule, examples in sorted(report.examples.items()):
            lines += [f"{report.name}: {rule}: {_shortened(example)}" for example in examples[:1]]
    return "\n".join(lines)


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = zip(row, widths, strict=True)
    return "  ".join(
        cell.ljust(width) if i < 2 else cell.rjust(width) for i, (cell, width) in enumerate(cells)
    ).rstrip()


def _shortened(example: str, limit: int = 120) -> str:
    text = example.replace("\t", "  |  ")
    return text if len(text) <= limit else text[: limit - 1] + "…"
