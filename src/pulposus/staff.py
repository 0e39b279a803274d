"""Processes that compute parts of one job, each with one thread of its own.

What: `Process` starts one: parts in, results out, through a pipe. Why processes: one XLA program uses little more than
one core here, and with several threads it was seen to hang. Pipes alone and no locks: nothing is left behind in the
system when the process that shares out the work is ended at once. Ctrl-C is for that process, so those that it starts
are born deaf to it; they end when it does, however that came.
Reads, writes: nothing.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from typing import Any

from pulposus import interrupt

Work = Callable[[Any], Any]
WAIT = 0.5  # maths: seconds between two looks for Ctrl-C
ALONE = {"NPROC": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


class Process:
    """A spawned process that computes `work(part)` for each part it is sent, and sends back what comes of it, a raised
    exception as itself.
    """

    def __init__(self, work: Work) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, there = context.Pipe()
        self._process = context.Process(target=_serve, args=(there, work), daemon=True)
        before = {name: os.environ.get(name) for name in ALONE}
        os.environ.update(ALONE)  # a process inherits it when it starts
        resource_tracker.ensure_running()  # it would let signals through again if it started in between
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            self._process.start()
            there.close()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})

    @property
    def number(self) -> int | None:
        """Number of the process in the system."""
        return self._process.pid

    def end(self) -> None:
        """End it, whatever it is at."""
        self._process.terminate()

    def join(self) -> None:
        """Wait until it has ended."""
        self._process.join()


@contextmanager
def staff(count: int, work: Work) -> Iterator[list[Connection]]:
    """Pipes to as many processes; on leaving they are ended."""
    made = list[Process]()
    try:
        for _ in range(count):
            made.append(Process(work))
        yield [one.pipe for one in made]
    finally:
        for one in made:
            one.end()
        for one in made:
            one.join()


def _serve(pipe: Connection, work: Work) -> None:
    """What a process does: parts in, results out, until whoever shares them out is gone."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_follow, args=(parent.sentinel,), daemon=True).start()
    alone()
    try:
        while True:
            part = pipe.recv()
            try:
                made: Any = work(part)
            except Exception as problem:
                made = problem
            pipe.send(made)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def alone() -> None:
    """Settings of a process that computes by itself."""
    import jax

    jax.config.update("jax_cpu_enable_async_dispatch", False)


def _follow(sentinel: int) -> None:
    """End this process when its parent has ended, however that came."""
    multiprocessing.connection.wait([sentinel])
    os._exit(interrupt.STOPPED)
