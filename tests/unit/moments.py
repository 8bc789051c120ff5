"""Moments: something happens in a while, or has happened at last."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Callable

# Longer than anything of a unit test takes on a busy machine, in seconds.
LIMIT = 20


def later(action: Callable[..., object], *arguments: object, seconds: float = 0.2) -> None:
    """Do something in a while, in another thread."""
    timer = threading.Timer(seconds, action, arguments)
    timer.daemon = True
    timer.start()


def until(condition: Callable[[], object]) -> None:
    """Return when *condition* is true; fail if it is not for too long."""
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end, "this took too long"
        time.sleep(0.01)


def tasks() -> int:
    """Return how many threads this process has, those that Python knows nothing of, too."""
    return len(list(Path("/proc/self/task").iterdir()))
