"""One batcher for several processes, over a Unix socket between processes of one service.

Frames are a length and a pickle; only processes of the same user can reach the socket.
"""

from __future__ import annotations

import asyncio
import pickle
import struct
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, Generic, TypeVar

from serve.batcher import Batcher, BatcherClosed

Item = TypeVar("Item")
Result = TypeVar("Result")

_LENGTH = struct.Struct("!I")


async def share(batcher: Callable[[], Batcher[Any, Any]], path: Path) -> asyncio.Server:
    """Let other processes use what `batcher` gives at the time of each call."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        running: dict[int, asyncio.Task[None]] = {}

        async def answer(number: int, items: Sequence[Any]) -> None:
            try:
                _write(writer, (number, await batcher().submit(items)))
            except Exception as error:
                _write(writer, (number, error))
            finally:
                running.pop(number, None)

        try:
            while True:
                number, items = await _read(reader)
                if items is not None:
                    running[number] = asyncio.create_task(answer(number, items))
                elif number in running:
                    running[number].cancel()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the other process has ended
        finally:
            for task in list(running.values()):
                task.cancel()
            writer.close()

    return await asyncio.start_unix_server(serve, path)


class RemoteBatcher(Generic[Item, Result]):
    """The batcher of another process; see `MicroBatcher` for what its methods promise."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, queue_size: int
    ) -> None:
        self._writer = writer
        self._queue_size = queue_size
        self._numbers = count()
        self._waiting: dict[int, tuple[int, asyncio.Future[list[Result]]]] = {}
        self._closed = False
        self._reading = asyncio.create_task(self._read_answers(reader))

    @classmethod
    async def connect(cls, path: Path, queue_size: int) -> RemoteBatcher[Item, Result]:
        """Use what another process shares at a path."""
        reader, writer = await asyncio.open_unix_connection(path)
        return cls(reader, writer, queue_size)

    @property
    def waiting(self) -> int:
        """How many items of this process have no result yet."""
        return sum(items for items, _ in self._waiting.values())

    @property
    def is_full(self) -> bool:
        """Whether this process alone has filled the queue, for a guess that asks nobody.

        One item of each call goes before a newcomer, not the rest of a book.
        """
        return len(self._waiting) >= self._queue_size

    async def submit(self, items: Sequence[Item]) -> list[Result]:
        """The results of all items, in order."""
        if self._closed:
            raise BatcherClosed("the service is stopping; try again in a moment")
        number = next(self._numbers)
        future: asyncio.Future[list[Result]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = len(items), future
        _write(self._writer, (number, list(items)))
        try:
            return await future
        except asyncio.CancelledError:
            _write(self._writer, (number, None))
            raise
        finally:
            self._waiting.pop(number, None)

    async def close(self) -> None:
        """Wait for the results of what was submitted, and take no more."""
        self._closed = True
        while self._waiting:
            await asyncio.wait([future for _, future in self._waiting.values()])
            await asyncio.sleep(0)
        self._reading.cancel()
        with suppress(asyncio.CancelledError):
            await self._reading
        self._writer.close()

    async def _read_answers(self, reader: asyncio.StreamReader) -> None:
        try:
            while True:
                number, answer = await _read(reader)
                _, future = self._waiting.get(number, (0, None))
                if future is None or future.done():
                    continue
                if isinstance(answer, Exception):
                    future.set_exception(answer)
                else:
                    future.set_result(answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            self._closed = True
            for _, future in self._waiting.values():
                if not future.done():
                    future.set_exception(BatcherClosed("the engine has stopped"))


async def _read(reader: asyncio.StreamReader) -> Any:
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    return pickle.loads(await reader.readexactly(length))


def _write(writer: asyncio.StreamWriter, frame: tuple[int, Any]) -> None:
    if writer.is_closing():
        return
    try:
        data = pickle.dumps(frame)
    except (pickle.PicklingError, TypeError, AttributeError):
        data = pickle.dumps((frame[0], RuntimeError(repr(frame[1]))))
    writer.write(_LENGTH.pack(len(data)) + data)
