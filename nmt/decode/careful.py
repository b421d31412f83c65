"""Sentences in, sentences out, judged, and tried again where they are visibly wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from statistics import mean

import regex

from nmt.decode.engine import DecodeOptions
from nmt.decode.flags import Flag, find_flags, missing_numbers
from nmt.decode.glossary import Glossary, lacking, put_in
from nmt.decode.sentences import Hypothesis, Retry, SentenceTranslator, Translation
from nmt.text.alignment import Link, Span
from nmt.text.langid import LanguageIdentifier
from nmt.text.protect import Protected, fixed_spans, protect, without_masks
from nmt.text.target_mix import TargetMix

PIVOT = "en"


@dataclass(frozen=True)
class Job:
    """A sentence to translate; `source` is None where nobody knows it.

    The translation uses the terms of the `glossary`; with `align` it has links between the words.
    """

    text: str
    target: TargetMix
    source: str | None
    glossary: Glossary | None = None
    align: bool = False

    @cached_property
    def terms(self) -> dict[Span, str]:
        """Where the sentence holds terms of the glossary, and what must stand for them."""
        return self.glossary.find(self.text, fixed_spans(self.text)) if self.glossary else {}


def translate_jobs(
    sentences: SentenceTranslator,
    identifier: LanguageIdentifier,
    jobs: Sequence[Job],
    via: str | None = None,
    options: DecodeOptions | None = None,
) -> list[Translation]:
    """One translation for each job, in order.

    What must not change is masked. The best hypothesis without a flag leads, where there is one.
    Where there is none, an untrained direction goes through the pivot language; where no
    hypothesis holds all that it must, the stretches around that are translated one by one. Terms
    of a glossary are chosen from the beam, or else put in the place of the words aligned with them.
    """
    options = options or DecodeOptions()
    attempt = _Attempt(sentences, identifier, options)
    found = attempt(jobs, via)
    again = [i for i, job in enumerate(jobs) if via is None and attempt.may_pivot(job, found[i])]
    for i, second in zip(again, attempt([jobs[i] for i in again], PIVOT), strict=True):
        if len(second.flags) < len(found[i].flags):
            found[i] = replace(second, retry="pivot")
    for i, with_terms in attempt.use_terms(jobs, found, via):
        found[i] = with_terms
    for i, links in attempt.find_links(jobs, found):
        found[i] = replace(found[i], links=links)
    return [
        one
        if len(one.hypotheses) <= options.n_best
        else replace(one, hypotheses=one.hypotheses[: options.n_best])
        for one in found
    ]


def pivot_of(sentences: SentenceTranslator, identifier: LanguageIdentifier, job: Job) -> str | None:
    """The language to go through where the direction of a job was not trained.

    None if it was, if there is no such language, or for a mix. Without a source it is detected.
    """
    if not job.target.is_plain or PIVOT not in sentences.languages:
        return None
    source = job.source
    if source is None:
        found = identifier.detect(job.text)
        source = found.language if found else PIVOT
    direction = source, job.target.languages[0]
    is_trained = PIVOT in direction or source == direction[1] or direction in sentences.directions
    return None if is_trained else PIVOT


@dataclass(frozen=True)
class _Attempt:
    """One way through the model, and the choice among what came of it."""

    sentences: SentenceTranslator
    identifier: LanguageIdentifier
    options: DecodeOptions

    def __call__(self, jobs: Sequence[Job], via: str | None) -> list[Translation]:
        """A judged translation for each job."""
        found = self._translate_and_choose(jobs, via, self.options)
        if self.options.n_best < self.options.beam_size:
            # The whole beam to choose from, which takes longer, where the best does not do.
            wide = replace(self.options, n_best=self.options.beam_size)
            pairs = enumerate(zip(jobs, found, strict=True))
            again = [i for i, (job, result) in pairs if self._wants_more(job, result)]
            wider = self._translate_and_choose([jobs[i] for i in again], via, wide)
            for i, result in zip(again, wider, strict=True):
                found[i] = result
        broken = [job for job, result in zip(jobs, found, strict=True) if result is None]
        parts = self._in_parts(broken, via)
        return [result or next(parts) for result in found]

    def _wants_more(self, job: Job, result: Translation | None) -> bool:
        """Whether other hypotheses may be better than the best."""
        if result is None or lacking(job.terms.values(), result.text):
            return True
        return bool(result.flags) and job.target.is_plain

    def may_pivot(self, job: Job, result: Translation) -> bool:
        """Whether going through the pivot language may mend a translation."""
        return bool(result.flags) and pivot_of(self.sentences, self.identifier, job) is not None

    def use_terms(
        self, jobs: Sequence[Job], found: Sequence[Translation], via: str | None
    ) -> Iterator[tuple[int, Translation]]:
        """Those translations that change for the sake of a glossary, with their places."""
        wanting: list[int] = []
        for i, (job, result) in enumerate(zip(jobs, found, strict=True)):
            terms = job.terms.values()
            holding = tuple(h for h in result.hypotheses if not lacking(terms, h.text))
            if terms and not holding:
                wanting.append(i)
            elif holding != result.hypotheses:
                yield i, self._judged(job, result, holding, "hypothesis")
        links = self._align([jobs[i] for i in wanting], [found[i] for i in wanting])
        apart: list[int] = []
        for i, own in zip(wanting, links, strict=True):
            text = put_in(jobs[i].terms, found[i].text, own)
            if text is None:
                apart.append(i)
                continue
            best = replace(found[i].hypotheses[0], text=text)
            yield i, self._judged(jobs[i], found[i], (best,), "term")
        yield from zip(apart, self._in_parts([jobs[i] for i in apart], via), strict=True)

    def find_links(
        self, jobs: Sequence[Job], found: Sequence[Translation]
    ) -> Iterator[tuple[int, tuple[Link, ...]]]:
        """The links of those translations that shall have them, with their places."""
        asked = [i for i, job in enumerate(jobs) if job.align]
        links = self._align([jobs[i] for i in asked], [found[i] for i in asked])
        return zip(asked, links, strict=True)

    def _align(self, jobs: Sequence[Job], found: Sequence[Translation]) -> list[tuple[Link, ...]]:
        return self.sentences.align(
            [job.text for job in jobs],
            [result.text for result in found],
            [job.target for job in jobs],
            source=[job.source for job in jobs],
        )

    def _translate_and_choose(
        self, jobs: Sequence[Job], via: str | None, options: DecodeOptions
    ) -> list[Translation | None]:
        protected = [protect(job.text, self.sentences.is_known) for job in jobs]
        raw = self._translate([p.text for p in protected], jobs, via, options)
        return [self._choose(*each) for each in zip(jobs, protected, raw, strict=True)]

    def _translate(
        self, texts: Sequence[str], jobs: Sequence[Job], via: str | None, options: DecodeOptions
    ) -> list[Translation]:
        targets, sources = [job.target for job in jobs], [job.source for job in jobs]
        return self.sentences.translate(texts, targets, source=sources, via=via, options=options)

    def _choose(self, job: Job, protected: Protected, raw: Translation) -> Translation | None:
        """The first hypothesis without a flag, or the first; None if none holds all it must."""
        if not protected.text:
            unchanged = (Hypothesis(job.text, 0.0),)
            return replace(raw, hypotheses=unchanged, path="unchanged", flags=())
        complete = [
            replace(hypothesis, text=_ending_like(job.text, text))
            for hypothesis in raw.hypotheses
            if (text := protected.restore(hypothesis.text)) is not None
            and not missing_numbers(job.text, text)
        ]
        if not complete:
            return None
        best, flags = complete[0], self._flags(job, complete[0])
        # Between languages there is no telling what is wrong.
        if flags and job.target.is_plain:
            judged = ((h, self._flags(job, h)) for h in complete)
            best, flags = next((pair for pair in judged if not pair[1]), (best, flags))
        is_first = best.score == raw.hypotheses[0].score
        others = [hypothesis for hypothesis in complete if hypothesis is not best]
        retry: Retry | None = None if is_first else "hypothesis"
        return self._judged(job, raw, (best, *others), retry, flags)

    def _in_parts(self, jobs: Sequence[Job], via: str | None) -> Iterator[Translation]:
        """Jobs with spans or numbers that the model does not keep: translated around them."""
        cut = [
            protect(job.text, self.sentences.is_known, numbers=True, instead=job.terms)
            for job in jobs
        ]
        stretches = [(job, text) for job, p in zip(jobs, cut, strict=True) for text in p.between()]
        # What holds no letters is left as it is: a blank text stays blank.
        texts = [text.strip() if any(c.isalpha() for c in text) else "" for _, text in stretches]
        options = replace(self.options, n_best=1)
        raw = self._translate(texts, [job for job, _ in stretches], via, options)
        made = iter(zip(stretches, raw, strict=True))
        for job, protected in zip(jobs, cut, strict=True):
            own = [next(made) for _ in protected.between()]
            text = protected.join(
                [_in_place_of(text, without_masks(new.text)) for (_, text), new in own]
            )
            worded = [new for _, new in own if new.text] or [own[0][1]]
            whole = Hypothesis(
                text,
                mean(new.score for new in worded),
                all(new.hypotheses[0].is_complete for new in worded),
            )
            yield self._judged(job, worded[0], (whole,), "parts")

    def _judged(
        self,
        job: Job,
        raw: Translation,
        hypotheses: tuple[Hypothesis, ...],
        retry: Retry | None,
        flags: tuple[Flag, ...] | None = None,
    ) -> Translation:
        """A result with other hypotheses, their flags, which may be known, and languages."""
        text = hypotheses[0].text
        return replace(
            raw,
            hypotheses=hypotheses,
            retry=retry,
            flags=self._flags(job, hypotheses[0]) if flags is None else flags,
            detected=self.identifier.detect(text),
            shares={} if job.target.is_plain else self.identifier.shares(text),
        )

    def _flags(self, job: Job, hypothesis: Hypothesis) -> tuple[Flag, ...]:
        return find_flags(
            job.text,
            hypothesis.text,
            job.target.languages,
            self.identifier,
            hypothesis.is_complete,
        )


# What ends a sentence, and what a language may put in front of one that ends so.
_END = regex.compile(r"[\s.!?…。！？]+$")
_OPENING = "¿¡"
_FULL_STOP = regex.compile(r"(?<=[\p{L}\p{M}\p{N}])\s*[.。]$")
_DIGITS = regex.compile(r"\d+")


def _ending_like(original: str, translation: str) -> str:
    """A translation without the full stop that the model puts behind headings and single words."""
    if not original or not original[-1].isalnum():
        return translation
    return _FULL_STOP.sub("", translation)


def _in_place_of(original: str, translation: str) -> str:
    """A translation within the white space of the original; the original where there is none.

    The model takes a stretch for a sentence: an end that the original does not have goes again, and
    so do a capital and a number.
    """
    words = original.strip()
    text = (translation if _DIGITS.search(words) else _DIGITS.sub("", translation)).strip()
    if not text or not words:
        return original
    if not _END.search(words):
        text = _END.sub("", text).lstrip(_OPENING) or text
    if words[0].islower() and not text[1:2].isupper():
        text = text[0].lower() + text[1:]
    start = len(original) - len(original.lstrip())
    return original[:start] + text + original[len(original.rstrip()) :]
