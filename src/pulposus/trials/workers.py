"""Parts of a trial shared out among processes of one machine, or a Ray cluster.

What: `share` hands each part to whoever is free and yields its place and what came of it, in the order in which they
are over. A process that is ended from outside costs the part it was at: the part is computed again, then its members
one by one, and a member with which a process ends again and again gets what `lost` says of it.
Why this holds: what a part gives hangs on the part alone, so who computes it, when, and how often it was begun has no
part in it. Ray is imported when it is asked for.
Reads, writes: nothing.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing.connection
import os
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from pulposus import interrupt
from pulposus.errors import InputError
from pulposus.staff import ALONE, WAIT, Process, alone

LOCAL = "local"
TRIES = 2  # maths: times that a part, and then each of its members, is begun before it is given up
_VAIN = 3  # maths: processes that end one after the other before anything at all was computed
_ANSWERS = 5.0  # maths: seconds in which a cluster answers
_AHEAD = 2  # maths: parts that Ray holds for each of its processors

Look = Callable[[], None]


@dataclass
class _Task:
    """A part, or a member of one (`member` is its place there), and how often it was begun in vain."""

    place: int
    part: Sequence[Any]
    member: int = -1
    tries: int = 0


class _Book:
    """What is to do, and what has come of parts whose members are computed one by one."""

    def __init__(
        self,
        parts: Sequence[Sequence[Any]],
        lost: Callable[[Sequence[Any]], Any],
        joined: Callable[[Sequence[Any]], Any],
    ) -> None:
        self.todo = deque(_Task(place, part) for place, part in enumerate(parts))
        self.lost, self.joined = lost, joined
        self._pieces: dict[int, dict[int, Any]] = {}
        self._sizes = [len(part) for part in parts]
        self.vain = 0

    def came(self, task: _Task, result: Any) -> Iterator[tuple[int, Any]]:
        """The part of a task, if it is whole now."""
        self.vain = -1
        if task.member < 0:
            yield task.place, result
            return
        pieces = self._pieces.setdefault(task.place, {})
        pieces[task.member] = result
        if len(pieces) == self._sizes[task.place]:
            yield task.place, self.joined([pieces[k] for k in sorted(pieces)])

    def gone(self, task: _Task) -> Iterator[tuple[int, Any]]:
        """A task whose process was ended: begun again, taken apart, or given up."""
        task.tries += 1
        if self.vain >= 0:
            self.vain += 1
            if self.vain > _VAIN:
                raise InputError(
                    "Every process that was started has ended before it computed anything, perhaps for want of memory; "
                    "take fewer workers, and go on with --resume."
                )
        if task.tries < TRIES:
            self.todo.append(task)
        elif task.member < 0 and len(task.part) > 1:
            self.todo.extend(_Task(task.place, [one], k) for k, one in enumerate(task.part))
        else:
            self.vain = -1
            yield from self.came(task, self.lost(task.part))


def share(
    parts: Sequence[Sequence[Any]],
    work: Callable[[Any], Any],
    *,
    lost: Callable[[Sequence[Any]], Any],
    joined: Callable[[Sequence[Any]], Any],
    workers: int | None = 1,
    ray: str = "",
    look: Look = lambda: None,
) -> Iterator[tuple[int, Any]]:
    """Place and result of each part (a list of members) when it is over.

    work: part -> result, importable by its name. lost: what members with which processes end are given. joined: results
    of members, in their order, as that of a part. workers: processes (as many as processors where None; 1 computes
    here). ray: address of a cluster, or "local". look: called often, for a bar. Raises KeyboardInterrupt on Ctrl-C,
    InputError where Ray is not there or every process ends, and what `work` raises.
    """
    if workers is not None and workers < 1:
        raise InputError(f"{workers} workers cannot compute anything; give one or more.")
    book = _Book(parts, lost, joined)
    if ray:
        yield from _on_ray(book, work, ray, workers, look)
    elif workers == 1 or not parts:
        for task in book.todo:
            look()
            interrupt.check()
            yield task.place, work(task.part)
    else:
        yield from _on_processes(book, work, min(workers or os.cpu_count() or 1, len(parts)), look)


def _on_processes(
    book: _Book, work: Callable[[Any], Any], count: int, look: Look
) -> Iterator[tuple[int, Any]]:
    busy: dict[Any, tuple[Process, _Task]] = {}
    free: list[Process] = []
    try:
        while book.todo or busy:
            while book.todo and len(busy) < count:
                process, task = free.pop() if free else Process(work), book.todo.popleft()
                busy[process.pipe] = (process, task)
                with contextlib.suppress(OSError):  # it has ended meanwhile: its pipe says so below
                    process.pipe.send(task.part)
            for pipe in multiprocessing.connection.wait(list(busy), WAIT):
                process, task = busy.pop(pipe)
                try:
                    made = process.pipe.recv()
                except (EOFError, OSError):
                    process.join()
                    yield from book.gone(task)
                    continue
                if isinstance(made, BaseException):
                    busy[pipe] = (process, task)
                    raise made
                free.append(process)
                yield from book.came(task, made)
            look()
            interrupt.check()
    finally:
        every = [*free, *(process for process, _ in busy.values())]
        for process in every:
            process.end()
        for process in every:
            process.join()


def _by_itself(work: Callable[[Any], Any], part: Sequence[Any]) -> Any:
    """A part in a process of Ray, with one thread."""
    alone()
    return work(part)


def _knock(address: str) -> None:
    """Raise InputError where nobody answers at an address; Ray itself would wait for minutes."""
    import socket

    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if not (colon and port.isdigit()):
        raise InputError(f"--ray {address!r} is no address; write host:port, or local to start one here.")
    try:
        socket.create_connection((host, int(port)), timeout=_ANSWERS).close()
    except OSError as problem:
        said = problem.strerror or "it does not answer"
        raise InputError(f"No Ray cluster answers at {address!r} ({said}); write --ray local to start one.") from None


def _on_ray(
    book: _Book, work: Callable[[Any], Any], address: str, workers: int | None, look: Look
) -> Iterator[tuple[int, Any]]:
    try:
        import ray
    except ImportError:
        raise InputError("--ray needs Ray, which is not installed; pip install 'pulposus[ray]'.") from None
    if address != LOCAL:
        _knock(address)
    local: dict[str, Any] = {}
    if address == LOCAL:
        local = {"num_cpus": workers or os.cpu_count() or 1, "include_dashboard": False}
    # what this process can import, one on the same machine can
    beside = {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))} if address == LOCAL else {}
    try:
        ray.init(
            address=LOCAL if address == LOCAL else address,
            log_to_driver=False,
            logging_level=logging.ERROR,
            runtime_env={"env_vars": ALONE | beside},
            **local,
        )
    except (ConnectionError, ValueError, RuntimeError) as problem:
        said = " ".join(str(problem).split()).rstrip(".")
        raise InputError(f"No Ray cluster answers at {address!r} ({said}); write --ray local to start one.") from None
    ended = (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError, ray.exceptions.OutOfMemoryError)
    computed = ray.remote(num_cpus=1, max_retries=0)(_by_itself)
    running: dict[Any, _Task] = {}
    try:
        shared = ray.put(work)
        most = _AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1)))
        while book.todo or running:
            while book.todo and len(running) < most:
                task = book.todo.popleft()
                running[computed.remote(shared, task.part)] = task
            over, _ = ray.wait(list(running), timeout=WAIT)
            for one in over:
                task = running.pop(one)
                try:
                    made = ray.get(one)
                except ended:
                    yield from book.gone(task)
                    continue
                except ray.exceptions.RayTaskError as problem:
                    raise problem.cause from None
                yield from book.came(task, made)
            look()
            interrupt.check()
    finally:
        ray.shutdown()
