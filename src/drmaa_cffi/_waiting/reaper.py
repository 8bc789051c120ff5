"""The one thread that waits in C for any job, on behalf of all who have claimed one.

It is there only while somebody needs it: while claims are pending, and a moment longer.
"""

from __future__ import annotations

import threading
import time
from typing import Callable

from drmaa_cffi.const import JOB_IDS_SESSION_ANY, TIMEOUT_NO_WAIT, TIMEOUT_WAIT_FOREVER
from drmaa_cffi.errors import (
    DrmaaException,
    Errno,
    ExitTimeoutException,
    IllegalStateException,
    InvalidJobException,
    NoActiveSessionException,
    from_code,
)

from . import threads
from .records import CallInC, Outcome, Records

# How long the thread stays when it has nothing to do, in seconds: the next job may come soon.
_STAY = 1.0
# How long it waits after an error until it asks again, in seconds; it doubles.
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 30.0
# How long the library must not know a job until it is lost, in seconds: its record may be on its
# way here, in the hands of another thread whose wait for any job has taken it.
LOST_AFTER = 2.0


class Reaper:
    """Waits for any job as long as *records* wants records; for one session.

    Args:
        records: Where records go.
        ask: Waits in C for a job, or any, with a timeout, and returns the outcome.
    """

    def __init__(self, records: Records, ask: Callable[[str, int], Outcome]) -> None:
        self._records = records
        self._ask = ask
        self._thread: int | None = None
        self._running = False
        self._closed = False
        self._pause = 0.0
        # Since when the library does not know a job, by the monotonic clock.
        self._missing: dict[str, float] = {}

    def close(self) -> None:
        """End: the session is over. What C has said until now is worth nothing any more."""
        with self._records.changed:
            self._closed = True
            self._records.notify()

    def wake(self) -> None:
        """See to it that a thread waits for what is wanted."""
        with self._records.changed:
            if self._running or self._closed:
                return
            self._running = True
        if threads.are_greenlets():
            self._go_on()
        else:
            threads.start(self._run)

    def refuse_to_wait_here(self) -> None:
        """Refuse a wait in a callback: it would wait for its own thread.

        Raises:
            IllegalStateException: this is the reaper's thread.
        """
        if self._thread == threading.get_ident():
            raise IllegalStateException(
                "a callback of a job's future can't wait for jobs: it runs in the thread that "
                "waits for all of them, which would wait for itself; do it in another thread"
            )

    def _run(self) -> None:
        """The thread: ask, place what comes, ask again."""
        self._thread = threading.get_ident()
        call = self._next()
        while call is not None:
            self._finish(call, *threads.attempt(self._wait_for_any))
            call = self._next()
        # Its number may be another thread's from now on.
        self._thread = None

    def _go_on(self) -> None:
        """The same under gevent, where only a real thread may block in C."""
        call = self._next()
        if call is None:
            return

        def finish(outcome: Outcome | None, error: BaseException | None) -> None:
            self._thread = threading.get_ident()
            self._finish(call, outcome, error)
            self._thread = None
            self._go_on()

        threads.start_beside_gevent(self._wait_for_any, finish)

    def _wait_for_any(self) -> Outcome:
        return self._ask(JOB_IDS_SESSION_ANY, TIMEOUT_WAIT_FOREVER)

    def _next(self) -> CallInC | None:
        """Wait until there is something to wait for; None if it is time to end."""
        records = self._records
        with records.changed:
            while not self._closed:
                # A wait of the user's for any job does for all, as long as it is there.
                is_free = not any(call.job_id == JOB_IDS_SESSION_ANY for call in records.calls)
                if is_free and records.wanted():
                    return records.serve_all()
                if not records.changed.wait(_STAY) and not records.wanted():
                    break
            self._running = False
            return None

    def _finish(self, call: CallInC, outcome: Outcome | None, error: BaseException | None) -> None:
        in_time = self._records.finish(call, outcome)
        if error is None:
            self._pause = 0.0
        elif in_time:
            self._bear(error)

    def _bear(self, error: BaseException) -> None:
        """Go on after an error, if that makes sense."""
        records = self._records
        if isinstance(error, NoActiveSessionException):
            self.close()
            said = error.diagnosis
            records.reset(lambda: from_code(Errno.NO_ACTIVE_SESSION, "drmaa_wait", said))
        elif isinstance(error, InvalidJobException):
            records.give_up_any(error)
            self._look_for_lost()
        else:
            # The DRM does not answer, or worse: the jobs go on all the same.
            self._rest(until=lambda: False)

    def _look_for_lost(self) -> None:
        """The library has no job left: tell the claims on jobs that it does not know."""
        missing: dict[str, float] = {}
        for job_id in self._records.pending():
            try:
                self._records.put(job_id, self._ask(job_id, TIMEOUT_NO_WAIT))
            except InvalidJobException as error:
                missing[job_id] = since = self._missing.get(job_id, time.monotonic())
                if time.monotonic() - since > LOST_AFTER:
                    self._records.give_up(job_id, error)
            except ExitTimeoutException:
                continue  # of another session: it must be asked for by its id
            except DrmaaException:
                break
        self._missing = missing
        seen = self._records.asked
        if self._records.pending():
            self._rest(until=lambda: self._records.asked != seen)

    def _rest(self, until: Callable[[], bool]) -> None:
        """Do nothing for a while, a longer one each time."""
        self._pause = min(max(self._pause * 2, _FIRST_PAUSE), _LONGEST_PAUSE)
        with self._records.changed:
            self._records.changed.wait_for(lambda: self._closed or until(), self._pause)
