"""Work of many concurrent requests, gathered into batches for a few worker threads.

Knows nothing of translation: it takes items, and a handler that turns a list of items into as
many results.
"""

from __future__ import annotations

import asyncio
import heapq
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

Item = TypeVar("Item")
Given = TypeVar("Given", contravariant=True)
Result = TypeVar("Result")

LONGEST_QUEUE = 16  # times the queue that closes the door to newcomers
CHOICE = 2  # as many items as fit into a batch are looked at for those that are alike


class QueueFull(Exception):
    """So much work is waiting that no more is taken now; try again soon."""


class BatcherClosed(Exception):
    """No more work is taken: the service is stopping."""


@dataclass(frozen=True)
class BatchLimits:
    """When a batch is full, and how long it waits for that; costs are in the caller's unit."""

    items: int
    cost: float
    delay_seconds: float


@dataclass(order=True)
class _Waiting(Generic[Item, Result]):
    """An item in the queue; `turn` is the work that goes before it by fair share."""

    turn: float
    number: int
    item: Item = field(compare=False)
    cost: float = field(compare=False)
    since: float = field(compare=False)
    future: asyncio.Future[Result] = field(compare=False)


class Batcher(Protocol[Given, Result]):
    """What takes items and gives results: a `MicroBatcher` here or in another process."""

    @property
    def waiting(self) -> int:
        """How many items wait."""

    @property
    def is_full(self) -> bool:
        """Whether no more is taken now."""

    async def submit(self, items: Sequence[Given]) -> list[Result]:
        """The results of all items, in order."""

    async def close(self) -> None:
        """Finish what waits, and take no more."""


class MicroBatcher(Generic[Item, Result]):
    """Batches of what arrives together, for a handler that runs in `threads` threads.

    Calls share the handler fairly: the first item of a call waits for no more than what others
    were given already, the next for the work of those before it in the same call. So a book does
    not hold up a sentence (start-time fair queueing, Goyal et al. 1996). An item that fails, or
    whose client has left, never harms the others of its batch. All methods belong to one event
    loop; only the handler runs in other threads.
    """

    def __init__(
        self,
        handler: Callable[[list[Item]], Sequence[Result]],
        *,
        limits: BatchLimits,
        queue_size: int,
        threads: int = 1,
        cost: Callable[[Item], float] = lambda item: 1.0,
        on_batch: Callable[[list[Item], list[float], float], None] = lambda *_: None,
    ) -> None:
        """`on_batch` is told each batch, how long each item waited, and how long the batch took."""
        self._handler = handler
        self._limits = limits
        self._queue_size = queue_size
        self._cost = cost
        self._on_batch = on_batch
        self._queue: list[_Waiting[Item, Result]] = []
        self._left = 0  # of those in the queue, items whose caller has gone
        self._number = 0
        self._turn = 0.0  # of the item that was given to the handler last
        self._changed = asyncio.Event()
        self._last = 0  # items of the batch before
        self._closed = False
        self._size = self._idle = threads
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="batcher")
        self._forming = asyncio.Lock()
        self._runners = [asyncio.create_task(self._run()) for _ in range(threads)]

    @property
    def waiting(self) -> int:
        """How many items wait for a batch."""
        return len(self._queue) - self._left

    @property
    def is_full(self) -> bool:
        """Whether no more is taken now.

        What counts is the work before a newcomer, not the rest of a book whose turn comes later;
        only the memory that this takes has a limit as well.
        """
        before = sum(one.turn <= self._turn and not one.future.done() for one in self._queue)
        return before >= self._queue_size or self.waiting >= LONGEST_QUEUE * self._queue_size

    async def submit(self, items: Sequence[Item]) -> list[Result]:
        """The results of all items, in order; items of one call may share batches with others.

        All or none are taken: QueueFull while `queue_size` items would go before it, BatcherClosed
        after `close`. Raises what the handler raised for
        the first item that failed. When the caller is cancelled, what still waits is dropped.
        """
        if self._closed:
            raise BatcherClosed("the service is stopping; try again in a moment")
        if self.is_full:
            raise QueueFull("too many requests are waiting; try again in a moment")
        futures = self._enqueue(items)
        try:
            return await asyncio.gather(*futures)
        finally:
            for future in futures:
                future.cancel()

    async def close(self) -> None:
        """Take no more items, finish those that wait, and stop the threads."""
        self._closed = True
        self._changed.set()
        await asyncio.gather(*self._runners)
        self._threads.shutdown()

    def _enqueue(self, items: Sequence[Item]) -> list[asyncio.Future[Result]]:
        loop = asyncio.get_running_loop()
        turn, now = self._turn, time.monotonic()
        futures = []
        for item in items:
            future: asyncio.Future[Result] = loop.create_future()
            waiting = _Waiting(turn, self._number, item, self._cost(item), now, future)
            heapq.heappush(self._queue, waiting)
            future.add_done_callback(self._note_left)
            self._number += 1
            turn += waiting.cost
            futures.append(future)
        self._changed.set()
        return futures

    def _note_left(self, future: asyncio.Future[Result]) -> None:
        # What was given to the handler has lost this callback: it is done while it waits.
        self._left += 1

    async def _run(self) -> None:
        """What each thread's task does until all work is done."""
        while True:
            async with self._forming:
                batch = await self._next_batch()
            if not batch:
                return
            self._idle -= 1
            await self._answer(batch)
            self._idle += 1

    async def _next_batch(self) -> list[_Waiting[Item, Result]]:
        """The items whose turn it is, none that was cancelled; empty when all work is done."""
        while True:
            while not self._queue and not self._closed:
                self._changed.clear()
                await self._changed.wait()
            await self._linger()
            batch = self._take()
            if batch or (self._closed and not self._queue):
                return batch

    async def _linger(self) -> None:
        """Give batch-mates a moment to arrive, if the batch before suggests that they will.

        Where many clients wait for their answers, these bring their next requests. A thread that
        is idle need not wait for company while it can serve who is there.
        """
        expected = min(self._limits.items, self._last // 2)
        if self._idle == self._size:
            return
        until = time.monotonic() + self._limits.delay_seconds
        while not self._closed and self.waiting < expected:
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), until - time.monotonic())
            except asyncio.TimeoutError:
                return

    def _take(self) -> list[_Waiting[Item, Result]]:
        """The item whose turn it is, with those near to its turn that are most like it in cost."""
        # A share for each thread that has nothing to do: none works while another one idles.
        most = max(1, min(self._limits.items, math.ceil(self.waiting / self._idle)))
        near: list[_Waiting[Item, Result]] = []
        while self._queue and len(near) < CHOICE * most:
            one = heapq.heappop(self._queue)
            if one.future.done():
                self._left -= 1
            else:
                near.append(one)
        batch = _alike(near, most, self._limits.cost)
        chosen = {one.number for one in batch}
        for one in near:
            if one.number in chosen:
                one.future.remove_done_callback(self._note_left)
            else:
                heapq.heappush(self._queue, one)
        if batch:
            self._last = len(batch)
            self._turn = max(self._turn, near[0].turn)
        return batch

    async def _answer(self, batch: list[_Waiting[Item, Result]]) -> None:
        """Give each future its result; if the batch fails as a whole, try its items one by one."""
        try:
            results = await self._handle(batch)
        except Exception as error:
            if len(batch) == 1:
                if not batch[0].future.done():
                    batch[0].future.set_exception(error)
                return
            for one in batch:
                if not one.future.done():
                    await self._answer([one])
            return
        for one, result in zip(batch, results, strict=True):
            if not one.future.done():
                one.future.set_result(result)

    async def _handle(self, batch: list[_Waiting[Item, Result]]) -> Sequence[Result]:
        start = time.monotonic()
        loop = asyncio.get_running_loop()
        items = [one.item for one in batch]
        results = await loop.run_in_executor(self._threads, self._handler, items)
        if len(results) != len(items):
            raise RuntimeError(f"the handler gave {len(results)} results for {len(items)} items")
        self._on_batch(items, [start - one.since for one in batch], time.monotonic() - start)
        return results


def _alike(
    near: list[_Waiting[Item, Result]], most: int, cost: float
) -> list[_Waiting[Item, Result]]:
    """The first item and others of like cost: a batch takes as long as its longest item."""
    by_cost = sorted(near, key=lambda one: one.cost)
    place = next((i for i, one in enumerate(by_cost) if one is near[0]), 0)
    last = max(0, len(by_cost) - most)
    starts = range(max(0, min(place - most + 1, last)), min(place, last) + 1)
    ends = [one.cost for one in by_cost[most - 1 :]] or [0.0]
    start = min(starts, key=lambda i: ends[i] - by_cost[i].cost) if by_cost else 0
    batch = by_cost[start : start + most]
    total = sum(one.cost for one in batch)
    while len(batch) > 1 and total > cost:
        total -= batch.pop(0 if batch[-1] is near[0] else -1).cost
    return batch
