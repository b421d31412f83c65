from __future__ import annotations

from collections.abc import Callable

import pytest
from fake_translate import backwards, merged, same, texts, translated, unlinked, upper

from nmt.documents import Aligned
from nmt.text.alignment import Link


def to(text: str, *links: tuple[int, int, int, int]) -> Callable[[str], Aligned]:
    return lambda _: Aligned(text, tuple(Link(*link) for link in links))


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        # one text for all of a block, whatever is inside it
        (["<p>a <b>b</b>\n  <i>c</i></p>"], ["a b c"]),
        # blocks, line breaks and ends that are left out end a text
        (["<p>a<p>b<ul><li>c<li>d</ul>e<br>f<br/>g<table><tr><td>h<td>i"], [*"abcdefghi"]),
        # what is not for readers
        (["<script>a</script><style>b</style><textarea>c</textarea><svg><text>d</svg>e"], ["e"]),
        (["<pre>a</pre><noscript>b</noscript><template><p>c</p></template><!-- d -->e"], ["e"]),
        (["<p>a <svg><path/></svg>b<script>x</script></p>"], ["a b"]),
        # what stands for words is masked
        (["<p>a <code>b</code> <kbd>c</kbd></p>"], ["a {1} {2}"]),
        (["<p>{1} a <var>b</var></p>"], ["{1} a {2}"]),
        # wishes of the author
        (["<div translate=no>a<p>b</p><i translate=yes>c <b>d</b></i></div>e"], ["c d", "e"]),
        (["<p class='x notranslate'>a</p><p class=notranslates>b</p>"], ["b"]),
        (["<p>a <span translate='no'>b</span></p>"], ["a {1}"]),
        (["<code translate=yes>a b</code>"], ["a b"]),
        (["<ul><li translate=no>a<li>b</ul><p translate=no>c<p>d"], ["b", "d"]),
        # attributes
        (["<img alt=a title='b' src=c><p aria-label=d data-title=e>"], ["a", "b", "d"]),
        (["<textarea placeholder='a'>b</textarea>"], ["a"]),
        (["<img translate=no alt=a>"], []),
        (["<meta name=Description content=a><meta name=x content=b>"], ["a"]),
        # entities and white space
        (["<p> a &amp;&nbsp;b &lt;c&gt; &eacute; </p>"], ["a &\xa0b <c> é"]),
        (["<title>a <b> c</title>"], ["a <b> c"]),
        # nothing to translate
        (["<p>1,50 - <b>{name}</b> &copy;</p>"], []),
        # malformed
        (["a < b & c"], ["a < b & c"]),
        (["<p>x <y and <b>bold</b>"], ["x <y and bold"]),
        (["<b><p>a</b> c</p>d"], ["a c", "d"]),
        (["</p>a</b></i>b</div>c"], ["ab", "c"]),
        (["a<b"], ["a<b"]),
    ],
)
def test_the_texts_of_a_page(page: list[str], expected: list[str]) -> None:
    assert texts(page[0], "html") == expected


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("<p>a <b>b &amp; c</b></p>", "<p><b>c &amp; b</b> a</p>"),
        ("<p>\n  a <code>b</code>.\n</p>", "<p>\n  <code>b</code>. a\n</p>"),
        ("<p>a <b>b<br>c</b> d</p>", "<p><b>b a<br>d c</b></p>"),
        ("<p>a&nbsp;x <i class=y></i>b</p>", "<p>b x<i class=y></i> a</p>"),
        ("<a title='x y' href=z>a b</a>", "<a title='y x' href=z>b a</a>"),
        ("<p>a <b>b<i> c</b></i> d</p>", "<p>d <b><i>c b</b></i> a</p>"),
        ("<p>é &eacute; <!-- x -->c</p>", "<p>c &eacute; <!-- x -->&eacute;</p>"),
    ],
)
def test_markup_of_a_page_goes_with_its_words(page: str, expected: str) -> None:
    assert _squeezed(translated(page, "html", backwards)) == _squeezed(expected)


def _squeezed(page: str) -> str:
    """White space that means nothing in a page as one space, and none at the edge of a tag."""
    import regex

    return regex.sub(r"\s*(<[^>]*>)\s*", r"\1", regex.sub(r"\s+", " ", page))


def test_what_is_inserted_into_a_page_is_escaped() -> None:
    new = to("<b> & \"x\" 'y' >\xa0")
    assert translated("<p>a</p>", "html", new) == "<p>&lt;b&gt; &amp; \"x\" 'y' &gt;\xa0</p>"
    assert translated('<i title="a">', "html", new) == (
        "<i title=\"&lt;b&gt; &amp; &quot;x&quot; 'y' &gt;\xa0\">"
    )
    assert "&#39;y&#39;" in translated("<i title='a'>", "html", new)
    assert translated("<img alt=a src=b>", "html", to("x y")) == '<img alt="x y" src=b>'
    assert translated("<p>a&nbsp;b</p>", "html", to("x\xa0y")) == "<p>x&nbsp;y</p>"


def test_pages_that_nest_without_end_are_translated() -> None:
    for start, end in (("<b>", "</b>"), ("<div>", ""), ("<i translate=no><b translate=yes>", "")):
        page = start * 2000 + "word" + end * 2000
        assert translated(page, "html", same) == page
        assert "ord" in translated(page, "html", upper).lower()


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("a **b c**\n", "**c b** a\n"),
        ('a [b c](x "t") `d`', '`d` [c b](x "t") a'),
        ("see [ref] now\n\n[ref]: x", "now [ref][ref] see\n\n[ref]: x"),
        ("see [a b][] now\n\n[a b]: x", "now [b a][a b] see\n\n[a b]: x"),
        ("![a b](x.png)", "![b a](x.png)"),
        ("![a b]\n\n[a b]: x", "![a b]\n\n[a b]: x"),
        ("# a b #\n", "# b a #\n"),
        ("> # a b", "> # b a"),
        ("> - a b\n>   c d\n", "> - d c b a\n"),
        ("| a b | c \\| d |\n|---|---|\n| e f\n", "| b a | d \\| c |\n|---|---|\n| f e\n"),
        ("a <b>b c</b> <code>x</code>", "<code>x</code> <b>c b</b> a"),
        ("a<br>b c", "a<br>c b"),
        ("x \\* y_z", "y_z \\* x"),
        ("\ta b\n\nc d", "\ta b\n\nd c"),
        ("-\ta b", "-\tb a"),
        ("> [!NOTE]\n> a b", "> [!NOTE]\n> b a"),
        ("a &copy; b", "b &copy; a"),
        ("<div>\na <i>b</i>\n</div>", "<div>\n<i>b</i> a\n</div>"),
        ("~~a b~~ c", "c ~~b a~~"),
    ],
)
def test_markup_of_markdown_goes_with_its_words(document: str, expected: str) -> None:
    assert translated(document, "markdown", backwards) == expected


@pytest.mark.parametrize(
    ("document", "new", "expected"),
    [
        ("a", "# x", "\\# x"),
        ("a", "1. x", "1\\. x"),
        ("a", "- x", "\\- x"),
        ("a", "> x", "\\> x"),
        ("a", "x *y* `z` [w]", "x \\*y\\* \\`z\\` \\[w\\]"),
        ("a", "<b> < &amp; snake_case _x_", "\\<b> < \\&amp; snake_case \\_x\\_"),
        ("a", "x\n\ny", "x y"),
        ("a * b", "x * y", "x * y"),
        ("a | b", "x | y", "x | y"),
        ("| a |\n|---|", "x | y", "| x \\| y |\n|---|"),
        ("**a** b", "x y", "**x** y"),
    ],
)
def test_what_is_inserted_into_markdown_is_read_as_text(
    document: str, new: str, expected: str
) -> None:
    assert translated(document, "markdown", to(new)) == expected


def test_marks_of_markdown_are_marks_where_no_spaces_are_written() -> None:
    assert translated(
        "a _b_ c", "markdown", to("家は犬", (2, 3, 1, 2), (0, 1, 0, 1), (4, 5, 2, 3))
    ) == ("家*は*犬")
    links = (0, 5, 0, 3), (6, 7, 3, 4)
    assert translated("**Note:** x", "markdown", to("注意：家", *links)) == "**注意：** 家"
    assert translated("x **“a”**", "markdown", to("家「犬」", (0, 1, 0, 1), (2, 5, 1, 4))) == (
        "家 **「犬」**"
    )
    # a mark around nothing would be text
    assert translated("a **!** b", "markdown", to("x y")) == "x y"


def test_a_sentence_over_several_cues_is_one_text_and_is_divided_again() -> None:
    cues = "1\n00:00:01,000 --> 00:00:02,000\n{}\n\n2\n00:00:02,000 --> 00:00:03,000\n{}\n"
    document = cues.format("I saw <i>the red</i>", "house over there.")
    assert texts(document, "srt") == ["I saw the red house over there."]
    links = (0, 5, 0, 6), (6, 13, 7, 9), (14, 19, 10, 15), (20, 31, 16, 19)
    assert translated(document, "srt", to("Ich sah rot, Haus da.", *links)) == (
        cues.format("Ich sah <i>rot,</i>", "Haus da.")
    )
    assert translated(document, "srt", unlinked) == cues.format(
        "I SAW <i>THE RED</i>", "HOUSE OVER THERE."
    )
    endless = "".join(cues.format("one", "two") for _ in range(5))
    assert texts(endless, "srt") == ["one two one two one", "two one two one two"]
    assert texts(cues.format("One.", "two"), "srt") == ["One.", "two"]
    assert texts(cues.format("One", "Two"), "srt") == ["One", "Two"]


def test_cues_of_several_lines_have_as_many_lines_of_about_the_same_length() -> None:
    head = "1\n00:00:01,000 --> 00:00:02,000\n"
    document = f"{head}<i>first line</i>\nsecond\n"
    long = "uno dos tres cuatro cinco seis siete"
    assert translated(document, "srt", to(long, (0, 10, 0, 18))) == (
        f"{head}<i>uno dos tres cuatro</i>\ncinco seis siete\n"
    )
    assert translated(document, "srt", to("いえのいぬ、ねこです。")).count("\n") == 4
    assert translated(document, "srt", to("uno")) == f"{head}<i>uno</i>\n"


def test_lines_of_speakers_stay_lines() -> None:
    document = "WEBVTT\n\n00:01.000 --> 00:02.000\n- a b\n– <i>c d</i>\n<v Ann Lee>e\nf\n"
    assert texts(document, "vtt") == ["a b", "c d", "e f"]
    assert translated(document, "vtt", backwards) == (
        "WEBVTT\n\n00:01.000 --> 00:02.000\n- b a\n– <i>d c</i>\n<v Ann Lee>f\ne\n"
    )


def test_cues_without_a_blank_line_between_them_are_found() -> None:
    document = "1\n00:00:01,000 --> 00:00:02,000\na.\n2\n00:00:02,000 --> 00:00:03,000\nb"
    assert texts(document, "srt") == ["a.", "b"]
    assert translated(document, "srt", upper) == document.replace("a", "A").replace("b", "B")


PLURAL = """msgid ""
msgstr ""
"Language: \\n"
"Plural-Forms: nplurals=INTEGER; plural=EXPRESSION;\\n"

msgid "one file"
msgid_plural "files"
msgstr[0] ""
msgstr[1] ""
"""


@pytest.mark.parametrize(
    ("target", "forms"),
    [
        ("de", ["ONE FILE", "FILES"]),
        ("pl", ["ONE FILE", "FILES", "FILES"]),
        ("ja", ["FILES"]),
        ("ar", ["FILES", "ONE FILE", "FILES", "FILES", "FILES", "FILES"]),
        ("pt-BR", ["ONE FILE", "FILES"]),
    ],
)
def test_plural_forms_are_those_of_the_target(target: str, forms: list[str]) -> None:
    result = translated(PLURAL, "po", upper, target)
    assert f'"Language: {target.replace("-", "_")}\\n"' in result
    assert f"nplurals={len(forms)}; plural=" in result and "EXPRESSION" not in result
    listed = "".join(f'msgstr[{n}] "{form}"\n' for n, form in enumerate(forms))
    assert result.endswith(f'msgid_plural "files"\n{listed}')


def test_plural_forms_of_the_header_hold_if_they_are_the_targets() -> None:
    own = PLURAL.replace("INTEGER; plural=EXPRESSION", "3; plural=n").replace("age: ", "age: xx")
    for target in ("xx", None):
        result = translated(own, "po", upper, target)
        assert "nplurals=3; plural=n;" in result and "msgstr[2]" in result
    assert "nplurals=2; plural=(n != 1);" in translated(own, "po", upper, "de")


def test_a_header_without_language_gets_one_and_long_ones_no_second() -> None:
    document = 'msgid ""\nmsgstr ""\n"X: y\\n"\n\nmsgid "a"\nmsgstr ""\n'
    result = translated(document, "po", upper, "de")
    assert result == document.replace('y\\n"\n', 'y\\n"\n"Language: de\\n"\n')[:-3] + '"A"\n'
    long = PLURAL.replace("INTEGER; plural", 'INTEGER; "\n"plural')
    assert translated(long, "po", upper, "pl").count("lural-Forms") == 1
    assert "EXPRESSION" not in translated(long, "po", upper, "pl")


def test_messages_are_wrapped_and_ended_as_they_were() -> None:
    document = 'msgid ""\n"a b "\n"c\\n"\nmsgstr ""\n\nmsgid "\\n d\\te\\"\\n"\nmsgstr ""\n'
    words = " ".join(["word"] * 30)
    result = translated(document, "po", lambda text: Aligned(words if "c" in text else text))
    filled = result.split("msgstr ")[1].split("\n\n")[0].split("\n")
    assert filled[0] == '""' and len(filled) == 3 and max(map(len, filled)) <= 79
    assert filled[-1].endswith('\\n"')
    assert result.endswith('msgstr ""\n"\\n"\n" d\\te\\"\\n"\n')


def test_translations_that_are_there_stay() -> None:
    document = 'msgid "a"\nmsgid_plural "b"\nmsgstr[0] "x"\nmsgstr[1] ""\nmsgstr[2] ""\n'
    assert translated(document, "po", upper, "de") == document.replace(
        'msgstr[1] ""\nmsgstr[2] ""', 'msgstr[1] "B"'
    )


def xliff(inner: str, version: str = "1.2") -> str:
    return f'<xliff version="{version}"><file>{inner}</file></xliff>'


def test_units_of_xliff_without_a_target_get_one() -> None:
    unit = "<trans-unit>\n  <source>a <g id='1'>b c</g></source>{}\n</trans-unit>"
    new = "<target state=\"needs-review-translation\"><g id='1'>c b</g> a</target>"
    assert translated(xliff(unit.format("")), "xliff", backwards) == xliff(
        unit.format(f"\n  {new}")
    )
    for empty in ("<target/>", "<target> </target>", "<target state='new'></target>"):
        result = translated(xliff(unit.format(empty)), "xliff", backwards)
        assert result.replace("'needs-review-translation'", '"needs-review-translation"') == xliff(
            unit.format(new)
        )
    done = xliff(unit.format("<target>x</target>"))
    assert translated(done, "xliff", backwards) == done


def test_segments_of_xliff_2_have_the_state_translated() -> None:
    document = xliff(
        '<unit><segment state="initial"><source>a <pc id="1">b</pc></source></segment>'
        "<segment><source>c d</source></segment><ignorable><source>e</source></ignorable></unit>"
        '<group translate="no"><unit><segment><source>f</source></segment></unit></group>',
        "2.0",
    )
    assert translated(document, "xliff", backwards, "de") == (
        document.replace('"2.0"', '"2.0" trgLang="de"')
        .replace('"initial"', '"translated"')
        .replace("<segment><source>c d", '<segment state="translated"><source>c d')
        .replace("</pc></source>", '</pc></source><target><pc id="1">b</pc> a</target>')
        .replace("c d</source>", "c d</source><target>d c</target>")
    )


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("a <x id='1'/>b", "b a<x id='1'/>"),
        ("a <bx id='1'/>b c<ex id='1'/>", "<bx id='1'/>c b<ex id='1'/> a"),
        ("a <sc id='1'/>b c<ec startRef='1'/>", "<sc id='1'/>c b<ec startRef='1'/> a"),
        (
            "a <bpt id='1'>&lt;b></bpt>b c<ept id='1'>x</ept>",
            "<bpt id='1'>&lt;b></bpt>c b<ept id='1'>x</ept> a",
        ),
        ("a <mrk mtype='protected'>b c</mrk>", "<mrk mtype='protected'>b c</mrk> a"),
        ("a <mrk mtype='seg'>b c</mrk>", "<mrk mtype='seg'>c b</mrk> a"),
        ("<![CDATA[a <]]> &amp; &#233;", "&#233; &amp; &lt; a"),
        ("a <ph id='1'><sub>n</sub></ph>", "<ph id='1'><sub>n</sub></ph> a"),
    ],
)
def test_inline_codes_of_xliff_go_with_their_words(source: str, target: str) -> None:
    result = translated(
        xliff(f"<trans-unit><source>{source}</source></trans-unit>"), "xliff", backwards
    )
    found = result.split('-translation">')[1].split("</target>")[0] if "-tr" in result else ""
    expected = target if "ph id" not in target else "a <ph id='1'><sub>n</sub></ph>"
    assert found.split() == expected.split()


def test_groups_of_xliff_may_nest_deep() -> None:
    unit = "<trans-unit><source>a</source></trans-unit>"
    assert texts(xliff("<group>" * 3000 + unit + "</group>" * 3000), "xliff") == ["a"]


def test_pairs_of_codes_that_cross_others_are_kept() -> None:
    source = "a <bx id='1'/>b <g id='2'>c <ex id='1'/>d</g> e"
    result = translated(
        xliff(f"<trans-unit><source>{source}</source></trans-unit>"), "xliff", merged
    )
    for code in ("<bx id='1'/>", "<ex id='1'/>", "<g id='2'>", "</g>"):
        assert result.count(code) == 2


def test_segmented_sources_and_prefixes_are_followed() -> None:
    unit = (
        "<x:trans-unit><x:source>a. b</x:source><x:seg-source><x:mrk mtype='seg'>a.</x:mrk> "
        "<x:mrk mtype='seg'>b</x:mrk></x:seg-source>{}</x:trans-unit>"
    )
    wrapped = "<x:xliff xmlns:x='u' version='1.2'><x:file>{}</x:file></x:xliff>"
    assert translated(wrapped.format(unit.format("")), "xliff", upper, "de") == wrapped.replace(
        "<x:file>", '<x:file target-language="de">'
    ).format(
        unit.format(
            "<x:target state=\"needs-review-translation\"><x:mrk mtype='seg'>A.</x:mrk> "
            "<x:mrk mtype='seg'>B</x:mrk></x:target>"
        )
    )
