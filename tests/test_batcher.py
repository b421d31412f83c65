"""The batcher gathers concurrent work, and nobody's trouble becomes somebody else's."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import anyio
import pytest

from serve.batcher import BatcherClosed, BatchLimits, MicroBatcher, QueueFull

pytestmark = pytest.mark.anyio

LIMIT_SECONDS = 10  # for whatever would hang if the code were wrong


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Handler:
    """Puts stars around items, notes its batches, and fails for any batch with `bad` in it."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.threads: set[int] = set()
        self.open = threading.Event()
        self.open.set()

    def __call__(self, items: list[str]) -> Sequence[str]:
        self.threads.add(threading.get_ident())
        self.batches.append(items)
        assert self.open.wait(LIMIT_SECONDS)
        if "bad" in items:
            raise ValueError("bad")
        return [f"*{item}*" for item in items]


@asynccontextmanager
async def running(
    handler: Callable[[list[str]], Sequence[str]],
    max_batch: int = 8,
    max_delay_seconds: float = 0.02,
    queue_size: int = 100,
    max_cost: float = 1000,
    threads: int = 1,
) -> AsyncIterator[MicroBatcher[str, str]]:
    batcher = MicroBatcher(
        handler,
        limits=BatchLimits(max_batch, max_cost, max_delay_seconds),
        queue_size=queue_size,
        threads=threads,
        cost=len,
    )
    try:
        with anyio.fail_after(LIMIT_SECONDS):
            yield batcher
    finally:
        if isinstance(handler, Handler):
            handler.open.set()
        await asyncio.wait_for(batcher.close(), LIMIT_SECONDS)


def ask(batcher: MicroBatcher[str, str], *items: str) -> asyncio.Task[list[str]]:
    return asyncio.create_task(batcher.submit(items))


async def until(condition: Callable[[], bool]) -> None:
    """Waits for what another task or thread brings about."""
    while not condition():
        await asyncio.sleep(0.001)


async def busy(batcher: MicroBatcher[str, str], handler: Handler) -> asyncio.Task[list[str]]:
    """Keeps the handler in a batch until `handler.open` is set."""
    handler.open.clear()
    task = ask(batcher, "busy")
    await until(lambda: len(handler.batches) == 1)
    return task


async def test_concurrent_calls_share_a_batch_and_get_their_own_results_in_order() -> None:
    handler = Handler()
    async with running(handler, max_delay_seconds=0.2) as batcher:
        answers = await asyncio.gather(batcher.submit(["a", "b"]), batcher.submit(["c"]))
    assert [*answers] == [["*a*", "*b*"], ["*c*"]]
    assert [sorted(batch) for batch in handler.batches] == [["a", "b", "c"]]


async def test_no_batch_is_larger_than_allowed() -> None:
    handler = Handler()
    items = [str(number) for number in range(10)]
    async with running(handler, max_batch=4) as batcher:
        assert await batcher.submit(items) == [f"*{item}*" for item in items]
    assert [len(batch) for batch in handler.batches] == [4, 4, 2]


async def test_a_full_batch_does_not_wait_for_the_deadline() -> None:
    async with running(Handler(), max_batch=2, max_delay_seconds=60) as batcher:
        first = ask(batcher, "a")
        await asyncio.sleep(0.05)  # by now it waits for a mate
        second = ask(batcher, "b")
        assert [await first, await second] == [["*a*"], ["*b*"]]


async def test_a_lone_item_is_answered_after_the_deadline() -> None:
    async with running(Handler(), max_batch=1000) as batcher:
        assert await batcher.submit(["a"]) == ["*a*"]


async def test_nothing_in_gives_nothing_out() -> None:
    async with running(Handler()) as batcher:
        assert await batcher.submit([]) == []


async def test_the_handler_runs_in_one_thread_that_is_not_the_callers() -> None:
    handler = Handler()
    async with running(handler, max_batch=1) as batcher:
        await batcher.submit(["a", "b", "c"])
    assert len(handler.threads) == 1
    assert threading.get_ident() not in handler.threads


async def test_no_batch_costs_more_than_allowed_unless_it_is_one_item() -> None:
    handler = Handler()
    async with running(handler, max_cost=4) as batcher:
        await batcher.submit(["aa", "bb", "c", "dddddd", "e"])
    assert all(len(batch) == 1 or len("".join(batch)) <= 4 for batch in handler.batches)
    assert len(handler.batches) == 3
    assert sum(map(len, handler.batches)) == 5


async def test_items_of_like_cost_share_a_batch_but_the_oldest_goes_first() -> None:
    handler = Handler()
    async with running(handler, max_batch=3) as batcher:
        first = await busy(batcher, handler)
        tasks = [ask(batcher, item) for item in ("aaaa", "b", "cccc", "d", "eeee", "f")]
        await until(lambda: batcher.waiting == 6)
        handler.open.set()
        await asyncio.gather(first, *tasks)
    assert [sorted(batch) for batch in handler.batches[1:]] == [
        ["aaaa", "cccc", "eeee"],
        ["b", "d", "f"],
    ]


async def test_a_long_call_does_not_hold_up_a_short_one_that_comes_later() -> None:
    handler = Handler()
    async with running(handler, max_batch=1) as batcher:
        first = await busy(batcher, handler)
        book = ask(batcher, *(f"page {number}" for number in range(50)))
        await until(lambda: batcher.waiting == 50)
        short = ask(batcher, "short")
        await until(lambda: batcher.waiting == 51)
        handler.open.set()
        await asyncio.gather(first, short, book)
    assert handler.batches.index(["short"]) <= 2


async def test_short_calls_do_not_starve_a_long_one() -> None:
    handler = Handler()
    async with running(handler, max_batch=1, queue_size=1000) as batcher:
        first = await busy(batcher, handler)
        book = ask(batcher, *(["page"] * 10))
        await until(lambda: batcher.waiting == 10)
        handler.open.set()
        await first
        shorts = 0
        while not book.done():  # always one short call in the queue
            await batcher.submit(["short"])
            shorts += 1
    assert shorts <= 15


async def test_threads_that_are_free_share_what_waits() -> None:
    handler = Handler()
    handler.open.clear()
    async with running(handler, max_delay_seconds=0.05, threads=2) as batcher:
        call = ask(batcher, "a", "b", "c", "d")
        await until(lambda: len(handler.batches) == 2)
        assert handler.batches == [["a", "b"], ["c", "d"]]
        assert len(handler.threads) == 2
        handler.open.set()
        assert await call == ["*a*", "*b*", "*c*", "*d*"]


async def test_each_batch_is_told_with_the_time_that_its_items_waited() -> None:
    told: list[tuple[list[str], list[float], float]] = []
    batcher = MicroBatcher(
        Handler(),
        limits=BatchLimits(8, 1000, 0.05),
        queue_size=10,
        on_batch=lambda *what: told.append(what),
    )
    first = ask(batcher, "a")
    await asyncio.sleep(0)
    await until(lambda: batcher.waiting == 0)
    await batcher.submit(["b", "c"])
    await first
    await batcher.close()
    assert [items for items, _, _ in told] == [["a"], ["b", "c"]]
    assert all(
        0 <= seconds < LIMIT_SECONDS for _, waited, took in told for seconds in [*waited, took]
    )


async def test_an_item_that_fails_does_not_fail_its_batch_mates() -> None:
    handler = Handler()
    async with running(handler, max_delay_seconds=0.2) as batcher:
        tasks = [ask(batcher, item) for item in ("a", "bad", "b")]
        answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert sorted(handler.batches[0]) == ["a", "b", "bad"]
    assert answers[0] == ["*a*"] and answers[2] == ["*b*"]
    assert isinstance(answers[1], ValueError)


async def test_a_call_fails_as_a_whole_and_what_still_waits_of_it_is_dropped() -> None:
    handler = Handler()
    async with running(handler, max_batch=1) as batcher:
        with pytest.raises(ValueError, match="bad"):
            await batcher.submit(["bad", "a", "b", "c"])
        await until(lambda: batcher.waiting == 0)
        assert await batcher.submit(["d"]) == ["*d*"]
    assert ["c"] not in handler.batches


async def test_a_handler_that_loses_a_result_fails_the_call_instead_of_hanging_it() -> None:
    async with running(lambda items: []) as batcher:
        with pytest.raises(RuntimeError, match="0 results for 1 items"):
            await batcher.submit(["a"])


async def test_a_client_that_leaves_the_queue_makes_room_and_costs_the_others_nothing() -> None:
    handler = Handler()
    async with running(handler, queue_size=3) as batcher:
        first = await busy(batcher, handler)
        tasks = [ask(batcher, item) for item in ("a", "gone", "b")]
        await until(lambda: batcher.waiting == 3)
        tasks[1].cancel()
        await until(lambda: batcher.waiting == 2)
        late = ask(batcher, "late")
        await until(lambda: batcher.waiting == 3)
        handler.open.set()
        answers = await asyncio.gather(first, tasks[0], tasks[2], late)
    assert [*answers] == [["*busy*"], ["*a*"], ["*b*"], ["*late*"]]
    assert handler.batches == [["busy"], ["a", "b", "late"]]


async def test_a_client_that_leaves_during_its_batch_does_not_hurt_the_others() -> None:
    handler = Handler()
    handler.open.clear()
    async with running(handler, max_delay_seconds=0.2) as batcher:
        gone, stays = ask(batcher, "gone"), ask(batcher, "stays")
        await until(lambda: handler.batches == [["gone", "stays"]])
        gone.cancel()
        handler.open.set()
        assert await stays == ["*stays*"]
        assert await batcher.submit(["next"]) == ["*next*"]


async def test_a_full_queue_refuses_at_once_and_takes_again_when_there_is_room() -> None:
    handler = Handler()
    async with running(handler, queue_size=2) as batcher:
        first = await busy(batcher, handler)
        second, third = ask(batcher, "a"), ask(batcher, "b")
        await until(lambda: batcher.waiting == 2)
        with pytest.raises(QueueFull, match="try again"):
            await batcher.submit(["c"])
        handler.open.set()
        await asyncio.gather(first, second, third)
        assert await batcher.submit(["c"]) == ["*c*"]


async def test_a_book_does_not_close_the_door_but_too_many_books_do() -> None:
    handler = Handler()
    async with running(handler, queue_size=2) as batcher:
        first = await busy(batcher, handler)
        book = ask(batcher, *(["page"] * 30))
        await until(lambda: batcher.waiting == 30)
        assert not batcher.is_full
        another = ask(batcher, "x", "y")
        await until(lambda: batcher.waiting == 32)
        assert batcher.is_full
        handler.open.set()
        await asyncio.gather(first, book, another)


async def test_one_call_may_be_longer_than_the_queue() -> None:
    async with running(Handler(), max_batch=2, queue_size=1) as batcher:
        assert len(await batcher.submit(["x"] * 9)) == 9


async def test_closing_finishes_what_waits_and_takes_no_more() -> None:
    handler = Handler()
    async with running(handler, max_batch=1) as batcher:
        first = await busy(batcher, handler)
        second = ask(batcher, "a", "b")
        await until(lambda: batcher.waiting == 2)
        closing = asyncio.create_task(batcher.close())
        await asyncio.sleep(0)
        with pytest.raises(BatcherClosed):
            await batcher.submit(["too late"])
        handler.open.set()
        await closing
        assert (await first, await second) == (["*busy*"], ["*a*", "*b*"])


async def test_closing_an_idle_batcher_returns() -> None:
    async with running(Handler()):
        pass
