"""Test files give the directions that they hold, and nothing is skipped silently."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from nmt.errors import CorpusError, InvalidInput, UnknownLanguage
from nmt.evaluate.testfiles import DirectionTest, read_tests

LANGUAGES = ("en", "es", "pt", "fr")


def write(path: Path, *lines: str) -> Path:
    data = "".join(f"{line}\n" for line in lines).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


@pytest.mark.parametrize("ending", ["tsv", "tsv.gz"])
def test_a_pair_file_gives_both_directions(tmp_path: Path, ending: str) -> None:
    path = write(tmp_path / f"my.test.en-es.{ending}", "Good day.\tBuen día.", "Bread.\tPan.\tmore")
    assert read_tests([path], LANGUAGES) == [
        DirectionTest("my.test", "en", "es", ("Good day.", "Bread."), ("Buen día.", "Pan.")),
        DirectionTest("my.test", "es", "en", ("Buen día.", "Pan."), ("Good day.", "Bread.")),
    ]


def test_aligned_files_give_all_pairs(tmp_path: Path) -> None:
    paths = [
        write(tmp_path / "news.en.txt", "Bread.", "Milk."),
        write(tmp_path / "news.es.txt.gz", "Pan.", "Leche."),
        write(tmp_path / "news.fr.txt", "Du pain.", "Du lait."),
    ]
    tests = read_tests(paths, LANGUAGES)
    pairs = {(test.source, test.target) for test in tests}
    assert len(tests) == len(pairs) == 6
    assert DirectionTest("news", "fr", "es", ("Du pain.", "Du lait."), ("Pan.", "Leche.")) in tests


def test_a_language_with_a_region_is_read_whole(tmp_path: Path) -> None:
    path = write(tmp_path / "t.en-pt-BR.tsv", "Bread.\tPão.")
    tests = read_tests([path], ["en", "pt-BR"])
    assert [(test.source, test.target) for test in tests] == [("en", "pt-BR"), ("pt-BR", "en")]


def test_directions_can_be_chosen(tmp_path: Path) -> None:
    path = write(tmp_path / "t.en-es.tsv", "Bread.\tPan.")
    from_english = read_tests([path], LANGUAGES, source="en")
    into_english = read_tests([path], LANGUAGES, target="en")
    assert [(test.source, test.target) for test in from_english] == [("en", "es")]
    assert [(test.source, test.target) for test in into_english] == [("es", "en")]


def test_the_limit_counts_sentences_that_are_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "t.en-es.tsv", "One.\tUno.", "Two.\t", "", " \tTres.", "Four.\tCuatro.")
    (test, _) = read_tests([path], LANGUAGES, limit=2)
    assert test.sources == ("One.", "Four.")
    captured = capsys.readouterr()
    assert "t en-es: skipped lines with an empty side: 3" in captured.err
    assert captured.out == ""
    (test, _) = read_tests([path], LANGUAGES, limit=1)
    assert test.references == ("Uno.",)


def test_unknown_languages_are_skipped_aloud(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = write(tmp_path / "t.en-es.tsv", "Bread.\tPan.")
    pair = write(tmp_path / "t.be-ru.tsv", "one\ttwo")
    line = write(tmp_path / "news.uk.txt", "one")
    alone = write(tmp_path / "news.en.txt", "Bread.")
    assert len(read_tests([known, pair, line, alone], LANGUAGES)) == 2
    errors = capsys.readouterr().err
    assert f"skipped {pair}: this model does not know be, ru" in errors
    assert f"skipped {line}: this model does not know uk" in errors
    assert "skipped news: only its en file is given" in errors


def test_nothing_left_is_an_error(tmp_path: Path) -> None:
    unknown = write(tmp_path / "t.be-ru.tsv", "one\ttwo")
    with pytest.raises(CorpusError, match=r"nothing to evaluate.*this model knows en, es, pt, fr"):
        read_tests([unknown], LANGUAGES)
    known = write(tmp_path / "t.en-es.tsv", "Bread.\tPan.")
    with pytest.raises(CorpusError, match="no direction from fr to any language"):
        read_tests([known], LANGUAGES, source="fr")


def test_wrong_choices_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "t.en-es.tsv", "Bread.\tPan.")
    with pytest.raises(UnknownLanguage, match="zz is not supported"):
        read_tests([path], LANGUAGES, source="zz")
    with pytest.raises(UnknownLanguage, match="yy is not supported"):
        read_tests([path], LANGUAGES, target="yy")
    with pytest.raises(InvalidInput, match="limit is 0"):
        read_tests([path], LANGUAGES, limit=0)


@pytest.mark.parametrize("name", ["test.tsv", "t.en-es.csv", "t.en_es.tsv", "t.EN-ES.tsv", "t.txt"])
def test_a_name_without_languages_is_an_error(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, "Bread.\tPan.")
    with pytest.raises(CorpusError, match=r"cannot tell its languages.*NAME\.en-es\.tsv"):
        read_tests([path], LANGUAGES)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"cannot read .*gone\.en-es\.tsv"):
        read_tests([tmp_path / "gone.en-es.tsv"], LANGUAGES)


def test_a_line_with_one_column_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "t.en-es.tsv", "Bread.\tPan.", "Milk. Leche.")
    with pytest.raises(CorpusError, match=r"t\.en-es\.tsv:2: expected 2 or more columns, found 1"):
        read_tests([path], LANGUAGES)


@pytest.mark.parametrize("names", [["t.en-es.tsv"], ["t.en.txt", "t.es.txt"]])
def test_invalid_utf8_is_named(tmp_path: Path, names: list[str]) -> None:
    paths = [tmp_path / name for name in names]
    for path in paths:
        path.write_bytes(b"Bread.\tPan.\nMilk.\tle\xffche\n")
    with pytest.raises(CorpusError, match=rf"{names[0]}:2: not valid UTF-8"):
        read_tests(paths, LANGUAGES)


def test_aligned_files_must_have_the_same_length(tmp_path: Path) -> None:
    paths = [write(tmp_path / "t.en.txt", "One.", "Two."), write(tmp_path / "t.es.txt", "Uno.")]
    with pytest.raises(CorpusError, match=r"t\.es\.txt ends before line 2"):
        read_tests(paths, LANGUAGES)


def test_a_file_without_pairs_is_an_error(tmp_path: Path) -> None:
    path = write(tmp_path / "t.en-es.tsv", "\t")
    with pytest.raises(CorpusError, match="test t en-es holds no sentence pairs"):
        read_tests([path], LANGUAGES)


def test_the_same_test_twice_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    path = write(tmp_path / "t.en-es.tsv", "Bread.\tPan.")
    swapped = write(tmp_path / "t.es-en.tsv", "Pan.\tBread.")
    with pytest.raises(CorpusError, match="test t en>es is given 2 times"):
        read_tests([path, swapped], LANGUAGES)
    lines = [write(tmp_path / "t.en.txt", "One."), write(tmp_path / "more" / "t.en.txt", "One.")]
    with pytest.raises(CorpusError, match="has the name of"):
        read_tests(lines, LANGUAGES)
