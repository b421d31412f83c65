"""A batcher in another process does what one in this process does."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from serve.batcher import BatcherClosed, BatchLimits, MicroBatcher, QueueFull
from serve.remote import RemoteBatcher, share

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="needs Unix sockets"),
]

LIMIT_SECONDS = 10


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Unpicklable(Exception):
    """An error that cannot leave its process."""

    def __init__(self, first: str, second: object) -> None:
        super().__init__(first)
        self.second = lambda: second


@asynccontextmanager
async def connected(
    path: Path, handler: Callable[[list[str]], list[str]], queue_size: int = 100
) -> AsyncIterator[tuple[MicroBatcher[str, str], RemoteBatcher[str, str], asyncio.Server]]:
    limits = BatchLimits(items=1, cost=1000, delay_seconds=0)
    batcher = MicroBatcher(handler, limits=limits, queue_size=queue_size)
    server = await share(lambda: batcher, path / "socket")
    remote: RemoteBatcher[str, str] = await RemoteBatcher.connect(path / "socket", queue_size)
    try:
        yield batcher, remote, server
    finally:
        server.close()
        await asyncio.wait_for(remote.close(), LIMIT_SECONDS)
        await asyncio.wait_for(batcher.close(), LIMIT_SECONDS)


async def until(condition: Callable[[], bool]) -> None:
    async def poll() -> None:
        while not condition():
            await asyncio.sleep(0.001)

    await asyncio.wait_for(poll(), LIMIT_SECONDS)


async def test_calls_at_once_get_their_own_results(tmp_path: Path) -> None:
    async with connected(tmp_path, lambda items: [f"*{item}*" for item in items]) as (_, remote, _):
        calls = [remote.submit([f"{i}", f"{i} again"]) for i in range(20)]
        answers = await asyncio.gather(*calls)
    assert [*answers] == [[f"*{i}*", f"*{i} again*"] for i in range(20)]


@pytest.mark.parametrize("error", [ValueError("bad"), Unpicklable("bad", 1)])
async def test_an_error_reaches_the_caller(tmp_path: Path, error: Exception) -> None:
    def fail(items: list[str]) -> list[str]:
        raise error

    async with connected(tmp_path, fail) as (_, remote, _):
        with pytest.raises((ValueError, RuntimeError), match="bad"):
            await remote.submit(["a"])


async def test_many_calls_fill_the_queue_and_a_long_one_does_not(tmp_path: Path) -> None:
    gate = threading.Event()

    def wait(items: list[str]) -> list[str]:
        assert gate.wait(LIMIT_SECONDS)
        return items

    async with connected(tmp_path, wait, queue_size=3) as (_, remote, _):
        calls = [asyncio.create_task(remote.submit(["sentence"] * 10))]
        await until(lambda: remote.waiting == 10)
        assert not remote.is_full
        for _ in range(2):
            calls.append(asyncio.create_task(remote.submit(["sentence"])))
        await until(lambda: remote.waiting == 12)
        assert remote.is_full
        gate.set()
        await asyncio.gather(*calls)
        assert not remote.is_full


async def test_a_caller_that_leaves_leaves_the_queue_over_there(tmp_path: Path) -> None:
    gate = threading.Event()
    seen: list[str] = []

    def wait(items: list[str]) -> list[str]:
        seen.extend(items)
        assert gate.wait(LIMIT_SECONDS)
        return items

    async with connected(tmp_path, wait, queue_size=1) as (batcher, remote, _):
        first = asyncio.create_task(remote.submit(["first"]))
        await until(lambda: seen == ["first"])
        gone = asyncio.create_task(remote.submit(["gone"]))
        await until(lambda: batcher.waiting == 1)
        with pytest.raises(QueueFull):
            await remote.submit(["too much"])
        gone.cancel()
        await until(lambda: batcher.waiting == 0)
        gate.set()
        assert await first == ["first"]
    assert seen == ["first"]


async def test_an_engine_that_ends_fails_what_waits_instead_of_hanging_it(tmp_path: Path) -> None:
    gate = threading.Event()

    def wait(items: list[str]) -> list[str]:
        assert gate.wait(LIMIT_SECONDS)
        return items

    async with connected(tmp_path, wait) as (batcher, remote, _):
        call = asyncio.create_task(remote.submit(["a"]))
        await until(lambda: remote.waiting == 1)
        remote._writer.transport.abort()
        with pytest.raises(BatcherClosed):
            await asyncio.wait_for(call, LIMIT_SECONDS)
        await until(lambda: batcher.waiting == 0)
        gate.set()
        with pytest.raises(BatcherClosed):
            await remote.submit(["b"])
