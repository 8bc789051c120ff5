"""Changes of jobs' states: DRMAA 1.0 does not tell of them, so one sweep asks for all."""

from __future__ import annotations

import logging
import math
import threading
import time
from typing import Callable

from drmaa_cffi._waiting.delivering import deliver
from drmaa_cffi._waiting.sleeping import NoThreadError, start_new
from drmaa_cffi.const import JobState
from drmaa_cffi.errors import invalid_argument, shown

from .future import JobFuture

_log = logging.getLogger(__name__)

#: Told of a job's new state.
OnStatus = Callable[[JobFuture, JobState], object]


class Watch:
    """One job that somebody watches."""

    __slots__ = ("callback", "future", "state", "while_in")

    def __init__(
        self, future: JobFuture, callback: OnStatus, while_in: frozenset[JobState]
    ) -> None:
        self.future: JobFuture = future
        self.callback: OnStatus = callback
        self.while_in: frozenset[JobState] = while_in
        self.state: JobState | None = None

    def is_urgent(self) -> bool:
        """Whether it can't wait for the next sweep."""
        return self.state is None or self.future.has_record


class StatusPoller:
    """Asks for the states of all watched jobs, one after the other, at an interval.

    Args:
        interval: Seconds from the end of one sweep to the beginning of the next.

    Raises:
        InvalidArgumentException: the interval is not a number above 0.
    """

    def __init__(self, interval: float) -> None:
        is_number = isinstance(interval, (int, float)) and not isinstance(interval, bool)
        if not (is_number and 0 < interval < math.inf):
            raise invalid_argument(
                f"status_interval can't be {shown(interval)}: pass seconds, more than 0"
            )
        self._interval = interval
        self._changed = threading.Condition()
        self._watches: dict[Watch, None] = {}
        self._is_running = False

    def watch(
        self,
        future: JobFuture,
        callback: OnStatus,
        while_in: frozenset[JobState] = frozenset(JobState),
    ) -> Watch:
        """Tell *callback* of the job's state, now and at each change.

        Args:
            future: The job.
            callback: Whom to tell.
            while_in: Nothing is told after a state that is not one of these, nor after the end.

        Returns:
            What unwatch() takes.

        Raises:
            NoThreadError: no thread can be had for it.
        """
        watch = Watch(future, callback, while_in)
        with self._changed:
            if not self._is_running:
                start_new(self._run)  # which waits for the lock
                self._is_running = True
            self._watches[watch] = None
            self._changed.notify_all()
        return watch

    def watch_if_possible(self, future: JobFuture, callback: OnStatus) -> None:
        """Watch a job that is submitted already: without a thread, say so in the log."""
        try:
            self.watch(future, callback)
        except NoThreadError:
            _log.exception("the status of job %s can't be watched", future.job_id)

    def unwatch(self, *watches: Watch) -> None:
        """Tell the callbacks no more."""
        with self._changed:
            for watch in watches:
                self._watches.pop(watch, None)
            self._changed.notify_all()

    def wake(self) -> None:
        """See whether a watched job has ended."""
        if self._watches:
            with self._changed:
                self._changed.notify_all()

    def drain(self) -> None:
        """Return when nothing is watched any more."""
        with self._changed:
            self._changed.wait_for(lambda: not self._watches)

    def _run(self) -> None:
        next_sweep = time.monotonic()
        while True:
            with self._changed:
                if not self._watches:
                    self._is_running = False
                    return
                watches = list(self._watches)
            is_due = time.monotonic() >= next_sweep
            for watch in watches:
                if is_due or watch.is_urgent():
                    self._look(watch)
            if is_due:
                next_sweep = time.monotonic() + self._interval
            with self._changed:
                self._changed.wait_for(self._is_news, next_sweep - time.monotonic())

    def _is_news(self) -> bool:
        """Whether something can't wait for the next sweep."""
        return not self._watches or any(watch.is_urgent() for watch in self._watches)

    def _look(self, watch: Watch) -> None:
        is_over = watch.future.has_record
        try:
            state = watch.future.status()
        except Exception as error:  # noqa: BLE001 - a session of the program's may raise any
            _log.warning("the status of job %s is not known: %s", watch.future.job_id, error)
            state = JobState.UNDETERMINED
        if state != watch.state:
            watch.state = state
            whose = f"job {watch.future.job_id}, for its status"
            deliver(lambda now: watch.callback(watch.future, now), state, whose)
        if is_over or state not in watch.while_in:
            self.unwatch(watch)
