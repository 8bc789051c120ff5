"""The only place where a record is taken from the library: a fetch, for a job or for any.

There is at most one for each key, in a thread of its own or in the asking one; one thread fetches
any job's record on behalf of all wants, as long as there are some, and a moment longer.
"""

from __future__ import annotations

import math
import threading
import time
from contextlib import suppress
from typing import Callable

from drmaa_cffi._binding import calls, results
from drmaa_cffi.const import JOB_IDS_SESSION_ANY
from drmaa_cffi.errors import (
    DrmaaException,
    Errno,
    ExitTimeoutException,
    InvalidJobException,
    NoActiveSessionException,
    from_code,
)

from . import sleeping
from .entries import Fetch, Outcome
from .ledger import Ledger
from .timeouts import timeout_until

#: How long a record may be in transit: from the library, which does not know its job any more, to
#: the ledger, in the hands of another thread. In seconds.
TRANSIT = 0.1
# How long the library must not know a wanted job until it is lost, in seconds.
LOST_AFTER = 2.0
# How often it is asked for jobs that have been wanted for long, how many at a time, and what long
# is, in seconds: it can have lost one while others run.
_SEEK_EVERY = 60.0
_SEEK_AT_MOST = 10
# How long the thread stays when it has nothing to do, in seconds: the next job may come soon.
_STAY = 1.0
# How long it waits after an error until it asks again, in seconds; it doubles.
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 30.0


def outcome_of(job_id: str, timeout: int) -> Outcome:
    """Wait in C; an error that carries a job's record is an outcome, too."""
    call = results.begin()
    try:
        info = calls.wait(job_id, timeout, call)
    except DrmaaException as error:
        results.end(call)
        if error.jobInfo is None:
            raise
        return error
    results.end(call)
    return info


class Fetcher:
    """Fetches for the process's session, as long as it is open."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._serves = False
        self._seeks = False
        self._is_idle = threading.Event()
        self._closed = False
        self._pause = 0.0
        self._said = ""
        # Since when the library does not know a job; when a wanted one was asked for.
        self._missing: dict[str, float] = {}
        self._sought: dict[str, float] = {}

    def close(self) -> None:
        """End: the session is over. What C has said until now is worth nothing any more."""
        with self._ledger.changed:
            self._closed = True
            self._is_idle.set()
            self._ledger.notify()

    # For one who waits.

    def running(self, key: object, deadline: float) -> Fetch | None:
        """Return the fetch for *key* that is under way, if it takes long enough."""
        for fetch in list(self._ledger.fetches):
            is_alive = fetch.asks and not fetch.finished
            if is_alive and fetch.key == key and fetch.deadline >= deadline:
                return fetch
        return None

    def run(self, fetch: Fetch, target: Callable[[], Outcome | None]) -> None:
        """Let *target* fetch, in this thread."""
        self._ledger.begin(fetch)
        self._ledger.finish(fetch, *sleeping.attempt(target))

    def start(self, fetch: Fetch, target: Callable[[], Outcome | None]) -> None:
        """Let *target* fetch, in a thread of its own.

        Raises:
            NoThreadError: there can't be one.
        """
        if sleeping.are_greenlets():
            self._ledger.begin(fetch)

            def finish(outcome: Outcome | None, error: BaseException | None) -> None:
                self._ledger.finish(fetch, outcome, error)

            sleeping.start_beside_gevent(target, finish)
        else:
            sleeping.start_new(lambda: self.run(fetch, target))

    def ask(self, job_id: str, deadline: float) -> Outcome | None:
        """Wait in C until *deadline*; None if another thread has just brought the record here."""
        try:
            return outcome_of(job_id, timeout_until(deadline))
        except InvalidJobException:
            if self._comes_late(job_id):
                return None
            raise

    def ask_now(self, job_id: str) -> None:
        """Enter the record of a job, or any, if it has ended.

        Raises:
            ExitTimeoutException: it has not. And what the library raises.
        """
        fetch = Fetch(job_id, 0.0)
        self.run(fetch, lambda: self.ask(job_id, 0.0))
        sleeping.throw(fetch)

    def _comes_late(self, job_id: str) -> bool:
        """Whether a record that the library does not know any more has come here, or just does."""
        ledger = self._ledger
        end = time.monotonic() + TRANSIT
        with ledger.changed:
            while not ledger.is_here(job_id):
                _asking, *others = (each for each in ledger.fetches if each.may_bring(job_id))
                left = end - time.monotonic()
                if ledger.any_early and job_id == JOB_IDS_SESSION_ANY:
                    left = TRANSIT
                elif left <= 0 or not others:
                    return False
                ledger.changed.wait(left)
        return True

    # For all who want records.

    def wake(self) -> None:
        """See to it that a thread fetches what is wanted."""
        with self._ledger.changed:
            if self._closed:
                return
            serves, self._serves = self._serves, True
            self._is_idle.clear()
            seeks, self._seeks = self._seeks, True
        if sleeping.are_greenlets():
            if not serves:
                self._go_on()
            self._seeks = False
            return
        if not serves:
            sleeping.start(self._run)
        if not seeks:
            with suppress(sleeping.NoThreadError):
                sleeping.start_new(self._seek)

    def _run(self) -> None:
        """The thread: ask, place what comes, ask again."""
        fetch = self._next()
        while fetch is not None:
            self._finish(fetch, *sleeping.attempt(self._fetch_any))
            fetch = self._next()

    def _go_on(self) -> None:
        """The same under gevent, where only a real thread may block in C."""
        fetch = self._next()
        if fetch is None:
            return

        def finish(outcome: Outcome | None, error: BaseException | None) -> None:
            self._finish(fetch, outcome, error)
            self._go_on()

        sleeping.start_beside_gevent(self._fetch_any, finish)

    @staticmethod
    def _fetch_any() -> Outcome:
        return outcome_of(JOB_IDS_SESSION_ANY, timeout_until(math.inf))

    def _next(self) -> Fetch | None:
        """Wait until there is something to fetch; None if it is time to end."""
        ledger = self._ledger
        with ledger.changed:
            while not self._closed:
                # A wait of the user's for any job does for all, as long as it is there.
                is_free = not any(
                    fetch.asks and fetch.key == JOB_IDS_SESSION_ANY for fetch in ledger.fetches
                )
                if is_free and ledger.is_wanted:
                    fetch = Fetch(JOB_IDS_SESSION_ANY)
                    ledger.fetches.add(fetch)
                    return fetch
                if not ledger.changed.wait(_STAY) and not ledger.is_wanted:
                    break
            self._serves = False
            self._is_idle.set()
            return None

    def _finish(self, fetch: Fetch, outcome: Outcome | None, error: BaseException | None) -> None:
        in_time = self._ledger.finish(fetch, outcome, error)
        if error is None:
            self._pause = 0.0
            self._said = ""
        elif in_time:
            self._bear(error)

    def _bear(self, error: BaseException) -> None:
        """Go on after an error, if that makes sense."""
        ledger = self._ledger
        if isinstance(error, NoActiveSessionException):
            self.close()
            said = error.diagnosis
            ledger.reset(lambda: from_code(Errno.NO_ACTIVE_SESSION, "drmaa_wait", said))
        elif isinstance(error, InvalidJobException):
            ledger.give_up_any(error)
            seen = ledger.asked
            self._look_for(ledger.open_wants())
            if ledger.open_wants():
                self._rest(until=lambda: ledger.asked != seen)
        else:
            # The DRM does not answer, or worse: the jobs go on all the same.
            if self._said != str(error):
                import logging  # noqa: PLC0415 - few programs need it

                self._said = str(error)
                text = "jobs can't be waited for, which is tried again: %s"
                logging.getLogger(__name__).warning(text, error)
            self._rest(until=lambda: False)

    def _look_for(self, job_ids: list[str]) -> None:
        """Ask for wanted jobs by their ids, and give up those that the library has lost."""
        for job_id in job_ids:
            self._sought[job_id] = time.monotonic()
            try:
                self.ask_now(job_id)
            except InvalidJobException as error:
                since = self._missing.setdefault(job_id, time.monotonic())
                if time.monotonic() - since > LOST_AFTER:
                    self._ledger.give_up(job_id, error)
            except ExitTimeoutException:
                # It is there, maybe of another session: it must be asked for by its id.
                self._missing.pop(job_id, None)
            except DrmaaException:
                break
        still = set(self._ledger.open_wants())
        for book in (self._missing, self._sought):
            for job_id in set(book) - still:
                book.pop(job_id, None)

    def _rest(self, until: Callable[[], bool]) -> None:
        """Do nothing for a while, a longer one each time."""
        self._pause = min(max(self._pause * 2, _FIRST_PAUSE), _LONGEST_PAUSE)
        with self._ledger.changed:
            self._ledger.changed.wait_for(lambda: self._closed or until(), self._pause)

    def _seek(self) -> None:
        """The thread that asks, seldom, for jobs that have been wanted for long."""
        ledger = self._ledger
        while True:
            # Not on the ledger's condition: each record would wake this thread.
            if self._is_idle.wait(LOST_AFTER * 1.1 if self._missing else _SEEK_EVERY):
                with ledger.changed:
                    if self._closed or not self._serves:
                        self._seeks = False
                        return
            now = time.monotonic()
            wanted = ledger.open_wants()
            for job_id in wanted:
                self._sought.setdefault(job_id, now)
            missing = [job_id for job_id in wanted if job_id in self._missing]
            old = sorted(wanted, key=self._sought.__getitem__)
            self._look_for(missing or [j for j in old if self._sought[j] < now][:_SEEK_AT_MOST])
