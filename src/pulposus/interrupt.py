"""Ctrl-C, heard between two steps and nowhere else.

Python raises `KeyboardInterrupt` wherever it happens to be: inside the callbacks and imports of the numerical libraries
it is lost, or brings the process down. `held` only notes it; the work asks `check` where it can be left.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

STOPPED = 130  # maths: what a program ends with that Ctrl-C stopped, 128 and the number of the signal

_pressed = False
_holding = False


def check() -> None:
    """Raise KeyboardInterrupt if Ctrl-C was pressed since `held` began."""
    global _pressed
    if _pressed:
        _pressed = False
        raise KeyboardInterrupt


@contextmanager
def held(say: Callable[[str], None] | None = None) -> Iterator[None]:
    """Hold Ctrl-C back until `check` is asked; pressed a second time it ends the process at once, with code 130.

    Only the main thread hears signals; elsewhere, inside another `held`, and where the caller ignores Ctrl-C (as shells
    do for work in the background), this does nothing. On leaving, what was pressed and never asked for is raised.
    """
    global _pressed, _holding
    deaf = (
        threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    )
    if _holding or deaf:
        yield
        return

    def note(*_: Any) -> None:
        global _pressed
        if _pressed:
            os._exit(STOPPED)  # nothing is half-written: every file takes its place in one step
        _pressed = True
        if say:
            say("Stopping after this step; Ctrl-C again stops at once.")

    before = signal.signal(signal.SIGINT, note)
    _holding, _pressed = True, False
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        _holding = False
        late, _pressed = _pressed and sys.exc_info()[0] is None, False
    if late:
        raise KeyboardInterrupt
