"""Inline markup on real sentences: a mark lies on the translation of the word that it was on.

`data/marked_words.tsv` has sentences with one marked word, and what that may become. Only where the
translation holds such a word can its mark be right; how good the model is, other tests tell.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import regex

from nmt import Translator, load_translator
from nmt.documents import TranslateWith, translate_document

ROWS = [
    line.split("\t")
    for line in Path("tests/data/marked_words.tsv").read_text(encoding="utf-8").splitlines()
]
TARGETS, CASES = ROWS[0][1:], ROWS[1:]


@pytest.fixture(scope="module")
def shipped() -> Translator:
    return load_translator()


def translated(shipped: Translator, html: str, target: str) -> str:
    translate = partial(shipped.translate, target=target, source="en")
    return translate_document(html.encode(), "html", TranslateWith(translate), target).decode()


def test_marks_lie_on_the_words_that_they_were_on(shipped: Translator) -> None:
    wrong, right = [], 0
    for column, target in enumerate(TARGETS, start=1):
        page = "\n".join(f"<p>{case[0]}</p>" for case in CASES)
        lines = translated(shipped, page, target).splitlines()
        for case, line in zip(CASES, lines, strict=True):
            word = regex.compile(rf"(?:{case[column]})", regex.IGNORECASE)
            marked = regex.search("<b>(.*)</b>", line)
            assert marked, f"{case[0]} has lost its mark: {line}"
            if not word.search(regex.sub("<.*?>", "", line)):
                continue
            outside = line[: marked.start()] + "|" + line[marked.end() :]
            if word.search(marked[1]) and len(marked[1].split()) <= 3:
                right += 1
            else:
                wrong.append((line, outside))
    told = "\n".join(line for line, _ in wrong)
    assert right + len(wrong) >= 50, "too few translations have the word for this to mean much"
    assert right >= 0.85 * (right + len(wrong)), told


def test_nested_marks_stay_nested(shipped: Translator) -> None:
    html = '<p>I saw <i>the <b>red</b> house</i> of <a href="?a=1&amp;b">my friend</a>.</p>'
    for target in TARGETS:
        found = translated(shipped, html, target)
        assert regex.search("<i>.*<b>.*</b>.*</i>", found), found
        assert regex.search('<a href="[?]a=1&amp;b">[^<]+</a>', found), found
        assert sorted(regex.findall("<.*?>", found)) == sorted(regex.findall("<.*?>", html))
