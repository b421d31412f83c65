"""From texts to translations: one model and one queue, which the application owns."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice

from nmt import DecodeOptions, TargetMix, Translation, Translator, load_translator
from nmt.errors import InputTooLong
from nmt.text.langid import Detection, LanguageIdentifier
from nmt.text.segment import Segment, join, split
from serve.batcher import MicroBatcher
from serve.errors import NotReady, TookTooLong
from serve.languages import known_code
from serve.settings import Settings

AUTO = "auto"  # the source that stands for any
UNCHANGED = "unchanged"  # the path of a text that needed no translation
SHOWN_CHARACTERS = 40  # of a sentence, in an error

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Task:
    """One text to translate; `source` is None where nobody knows it."""

    text: str
    target: TargetMix
    source: str | None
    n_best: int = 1
    keep: bool = False  # leave the text as it is: it is in the target language already


@dataclass(frozen=True)
class Answer:
    """The translations of one text, best first and all different, and how they were made."""

    texts: tuple[str, ...]
    path: str
    truncated: bool = False

    @property
    def text(self) -> str:
        """The best one."""
        return self.texts[0]


@dataclass(frozen=True)
class Loaded:
    """All that exists only once the model is there."""

    translator: Translator
    identifier: LanguageIdentifier
    batcher: MicroBatcher[Task, Translation]


class Backend:
    """Loads the model, then translates whatever concurrent requests bring, in shared batches."""

    def __init__(
        self,
        settings: Settings,
        translator: Translator | None = None,
        identifier: LanguageIdentifier | None = None,
    ) -> None:
        self._settings = settings
        self._given = translator, identifier
        self._loaded: Loaded | None = None
        self._loading: asyncio.Task[None] | None = None
        self.failure: Exception | None = None
        self.on_failure: Callable[[], None] = lambda: None

    async def start(self) -> None:
        """Begin to load the model, and return at once; a translator that was given is ready now."""
        self._loading = asyncio.create_task(self._load())
        if self._given[0] is not None:
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
        return await asyncio.to_thread(self.ready().identifier.detect_all, texts)

    async def sources(self, texts: Sequence[str], source: str) -> list[Detection | None]:
        """The language of each text: the code that the client gave, or detected where it is `auto`.

        Raises NotReady, and UnknownLanguage for a code that the model lacks.
        """
        if source.strip().lower() == AUTO:
            return await self.detect(texts)
        return [Detection(known_code(source, self.languages), 1.0)] * len(texts)

    async def translate(self, tasks: Sequence[Task]) -> list[Answer]:
        """One answer for each task, in order: long texts sentence by sentence, layout kept.

        What has no letters comes back unchanged. Raises NotReady, QueueFull, TookTooLong, and
        InputTooLong for a sentence beyond the model's limit.
        """
        loaded = self.ready()
        plans = await asyncio.to_thread(lambda: [_plan(task, loaded.translator) for task in tasks])
        jobs = [
            Task(segment.text, task.target, task.source, task.n_best)
            for task, segments in zip(tasks, plans, strict=True)
            for segment in segments
            if segment.is_sentence
        ]
        try:
            seconds = self._settings.max_wait_seconds
            results = iter(await asyncio.wait_for(loaded.batcher.submit(jobs), seconds))
        except asyncio.TimeoutError:
            raise TookTooLong(f"no translation within {seconds:g} seconds; try again") from None
        counts = [sum(segment.is_sentence for segment in segments) for segments in plans]
        return [
            _assemble(task.text, segments, list(islice(results, count)))
            for task, segments, count in zip(tasks, plans, counts, strict=True)
        ]

    async def _load(self) -> None:
        start = time.perf_counter()
        try:
            translator, identifier = await asyncio.to_thread(self._load_model)
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
        self._loaded = Loaded(translator, identifier, batcher)
        seconds = time.perf_counter() - start
        log.info("ready after %.1f s: %s", seconds, " ".join(translator.languages))

    def _load_model(self) -> tuple[Translator, LanguageIdentifier]:
        settings = self._settings
        translator, identifier = self._given
        if translator is None:
            translator = load_translator(
                settings.model, device=settings.device, threads=settings.threads
            )
        return translator, identifier or LanguageIdentifier(translator.languages)

    def _translate_batch(self, tasks: list[Task]) -> list[Translation]:
        """Runs in the batcher's thread; different mixes share a batch."""
        results: dict[int, Translation] = {}
        for source, n_best in {(task.source, task.n_best): None for task in tasks}:
            places = [
                i for i, task in enumerate(tasks) if (task.source, task.n_best) == (source, n_best)
            ]
            translations = self.ready().translator.translate(
                [tasks[i].text for i in places],
                [tasks[i].target for i in places],
                source=source,
                options=self._options(n_best),
            )
            results.update(zip(places, translations, strict=True))
        return [results[i] for i in range(len(tasks))]

    def _options(self, n_best: int) -> DecodeOptions:
        settings = self._settings
        return DecodeOptions(
            beam_size=settings.beam_size, n_best=n_best, batch_size=settings.batch_size
        )


def _plan(task: Task, translator: Translator) -> list[Segment]:
    """The parts of a text; InputTooLong if one is a sentence beyond the model's limit."""
    if task.keep:
        return [Segment(task.text, is_sentence=False)]
    segments = split(task.text, task.source or task.target.languages[0])
    for segment in segments:
        pieces = translator.count_pieces(segment.text) if segment.is_sentence else 0
        if pieces > translator.max_pieces:
            begin = segment.text[:SHOWN_CHARACTERS]
            raise InputTooLong(
                f"the sentence that begins {begin!r} has {pieces} pieces: this model takes up to"
                f" {translator.max_pieces}; split it"
            )
    return segments


def _assemble(text: str, segments: Sequence[Segment], results: Sequence[Translation]) -> Answer:
    """The translation of a text from those of its sentences: best with best, second with second."""
    if not results:
        return Answer((text,), UNCHANGED)
    texts = []
    for rank in range(max(len(result.hypotheses) for result in results)):
        chosen = [result.hypotheses[min(rank, len(result.hypotheses) - 1)] for result in results]
        texts.append(join(segments, [hypothesis.text for hypothesis in chosen]))
    truncated = any(result.truncated for result in results)
    return Answer(tuple(dict.fromkeys(texts)), results[0].path, truncated)
