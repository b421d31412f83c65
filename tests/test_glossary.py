"""Terms that a translation must use."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from scripted import scripted

from nmt import Translator, load_translator
from nmt.__main__ import main
from nmt.decode.glossary import Glossary, lacking, put_in
from nmt.errors import InvalidInput
from nmt.text.alignment import Link


@pytest.fixture(scope="module")
def shipped() -> Translator:
    return load_translator()


@pytest.mark.parametrize(
    ("text", "target", "terms"),
    [
        ("I saw the red house of my friend.", "es", {"house": "vivienda"}),
        ("I saw the red house of my friend.", "ru", {"friend": "товарища"}),
        ("I saw the red house of my friend.", "ja", {"house": "住宅"}),
        ("House and house are two houses.", "es", {"house": "vivienda"}),
        ("My friend has a red house.", "fr", {"red house": "pavillon", "house": "demeure"}),
        ("See https://house.org: a house in Boston for {name}.", "es", {"house": "vivienda"}),
    ],
)
def test_terms_are_used_as_often_as_they_stand_there(
    shipped: Translator, text: str, target: str, terms: dict[str, str]
) -> None:
    (plain,) = shipped.translate([text], target, source="en")
    (found,) = shipped.translate([text], target, source="en", glossary=Glossary(terms))
    wanted = list(Glossary(terms).find(text.replace("https://house.org", "")).values())
    assert lacking(wanted, plain.text), "the model says it by itself: no case to test with"
    assert not lacking(wanted, found.text)
    assert found.retry in ("hypothesis", "term", "parts")
    for kept in ("https://house.org", "{name}"):
        assert found.text.count(kept) == text.count(kept)


def test_texts_without_terms_stay_as_they_are(shipped: Translator) -> None:
    text = "Where is the station? A housekeeper knows."
    glossary = Glossary({"house": "vivienda"})
    expected = shipped.translate([text], "es")
    assert shipped.translate([text], "es", glossary=glossary) == expected


def test_a_hypothesis_that_has_the_term_is_better_than_a_term_put_in() -> None:
    replies = "La casa es roja.|El hogar es rojo.|Hola."
    translator = scripted(["en", "es"], [("en", "es")], lambda *_: replies)
    (found,) = translator.translate(
        ["The house is red."], "es", glossary=Glossary({"house": "hogar"})
    )
    assert (found.text, found.retry) == ("El hogar es rojo.", "hypothesis")


def test_longer_terms_go_first_and_case_is_that_of_the_text() -> None:
    glossary = Glossary({"house": "casa", "white house": "casa blanca", "US": "EE. UU."})
    text = "House, White house and us, the US, a warehouse."
    found = {text[a:b]: target for (a, b), target in glossary.find(text).items()}
    assert found == {"House": "Casa", "White house": "Casa blanca", "US": "EE. UU."}


def test_a_term_takes_the_place_of_its_words() -> None:
    links = [Link(0, 3, 0, 2), Link(4, 9, 3, 7), Link(10, 13, 8, 12)]
    assert put_in({(4, 9): "hogar"}, "La casa roja", links) == "La hogar roja"
    assert put_in({(0, 3): "una"}, "La casa roja", links) == "Una casa roja"
    assert put_in({(20, 23): "x"}, "La casa roja", links) is None


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("g.tsv", "house\tcasa\nred\n", "g.tsv:2: 1 columns"),
        ("g.csv", "house,casa,x\n", "g.csv:1: 3 columns"),
        ("g.tsv", "house\t \n", "one is empty"),
    ],
)
def test_a_glossary_that_is_none_names_the_line(
    tmp_path: Path, name: str, content: str, message: str
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InvalidInput, match=message):
        Glossary.read(tmp_path / name)


def test_the_command_takes_a_file(tmp_path: Path) -> None:
    (tmp_path / "terms.csv").write_text('station,"la terminal"\n')
    arguments = ["translate", "--to", "es", "--from", "en"]
    done = CliRunner().invoke(
        main, [*arguments, "--glossary", str(tmp_path / "terms.csv")], input="Where is the station?"
    )
    assert done.exit_code == 0, done.output
    assert "la terminal" in done.stdout
    failed = CliRunner().invoke(main, [*arguments, "--glossary", str(tmp_path / "none.csv")])
    assert failed.exit_code == 1
    assert "cannot read the glossary" in failed.output
