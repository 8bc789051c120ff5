"""Session.wait: ask once; else want, sleep where signals act, and take.

A C call can't be interrupted: a signal's handler of Python runs when it returns. So a wait of the
main thread that must block is a fetch in a helper thread, while the main thread sleeps where
handlers act. A fetch whose waiters have left goes on; the record that it takes is kept for the
next wait that asks for the job. A record is on hand for others until the moment in which a wait
returns it.
"""

from __future__ import annotations

import math
import os
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Callable

from drmaa_cffi._binding import calls, results
from drmaa_cffi.const import TIMEOUT_NO_WAIT
from drmaa_cffi.errors import (
    DrmaaException,
    Errno,
    ExitTimeoutException,
    IllegalStateException,
    InvalidJobException,
    from_code,
)

from . import sleeping
from .delivering import refuse_to_wait_here
from .entries import Fetch, Listener, Outcome, Want, id_of
from .fetching import LOST_AFTER, Fetcher
from .ledger import Ledger
from .timeouts import deadline_of, timed_out

if TYPE_CHECKING:
    from drmaa_cffi.const import JobState
    from drmaa_cffi.jobinfo import JobInfo

_FOREVER = math.inf
# How long C may call a job unknown whose record another thread has taken, in seconds.
_IN_HAND = 2.0


def _session_closed() -> DrmaaException:
    return from_code(Errno.NO_ACTIVE_SESSION, "", "the session was closed during the wait")


class Waits:
    """The waits of the process's session."""

    def __init__(self) -> None:
        self.ledger: Ledger = Ledger()
        self._fetcher = Fetcher(self.ledger)

    def reset(self) -> None:
        """Forget all: the session is over, and so is every wait in it."""
        self._fetcher.close()
        self._fetcher = Fetcher(self.ledger)
        self.ledger.reset(_session_closed)

    # For futures and coroutines.

    def want(self, job_id: str, listener: Listener, *, owned: bool = False) -> Want:
        """Want a job's record, and see to it that it is fetched; see Ledger.want()."""
        want = self.ledger.want(job_id, listener, owned=owned)
        if want.outcome is None:
            self._fetcher.wake()
        return want

    def want_any(self, listener: Listener) -> None:
        """Let *listener* be told of the next record that nobody wants, or of an error."""
        self.ledger.want_any(listener)
        self._fetcher.wake()

    def look_for(self, job_id: str) -> None:
        """See that the library knows a job, and enter its record if it has ended.

        Raises:
            InvalidJobException: it does not.
        """
        if not self.ledger.is_here(job_id):
            with suppress(ExitTimeoutException):
                self._fetcher.ask_now(job_id)

    def late_state(self, job_id: str) -> JobState | None:
        """Return the state of a job that the library does not know, if its record tells.

        Who wants the record gets it in a moment, if another thread has just taken it.
        """
        want = self.ledger.want_of(job_id)
        if want is not None:
            with suppress(IllegalStateException):  # a callback holds up whoever has it
                refuse_to_wait_here()
                self.sleep(lambda: want.is_over, time.monotonic() + LOST_AFTER)
        return self.ledger.state_of(job_id)

    def sleep(self, condition: Callable[[], bool], deadline: float) -> bool:
        """Wait, where signals act, until *condition* is true; False if it is not in time."""
        return sleeping.sleep(self.ledger, condition, deadline)

    # Session.wait.

    def may_ask_here(self) -> bool:
        """Whether the first question can be asked in this thread, which may be the main one."""
        return self.ledger.is_quiet and not results.under_way()

    def wait(self, job_id: str, timeout: int) -> JobInfo:
        """Wait for a job, or any, and take its record, as Session.wait describes."""
        if self.may_ask_here():
            try:
                found = self._ask_first(job_id)
                if not self.ledger.is_shared or not self._is_anothers(job_id, found):
                    return self.ledger.hand_out(found)
            except KeyError:  # another wait, for any job, was faster
                pass
            except ExitTimeoutException:
                if timeout == TIMEOUT_NO_WAIT:
                    raise
            except InvalidJobException:
                if self.ledger.is_quiet:
                    raise
                # Else another wait has taken it meanwhile, or is about to.
        return self._wait(job_id, deadline_of(timeout), is_question=timeout == TIMEOUT_NO_WAIT)

    def _ask_first(self, job_id: str) -> str:
        """Ask C for a record without waiting, and keep it; return its job's id.

        A signal may come after any step of this.
        """
        call = results.begin()
        # A signal that comes before C is reached must not find what the room's last user has left.
        results.forget_record(call)
        try:
            outcome: Outcome
            try:
                outcome = calls.wait(job_id, TIMEOUT_NO_WAIT, call)
            except DrmaaException as error:
                if error.jobInfo is None:
                    raise
                outcome = error
            found = id_of(job_id, outcome)
            self.ledger.kept[found] = outcome
        except DrmaaException:
            results.end(call)
            raise
        except BaseException:
            if calls.is_reaped(call):
                info = calls.job_info(call, job_id)
                fetch = self.ledger.expect(job_id)
                sleeping.start(lambda: self.ledger.finish(fetch, info))
            raise
        finally:
            outcome = None  # type: ignore[assignment]  # an error of this frame's would be a cycle
        results.end(call)
        self.ledger.submitted.discard(found)
        return found

    def _is_anothers(self, job_id: str, found: str) -> bool:
        """Give a record that was kept just now to whoever has wanted it meanwhile."""
        return sleeping.off_main(lambda: self.ledger.divert(job_id, found))

    def _wait(self, job_id: str, deadline: float, *, is_question: bool) -> JobInfo:
        ledger = self.ledger
        fetch: Fetch | None = None
        while True:
            found = ledger.find(job_id)
            if found:
                # Not suppress(): the end of its block is a call.
                try:
                    return ledger.hand_out(found)
                except KeyError:  # another thread was faster
                    continue
            want = ledger.want_of(job_id)
            if want is not None:
                outcome = self._await_want(want, deadline)
                if outcome is not None:
                    return outcome
                continue
            if fetch is not None and fetch.finished and is_question:
                raise timed_out()
            fetch = self._fetch(job_id, deadline, is_question=is_question)

    def _fetch(self, job_id: str, deadline: float, *, is_question: bool) -> Fetch:
        """Let the record be fetched, and return when it may be here; or raise what is heard."""
        if not is_question:
            refuse_to_wait_here()
        # To ask is not to wait for what another fetch will hear.
        earlier = None if is_question else self._fetcher.running(job_id, deadline)
        fetch = earlier or Fetch(job_id, deadline)

        def is_over() -> bool:
            return fetch.finished or bool(self.ledger.find(job_id))

        waiter = object()
        fetch.waiters.add(waiter)
        try:
            if earlier is None:
                self._start(fetch, job_id, deadline, is_question=is_question)
            if not self.sleep(is_over, deadline if earlier else _FOREVER):
                raise timed_out()
        except sleeping.NoThreadError:
            self._ask_again_and_again(job_id, deadline)
            return fetch
        except BaseException:
            fetch.waiters.discard(waiter)
            if fetch.finished:
                sleeping.start(self.ledger.offer)
            raise
        finally:
            fetch.waiters.discard(waiter)
        # It may have heard so before the job was submitted.
        is_old_news = earlier is not None and isinstance(fetch.error, InvalidJobException)
        if not is_old_news and not self.ledger.find(job_id):
            sleeping.throw(fetch)
        return fetch

    def _start(self, fetch: Fetch, job_id: str, deadline: float, *, is_question: bool) -> None:
        def target() -> Outcome | None:
            return self._fetcher.ask(job_id, deadline)

        if sleeping.serves_signals() or not (is_question or self._may_block_here()):
            self._fetcher.start(fetch, target)
        else:
            self._fetcher.run(fetch, target)

    def _may_block_here(self) -> bool:
        """Whether nothing but the C call itself has to wake this thread."""
        if sys.is_finalizing():
            return True  # no thread can be started any more
        with self.ledger.changed:
            quiet = all(fetch.waiters for fetch in self.ledger.fetches)
        return quiet and not sleeping.are_greenlets()

    def _ask_again_and_again(self, job_id: str, deadline: float) -> None:
        """Keep the record of a job when it is there, where no helper can wait for it."""
        bell = sleeping.Bell()
        unknown_since = math.inf
        while True:
            try:
                self._ask_first(job_id)
            except InvalidJobException:
                if self.ledger.find(job_id):
                    return
                # A helper of an earlier wait may have its record in hand.
                unknown_since = min(unknown_since, time.monotonic())
                if not self.ledger.fetches or time.monotonic() > unknown_since + _IN_HAND:
                    raise
                bell.sleep(sleeping.LOOK)
            except ExitTimeoutException:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise
                bell.sleep(min(left, sleeping.LOOK))
            else:
                return

    def _await_want(self, want: Want, deadline: float) -> JobInfo | None:
        """Wait for a record that a future gets, too; None if nobody wants it any more."""
        if not want.is_over:
            refuse_to_wait_here()
            if not self.sleep(lambda: want.is_over, deadline):
                raise timed_out()
        if want.left or want.outcome is None:
            return None
        outcome = want.give(want.outcome)
        if isinstance(outcome, DrmaaException):
            try:
                raise outcome
            finally:
                del outcome
        return outcome

    # For synchronize().

    def call(self, key: object, deadline: float, target: Callable[[], None]) -> None:
        """Let *target*, which takes no record, block in C, where this thread can be woken.

        Args:
            key: What is asked for: a call for the same that is under way will do.
            deadline: When it ends.
            target: What blocks.

        Raises:
            NoThreadError: no helper can be had. And what *target* raises.
        """
        refuse_to_wait_here()
        if not sleeping.serves_signals() and not sleeping.are_greenlets():
            target()
            return
        earlier = self._fetcher.running(key, deadline)
        fetch = earlier or Fetch(key, deadline)
        waiter = object()
        fetch.waiters.add(waiter)
        try:
            if earlier is None:
                self._fetcher.start(fetch, target)
            if not self.sleep(lambda: fetch.finished, deadline if earlier else _FOREVER):
                raise timed_out("drmaa_synchronize")
        finally:
            fetch.waiters.discard(waiter)
        if earlier and isinstance(fetch.error, InvalidJobException):
            # It may have heard so before the job was submitted.
            self.call(key, deadline, target)
        else:
            sleeping.throw(fetch)


#: The waits of this process.
waits: Waits = Waits()


def _forget_parents_waits() -> None:
    """In a forked child the parent's threads, and so its locks and waits, do not exist."""
    global waits  # noqa: PLW0603
    waits = Waits()


os.register_at_fork(after_in_child=_forget_parents_waits)
