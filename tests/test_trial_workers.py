"""Parts of a job shared out: whoever computes them, however often a process ends, what comes of them is the same."""

from __future__ import annotations

import functools
import os
import signal
import time
from collections.abc import Sequence

import pytest

from pulposus import interrupt
from pulposus.errors import InputError
from pulposus.trials import workers

PARTS = [[3 * k, 3 * k + 1, 3 * k + 2] for k in range(5)]
LOST = -1


def squares(part: Sequence[int]) -> list[int]:
    return [one * one for one in part]


def poisoned(sick: int, part: Sequence[int]) -> list[int]:
    """Ends its own process when it meets one member."""
    if sick in part:
        os._exit(9)
    return squares(part)


def ended_once(folder: str, part: Sequence[int]) -> list[int]:
    """Ends its own process the first time that it is asked for a part."""
    mark = os.path.join(folder, f"{part[0]}")
    if not os.path.exists(mark):
        open(mark, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    return squares(part)


def ends(part: Sequence[int]) -> list[int]:
    os._exit(9)


def refuses(part: Sequence[int]) -> list[int]:
    raise InputError(f"{part[0]} is refused.")


def slow(part: Sequence[int]) -> list[int]:
    time.sleep(0.2)
    return squares(part)


def shared(work, parts=PARTS, **how) -> dict[int, list[int]]:
    return dict(workers.share(parts, work, lost=lambda part: [LOST] * len(part), joined=joined, **how))


def joined(pieces: Sequence[Sequence[int]]) -> list[int]:
    return [one for piece in pieces for one in piece]


def pressed_after_the_first() -> None:
    """Ctrl-C while the second part is being computed."""
    for number, _ in enumerate(workers.share(PARTS, slow, lost=list, joined=joined, workers=2)):
        assert number < len(PARTS) - 1
        if number == 0:
            os.kill(os.getpid(), signal.SIGINT)


EVERY = {place: squares(part) for place, part in enumerate(PARTS)}


@pytest.mark.parametrize("count", [1, 2])
def test_any_number_of_workers_gives_the_same(count: int) -> None:
    assert shared(squares, workers=count) == EVERY


def test_a_process_that_is_killed_costs_its_part_only(tmp_path) -> None:
    """One that had a result before: the first process to be sent anything may end too, and more often."""
    assert shared(functools.partial(ended_once, str(tmp_path)), PARTS[:2], workers=2) == {0: EVERY[0], 1: EVERY[1]}


def test_a_member_that_ends_every_process_is_given_up_and_no_other() -> None:
    wanted = {**EVERY, 1: [9, LOST, 25]}
    assert shared(functools.partial(poisoned, 4), workers=2) == wanted


def test_processes_that_all_end_are_said() -> None:
    with pytest.raises(InputError, match="take fewer workers"):
        shared(ends, [[1, 2], [3, 4]], workers=1 + 1)


def test_what_is_raised_in_a_process_is_raised_here() -> None:
    with pytest.raises(InputError, match=r"is refused\."):
        shared(refuses, workers=2)
    with pytest.raises(InputError, match="0 workers"):
        shared(squares, workers=0)


def test_ctrl_c_between_two_parts_is_heard() -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with interrupt.held(), pytest.raises(KeyboardInterrupt):
            pressed_after_the_first()
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_local_ray_gives_the_same_and_survives_a_killed_worker(tmp_path) -> None:
    pytest.importorskip("ray")
    assert shared(functools.partial(ended_once, str(tmp_path)), PARTS[:2], workers=1, ray="local") == {
        0: EVERY[0],
        1: EVERY[1],
    }


def test_a_cluster_that_is_not_there_is_said() -> None:
    pytest.importorskip("ray")
    with pytest.raises(InputError, match="--ray local"):
        shared(squares, ray="127.0.0.1:1")
