"""Work of many concurrent requests, gathered into batches for one worker thread.

Knows nothing of translation: it takes items, and a handler that turns a list of items into as
many results.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class QueueFull(Exception):
    """So much work is waiting that no more is taken now; try again soon."""


class BatcherClosed(Exception):
    """No more work is taken: the service is stopping."""


class MicroBatcher(Generic[Item, Result]):
    """Batches of at most `max_batch` items, of whatever arrives within `max_delay_seconds`.

    An item that fails, or whose client has left, never harms the others of its batch. All methods
    belong to one event loop; only the handler runs in another thread, one batch at a time.
    """

    def __init__(
        self,
        handler: Callable[[list[Item]], Sequence[Result]],
        *,
        max_batch: int,
        max_delay_seconds: float,
        queue_size: int,
    ) -> None:
        self._handler = handler
        self._max_batch = max_batch
        self._max_delay_seconds = max_delay_seconds
        self._queue_size = queue_size
        # In order of arrival; keyed by future so that a client that leaves makes room at once.
        self._waiting: dict[asyncio.Future[Result], Item] = {}
        self._some_wait = asyncio.Event()
        self._batch_is_full = asyncio.Event()
        self._closed = False
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="batcher")
        self._runner = asyncio.create_task(self._run())

    @property
    def waiting(self) -> int:
        """How many items wait for a batch."""
        return len(self._waiting)

    async def submit(self, items: Sequence[Item]) -> list[Result]:
        """The results of all items, in order; items of one call may share batches with others.

        All or none are taken: QueueFull once `queue_size` items wait (so the longest possible queue
        is that plus one call), BatcherClosed after `close`. Raises what the handler raised for
        the first item that failed. When the caller is cancelled, what still waits is dropped.
        """
        if self._closed:
            raise BatcherClosed("the service is stopping; try again in a moment")
        if len(self._waiting) >= self._queue_size:
            raise QueueFull("too many requests are waiting; try again in a moment")
        futures = [self._enqueue(item) for item in items]
        try:
            return await asyncio.gather(*futures)
        finally:
            for future in futures:
                future.cancel()

    async def close(self) -> None:
        """Take no more items, finish those that wait, and stop the thread."""
        self._closed = True
        self._some_wait.set()
        self._batch_is_full.set()
        await self._runner
        self._thread.shutdown()

    def _enqueue(self, item: Item) -> asyncio.Future[Result]:
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting[future] = item
        future.add_done_callback(lambda done: self._waiting.pop(done, None))
        self._some_wait.set()
        if len(self._waiting) >= self._max_batch:
            self._batch_is_full.set()
        return future

    async def _run(self) -> None:
        while batch := await self._next_batch():
            await self._answer(batch)

    async def _next_batch(self) -> dict[asyncio.Future[Result], Item]:
        """The items that waited longest, none that was cancelled; empty when all work is done."""
        while True:
            if not self._waiting and not self._closed:
                self._some_wait.clear()
                await self._some_wait.wait()
            await self._linger()
            first = list(islice(self._waiting, self._max_batch))
            batch = {future: self._waiting.pop(future) for future in first}
            alive = {future: item for future, item in batch.items() if not future.done()}
            if alive or (self._closed and not self._waiting):
                return alive

    async def _linger(self) -> None:
        """Give batch-mates a moment to arrive, unless a batch is full already."""
        if self._closed or len(self._waiting) >= self._max_batch:
            return
        self._batch_is_full.clear()
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._batch_is_full.wait(), self._max_delay_seconds)

    async def _answer(self, batch: dict[asyncio.Future[Result], Item]) -> None:
        """Give each future its result; if the batch fails as a whole, try its items one by one."""
        try:
            results = await self._handle(list(batch.values()))
        except Exception as error:
            if len(batch) == 1:
                _settle(next(iter(batch)), error)
                return
            for future, item in batch.items():
                if not future.done():
                    await self._answer({future: item})
            return
        for future, result in zip(batch, results, strict=True):
            if not future.done():
                future.set_result(result)

    async def _handle(self, items: list[Item]) -> Sequence[Result]:
        loop = asyncio.get_running_loop()
        results = await loop.run_in_executor(self._thread, self._handler, items)
        if len(results) != len(items):
            raise RuntimeError(f"the handler gave {len(results)} results for {len(items)} items")
        return results


def _settle(future: asyncio.Future[Result], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
