"""The `macaronic` command, as a user runs it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from nmt.__main__ import main

TOY = Path(__file__).parent / "data/toy.en-es.tsv"


def run(*arguments: object, stdin: str | bytes = "") -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments], input=stdin)


def translate(model: Path, *arguments: object, stdin: str | bytes) -> Result:
    return run("translate", "--model", model, "--threads", 2, *arguments, stdin=stdin)


def test_translate_gives_one_line_out_for_each_line_in(tiny_model_dir: Path) -> None:
    result = translate(tiny_model_dir, "--to", "es", stdin="The cat sleeps.\n\nThe dog eats.\r\n")
    assert result.stdout == "El gato duerme.\n\nEl perro come.\n"
    assert result.exit_code == 0


def test_translate_reads_a_file_without_a_last_line_end(
    tiny_model_dir: Path, tmp_path: Path
) -> None:
    file = tmp_path / "text"
    file.write_text("The cat sleeps.\nThe dog eats.")
    result = translate(tiny_model_dir, "--to", "pt", file, stdin="")
    assert result.stdout == "O gato dorme.\nO cachorro come.\n"


def test_translate_takes_a_mix(tiny_model_dir: Path) -> None:
    plain = translate(tiny_model_dir, "--to", "fr", stdin="The cat sleeps.\n")
    mixed = translate(tiny_model_dir, "--to", "fr:1,es:0", stdin="The cat sleeps.\n")
    assert mixed.stdout == plain.stdout == "Le chat dort.\n"


def test_translate_json_has_everything_about_a_sentence(tiny_model_dir: Path) -> None:
    result = translate(
        tiny_model_dir, "--to", "pt", "--from", "es", "--via", "en", "--n-best", 2, "--json",
        stdin="El gato duerme.\n",
    )  # fmt: skip
    found = json.loads(result.stdout)
    assert found["text"] == "O gato dorme."
    assert found["path"] == "pivot"
    assert found["target"] == {"pt": 1.0}
    assert len(found["hypotheses"]) == 2


def test_translate_document_keeps_the_layout(tiny_model_dir: Path) -> None:
    text = "The cat sleeps. The dog eats.\n\n  - Where is the station?\n"
    result = translate(tiny_model_dir, "--to", "es", "--document", stdin=text)
    assert result.stdout == "El gato duerme. El perro come.\n\n  - ¿Dónde está la estación?\n"


def test_mix_shows_the_sweep(tiny_model_dir: Path, tmp_path: Path) -> None:
    picture = tmp_path / "sweep.svg"
    result = run(
        "mix", "The cat sleeps.", "es", "pt", "--steps", 5, "--plot", picture,
        "--model", tiny_model_dir,
    )  # fmt: skip
    lines = result.stdout.splitlines()
    assert "El gato duerme." in lines[1] and "O gato dorme." in lines[5]
    assert picture.read_text().startswith("<?xml")


def test_mix_json_is_the_shape_of_the_service(tiny_model_dir: Path) -> None:
    result = run("mix", "The cat sleeps.", "es", "pt", "--json", "--model", tiny_model_dir)
    found = json.loads(result.stdout)
    assert found["languages"] == ["es", "pt"]
    assert len(found["steps"]) == 21
    assert found["steps"][0]["weights"] == {"es": 1.0, "pt": 0.0}


def test_evaluate_prints_scores_with_signatures_and_writes_reports(
    tiny_model_dir: Path, tmp_path: Path
) -> None:
    result = run(
        "evaluate", "--test", TOY, "--model", tiny_model_dir, "--limit", 5,
        "--json", tmp_path / "r.json", "--html", tmp_path / "r.html", "--output", tmp_path / "out",
        "--compare", tiny_model_dir,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "en>es" in result.stdout and "tok:13a" in result.stdout
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["results"][0]["sentences"] == 5
    assert "<html" in (tmp_path / "r.html").read_text()
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "toy.en-es.direct.txt",
        "toy.es-en.direct.txt",
    ]


def test_info_tells_what_a_model_is(tiny_model_dir: Path) -> None:
    assert "Languages: en, es, pt, fr" in run("info", "--model", tiny_model_dir).stdout
    tree = json.loads(run("info", "--json", "--model", tiny_model_dir).stdout)
    assert tree["languages"] == ["en", "es", "pt", "fr"]


@pytest.mark.parametrize(
    "command",
    ["translate", "mix", "fetch", "prepare", "train", "evaluate", "serve", "info", "export"],
)
def test_each_command_has_help_with_an_example(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert re.search("Examples?:\n", result.stdout)


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--to", "zz"], 2, "zz is not supported: this model knows en, es, pt, fr"),
        (["--to", "es", "--from", "zz"], 2, "zz is not supported"),
        (["--to", "es:0.5;pt:0.5"], 2, "is not a number"),
        (["--to", "es:-1"], 2, "weight of es is -1"),
        (["--to", "es", "--beam", "0"], 2, "0 is not in the range 1<=x<=64"),
        (["--to", "es", "--beam", "2", "--n-best", "3"], 1, "n-best is 3"),
        (["--to", "es", "--model", "/nowhere"], 1, "/nowhere is not a model directory"),
        (["--to", "es", "/nowhere"], 2, "No such file"),
        ([], 2, "Missing option '--to'"),
    ],
)
def test_mistakes_get_one_clear_message(
    tiny_model_dir: Path, arguments: list[str], status: int, message: str
) -> None:
    chosen = [] if "--model" in arguments else ["--model", str(tiny_model_dir)]
    result = run("translate", *chosen, *arguments, stdin="x\n")
    assert result.exit_code == status
    assert message in result.stderr
    assert isinstance(result.exception, SystemExit), "a traceback would reach the user"
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["", "es", "pt"], "TEXT is empty"),
        (["Hi.", "es"], "two different languages"),
        (["Hi.", "es", "zz"], "zz is not supported"),
        (["Hi.", "es", "pt", "--steps", "1"], "steps is 1"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused(
    tiny_model_dir: Path, arguments: list[str], message: str
) -> None:
    result = run("mix", *arguments, "--model", tiny_model_dir)
    assert result.exit_code == 2
    assert message in result.stderr


def test_invalid_utf8_names_the_line_and_the_byte(tiny_model_dir: Path) -> None:
    result = translate(tiny_model_dir, "--to", "es", stdin=b"fine\nnot \xff fine\n")
    assert result.exit_code == 1
    assert ":2: not valid UTF-8 at byte 5" in result.stderr


def test_a_sentence_that_is_too_long_is_not_cut(tiny_model_dir: Path) -> None:
    text = "The cat sleeps.\n" + "The cat sleeps, " * 100 + "\n"
    result = translate(tiny_model_dir, "--to", "es", stdin=text)
    assert result.exit_code == 0
    first, second = result.stdout.splitlines()
    assert first == "El gato duerme."
    assert second.count("El gato duerme") > 5  # a text of many parts


def test_a_misspelt_key_names_what_is_allowed(tmp_path: Path) -> None:
    config = Path(__file__).parent.parent / "configs/tiny.yaml"
    result = run("prepare", config, "data.vocabluary.size=100", f"data.directory={tmp_path}/x")
    assert result.exit_code == 2
    assert "data.vocabluary: unknown key; allowed here: cleaning" in result.stderr


def test_translate_document_keeps_the_structure_of_a_page(
    tiny_model_dir: Path, tmp_path: Path
) -> None:
    page, output = tmp_path / "page.html", tmp_path / "page.es.html"
    page.write_text('<p class="a">The cat sleeps.</p>\n<!-- x -->\n<p translate="no">Hi.</p>')
    result = translate(
        tiny_model_dir, "--to", "es", "--document", page, "--output", output, stdin=""
    )
    assert result.exit_code == 0, result.output
    assert output.read_text() == (
        '<p class="a">El gato duerme.</p>\n<!-- x -->\n<p translate="no">Hi.</p>'
    )


def test_translate_document_takes_the_format_from_the_name_or_the_option(
    tiny_model_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "a.json").write_text('{"cat": "The cat sleeps.", "n": 1.0}')
    result = translate(tiny_model_dir, "--to", "es", "--document", tmp_path / "a.json", stdin="")
    assert result.stdout == '{"cat": "El gato duerme.", "n": 1.0}'
    result = translate(tiny_model_dir, "--to", "es", "--format", "html", stdin="<b>Thank you.</b>")
    assert result.stdout == "<b>Muchas gracias.</b>"
    (tmp_path / "a.docx").write_text("x")
    refused = translate(tiny_model_dir, "--to", "es", "--document", tmp_path / "a.docx", stdin="")
    assert refused.exit_code == 1
    assert "its name must end in .txt, .html" in refused.stderr
