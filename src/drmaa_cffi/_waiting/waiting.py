"""Waits that Ctrl-C can end and that lose no job record.

A C call can't be interrupted: a signal's handler of Python runs when it returns. So a wait of the
main thread that must block is made by a helper thread, an errand, while the main thread sleeps
where handlers act. An errand whose caller has left goes on; the record that it takes is kept for
the next wait that asks for the job. A record is on hand for others until the moment in which a
wait returns it.

Where jobs are claimed, the reaper waits in C for any job, for all: then a wait for any job waits
for what the reaper finds, and leaves alone what is claimed.
"""

from __future__ import annotations

import math
import os
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Callable

from drmaa_cffi._binding import calls, results
from drmaa_cffi.const import JOB_IDS_SESSION_ANY, TIMEOUT_NO_WAIT
from drmaa_cffi.errors import (
    DrmaaException,
    Errno,
    ExitTimeoutException,
    IllegalStateException,
    InvalidJobException,
    from_code,
)

from . import threads
from .errands import Errands
from .reaper import LOST_AFTER, Reaper
from .records import CallInC, Claim, Listener, Outcome, id_of
from .timeouts import deadline_of, timed_out, timeout_until

if TYPE_CHECKING:
    from drmaa_cffi.const import JobState
    from drmaa_cffi.jobinfo import JobInfo

# How long a record may be on its way from an abandoned wait in C to its place here, in seconds.
_GRACE = 0.1
_FOREVER = math.inf


def _session_closed() -> DrmaaException:
    return from_code(Errno.NO_ACTIVE_SESSION, "", "the session was closed during the wait")


class Waits(Errands):
    """The waits of the process's session."""

    def __init__(self) -> None:
        super().__init__()
        self._reaper = Reaper(self.records, outcome_of)

    def reset(self) -> None:
        """Forget all records and calls: the session is over, and so is every wait in it."""
        self._reaper.close()
        self.records.reset(_session_closed)
        self._reaper = Reaper(self.records, outcome_of)

    def claim(self, job_id: str, listener: Listener, *, owned: bool = False) -> Claim:
        """Claim a job's record, and see to it that it is taken; see Records.claim()."""
        claim = self.records.claim(job_id, listener, owned=owned)
        if claim.outcome is None:
            self._reaper.wake()
        return claim

    def listen(self, listener: Listener) -> None:
        """Let *listener* be told of the next record that nobody claims, or of an error."""
        self.records.listen(listener)
        self._reaper.wake()

    def look_for(self, job_id: str) -> None:
        """See that the library knows a job, and keep its record if it has ended.

        Raises:
            InvalidJobException: it does not.
        """
        with self.records.changed:
            is_known = self.records.knows(job_id)
        if not is_known:
            with suppress(ExitTimeoutException):
                self.records.put(job_id, self._ask(job_id, TIMEOUT_NO_WAIT))

    def late_state(self, job_id: str) -> JobState | None:
        """Return the state of a job that the library does not know, if its record tells.

        Who has claimed the record gets it in a moment, if another thread has just taken it.
        """
        claim = self.records.claim_on(job_id)
        if claim is not None:
            with suppress(IllegalStateException):  # a callback holds up whoever has it
                self.refuse_to_wait_here()
                self.sleep(lambda: claim.is_over, time.monotonic() + LOST_AFTER)
        return self.records.state_of(job_id)

    def refuse_to_wait_here(self) -> None:
        """Raise IllegalStateException in a callback, which must not wait."""
        self._reaper.refuse_to_wait_here()

    def wait(self, job_id: str, timeout: int) -> JobInfo:
        """Wait for a job, or any, and take its record, as Session.wait describes."""
        asked = self.records.is_quiet
        if asked:
            try:
                found = self._ask_first(job_id)
                if not self.records.shared or not self._is_anothers(job_id, found):
                    return self.records.hand_out(found)
                asked = False
            except KeyError:  # another wait, for any job, was faster
                asked = False
            except ExitTimeoutException:
                if timeout == TIMEOUT_NO_WAIT:
                    raise
            except InvalidJobException:
                if self.records.is_quiet:
                    raise
                asked = False  # another wait has taken it meanwhile, or is about to
        if threads.serves_signals():
            return self._wait_on_main(job_id, timeout, asked=asked)
        outcome = self._wait(job_id, timeout, asked=asked)
        if isinstance(outcome, DrmaaException):
            raise outcome
        return outcome

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
            self.records.kept[found] = outcome
        except DrmaaException:
            results.end(call)
            raise
        except BaseException:
            if calls.is_reaped(call):
                info = calls.job_info(call, job_id)
                bringer = self.records.expect(job_id)
                threads.start(lambda: self.records.finish(bringer, info))
            raise
        results.end(call)
        return found

    def _is_anothers(self, job_id: str, found: str) -> bool:
        """Give a record that was kept just now to whoever has claimed it meanwhile."""
        return threads.off_main(lambda: self.records.reconsider(job_id, found))

    # On the main thread.

    def _wait_on_main(self, job_id: str, timeout: int, *, asked: bool) -> JobInfo:
        records = self.records
        deadline = deadline_of(timeout)
        while True:
            found = records.find(job_id)
            if found:
                # Not suppress(): the end of its block is a call.
                try:
                    return records.hand_out(found)
                except KeyError:  # another thread was faster
                    continue
            claim = records.claim_on(job_id)
            if claim is not None:
                outcome = self._await_claim(claim, deadline)
                if outcome is not None:
                    return outcome
                continue
            # To ask is not to wait for what another call will hear.
            key = None if timeout == TIMEOUT_NO_WAIT else job_id
            target = self._target(job_id, deadline, asked=asked)
            try:
                self.run_errand(key, job_id, deadline, target)
            except threads.NoThreadError:
                self._ask_again_and_again(job_id, deadline)
            asked = False

    def _ask_again_and_again(self, job_id: str, deadline: float) -> None:
        """Keep the record of a job when it is there, where no helper can wait for it."""
        bell = threads.Bell()
        while True:
            try:
                self._ask_first(job_id)
            except ExitTimeoutException:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise
                bell.sleep(min(left, threads.LOOK))
            else:
                return

    def _target(self, job_id: str, deadline: float, *, asked: bool) -> Callable[[], Outcome]:
        return lambda: self._wait(job_id, timeout_until(deadline), asked=asked)

    # On all other threads.

    def _wait(self, job_id: str, timeout: int, *, asked: bool) -> Outcome:
        """Wait for a job, or any; *asked* tells that C was asked without waiting just now."""
        deadline = deadline_of(timeout)
        while True:
            with self.records.changed:
                outcome = self.records.take(job_id)
            if outcome is not None:
                return outcome
            claim = self.records.claim_on(job_id)
            if claim is not None:
                outcome = self._await_claim(claim, deadline)
                if outcome is not None:
                    return outcome
                continue
            if not asked:
                try:
                    outcome = self._ask(job_id, TIMEOUT_NO_WAIT)
                except ExitTimeoutException:
                    if timeout == TIMEOUT_NO_WAIT:
                        raise
            if outcome is None:
                outcome = self._block(job_id, deadline)
            if outcome is not None and not self.records.divert(job_id, outcome):
                return outcome
            asked = False

    def _block(self, job_id: str, deadline: float) -> Outcome | None:
        """Wait in C, or for what others take there; None if one has to look again."""
        self.refuse_to_wait_here()
        if job_id == JOB_IDS_SESSION_ANY and self.records.wanted():
            return self._wait_with_others(deadline)
        timeout = timeout_until(deadline)
        call = CallInC(job_id, deadline)
        if self.may_block_here():
            with self.records.changed:
                self.records.calls.add(call)
            try:
                return self._ask(job_id, timeout)
            finally:
                self.records.finish(call, None)
        self.start(call, lambda: self._ask(job_id, timeout))

        def is_over() -> bool:
            return call.finished or bool(self.records.find(job_id))

        self.sleep(is_over, _FOREVER)
        call.abandoned = True
        if call.error is not None and not self.records.find(job_id):
            raise call.error
        return None

    def block_elsewhere(self, target: Callable[[], None]) -> None:
        """Call what blocks in C, where gevent's greenlets can go on meanwhile."""
        self.refuse_to_wait_here()
        if not threads.are_greenlets():
            target()
            return
        call = CallInC("", _FOREVER)
        self.start(call, target)
        self.sleep(lambda: call.finished, _FOREVER)
        if call.error is not None:
            raise call.error

    def _wait_with_others(self, deadline: float) -> Outcome:
        """Wait for what the reaper finds that nobody has claimed."""
        found: list[Outcome] = []
        is_late = False

        def listener(outcome: Outcome) -> None:
            with self.records.changed:
                if not is_late:
                    found.append(outcome)
                    self.records.notify()
                    return
            self.records.give_back(outcome)

        self.listen(listener)
        self.sleep(lambda: bool(found), deadline)
        with self.records.changed:
            is_late = not found
            self.records.unlisten(listener)
        if is_late:
            raise timed_out()
        if isinstance(found[0], DrmaaException) and found[0].jobInfo is None:
            raise found[0]
        return found[0]

    def _ask(self, job_id: str, timeout: int) -> Outcome:
        """Wait in C; where another thread has taken the record just now, take it from there."""
        try:
            return outcome_of(job_id, timeout)
        except InvalidJobException as error:
            return self._take_late(job_id, error)

    def _take_late(self, job_id: str, error: InvalidJobException) -> Outcome:
        """Return the record that an abandoned call took just now; raise *error* if none did."""
        records = self.records
        end = time.monotonic() + _GRACE
        with records.changed:
            while True:
                outcome = records.take(job_id)
                if outcome is not None:
                    return outcome
                left = end - time.monotonic()
                if records.any_early and job_id == JOB_IDS_SESSION_ANY:
                    left = _GRACE
                elif left <= 0 or not records.may_come(job_id):
                    raise error
                records.changed.wait(left)

    # On any thread.

    def _await_claim(self, claim: Claim, deadline: float) -> JobInfo | None:
        """Wait for a record that a future gets, too; None if the claim was withdrawn."""
        if not claim.is_over:
            self.refuse_to_wait_here()
            if not self.sleep(lambda: claim.is_over, deadline):
                raise timed_out()
        outcome = claim.outcome
        if claim.withdrawn:
            return None
        assert outcome is not None  # noqa: S101 - it was waited for
        outcome = claim.give(outcome)
        if isinstance(outcome, DrmaaException):
            raise outcome
        return outcome


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


#: The waits of this process.
waits: Waits = Waits()


def _forget_parents_waits() -> None:
    """In a forked child the parent's threads, and so its locks and waits, do not exist."""
    global waits  # noqa: PLW0603
    waits = Waits()


os.register_at_fork(after_in_child=_forget_parents_waits)
