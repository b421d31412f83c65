from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import regex
from fake_translate import ALL, backwards, same, texts, translated, unlinked, upper
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nmt.documents import FORMATS, Aligned, format_of, translate_document
from nmt.errors import InvalidInput, MissingDependency

PAGE = """<!DOCTYPE html>
<html lang="en"><head><title>Fish &amp; chips</title>
<meta name="description" content='A "fine" page'><meta name="author" content="Ann Lee">
<style>p > b { color: red }</style><script>if (a < b) "not text</p>";</script></head>
<body class="x">
  <!-- a comment -->
  <p>I saw
     the <b>red <i>house</i></b> of <a href="x?a&b" title="A friend">my friend</a>.<br>
     Second line&nbsp;here <img src=x alt=cat> with caf&eacute; talk</p>
  <ul><li>one<li>two <code>x = 1</code> three</ul>
  <pre>  kept text </pre><p translate="no">kept <b translate="yes">but this</b></p>
  <input placeholder="Your name" value="kept"><span aria-label='close it'></span>
</body></html>
"""
MARKDOWN = """---
title: kept
---
# A **big** title

I saw the **red *house*** of [my friend](http://x.y "t") and `code` <http://a.b>
over two lines[^1], with 2 * 3 and \\*stars\\*.
Hard\x20\x20
break *over\\
lines* &copy; here ![my *alt* text](x.png) end.

- [ ] task one
- [x] task _two is_ here
  1. nested list

> quoted text goes
> on <b class="x">bold here</b> and <kbd>Ctrl x</kbd>.

| Head one | Two |
|---|---|
| a \\| b c | **bold cell** x |

```
kept code
```

<div>
<p>block of <i>HTML</i></p>
</div>

[ref]: http://x.y "a title"
[^1]: The footnote text.

Setext title
============

See [ref] and [text here][ref].
"""
SRT = """1
00:00:01,000 --> 00:00:02,000
{\\an8}I saw the <i>red house</i>
of my good friend

2
00:00:03,000 --> 00:00:04,500
and then he went home.

3
00:00:05,000 --> 00:00:06,000
- Who are you?
- <i>Who, me?</i>
"""
VTT = """WEBVTT - a title

NOTE
kept --> as it is

STYLE
::cue { color: red }

intro
00:01.000 --> 00:02.000 align:start position:10%
<v Mary Ann>Hello &amp; <c.loud>good</c> morning
to <00:01.500>you all.

00:03.000 --> 00:04.000
The end.
"""
JSON = """{"title": "Hello world", "n": 1.50e3,
  "list": ["a b", "c d"], "deep" : {"é\\u00e9": "caf\\u00e9 \\/ bar", "ok": true}}
"""
PO = r"""# Kept comment
msgid ""
msgstr ""
"Project-Id-Version: x\n"
"Language: \n"
"Content-Type: text/plain; charset=UTF-8\n"
"Plural-Forms: nplurals=INTEGER; plural=EXPRESSION;\n"

#: a.c:1
#, c-format
msgid   "Hello there\n"
msgstr ""

msgctxt "x"
msgid "done already"
msgstr "fertig"

msgid "one file"
msgid_plural "%d files"
msgstr[0] ""
msgstr[1] ""

#~ msgid "old"
#~ msgstr "alt"
"""
XLIFF = """<?xml version='1.0' encoding="UTF-8"?>
<xliff version="1.2" xmlns="urn:oasis:names:tc:xliff:document:1.2">
 <file source-language='en' original="a>b"><body>
  <trans-unit id="1">
   <source>I saw the <g id="1">red <g id="2">house</g></g> of
     <bpt id="3">&lt;b></bpt>my<ept id="3"/>.<x id="4"/></source>
   <note>kept</note>
  </trans-unit>
  <trans-unit id="2"><source>Hello <mrk mtype="protected">A B</mrk> you</source>
   <target state="new"/></trans-unit>
  <trans-unit id="3" translate="no"><source>kept words</source></trans-unit>
  <trans-unit id="4"><source>No thanks</source><target>Nein danke</target></trans-unit>
 </body></file>
</xliff>
"""
TEXT = "\n  First line\nsecond line \n\n \n123\n\nThird.\n"
SAMPLES = {
    "text": TEXT,
    "html": PAGE,
    "markdown": MARKDOWN,
    "srt": SRT,
    "vtt": VTT,
    "json": JSON,
    "po": PO,
    "xliff": XLIFF,
}


@pytest.mark.parametrize("format", ["text", "html", "markdown", "srt", "vtt", "json"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
def test_what_is_translated_into_itself_comes_back_byte_for_byte(
    format: str, newline: str, bom: str
) -> None:
    document = bom + SAMPLES[format].replace("\n", newline)
    assert translated(document, format, same) == document


def test_every_format_has_a_sample() -> None:
    assert SAMPLES.keys() == FORMATS.keys()


@pytest.mark.parametrize("format", SAMPLES)
@pytest.mark.parametrize("translate", ALL)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_what_is_no_text_is_never_changed(
    format: str, translate: Callable[[str], Aligned], newline: str
) -> None:
    document = SAMPLES[format].replace("\n", newline)
    result = translated(document, format, translate, "de")
    kept = {
        "html": r"<style.*?</style>|<script.*?</script>|<!--.*?-->|<!DOCTYPE[^>]*>|<pre.*?</pre>",
        "markdown": r"---\n.*?---|```.*?```|\(http[^)]*\)|`code`|<http[^>]*>|\|-.*?\n|\[ref\]:",
        "srt": r"\d+\n\d+:[^\n]*\n|\{[^}]*\}|</?i>",
        "vtt": r"WEBVTT.*?intro\n[^\n]*\n|<[^>]*>",
        "json": r'"[^"]*"\s*:|: [\d.e]+|[][{}]',
        "po": r"#.*?\n|msgctxt.*?\n|fertig|msgid[^\n]*\n",
        "xliff": r"<note.*?</note>|<source.*?</source>|<\?.*?\?>|Nein danke",
        "text": r"\n\s*\n|123",
    }[format].replace(r"\n", r"\r?\n")
    found = regex.findall(kept, document, regex.DOTALL)
    assert len(found) > 1
    assert sorted(regex.findall(kept, result, regex.DOTALL)) == sorted(found)
    if newline == "\r\n":
        assert regex.search(r"(?<!\r)\n", result) is None


def test_all_texts_go_to_the_translator_in_one_call() -> None:
    calls = []

    def translate(found: Sequence[str]) -> list[Aligned]:
        calls.append(found)
        return [same(text) for text in found]

    for format, document in SAMPLES.items():
        translate_document(document.encode(), format, translate)
        assert len(calls) == 1 and len(calls.pop()) > 1
    translate_document(b"", "text", translate)
    assert calls == []


def test_a_translator_that_loses_texts_is_an_error() -> None:
    with pytest.raises(ValueError, match="0 translations for 2 texts"):
        translate_document(TEXT.encode(), "text", lambda _: [])


@pytest.mark.parametrize(
    ("name", "format"),
    [("a/B.HTML", "html"), ("x.tar.md", "markdown"), ("a.pot", "po"), ("a.xliff", "xliff")],
)
def test_the_format_is_that_of_the_suffix(name: str, format: str) -> None:
    assert format_of(name) == format


@pytest.mark.parametrize("name", ["a.docx", "html", ""])
def test_an_unknown_suffix_is_an_error_that_names_those_known(name: str) -> None:
    with pytest.raises(InvalidInput, match=r"\.txt, \.html.*\.xliff"):
        format_of(name)


@pytest.mark.parametrize(
    ("format", "document", "problem"),
    [
        ("docx", "", "docx.*known are text, html"),
        ("json", '{\n "a": x}', "json, line 2: column 7"),
        ("json", "[" * 100_000, "json, line 1: .*too deep"),
        ("vtt", "1\n00:01.000 --> 00:02.000\nx", "vtt, line 1: .*WEBVTT"),
        ("vtt", "WEBVTT\n\n00:01.000 --> soon\nx", "vtt, line 3: '00:01.000 --> soon'"),
        ("srt", "1\n00:00:01,000 -> 00:00:02,000\nx", "srt, line 1: there are no times"),
        ("srt", "1\n00:00:01,000 --> x\nx", "srt, line 2"),
        ("po", 'msgid "a"\nmsgstr b', "po, line 2: 'msgstr b'"),
        ("po", '"a"', "po, line 1: a string belongs to no keyword"),
        ("po", 'msgid "a"\n', "po, line 1: an entry needs msgid and msgstr"),
        ("po", 'msgid "a"\nmsgid_plural "b"\nmsgstr ""', r"an entry needs msgid and msgstr\[0\]"),
        ("po", 'msgid "a"\nmsgstr ""\nmsgstr ""', "po, line 3: msgstr is not expected"),
        ("po", 'msgid ""\nmsgstr "charset=KOI8-R\\n"', "po, line 2: .*KOI8-R"),
        ("xliff", "<xliff version='1.2'>\n<a></xliff>", "xliff, line 2: column"),
        ("xliff", "<html/>", "xliff, line 1: .*no <xliff>"),
        (
            "xliff",
            "\n<!DOCTYPE a [<!ENTITY b SYSTEM 'c'>]><xliff/>",
            "xliff, line 2: a document ty",
        ),
        (
            "xliff",
            "<?xml version='1.0' encoding='utf-16'?><xliff/>",
            "in utf-16; change it to UTF-8",
        ),
        ("html", "<meta charset=klingon>", "html, line 1: there is no charset klingon"),
        ("html", "<meta charset=utf-7>+AGE-", "html, line 1: utf-7 cannot be written as it was"),
    ],
)
def test_bad_input_is_an_error_that_names_format_line_and_problem(
    format: str, document: str, problem: str
) -> None:
    with pytest.raises(InvalidInput, match=problem):
        translated(document, format, same)


@pytest.mark.parametrize("format", [format for format in SAMPLES if format != "po"])
def test_bytes_that_are_not_utf8_are_an_error_with_their_line(format: str) -> None:
    with pytest.raises(InvalidInput, match=f"{format}, line 2: the bytes there are not utf-8"):
        translate_document(b"a\n\xff", format, lambda found: [same(text) for text in found])


def test_a_missing_library_is_an_error_that_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import sys

    monkeypatch.delitem(sys.modules, "nmt.documents.markdown", raising=False)
    monkeypatch.delattr("nmt.documents.markdown", raising=False)
    monkeypatch.setitem(sys.modules, "markdown_it", None)
    with pytest.raises(
        MissingDependency, match=r"markdown_it: pip install 'macaronic\[documents\]'"
    ):
        translated("x", "markdown", same)


def test_plain_text_is_translated_by_paragraphs() -> None:
    assert texts(TEXT, "text") == ["First line\nsecond line", "Third."]
    assert translated(TEXT, "text", upper) == TEXT.upper()


def test_of_json_only_string_values_are_translated() -> None:
    assert translated(JSON, "json", backwards) == (
        JSON.replace("Hello world", "world Hello")
        .replace("a b", "b a")
        .replace("c d", "d c")
        .replace(r"caf\u00e9 \/ bar", r"bar / café".replace("/", r"\/"))
    )
    assert translated('["a","b", 1, ""]', "json", upper) == '["A","B", 1, ""]'


def test_json_that_spells_letters_as_escapes_goes_on_to_and_other_json_is_left_readable() -> None:
    def japanese(_: str) -> Aligned:
        return Aligned('"家"\n')

    assert translated('["a"]', "json", japanese) == r'["\"家\"\n"]'
    assert translated(r'["\u0041"]', "json", japanese) == r'["\"家\"\n"]'
    assert translated(r'["caf\u00e9"]', "json", japanese) == r'["\"\u5bb6\"\n"]'
    assert translated('["a", "9é9"]', "json", japanese) == r'["\"家\"\n", "\"家\"\n"]'


def test_numbers_of_any_length_are_no_matter_for_json() -> None:
    document = f'{{"a": {"9" * 10_000}, "b": "x"}}'
    assert translated(document, "json", upper) == document.replace('"x"', '"X"')


def test_an_old_page_keeps_its_charset() -> None:
    page = '<meta charset="iso-8859-1"><p>caf\xe9</p>'.encode("latin-1")
    assert translate_document(page, "html", lambda _: [Aligned("thé 家 “x”")]) == (
        b'<meta charset="iso-8859-1"><p>th\xe9 &#23478; \x93x\x94</p>'
    )


_BITS = st.sampled_from(
    [
        "<p>",
        "</p>",
        "<b>",
        "</b>",
        "<i>",
        "</i>",
        "<li>",
        "<ul>",
        "</ul>",
        "<br>",
        "<br/>",
        "<td>",
        "<div>",
        "</div>",
        "<code>",
        "</code>",
        "<",
        ">",
        "&",
        "&amp;",
        "&lt",
        "&copy;",
        "<!--",
        "-->",
        "<!DOCTYPE",
        "<?",
        "<![CDATA[",
        "]]>",
        "<a·href='x",
        '<a·title="hi">',
        "</a>",
        "</",
        "</>",
        "<script>",
        "</script>",
        "<title>",
        "</title>",
        "<svg>",
        "</svg>",
        "<p·translate=no>",
        "<b·translate=yes>",
        "<img/>",
        "<x-y>",
        '="',
        "'",
    ]
) | st.sampled_from(["word", "other", "Third.", " ", "\n", "\r\n", "é", "家", "{1}"])


@given(st.lists(_BITS, max_size=25).map("".join))
@example("<b><i>x</b></i>")
@settings(max_examples=300, deadline=None)
def test_any_html_comes_back_as_it_was_and_no_text_is_ever_lost(page: str) -> None:
    page = page.replace("·", " ")
    assert translated(page, "html", same) == page
    for translate in (backwards, unlinked):
        result = translated(page, "html", translate)
        assert _signs(result) == _signs(page)


def _signs(page: str) -> list[str]:
    import html

    return sorted(regex.sub(r"[\s&;]|amp|lt|gt", "", html.unescape(html.unescape(page))).lower())


_SIGNS = st.sampled_from(
    [
        "*",
        "**",
        "_",
        "`",
        "[",
        "](x)",
        "![",
        "#",
        "-",
        ">",
        "|",
        "1.",
        "~~",
        "\\",
        "\n\n",
        ":---",
    ]
)


@given(
    st.lists(
        _BITS | _SIGNS,
        max_size=20,
    )
)
@settings(max_examples=200, deadline=None)
def test_any_markdown_comes_back_as_it_was(bits: list[str]) -> None:
    document = "".join(bits).replace("·", " ")
    assert translated(document, "markdown", same) == document
    translated(document, "markdown", backwards)
