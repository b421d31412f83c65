"""Work spread over processes that never outlive the one that started them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from nmt.errors import CorpusError


class Workers:
    """Some processes, one a core if no number is given; one alone is this process itself."""

    def __init__(self, count: int | None = None) -> None:
        self._count = count or os.cpu_count() or 1
        # Processes start with the first task; without tasks there are none.
        self._pool = ProcessPoolExecutor(
            self._count, multiprocessing.get_context("spawn"), initializer=_end_with_parent
        )

    def run(self, tasks: Iterable[tuple[Any, ...]]) -> Iterator[int]:
        """Results of (function, argument, …) tasks as they finish; the tasks may be endless.

        Raises what a task raises, and CorpusError if a process was killed.
        """
        if self._count == 1:
            yield from (function(*arguments) for function, *arguments in tasks)
            return
        running: set[Future[int]] = set()
        try:
            for function, *arguments in tasks:
                running.add(self._pool.submit(function, *arguments))
                # Enough to keep all busy; more would only hold more input in memory.
                if len(running) > 2 * self._count:
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    yield from (future.result() for future in done)
            for future in running:
                yield future.result()
        except BrokenProcessPool:
            raise CorpusError(
                "a worker process was killed, perhaps for want of memory: run it again with fewer "
                "--workers; what is finished stays"
            ) from None

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)


def _end_with_parent() -> None:
    """Leave Ctrl-C to the parent, and end when it ends: after a kill -9 nobody else would."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_watch_parent, daemon=True).start()


def _watch_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
