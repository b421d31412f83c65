"""From texts to translations: one model and one queue, which the application owns."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path

from nmt import DecodeOptions, Hypothesis, TargetMix, Translation, Translator, load_translator
from nmt.decode.careful import Job
from nmt.decode.glossary import Glossary
from nmt.decode.plan import Plan
from nmt.decode.translator import assemble, load_without_engine
from nmt.documents import Aligned, Document
from nmt.text.langid import Detection
from nmt.text.segment import Segment
from serve.batcher import Batcher, BatcherClosed, BatchLimits, MicroBatcher, QueueFull
from serve.errors import NotReady
from serve.languages import known_code
from serve.metrics import Metrics
from serve.remote import RemoteBatcher
from serve.settings import Settings

AUTO = "auto"  # the source that stands for any
DETECTED_CHARACTERS = 5_000  # of a document, to tell its language by
PLANNED_AT_ONCE = 1_000  # characters whose sentences are found without leaving the event loop
FULL_QUEUE_PAUSE_SECONDS = 0.1
TEXTS_TOGETHER = 64  # texts of a document in the queue at a time

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """One text to translate; `source` is None where nobody knows it."""

    text: str
    target: TargetMix
    source: str | None
    keep: bool = False  # leave the text as it is: it is in the target language already
    align: bool = False  # say which words come from which
    glossary: Glossary | None = None  # terms that must be used
    alternatives: bool = False  # tell all hypotheses of the beam


@dataclass(frozen=True)
class _Sentence:
    """What waits in the queue; `via` is the language that it is to go through."""

    job: Job
    via: str | None
    pieces: int
    alternatives: bool

    @property
    def cost(self) -> int:
        """Pieces to decode: through another language everything is done twice."""
        return self.pieces if self.via is None else 2 * self.pieces


@dataclass(frozen=True)
class TranslatedFile:
    """A document in another language, and what is told of all its texts together."""

    data: bytes
    about: Translation
    characters: int  # of the texts that were translated


@dataclass(frozen=True)
class Loaded:
    """All that exists only once the model is there."""

    translator: Translator
    batcher: Batcher[_Sentence, Translation]


class Backend:
    """Loads the model, then translates whatever concurrent requests bring, in shared batches."""

    def __init__(
        self,
        settings: Settings,
        metrics: Metrics,
        translator: Translator | None = None,
        engine: Path | None = None,
    ) -> None:
        """`engine` is the socket of the process that translates, where it is not this one."""
        self._engine = engine
        self._settings = settings
        self._metrics = metrics
        self._given = translator
        self._loaded: Loaded | None = None
        self._loading: asyncio.Task[None] | None = None
        self._reloading: asyncio.Task[None] | None = None
        self.draining = False
        self.failure: Exception | None = None
        self.on_failure: Callable[[], None] = lambda: None

    async def start(self) -> None:
        """Begin to load the model, and return at once; a translator that was given is ready now."""
        self._loading = asyncio.create_task(self._load())
        if self._given is not None:
            await self._loading

    async def loaded(self) -> None:
        """Wait until the model is there; raises what loading it raised."""
        if self._loading is not None:
            await self._loading
        if self.failure is not None:
            raise self.failure

    async def stop(self) -> None:
        """Finish what waits, and take no more."""
        for task in (self._loading, self._reloading):
            if task is not None:
                await task
        if self._loaded is not None:
            await self._loaded.batcher.close()

    def reload(self) -> None:
        """Begin to load the model directory again, and use it once it is there."""
        if self._reloading is None or self._reloading.done():
            self._reloading = asyncio.create_task(self._reload())

    @property
    def is_full(self) -> bool:
        """Whether new work would be refused."""
        return self._loaded is not None and self._loaded.batcher.is_full

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of the model; NotReady before it is loaded."""
        return self.ready().translator.languages

    def ready(self) -> Loaded:
        """All that was loaded; NotReady before that, or if it cannot be."""
        if self.failure is not None:
            raise NotReady(f"the model cannot be loaded: {self.failure}")
        if self._loaded is None:
            raise NotReady("the model is still being loaded; try again in a few seconds")
        return self._loaded

    async def detect(self, texts: Sequence[str]) -> list[Detection | None]:
        """The language of each text; None where it has no letters to judge by."""
        return await asyncio.to_thread(self.ready().translator.identifier.detect_all, texts)

    async def sources(self, texts: Sequence[str], source: str) -> list[Detection | None]:
        """The language of each text: the code that the client gave, or detected where it is `auto`.

        Raises NotReady, and UnknownLanguage for a code that the model lacks.
        """
        if source.strip().lower() == AUTO:
            return await self.detect(texts)
        return [Detection(known_code(source, self.languages), 1.0)] * len(texts)

    async def translate(self, tasks: Sequence[Task]) -> list[Translation]:
        """One translation for each task, in order: long texts by sentences, layout kept.

        What has no letters comes back unchanged. Raises NotReady and QueueFull.
        """
        loaded = self.ready()
        plans = await _planned(tasks, loaded.translator)
        waiting = [
            self._sentence(
                loaded.translator,
                Job(sentence, task.target, task.source, task.glossary, task.align),
                task.alternatives,
            )
            for task, plan in zip(tasks, plans, strict=True)
            for sentence in plan.sentences
        ]
        try:
            results = iter(await loaded.batcher.submit(waiting))
        except BatcherClosed:
            if self._loaded is loaded:
                raise
            return await self.translate(tasks)  # the model was replaced meanwhile
        found = [
            assemble(plan, task.target, task.source, list(islice(results, len(plan.sentences))))
            for task, plan in zip(tasks, plans, strict=True)
        ]
        self._metrics.characters.inc(sum(len(task.text) for task in tasks))
        for flag in (flag for one in found for flag in one.flags):
            self._metrics.flags.labels(flag).inc()
        return found

    async def translate_documents(self, tasks: Sequence[Task], format: str) -> list[Translation]:
        """As `translate`, for documents of a format, with their structure unchanged."""
        files = await asyncio.gather(
            *(self.translate_file(task.text.encode(), format, task) for task in tasks)
        )
        return [
            replace(file.about, hypotheses=(Hypothesis(file.data.decode(), file.about.score),))
            for file in files
        ]

    async def translate_file(
        self,
        data: bytes,
        format: str,
        task: Task,
        on_progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> TranslatedFile:
        """A document of a format, see `nmt.documents`, translated as `task` says.

        The text of the task is not looked at; a source that is None is detected. `on_progress` is
        called with the texts done and the texts in all. Raises InvalidInput for a document that
        is not of this format, and what `translate` raises.
        """
        code = task.target.languages[0] if task.target.is_plain else None
        document = await asyncio.to_thread(Document, data, format, code)
        texts = document.texts
        source = task.source
        if source is None:
            (detection,) = await self.detect([" ".join(texts)[:DETECTED_CHARACTERS]])
            source = detection.language if detection else None
        found: list[Translation] = []
        for start in range(0, len(texts), TEXTS_TOGETHER):
            on_progress(len(found), len(texts))
            some = texts[start : start + TEXTS_TOGETHER]
            tasks = [replace(task, text=text, source=source, align=True) for text in some]
            found += await self._translate_patiently(tasks)
        on_progress(len(found), len(texts))
        aligned = [Aligned(one.text, one.links) for one in found]
        translated = await asyncio.to_thread(document.translated, aligned)
        plan = Plan(tuple(Segment(one.text, is_sentence=True) for one in found))
        about = replace(assemble(plan, task.target, source, found), links=())
        return TranslatedFile(translated, about, sum(map(len, texts)))

    async def _translate_patiently(self, tasks: Sequence[Task]) -> list[Translation]:
        """As `translate`; where the queue is full a document waits, having come so far."""
        while True:
            try:
                return await self.translate(tasks)
            except QueueFull:
                await asyncio.sleep(FULL_QUEUE_PAUSE_SECONDS)

    def _sentence(self, translator: Translator, job: Job, alternatives: bool) -> _Sentence:
        via = translator.pivot_of(job) if self._settings.untrained == "pivot" else None
        return _Sentence(job, via, translator.sentences.count_pieces(job.text), alternatives)

    async def _load(self) -> None:
        try:
            self._loaded = await self._loaded_model()
            self._metrics.ready.set(1)
        except Exception as error:  # kept, for whoever asks whether the service is ready
            self.failure = error
            self.on_failure()

    async def _reload(self) -> None:
        before = self._loaded
        try:
            self._loaded = await self._loaded_model()
        except Exception as error:
            log.error("the model is as it was, loading it again failed: %s", error)
            return
        if before is not None:
            await before.batcher.close()

    async def _loaded_model(self) -> Loaded:
        start = time.perf_counter()
        translator = await asyncio.to_thread(self._load_model)
        loaded = Loaded(translator, await self._batcher(translator))
        seconds = time.perf_counter() - start
        log.info("ready after %.1f s: %s", seconds, " ".join(translator.languages))
        return loaded

    async def _batcher(self, translator: Translator) -> Batcher[_Sentence, Translation]:
        settings = self._settings
        if self._engine is not None:
            return await RemoteBatcher.connect(self._engine, settings.queue_size)
        return MicroBatcher(
            partial(self._translate_batch, translator),
            limits=BatchLimits(
                settings.batch_size, settings.batch_pieces, settings.batch_wait_seconds
            ),
            queue_size=settings.queue_size,
            threads=settings.threads or os.cpu_count() or 1,
            cost=lambda sentence: sentence.cost,
            on_batch=self._note_batch,
        )

    def _note_batch(self, sentences: list[_Sentence], waited: list[float], seconds: float) -> None:
        waiting = self._loaded.batcher.waiting if self._loaded else 0
        pieces = sum(sentence.pieces for sentence in sentences)
        self._metrics.note_batch(pieces, waited, seconds, waiting)

    def _load_model(self) -> Translator:
        settings = self._settings
        if self._given is not None:
            return self._given
        if self._engine is not None:
            return load_without_engine(settings.model)
        return load_translator(
            settings.model,
            engine=settings.engine,
            device=settings.device,
            threads=settings.threads,
            precision=settings.precision,
        )

    def _translate_batch(
        self, translator: Translator, sentences: list[_Sentence]
    ) -> list[Translation]:
        """Runs in the batcher's threads; different languages and mixes share a batch."""
        beam = self._settings.beam_size
        # The translation itself is the same, however many hypotheses are told.
        n_best = beam if any(sentence.alternatives for sentence in sentences) else 1
        options = DecodeOptions(beam, n_best, batch_size=self._settings.batch_size)
        results: dict[int, Translation] = {}
        for via in {sentence.via for sentence in sentences}:
            places = [i for i, sentence in enumerate(sentences) if sentence.via == via]
            jobs = [sentences[i].job for i in places]
            found = translator.translate_jobs(jobs, via, options)
            results |= zip(places, found, strict=True)
        return [results[i] for i in range(len(sentences))]


async def _planned(tasks: Sequence[Task], translator: Translator) -> list[Plan]:
    """The sentences of each task; a thread costs more than short texts do."""

    def plans() -> list[Plan]:
        return [_plan(task, translator) for task in tasks]

    if sum(len(task.text) for task in tasks) <= PLANNED_AT_ONCE:
        return plans()
    return await asyncio.to_thread(plans)


def _plan(task: Task, translator: Translator) -> Plan:
    if task.keep:
        return Plan((Segment(task.text, is_sentence=False),))
    return translator.plan(task.text, task.source)
