"""The systems that bench_decoding.py compares.

Each is a function that loads it for a job, and gives one that translates all sentences of the job.
Imports stay inside the functions, so that no system pays for another one's libraries.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nmt import Translator

Run = Callable[[], Any]


@dataclass(frozen=True)
class Job:
    """What all systems translate, and how; `pieces` and `limits` are for those without text."""

    model: str
    target: str
    texts: list[str]
    pieces: list[list[str]]  # headed by the tag of the target
    ids: list[list[int]]  # the same, with the end of the sentence
    limits: list[int]  # pieces that a translation may have
    ctranslate2: str  # the folder of the converted model
    transformers: str
    batch_size: int
    beam: int = 1
    threads: int = 1
    precision: str = "int8"
    setting: dict[str, Any] = field(default_factory=dict)  # of raw CTranslate2, once it is known


def ours(job: Job) -> Run:
    """Text in, text out: the translator that everybody uses."""
    from nmt import DecodeOptions

    translator, options = load(job), DecodeOptions(beam_size=job.beam)
    return lambda: [t.text for t in translator.translate(job.texts, job.target, options=options)]


def our_sentences(job: Job) -> Run:
    """Sentences in, sentences out: no segmentation, protection, judgement or second try."""
    from nmt import DecodeOptions

    sentences, options = load(job).sentences, DecodeOptions(beam_size=job.beam)
    return lambda: [t.text for t in sentences.translate(job.texts, job.target, options=options)]


def our_torch(job: Job) -> Run:
    """The reference engine below the same translator."""
    from nmt import DecodeOptions, load_translator

    translator = load_translator(Path(job.model), engine="torch", threads=job.threads)
    options = DecodeOptions(beam_size=job.beam)
    return lambda: [t.text for t in translator.translate(job.texts, job.target, options=options)]


def load(job: Job, precision: str | None = None) -> Translator:
    """Our translator with the fast engine."""
    from nmt import load_translator

    return load_translator(
        Path(job.model), threads=job.threads, precision=precision or job.precision
    )


def raw_ctranslate2(job: Job) -> Run:
    """Ready pieces in, pieces out, in the setting that was found to be the fastest."""
    translator = raw_translator(job, job.setting["inter_threads"], job.setting["intra_threads"])
    kind, size = job.setting["batch_type"], job.setting["max_batch_size"]
    return lambda: raw_translate(job, translator, range(len(job.texts)), kind, size)


def raw_translator(job: Job, inter_threads: int, intra_threads: int) -> Any:
    """CTranslate2 with our weights."""
    import ctranslate2

    return ctranslate2.Translator(
        job.ctranslate2,
        compute_type=job.precision,
        inter_threads=inter_threads,
        intra_threads=intra_threads,
    )


def raw_translate(
    job: Job, translator: Any, places: Sequence[int], batch_type: str, size: int
) -> list[list[str]]:
    """Pieces of the best hypothesis of some sentences; nobody's limit is longer than ours."""
    futures: dict[int, Any] = {}
    for limit in sorted({job.limits[i] for i in places}, reverse=True):
        rows = [i for i in places if job.limits[i] == limit]
        found = translator.translate_batch(
            [job.pieces[i] for i in rows],
            beam_size=job.beam,
            max_batch_size=size,
            batch_type=batch_type,
            max_decoding_length=limit,
            max_input_length=0,
            asynchronous=True,
        )
        futures |= dict(zip(rows, found, strict=True))
    return [futures[i].result().hypotheses[0] for i in places]


def transformers(job: Job) -> Run:
    """MarianMTModel in float32, sentences of like length in a batch; ids in, ids out."""
    import torch
    from transformers import MarianMTModel

    torch.set_num_threads(job.threads)
    model = MarianMTModel.from_pretrained(job.transformers).eval()
    order = sorted(range(len(job.ids)), key=lambda i: len(job.ids[i]))
    batches = [order[i : i + job.batch_size] for i in range(0, len(order), job.batch_size)]

    @torch.inference_mode()
    def run() -> list[list[int]]:
        outputs: list[list[int]] = [[] for _ in order]
        for batch in batches:
            longest = max(len(job.ids[i]) for i in batch)
            rows = torch.tensor([job.ids[i] + [0] * (longest - len(job.ids[i])) for i in batch])
            found = model.generate(
                input_ids=rows,
                attention_mask=(rows != 0).long(),
                num_beams=job.beam,
                do_sample=False,
                max_new_tokens=max(job.limits[i] for i in batch),
            )
            for i, ids in zip(batch, found.tolist(), strict=True):
                outputs[i] = ids
        return outputs

    return run


SYSTEMS: dict[str, Callable[[Job], Run]] = {
    "macaronic": ours,
    "macaronic-sentences": our_sentences,
    "ctranslate2": raw_ctranslate2,
    "transformers": transformers,
    "macaronic-torch": our_torch,
}
