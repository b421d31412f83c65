"""Reports hold every figure with its signature, for people and for programs."""

from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from nmt.decode.engine import DecodeOptions
from nmt.evaluate.matrix import Comparison, DirectionResult, EvaluateOptions
from nmt.evaluate.metrics import Interval, PairedScore, Score
from nmt.evaluate.report import Report, table, to_html, to_json
from nmt.evaluate.testfiles import DirectionTest

CHRF = "nrefs:1|version:9"


def result(
    source: str, target: str, path: str, bleu: float, off_target: float | None = 0.0
) -> DirectionResult:
    rate = None if off_target is None else Score(off_target, "finder:1.0")
    return DirectionResult(
        test=DirectionTest("fables", source, target, ("a", "b"), ("c", "d")),
        path=path,
        via="en" if path == "pivot" else None,
        hypotheses=("c", "e"),
        scores={"bleu": Score(bleu, f"tok:{target}"), "chrf": Score(2 * bleu, CHRF)},
        off_target=rate,
        truncated=1,
        seconds=1.25,
    )


RESULTS = [
    result("pt", "es", "pivot", 24.0, None),
    result("pt", "es", "zero_shot", 12.0, 0.5),
    result("en", "pt", "direct", 20.0, 0.1),
    result("en", "es", "direct", 30.0),
]
PAIRED = PairedScore(Interval(30.0, 30.1, 1.5), Interval(28.0, 27.9, 1.25), 0.021, "bs:1000")
REPORT = Report("tiny", EvaluateOptions(), RESULTS)
COMPARED = replace(
    REPORT,
    baseline="older",
    comparisons=[Comparison(RESULTS[3].test, "direct", {"bleu": PAIRED})],
)


def test_the_table_is_sorted_and_aligned() -> None:
    head, *rows = table(REPORT).split("\n\n")[0].splitlines()
    assert [row.split()[1] for row in rows[:4]] == ["en>es", "en>pt", "pt>es", "pt>es"]
    assert "zero-shot" in rows[2]
    assert "pivot via en" in rows[3]
    end = head.index("BLEU") + len("BLEU")
    assert [row[:end].split()[-1] for row in rows[:4]] == ["30.0", "20.0", "12.0", "24.0"]
    assert {len(row) for row in rows} == {len(head)}


def test_the_table_averages_each_path() -> None:
    rows = [row.split() for row in table(REPORT).split("\n\n")[0].splitlines()[5:]]
    assert [" ".join(row) for row in rows] == [
        "fables average of 2 direct 4 25.0 50.0 5.0 % 2 2.5",
        "fables average of 1 zero-shot 2 12.0 24.0 50.0 % 1 1.2",
        "fables average of 1 pivot 2 24.0 48.0 - 1 1.2",
    ]


def test_the_table_ends_with_each_signature_once() -> None:
    *_, signatures = table(COMPARED).split("\n\n")
    assert signatures.splitlines() == [
        "Signatures",
        "  BLEU into es: tok:es",
        "  BLEU into pt: tok:pt",
        "  BLEU, comparison into es: bs:1000",
        f"  chrF2 into es, pt: {CHRF}",
        "  off-target into es, pt: finder:1.0",
    ]


@pytest.mark.parametrize(("p_value", "mark"), [(0.021, "0.021 *"), (0.05, "0.050"), (1, "1.000")])
def test_the_comparison_shows_both_systems_and_the_p_value(p_value: float, mark: str) -> None:
    comparison = Comparison(RESULTS[3].test, "direct", {"bleu": replace(PAIRED, p_value=p_value)})
    _, title, rows, _ = table(replace(COMPARED, comparisons=[comparison])).split("\n\n")
    assert title.startswith("tiny against the baseline older")
    assert title.endswith("* means p < 0.05)")
    row = " ".join(rows.splitlines()[1].split())
    assert row == f"fables en>es direct BLEU 30.0 (30.1 ± 1.5) 28.0 (27.9 ± 1.2) +2.0 {mark}"


def test_json_has_the_documented_shape() -> None:
    tree = json.loads(to_json(COMPARED))
    assert {key: type(value) for key, value in tree.items()} == {
        "version": int,
        "model": str,
        "options": dict,
        "results": list,
        "comparison": dict,
    }
    assert tree["options"] == {
        "metrics": ["bleu", "chrf"],
        "pivot": True,
        "via": None,
        "decode": {"beam_size": 5, "n_best": 1, "length_penalty": 1.0, "batch_size": 64},
    }
    assert tree["results"][2] == {
        "test": "fables",
        "source": "pt",
        "target": "es",
        "path": "zero_shot",
        "via": None,
        "sentences": 2,
        "scores": {
            "bleu": {"value": 12.0, "signature": "tok:es"},
            "chrf": {"value": 24.0, "signature": CHRF},
        },
        "off_target": {"value": 0.5, "signature": "finder:1.0"},
        "truncated": 1,
        "seconds": 1.25,
    }
    assert tree["results"][3]["off_target"] is None
    assert tree["comparison"] == {
        "baseline": "older",
        "results": [
            {
                "test": "fables",
                "source": "en",
                "target": "es",
                "path": "direct",
                "scores": {
                    "bleu": {
                        "system": {"score": 30.0, "mean": 30.1, "margin": 1.5},
                        "baseline": {"score": 28.0, "mean": 27.9, "margin": 1.25},
                        "p_value": 0.021,
                        "signature": "bs:1000",
                    }
                },
            }
        ],
    }


def test_json_without_a_baseline_has_no_comparison() -> None:
    assert json.loads(to_json(REPORT))["comparison"] is None


def test_json_tells_options_that_were_changed() -> None:
    options = EvaluateOptions(("chrf",), pivot=False, decode=DecodeOptions(beam_size=1))
    tree = json.loads(to_json(replace(REPORT, options=options)))["options"]
    assert (tree["metrics"], tree["pivot"], tree["decode"]["beam_size"]) == (["chrf"], False, 1)


class Page(HTMLParser):
    """Collects the tables of a page as text, and checks that each tag is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.maps: dict[str, list[list[str]]] = {}
        self.titles: list[str] = []
        self._caption = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag != "meta":
            self.open.append(tag)
        self.links += [f"{k}={v}" for k, v in attrs if k in ("src", "href", "srcset", "onclick")]
        self.titles += [value or "" for key, value in attrs if key == "title"]
        if tag == "table":
            self._caption = ""
        elif tag == "tr" and self._caption:
            self.maps[self._caption].append([])
        elif tag in ("td", "th") and self._caption:
            self.maps[self._caption][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "caption" in self.open:
            self._caption = data
            self.maps[data] = []
        elif self._caption and self.open[-1:] and self.open[-1] in ("td", "th", "span", "small"):
            self.maps[self._caption][-1][-1] += f"{data} "


def test_html_has_a_map_for_each_test_and_metric() -> None:
    page = Page(to_html(REPORT))
    assert page.open == []
    assert list(page.maps) == ["fables: BLEU", "fables: chrF2", "fables: off-target"]
    rows = [[cell.strip() for cell in row] for row in page.maps["fables: BLEU"]]
    assert rows == [
        ["from \\ to", "es", "pt"],
        ["en", "30.0 direct", "20.0 direct"],
        ["pt", "12.0 zero-shot 24.0 pivot via en", ""],
    ]
    assert "2 sentences; tok:es" in page.titles


def test_html_colours_grow_with_the_score() -> None:
    text = to_html(REPORT)
    for share, shown in [("100%", "30.0"), ("67%", "20.0"), ("40%", "12.0"), ("50%", "50.0 %")]:
        assert any(f"--share:{share}" in box and f">{shown}<" in box for box in text.split("<span"))


def test_html_loads_nothing() -> None:
    text = to_html(COMPARED)
    assert Page(text).links == []
    for way_out in ("http:", "https:", "url(", "@import", "<script", "<link"):
        assert way_out not in text


def test_html_escapes_what_it_is_given() -> None:
    evil = "<script>alert('x')</script>&$model"
    rows = [
        replace(row, test=replace(row.test, name=evil), off_target=Score(0.5, evil))
        for row in RESULTS
    ]
    comparison = Comparison(rows[0].test, "direct", {"bleu": replace(PAIRED, signature=evil)})
    text = to_html(Report(evil, EvaluateOptions(), rows, evil, [comparison]))
    assert "<script" not in text
    assert "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;&amp;$model" in text


def test_html_compares_with_the_baseline() -> None:
    assert "tiny against the baseline older" in to_html(COMPARED)
    assert "baseline" not in to_html(REPORT)
