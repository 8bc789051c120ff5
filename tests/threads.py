"""Runs one piece of work in many threads at once."""

from __future__ import annotations

import threading
import time
from typing import Callable, Iterable


def run_in_threads(
    work: Callable[..., object], each: Iterable[tuple[object, ...]], seconds: float
) -> None:
    """Call *work* with the arguments of *each* in a thread of their own; all end in time."""
    threads = [threading.Thread(target=work, args=arguments) for arguments in each]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0, deadline - time.monotonic()))
    assert [] == [thread for thread in threads if thread.is_alive()]
