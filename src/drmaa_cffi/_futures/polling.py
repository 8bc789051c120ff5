"""Changes of jobs' states: DRMAA 1.0 does not tell of them, so one sweep asks for all."""

from __future__ import annotations

import logging
import threading
import time
from typing import Callable

from drmaa_cffi.const import JobState
from drmaa_cffi.errors import DrmaaException, IllegalStateException

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
    """

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._changed = threading.Condition()
        self._watches: dict[Watch, None] = {}
        self._thread: threading.Thread | None = None

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
        """
        watch = Watch(future, callback, while_in)
        with self._changed:
            self._watches[watch] = None
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="drmaa_job_ps(watched)", daemon=True
                )
                self._thread.start()
            self._changed.notify_all()
        return watch

    def unwatch(self, *watches: Watch) -> None:
        """Tell the callbacks no more."""
        with self._changed:
            for watch in watches:
                self._watches.pop(watch, None)
            self._changed.notify_all()

    def refuse_to_wait_here(self) -> None:
        """Refuse a wait in a callback: it would hold up all others, and may wait for itself.

        Raises:
            IllegalStateException: this is the thread that sweeps.
        """
        if threading.current_thread() is self._thread:
            raise IllegalStateException(
                "a callback for a job's status can't wait for jobs: it runs in the thread that "
                "asks for all of them; do it in another thread"
            )

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
                    self._thread = None
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
        except DrmaaException as error:
            _log.warning("the status of job %s is not known: %s", watch.future.job_id, error)
            state = JobState.UNDETERMINED
        if state != watch.state:
            watch.state = state
            try:
                watch.callback(watch.future, state)
            except BaseException:  # noqa: BLE001 - the program's, and others wait for theirs
                _log.exception("a callback for the status of job %s", watch.future.job_id)
        if is_over or state not in watch.while_in:
            self.unwatch(watch)
