"""Text in, text out, with a real toy model."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from nmt import DecodeOptions, Translator, load_translator
from nmt.decode.engine import Decoded, Source, load_engine
from nmt.decode.sentences import SentenceTranslator
from nmt.errors import InputTooLong, InvalidInput, InvalidMix, ModelError, UnknownLanguage

SENTENCES = ["The cat sleeps.", "Where is the station?", "Thank you very much."]
SPANISH = ["El gato duerme.", "¿Dónde está la estación?", "Muchas gracias."]


def texts(translator: Translator, *args: object, **options: object) -> list[str]:
    return [t.text for t in translator.translate(*args, **options)]  # type: ignore[arg-type]


@pytest.mark.parametrize("beam", [1, 5])
def test_it_knows_its_sentences_by_heart(tiny_translator: Translator, beam: int) -> None:
    options = DecodeOptions(beam_size=beam)
    assert texts(tiny_translator, SENTENCES, "es", options=options) == SPANISH
    assert texts(tiny_translator, SPANISH, "en", options=options) == SENTENCES


def test_one_line_out_for_each_line_in_also_for_blank_ones(tiny_translator: Translator) -> None:
    found = texts(tiny_translator, ["", SENTENCES[0], "   ", SENTENCES[1], ""], "es")
    assert found == ["", SPANISH[0], "   ", SPANISH[1], ""]


def test_no_input_gives_no_output(tiny_translator: Translator) -> None:
    assert tiny_translator.translate([], "es") == []


def test_a_batch_gives_what_its_sentences_give_alone(tiny_translator: Translator) -> None:
    targets = ["es", "pt:0.4,fr:0.6", "fr"]
    together = texts(tiny_translator, SENTENCES, targets)
    alone = [texts(tiny_translator, [s], t)[0] for s, t in zip(SENTENCES, targets, strict=True)]
    small = texts(tiny_translator, SENTENCES, targets, options=DecodeOptions(batch_size=1))
    assert together == alone == small


@pytest.mark.parametrize(("mix", "plain"), [("es:1,pt:0", "es"), ({"es": 0, "fr": 3}, "fr")])
def test_a_mix_of_weight_one_is_the_plain_target(
    tiny_translator: Translator, mix: object, plain: str
) -> None:
    mixed = tiny_translator.translate(SENTENCES, mix)  # type: ignore[arg-type]
    assert mixed == tiny_translator.translate(SENTENCES, plain)


def test_a_mix_changes_over_on_its_way(tiny_translator: Translator) -> None:
    weights = [{"es": 1 - i / 10, "pt": i / 10} for i in range(11)]
    found = texts(tiny_translator, ["The house is white."] * 11, weights)
    assert found[0] == "La casa es blanca."
    assert found[-1] == "A casa é branca."


def test_the_path_tells_trained_from_zero_shot_and_pivot(tiny_translator: Translator) -> None:
    def path(**options: str) -> str:
        sentences = tiny_translator.sentences
        return sentences.translate(["El gato duerme."], "pt", **options)[0].path  # type: ignore[arg-type]

    assert path() == "unknown"
    assert path(source="en") == "direct"
    assert path(source="es") == "zero_shot"
    assert path(source="es", via="en") == "pivot"
    assert path(source="en", via="en") == "direct"


def test_pivoting_is_translating_twice(tiny_translator: Translator) -> None:
    middle = texts(tiny_translator, SPANISH, "en", source="es")
    twice = texts(tiny_translator, middle, "fr", source="en")
    assert texts(tiny_translator, SPANISH, "fr", source="es", via="en") == twice


def test_a_pivot_that_runs_on_is_cut_and_told(tiny_model_dir: Path) -> None:
    info, tokenizer, engine = load_engine(tiny_model_dir, threads=1)

    class RunsOn:
        """Says a sentence again and again in English, and is the real engine else."""

        align = engine.align

        def translate(
            self, sources: Sequence[Source], options: DecodeOptions
        ) -> list[list[Decoded]]:
            if sources[0].mix[info.languages.index("en")] < 1:
                return engine.translate(sources, options)
            return [[Decoded(tokenizer.encode("The cat sleeps. " * 40), -1.0, True)]]

    sentences = SentenceTranslator(info, tokenizer, RunsOn())
    (found,) = sentences.translate(["El gato duerme."], "fr", source="es", via="en")
    assert found.truncated and found.path == "pivot" and found.text


def test_n_best_are_different_and_the_first_is_the_best(tiny_translator: Translator) -> None:
    best = tiny_translator.translate(SENTENCES, "es")
    many = tiny_translator.translate(SENTENCES, "es", options=DecodeOptions(n_best=3))
    for one, several in zip(best, many, strict=True):
        assert one.hypotheses[0] == several.hypotheses[0]
        scores = [h.score for h in several.hypotheses]
        assert len(scores) > 1 and scores == sorted(scores, reverse=True)
        assert len({h.text for h in several.hypotheses}) == len(scores)


def test_a_sentence_that_is_too_long_is_refused_and_counted(tiny_translator: Translator) -> None:
    sentences = tiny_translator.sentences
    allowed = sentences.max_pieces
    with pytest.raises(InputTooLong, match=rf"sentence 2 has \d+ pieces.* up to {allowed}"):
        sentences.translate(["The cat sleeps.", "cat " * allowed], "es")


def test_bad_targets_and_languages_are_refused(tiny_translator: Translator) -> None:
    with pytest.raises(UnknownLanguage, match=r"zz is not supported: .* en, es, pt, fr"):
        tiny_translator.translate(["x"], "zz")
    with pytest.raises(UnknownLanguage, match="zz"):
        tiny_translator.translate(["x"], "es", source="zz")
    with pytest.raises(UnknownLanguage, match="zz"):
        tiny_translator.translate(["x"], "es", via="zz")
    with pytest.raises(InvalidMix):
        tiny_translator.translate(["x"], "es:-1")
    with pytest.raises(InvalidInput, match="2 targets for 1 texts"):
        tiny_translator.translate(["x"], ["es", "pt"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"beam_size": 0}, "beam size is 0"),
        ({"beam_size": 2, "n_best": 3}, "n-best is 3"),
        ({"batch_size": 0}, "batch size is 0"),
    ],
)
def test_decode_options_out_of_range_are_refused(options: dict[str, int], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        DecodeOptions(**options)


@pytest.mark.parametrize("name", ["config.yaml", "spm.model", "weights.safetensors"])
@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe nonsense"])
def test_a_missing_or_corrupt_file_is_named(
    tiny_model_dir: Path, tmp_path: Path, name: str, content: bytes | None
) -> None:
    folder = shutil.copytree(tiny_model_dir, tmp_path / "model")
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    with pytest.raises(ModelError, match=name):
        load_translator(folder)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="nowhere"):
        load_translator(tmp_path / "nowhere")


def test_weights_of_another_architecture_are_refused(tiny_model_dir: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_model_dir, tmp_path / "model")
    config = folder / "config.yaml"
    config.write_text(config.read_text().replace("ffn: 128", "ffn: 64"))
    with pytest.raises(ModelError, match="do not fit"):
        load_translator(folder)


def test_loading_what_was_saved_gives_the_same_model(
    tiny_model_dir: Path, tmp_path: Path, tiny_translator: Translator
) -> None:
    from nmt.model.model_dir import load_model, save_model

    info, tokenizer, weights = load_model(tiny_model_dir)
    save_model(tmp_path / "copy", info, tokenizer.model, weights)
    copy = load_translator(tmp_path / "copy")
    assert copy.info == info
    assert copy.translate(SENTENCES, "fr") == tiny_translator.translate(SENTENCES, "fr")
