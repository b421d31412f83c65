"""Text in, text out, with an honest word on what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from pathlib import Path
from statistics import mean

from nmt.decode.careful import PIVOT, Job, pivot_of, translate_jobs
from nmt.decode.engine import DecodeOptions, EngineName, NoEngine, load_engine
from nmt.decode.flags import FLAGS
from nmt.decode.glossary import Glossary
from nmt.decode.plan import Plan, make_plan
from nmt.decode.sentences import (
    Hypothesis,
    SentenceTranslator,
    Translation,
    TranslationPath,
    sources_of,
    targets_of,
)
from nmt.model.model_dir import ModelInfo, load_model
from nmt.text.alignment import Link
from nmt.text.langid import LanguageIdentifier
from nmt.text.segment import needs_language
from nmt.text.target_mix import TargetLike, TargetMix

SHIPPED_MODEL = Path(__file__).parent.parent / "pretrained"
# More are translated in groups of so many.
TEXTS_TOGETHER = 256
# Of several sentences the one that is furthest from what the model was trained on speaks for all.
PATHS: tuple[TranslationPath, ...] = ("pivot", "zero_shot", "unknown", "direct", "unchanged")


class Translator:
    """Translates texts of any length between all languages of one model, and in between them.

    Nothing is cut: texts are split into sentences, and those that are too long into clauses.
    Addresses, placeholders, code, numbers and emoji come back unchanged. An output that is visibly
    wrong is tried again, and what remains wrong is told in its flags.
    """

    def __init__(self, sentences: SentenceTranslator, identifier: LanguageIdentifier) -> None:
        self.sentences = sentences
        self.identifier = identifier

    @property
    def info(self) -> ModelInfo:
        """What the model is."""
        return self.sentences.info

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of the model."""
        return self.sentences.languages

    @property
    def directions(self) -> frozenset[tuple[str, str]]:
        """Trained (source, target) pairs; all others are zero-shot."""
        return self.sentences.directions

    def translate(
        self,
        texts: Sequence[str],
        target: TargetLike | Sequence[TargetLike],
        *,
        source: str | Sequence[str | None] | None = None,
        via: str | None = None,
        options: DecodeOptions | None = None,
        align: bool = False,
        glossary: Glossary | None = None,
    ) -> list[Translation]:
        """One translation for each text, in order, with its layout as it was.

        `target` and `source` are one for all or one for each. With `via`, translates to that
        language first. With `align`, the best hypotheses come with links between the words. The
        terms of the `glossary` are used wherever the texts hold them.
        Raises UnknownLanguage and InvalidMix.
        """
        mixes, sources = targets_of(target, len(texts)), sources_of(source, len(texts))

        def translate(places: range) -> list[Translation]:
            plans = [self.plan(texts[i], sources[i]) for i in places]
            jobs = [
                Job(sentence, mixes[i], sources[i], glossary, align)
                for i, plan in zip(places, plans, strict=True)
                for sentence in plan.sentences
            ]
            results = iter(self.translate_jobs(jobs, via, options))
            return [
                assemble(plan, mixes[i], sources[i], list(islice(results, len(plan.sentences))))
                for i, plan in zip(places, plans, strict=True)
            ]

        groups = [
            range(start, min(start + TEXTS_TOGETHER, len(texts)))
            for start in range(0, len(texts), TEXTS_TOGETHER)
        ]
        if len(groups) < 2:
            return [found for group in groups for found in translate(group)]
        # What is done around decoding, in Python, is done while another group decodes.
        with ThreadPoolExecutor(2) as pool:
            return [found for group in pool.map(translate, groups) for found in group]

    def plan(self, text: str, source: str | None = None) -> Plan:
        """The sentences of a text, each no longer than the model has learnt from.

        Without `source` the language is detected, as where sentences end depends on it.
        """
        if source is None and needs_language(text):
            found = self.identifier.detect(text)
            source = found.language if found else PIVOT
        return make_plan(text, source or PIVOT, self.sentences.fits)

    def pivot_of(self, job: Job) -> str | None:
        """The language through which to translate a sentence whose direction was not trained."""
        return pivot_of(self.sentences, self.identifier, job)

    def translate_jobs(
        self, jobs: Sequence[Job], via: str | None = None, options: DecodeOptions | None = None
    ) -> list[Translation]:
        """One translation for each sentence of some plans, whatever their languages."""
        return translate_jobs(self.sentences, self.identifier, jobs, via, options)


def load_translator(
    model_dir: Path | None = None,
    *,
    engine: EngineName = "ctranslate2",
    device: str = "cpu",
    threads: int = 0,
    precision: str = "default",
) -> Translator:
    """A translator for a model directory, the shipped one by default; see `load_engine`."""
    directory = model_dir or SHIPPED_MODEL
    sentences = SentenceTranslator(*load_engine(directory, engine, device, threads, precision))
    return Translator(sentences, LanguageIdentifier(sentences.languages))


def load_without_engine(model_dir: Path | None = None) -> Translator:
    """A translator that plans and detects, for processes beside the one that translates."""
    info, tokenizer, _ = load_model(model_dir or SHIPPED_MODEL)
    sentences = SentenceTranslator(info, tokenizer, NoEngine())
    return Translator(sentences, LanguageIdentifier(sentences.languages))


def assemble(
    plan: Plan, target: TargetMix, source: str | None, results: Sequence[Translation]
) -> Translation:
    """The translation of a text from those of its sentences: best with best, second with second."""
    if not results:
        return Translation((Hypothesis(plan.text, 0.0),), "unchanged", source, target)
    if len(plan.segments) == 1:
        return results[0]
    if len(results) == 1:
        whole = [replace(h, text=plan.join([h.text])) for h in results[0].hypotheses]
        return replace(results[0], hypotheses=tuple(whole), links=_links(plan, results))
    ranks = range(max(len(result.hypotheses) for result in results))
    hypotheses = []
    for rank in ranks:
        chosen = [result.hypotheses[min(rank, len(result.hypotheses) - 1)] for result in results]
        hypotheses.append(
            Hypothesis(
                plan.join([h.text for h in chosen]),
                mean(h.score for h in chosen),
                all(h.is_complete for h in chosen),
            )
        )
    longest = max(results, key=lambda result: len(result.text))
    return Translation(
        tuple(hypotheses),
        min((result.path for result in results), key=PATHS.index),
        source,
        target,
        flags=tuple(f for f in FLAGS if any(f in result.flags for result in results)),
        detected=longest.detected,
        shares=_mean_shares(results),
        retry=next((result.retry for result in results if result.retry), None),
        links=_links(plan, results),
    )


def _links(plan: Plan, results: Sequence[Translation]) -> tuple[Link, ...]:
    """Links between the words of a text and those of its translation."""
    return plan.join_links([r.text for r in results], [r.links for r in results])


def _mean_shares(results: Sequence[Translation]) -> dict[str, float]:
    """Shares of languages over several sentences, by their lengths."""
    total = sum(len(result.text) for result in results if result.shares)
    shares: dict[str, float] = {}
    for result in results:
        for language, share in result.shares.items():
            shares[language] = shares.get(language, 0.0) + share * len(result.text) / total
    return dict(sorted(shares.items(), key=lambda item: -item[1]))
