"""Waiting until jobs have started, which DRMAA does not tell of: their states are asked for."""

from __future__ import annotations

import time
from typing import Iterable, NamedTuple

from drmaa_cffi._waiting import sleeping
from drmaa_cffi._waiting.delivering import refuse_to_wait_here
from drmaa_cffi._waiting.timeouts import patience_of
from drmaa_cffi.const import JobState
from drmaa_cffi.errors import invalid_argument, shown

from .future import JobFuture
from .polling import StatusPoller

_NOT_STARTED = frozenset(
    {
        JobState.UNDETERMINED,
        JobState.QUEUED_ACTIVE,
        JobState.SYSTEM_ON_HOLD,
        JobState.USER_ON_HOLD,
        JobState.USER_SYSTEM_ON_HOLD,
    }
)


class StartedAndNot(NamedTuple):
    """What JobExecutor.wait_started() returns."""

    #: The jobs that have started, whether or not they have ended since.
    started: set[JobFuture]
    #: The others.
    not_started: set[JobFuture]


def wait_started(
    poller: StatusPoller, futures: Iterable[JobFuture], timeout: float | None
) -> StartedAndNot:
    """Wait until jobs have started, as JobExecutor.wait_started() describes."""
    refuse_to_wait_here()
    all_futures = _futures(futures)
    started: set[JobFuture] = set()

    def note(future: JobFuture, state: JobState) -> None:
        if state not in _NOT_STARTED:
            started.add(future)

    deadline = time.monotonic() + patience_of(timeout)
    watches = sleeping.off_main(
        lambda: [poller.watch(future, note, while_in=_NOT_STARTED) for future in all_futures]
    )
    try:
        while not all(future in started or future.done() for future in all_futures):
            left = deadline - time.monotonic()
            if left <= 0:
                break
            time.sleep(min(left, sleeping.LOOK))
    finally:
        sleeping.start(lambda: poller.unwatch(*watches))
    started |= {future for future in all_futures if future.done()}
    return StartedAndNot(started & all_futures, all_futures - started)


def _futures(values: Iterable[JobFuture]) -> set[JobFuture]:
    try:
        futures = set(values)
        if all(isinstance(future, JobFuture) for future in futures):
            return futures
    except TypeError:
        pass
    raise invalid_argument(f"{shown(values)}: pass futures of an executor, in a list")
