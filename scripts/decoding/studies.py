"""What bench_decoding.py looks at beside the speed of whole systems; functions of the same form."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from decoding.systems import Job, Run, load, raw_translate, raw_translator

if TYPE_CHECKING:
    from nmt import Translator

SEARCH_SENTENCES = 256
BATCHES = {"examples": (16, 32, 64, 128), "tokens": (512, 1024, 2048, 4096)}
MIXED_REQUESTS, CLIENTS = 200, 32


def search(job: Job) -> Run:
    """The fastest setting of raw CTranslate2: first how to batch, then how to use the cores."""
    places = range(min(len(job.texts), SEARCH_SENTENCES))

    def seconds(setting: dict[str, Any]) -> float:
        translator = raw_translator(job, setting["inter_threads"], setting["intra_threads"])
        times = []
        for _ in range(3):  # the first warms up
            start = time.perf_counter()
            raw_translate(job, translator, places, setting["batch_type"], setting["max_batch_size"])
            times.append(time.perf_counter() - start)
        return min(times[1:])

    def run() -> dict[str, Any]:
        cores = {"inter_threads": job.threads, "intra_threads": 1}
        batches = [
            {**cores, "batch_type": kind, "max_batch_size": size}
            for kind, sizes in BATCHES.items()
            for size in sizes
        ]
        best = min(batches, key=seconds)
        split = [n for n in range(1, job.threads + 1) if job.threads % n == 0]
        spread = [{**best, "inter_threads": job.threads // n, "intra_threads": n} for n in split]
        return min(spread, key=seconds)

    return run


def parts(job: Job) -> Run:
    """Seconds that each part of our translator takes by itself, and the whole of it."""
    from nmt import DecodeOptions, TargetMix, Translator
    from nmt.decode.engine import Source, load_engine
    from nmt.decode.flags import find_flags, missing_numbers
    from nmt.decode.sentences import SentenceTranslator
    from nmt.text.langid import LanguageIdentifier
    from nmt.text.protect import protect

    info, tokenizer, engine = load_engine(
        Path(job.model), threads=job.threads, precision=job.precision
    )
    sentences = SentenceTranslator(info, tokenizer, engine)
    identifier = LanguageIdentifier(info.languages)
    translator = Translator(sentences, identifier)
    row = TargetMix.of(job.target).row(info.languages)
    whole, full = DecodeOptions(beam_size=job.beam), DecodeOptions(job.beam, n_best=job.beam)

    def run() -> dict[str, float]:
        seconds: dict[str, float] = {}
        with timed(seconds, "whole"):
            translator.translate(job.texts, job.target, options=whole)
        with timed(seconds, "identifying sources"):
            found = [identifier.detect(text) for text in job.texts]
        with timed(seconds, "segmenting"):
            codes = [d.language if d else None for d in found]
            plans = [translator.plan(t, c or "en") for t, c in zip(job.texts, codes, strict=True)]
        inputs = [sentence for plan in plans for sentence in plan.sentences]
        with timed(seconds, "protecting"):
            protected = [protect(text, sentences.is_known) for text in inputs]
        with timed(seconds, "tokenising"):
            pieces = tokenizer.encode_all([p.text for p in protected])
        with timed(seconds, "decoding"):
            decoded = engine.translate([Source(ids, row) for ids in pieces if ids], full)
        with timed(seconds, "detokenising"):
            beams = [[tokenizer.decode(h.pieces) for h in beam] for beam in decoded]
        with timed(seconds, "flags"):
            asked = [text for text, ids in zip(inputs, pieces, strict=True) if ids]
            for text, beam in zip(asked, beams, strict=True):
                missing_numbers(text, beam[0])
                find_flags(text, beam[0], (job.target,), identifier)
        with timed(seconds, "identifying translations"):
            for beam in beams:
                identifier.detect(beam[0])
        return seconds

    return run


@contextmanager
def timed(seconds: dict[str, float], name: str) -> Iterator[None]:
    """Note how long a block takes."""
    start = time.perf_counter()
    yield
    seconds[name] = time.perf_counter() - start


def mixes(job: Job) -> Run:
    """Many clients at once, each request with a mix of its own, against one after the other."""
    from nmt import DecodeOptions

    def run() -> dict[str, Any]:
        fast = load(job)
        others = [code for code in fast.languages if code != job.target]
        shares = [(i + 1) / (MIXED_REQUESTS + 1) for i in range(MIXED_REQUESTS)]
        requests = [
            (
                job.texts[i % len(job.texts)],
                {job.target: 1 - share, others[i % len(others)]: share},
            )
            for i, share in enumerate(shares)
        ]
        options = DecodeOptions(beam_size=job.beam)

        def ask(translator: Translator, clients: int) -> list[str]:
            def one(request: tuple[str, dict[str, float]]) -> str:
                return translator.translate([request[0]], request[1], options=options)[0].text

            with ThreadPoolExecutor(clients) as pool:
                return list(pool.map(one, requests))

        seconds: dict[str, float] = {}
        with timed(seconds, "at once"):
            answered = ask(fast, CLIENTS)
        with timed(seconds, "again"):  # when the model knows the mixes
            ask(fast, CLIENTS)
        together, alone = ask(load(job, "float32"), CLIENTS), ask(load(job, "float32"), 1)
        return {
            "requests": len(answered),
            "clients": CLIENTS,
            "sentences_per_second": len(answered) / seconds["at once"],
            "sentences_per_second_again": len(answered) / seconds["again"],
            "differing_in_float32": sum(a != b for a, b in zip(together, alone, strict=True)),
        }

    return run


def products(job: Job) -> Run:
    """Operations a second of float32 matrix products at their best, whoever else is at work."""
    import numpy as np

    left, right = np.random.default_rng(0).random((2, 512, 512), np.float32)

    def run() -> float:
        seconds: dict[str, float] = {}
        for number in range(200):
            with timed(seconds, str(number)):
                left @ right
        return 2 * float(len(left)) ** 3 / min(seconds.values())

    return run


STUDIES: dict[str, Callable[[Job], Run]] = {
    "search": search,
    "parts": parts,
    "mixes": mixes,
    "products": products,
}
