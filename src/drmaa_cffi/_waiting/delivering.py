"""Runs what the program wants to be told by: nothing else of its own runs in our threads.

Each call is guarded, so that one that fails keeps nothing from others, and its thread is marked:
a wait in there would wait for the thread that it is in, and is refused.
"""

from __future__ import annotations

import threading
from typing import Callable, TypeVar

from drmaa_cffi.errors import IllegalStateException

_T = TypeVar("_T")

# How many calls of the program's each thread is in.
_depths: dict[int, int] = {}


def guard(listener: Callable[[_T], object], news: _T, whose: str) -> None:
    """Tell *listener*; what it raises is logged as that of a callback of *whose*."""
    try:
        listener(news)
    except BaseException:
        import logging  # noqa: PLC0415 - few programs need it

        logging.getLogger(__name__).exception("a callback of %s", whose)


def deliver(listener: Callable[[_T], object], news: _T, whose: str) -> None:
    """Do the same where others depend on this thread: a wait inside is refused."""
    here = threading.get_ident()
    _depths[here] = _depths.get(here, 0) + 1
    try:
        guard(listener, news, whose)
    finally:
        _depths[here] -= 1
        if not _depths[here]:
            del _depths[here]


def refuse_to_wait_here() -> None:
    """Refuse a wait in a callback.

    Raises:
        IllegalStateException: this is one.
    """
    if _depths and threading.get_ident() in _depths:
        raise IllegalStateException(
            "a callback of a job's future can't wait for jobs: it runs in a thread that "
            "waits for all of them, which would wait for itself; do it in another thread"
        )
