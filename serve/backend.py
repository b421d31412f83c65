"""From texts to translations: one model and one queue, which the application owns."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from nmt import DecodeOptions, Hypothesis, TargetMix, Translation, Translator, load_translator
from nmt.decode.careful import Job
from nmt.decode.glossary import Glossary
from nmt.decode.plan import Plan
from nmt.decode.translator import assemble
from nmt.documents import Aligned, Document
from nmt.text.langid import Detection
from nmt.text.segment import Segment
from serve.batcher import MicroBatcher
from serve.errors import NotReady, TookTooLong
from serve.languages import known_code
from serve.settings import Settings

AUTO = "auto"  # the source that stands for any
DETECTED_CHARACTERS = 5_000  # of a document, to tell its language by
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
    batcher: MicroBatcher[Job, Translation]


class Backend:
    """Loads the model, then translates whatever concurrent requests bring, in shared batches."""

    def __init__(self, settings: Settings, translator: Translator | None = None) -> None:
        self._settings = settings
        self._given = translator
        self._loaded: Loaded | None = None
        self._loading: asyncio.Task[None] | None = None
        self.failure: Exception | None = None
        self.on_failure: Callable[[], None] = lambda: None

    async def start(self) -> None:
        """Begin to load the model, and return at once; a translator that was given is ready now."""
        self._loading = asyncio.create_task(self._load())
        if self._given is not None:
            await self._loading

    async def stop(self) -> None:
        """Finish what waits, and take no more."""
        if self._loading is not None:
            await self._loading
        if self._loaded is not None:
            await self._loaded.batcher.close()

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

        What has no letters comes back unchanged. Raises NotReady, QueueFull and TookTooLong.
        """
        loaded = self.ready()
        plans = await asyncio.to_thread(lambda: [_plan(task, loaded.translator) for task in tasks])
        jobs = [
            Job(sentence, task.target, task.source, task.glossary, task.align)
            for task, plan in zip(tasks, plans, strict=True)
            for sentence in plan.sentences
        ]
        try:
            seconds = self._settings.max_wait_seconds
            results = iter(await asyncio.wait_for(loaded.batcher.submit(jobs), seconds))
        except asyncio.TimeoutError:
            raise TookTooLong(f"no translation within {seconds:g} seconds; try again") from None
        return [
            assemble(plan, task.target, task.source, list(islice(results, len(plan.sentences))))
            for task, plan in zip(tasks, plans, strict=True)
        ]

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
            found += await self.translate(tasks)
        on_progress(len(found), len(texts))
        aligned = [Aligned(one.text, one.links) for one in found]
        translated = await asyncio.to_thread(document.translated, aligned)
        plan = Plan(tuple(Segment(one.text, is_sentence=True) for one in found))
        about = replace(assemble(plan, task.target, source, found), links=())
        return TranslatedFile(translated, about, sum(map(len, texts)))

    async def _load(self) -> None:
        start = time.perf_counter()
        try:
            translator = await asyncio.to_thread(self._load_model)
        except Exception as error:  # kept, for whoever asks whether the service is ready
            self.failure = error
            self.on_failure()
            return
        batcher = MicroBatcher(
            self._translate_batch,
            max_batch=self._settings.batch_size,
            max_delay_seconds=self._settings.batch_wait_seconds,
            queue_size=self._settings.queue_size,
        )
        self._loaded = Loaded(translator, batcher)
        seconds = time.perf_counter() - start
        log.info("ready after %.1f s: %s", seconds, " ".join(translator.languages))

    def _load_model(self) -> Translator:
        settings = self._settings
        return self._given or load_translator(
            settings.model,
            engine=settings.engine,
            device=settings.device,
            threads=settings.threads,
            precision=settings.precision,
        )

    def _translate_batch(self, jobs: list[Job]) -> list[Translation]:
        """Runs in the batcher's thread; different languages and mixes share a batch."""
        settings = self._settings
        # All hypotheses of the beam: who wants fewer alternatives takes the first.
        options = DecodeOptions(
            beam_size=settings.beam_size, n_best=settings.beam_size, batch_size=settings.batch_size
        )
        return self.ready().translator.translate_jobs(jobs, options=options)


def _plan(task: Task, translator: Translator) -> Plan:
    if task.keep:
        return Plan((Segment(task.text, is_sentence=False),))
    return translator.plan(task.text, task.source)
