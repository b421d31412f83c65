"""What the encoder sees: states, measures of them, and the map that `macaronic explore` makes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from page_server import CHROMIUM, chromium

from nmt.__main__ import main
from nmt.analyse.explore import explore, to_html
from nmt.analyse.representations import (
    SentenceEncoder,
    States,
    between_languages,
    centred,
    distance,
    movement,
    own_sentences,
    project,
    retrieval,
    sentence_map,
)
from nmt.decode.translator import SHIPPED_MODEL
from nmt.errors import InvalidInput, UnknownLanguage
from nmt.model.model_dir import load_model
from nmt.model.transformer import Transformer
from nmt.text.langid import LanguageIdentifier

NINE = ("en", "es", "pt", "fr", "ja", "ko", "ru", "uk", "be")
TOY = Path(__file__).parent / "data/toy.en-es.tsv"


@pytest.fixture(scope="module")
def encoder(tiny_model_dir: Path) -> SentenceEncoder:
    return SentenceEncoder(tiny_model_dir, threads=1)


def some_states(seed: int, sentences: int = 12) -> States:
    return np.random.default_rng(seed).normal(size=(sentences, 3, 8)).astype(np.float32)


def run(*words: object) -> Result:
    return CliRunner().invoke(main, ["explore", *map(str, words)])


def test_a_state_is_the_mean_of_what_the_encoder_gives_for_the_pieces(
    encoder: SentenceEncoder, tiny_model_dir: Path
) -> None:
    info, tokenizer, weights = load_model(tiny_model_dir)
    tags = [tokenizer.tag_ids[code] for code in info.languages]
    model = Transformer(info.architecture, info.vocab_size, tags).eval()
    known = model.state_dict().keys()
    model.load_state_dict({n: torch.from_numpy(w) for n, w in weights.items() if n in known})
    pieces = tokenizer.encode("The cat sleeps.")
    mix = torch.tensor([[float(code == "es") for code in info.languages]])
    with torch.inference_mode():
        states_1SD = model.encode(torch.tensor([[*pieces, 2]]), mix).states
    own = encoder.states(["The cat sleeps."], "es")[0]
    assert own[-1] == pytest.approx(states_1SD[0, 1:-1].mean(0).numpy(), abs=1e-5)
    # Before the first layer a sentence does not know its target; after it, it does.
    other = encoder.states(["The cat sleeps."], "fr")[0]
    assert own[0] == pytest.approx(other[0])
    assert np.abs(own[1] - other[1]).max() > 1e-3


def test_a_state_does_not_depend_on_other_sentences(encoder: SentenceEncoder) -> None:
    texts = ["The cat sleeps.", "Where is the station?", "The dog eats."]
    together = encoder.states(texts, "es")
    alone = np.concatenate([encoder.states([text], "es") for text in texts])
    assert together == pytest.approx(alone, abs=1e-5)


def test_bad_input_is_named(encoder: SentenceEncoder) -> None:
    with pytest.raises(InvalidInput, match="0 pieces"):
        encoder.states(["The cat sleeps.", " "], "es")
    with pytest.raises(InvalidInput, match="may have 1 to"):
        encoder.states(["cat " * 400], "es")
    with pytest.raises(UnknownLanguage, match="xx"):
        encoder.states(["The cat sleeps."], "xx")


def test_retrieval_is_what_comparing_one_by_one_finds() -> None:
    sources, targets = some_states(1), some_states(1) + 1.5 * some_states(2)
    for layer in range(3):
        hits = 0
        for i, a in enumerate(sources[:, layer]):
            cosines = [a @ b / np.linalg.norm(a) / np.linalg.norm(b) for b in targets[:, layer]]
            hits += int(np.argmax(cosines)) == i
        assert 0 < hits < 12
        assert retrieval(sources, targets)[layer] == pytest.approx(hits / 12)


def test_what_all_sentences_of_a_language_share_does_not_hinder_when_centred() -> None:
    sources = some_states(3)
    shift = np.random.default_rng(4).normal(scale=50, size=(3, 8)).astype(np.float32)
    targets = sources + shift
    assert retrieval(sources, targets).mean() < 1
    assert retrieval(centred(sources), centred(targets)).tolist() == [1, 1, 1]
    assert distance(sources, sources) == pytest.approx(np.zeros(3), abs=1e-6)
    assert distance(sources, -sources) == pytest.approx(np.full(3, 2.0))


def test_pairs_of_languages_have_sources_down_and_targets_across() -> None:
    states = {"a": some_states(5), "b": some_states(6), "c": some_states(5)}
    table = between_languages(states, lambda a, b: a.sum((0, 2)) - 2 * b.sum((0, 2)))
    assert np.isnan(table[:, range(3), range(3)]).all()
    assert table[1, 0, 1] == pytest.approx(
        float(states["a"][:, 1].sum() - 2 * states["b"][:, 1].sum()), rel=1e-3
    )


def test_movement_is_measured_along_and_beside_the_line() -> None:
    start = some_states(7, 2)
    line, other = some_states(8, 2), some_states(9, 2)
    other -= (other * line).sum(-1, keepdims=True) / (line**2).sum(-1, keepdims=True) * line
    other *= np.linalg.norm(line, axis=-1, keepdims=True) / np.linalg.norm(
        other, axis=-1, keepdims=True
    )
    along, beside = movement(np.stack([start, start + 0.3 * line + 0.2 * other, start + line]))
    assert along[:, 0] == pytest.approx([0, 0.3, 1], abs=1e-4)
    assert beside[:, 2] == pytest.approx([0, 0.2, 0], abs=1e-4)


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_groups_far_apart_stay_apart_in_the_plane(method: str) -> None:
    centres = 20 * np.eye(3, 8, dtype=np.float32)
    states = np.concatenate([centres + 0.1 * some_states(i, 3)[:, 0] for i in range(16)])
    points = project(states, method)  # type: ignore[arg-type]
    assert np.abs(points).max() == pytest.approx(1)
    assert points == pytest.approx(project(states, method))  # type: ignore[arg-type]
    apart = np.linalg.norm(points[:, None] - points, axis=-1) + 9 * np.eye(48)
    assert (apart.argmin(axis=1) % 3 == np.arange(48) % 3).all()


def test_own_sentences_are_in_the_languages_that_they_say() -> None:
    texts = own_sentences(NINE)
    identifier = LanguageIdentifier(NINE)
    assert {len(lines) for lines in texts.values()} == {24}
    for code, lines in texts.items():
        assert len(set(lines)) == 24
        found = [detection.language for detection in identifier.detect_all(lines) if detection]
        assert found.count(code) >= 20, code


def test_it_writes_a_map_and_tells_how_often_translations_are_nearest(
    encoder: SentenceEncoder, tmp_path: Path
) -> None:
    printed = explore(encoder, tmp_path / "new", method="pca", points=7)
    made = json.loads((tmp_path / "new/map.json").read_text(encoding="utf-8"))
    assert made["languages"] == ["en", "es", "pt", "fr"]
    assert len(made["points"]) == 4 * 7
    texts = own_sentences(made["languages"])
    for point in made["points"]:
        assert texts[point["language"]][point["group"]] == point["text"]
        assert -1 <= min(point["x"], point["y"]) <= max(point["x"], point["y"]) <= 1
    assert (tmp_path / "new/map.png").read_bytes().startswith(b"\x89PNG")
    states = {code: encoder.states(lines, "en") for code, lines in texts.items()}
    mean = np.nanmean(between_languages(states, retrieval)[-1])
    last = printed.splitlines()[2 + encoder.info.architecture.encoder_layers]
    assert last.split()[1] == f"{mean:.1%}"


def test_the_command_takes_test_files_and_names_what_is_wrong(
    tiny_model_dir: Path, tmp_path: Path
) -> None:
    model = ("--model", tiny_model_dir, "--threads", 1)
    done = run(tmp_path / "a", "--test", TOY, "--limit", 9, "--to", "fr", *model)
    assert done.exit_code == 0, done.output
    assert "nearest of 9 sentences" in done.stdout
    points = json.loads((tmp_path / "a/map.json").read_text(encoding="utf-8"))["points"]
    assert {point["language"] for point in points} == {"en", "es"}
    both = run(tmp_path, "--test", TOY, "--test", TOY.with_name("toy.en-fr.tsv"), *model)
    assert both.exit_code == 1
    assert "hold 2 tests" in both.stderr
    assert "xx" in run(tmp_path, "--to", "xx", *model).stderr
    (tmp_path / "file").write_text("")
    assert run(tmp_path / "file", *model).exit_code == 2


def test_the_shipped_model_has_a_map_of_its_own_sentences() -> None:
    made = json.loads((SHIPPED_MODEL / "map.json").read_text(encoding="utf-8"))
    assert tuple(made["languages"]) == NINE
    texts = own_sentences(NINE)
    assert [point["text"] for point in made["points"]] == [t for c in NINE for t in texts[c]]
    states = SentenceEncoder(threads=1)
    again = {code: states.states(lines, "en") for code, lines in texts.items()}
    # Not the numbers, which differ between machines: translations are near each other in both.
    for found in (made, sentence_map(again, texts)):
        places = np.array([[p["x"], p["y"]] for p in found["points"]]).reshape(9, 24, 2)
        apart = np.linalg.norm(places[:, :, None] - places[0][None, None], axis=-1)
        assert (apart.argmin(axis=2) == np.arange(24)).mean() > 0.8


@pytest.mark.skipif(not CHROMIUM, reason="Chromium is not installed")
def test_the_page_of_a_map_shows_translations(encoder: SentenceEncoder, tmp_path: Path) -> None:
    texts = {code: lines[:5] for code, lines in own_sentences(("en", "es")).items()}
    texts["en"][1] = "</script><b>5 < 6 & $model"
    states = {code: encoder.states(lines, "en") for code, lines in texts.items()}
    page_file = tmp_path / "map.html"
    made = {"model": "a <b>", **sentence_map(states, texts, "pca")}
    page_file.write_text(to_html(made), encoding="utf-8")
    complaints: list[str] = []
    with chromium() as browser:
        page = browser.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(page_file.as_uri())
        assert page.locator("h1").text_content() == "a <b>: map of sentences"
        assert page.locator("circle").count() == 10
        assert page.locator("dd").all_text_contents() == [texts["en"][0], texts["es"][0]]
        page.select_option("select", "1")
        assert page.locator("dd").all_text_contents() == [texts["en"][1], texts["es"][1]]
        assert page.locator("line").count() == 2
        page.get_by_role("checkbox", name="es").uncheck()
        assert page.locator("dd").all_text_contents() == [texts["en"][1]]
        page.locator("circle").nth(3).hover(force=True)
        assert page.locator("dd").all_text_contents() == [texts["en"][3]]
    assert complaints == []
