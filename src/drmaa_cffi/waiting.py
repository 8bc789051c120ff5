"""Waits that Ctrl-C can end and that lose no job record.

A C call can't be interrupted: a signal handler of Python runs when it returns. So a wait that
must block on the main thread is made in a helper thread, while the main thread waits where
signals act. A wait left in this way goes on in C; if it takes a job's record from the library,
the record is kept here for the next wait that asks for the job.

Under gevent's patches threads are greenlets, which a C call would stop all together: there every
wait that must block is made in a real thread, and its greenlet waits as the main thread does.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from typing import Any, Callable, Sequence

from . import binding
from .const import JOB_IDS_SESSION_ALL, JOB_IDS_SESSION_ANY, TIMEOUT_NO_WAIT
from .errors import (
    DrmaaException,
    Errno,
    ExitTimeoutException,
    InvalidJobException,
    from_code,
)
from .jobids import job_id_of
from .jobinfo import JobInfo

# How long a record may be on its way from an abandoned wait in C to its place here, in seconds.
_GRACE = 0.1

# How often the main thread looks for signals, in seconds. One that comes while the thread is on
# its way into a lock's sleep, or goes to another thread, does not end that sleep.
_LOOK = 0.05

_Target = Callable[[], "JobInfo | DrmaaException | None"]


class _Call:
    """A C call in a helper thread, for a caller who may leave."""

    def __init__(self, job_id: str, deadline: float) -> None:
        self.job_id = job_id
        self.deadline = deadline
        # Until a caller waits for it, and once the caller has left.
        self.abandoned = True
        self.finished = False
        self.outcome: JobInfo | DrmaaException | None = None
        self.error: BaseException | None = None

    def may_take(self, job_id: str) -> bool:
        """Whether this call may be the one that takes the record of *job_id*."""
        return job_id in (self.job_id, JOB_IDS_SESSION_ANY) or self.job_id == JOB_IDS_SESSION_ANY


def _deadline(timeout: int) -> float:
    return float("inf") if timeout < 0 else time.monotonic() + timeout


def _timed_out() -> DrmaaException:
    return from_code(Errno.EXIT_TIMEOUT, "drmaa_wait", ExitTimeoutException.meaning)


class Waits:
    """The waits of the process's session, and the records that abandoned ones took."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._kept: dict[str, JobInfo | DrmaaException] = {}
        self._calls: set[_Call] = set()

    def reset(self) -> None:
        """Forget all records and calls: the session is over, and so is every wait in it."""
        with self._changed:
            self._kept.clear()
            for call in self._calls:
                call.finished = True
                call.error = from_code(
                    Errno.NO_ACTIVE_SESSION, "", "the session was closed during the wait"
                )
            self._calls.clear()
            self._changed.notify_all()

    def wait(self, job_id: str, timeout: int) -> JobInfo:
        """Wait for a job, or any, and take its record, as Session.wait describes."""
        with self._changed:
            outcome = self._take(job_id)
            running = None if outcome is not None else self._adopt(job_id, timeout)
        if outcome is not None:
            return _result(outcome)
        if running is not None:
            return _result(self._await(running, job_id, _deadline(timeout)))
        try:
            return self._wait_here(job_id, TIMEOUT_NO_WAIT)
        except ExitTimeoutException:
            if timeout == TIMEOUT_NO_WAIT:
                raise
        if self._may_block_here():
            return self._wait_here(job_id, timeout)
        call = self._start(
            job_id, timeout, lambda: _outcome(job_id, timeout), name=f"drmaa_wait({job_id})"
        )
        try:
            return _result(self._await(call, job_id, float("inf")))
        except InvalidJobException as error:
            return self._take_late(job_id, error)

    def synchronize(self, job_ids: Sequence[object], timeout: int, *, dispose: bool) -> None:
        """Wait for all of *job_ids*, as Session.synchronize describes."""
        if not self._kept:
            self._synchronize(job_ids, timeout, dispose=dispose)
            return
        ids = [job_id_of(job_id) for job_id in job_ids]
        with self._changed:
            # The library has given these away: for it they may be unknown by now.
            others = [job_id for job_id in ids if job_id not in self._kept]
        self._synchronize(others, timeout, dispose=dispose)
        if dispose:
            with self._changed:
                for job_id in list(self._kept) if JOB_IDS_SESSION_ALL in ids else ids:
                    self._kept.pop(job_id, None)

    def _synchronize(self, job_ids: Sequence[object], timeout: int, *, dispose: bool) -> None:
        try:
            # Not with dispose: a list disposed of by halves can't be asked for again everywhere.
            binding.synchronize(job_ids, TIMEOUT_NO_WAIT, dispose=False)
        except ExitTimeoutException:
            if timeout == TIMEOUT_NO_WAIT:
                raise
        else:
            if dispose:
                binding.synchronize(job_ids, timeout, dispose=True)
            return
        if self._may_block_here():
            binding.synchronize(job_ids, timeout, dispose=dispose)
            return

        def synchronize() -> None:
            binding.synchronize(job_ids, timeout, dispose=dispose)

        call = self._start("", timeout, synchronize, name="drmaa_synchronize")
        self._await(call, "", float("inf"))

    def _may_block_here(self) -> bool:
        """Whether nothing but the C call itself has to wake this thread."""
        with self._changed:
            quiet = not any(call.abandoned for call in self._calls)
        return (
            quiet
            and threading.current_thread() is not threading.main_thread()
            and not _threads_are_greenlets()
        )

    def _wait_here(self, job_id: str, timeout: int) -> JobInfo:
        """Make the C call in this thread."""
        call = binding.begin()
        try:
            return binding.wait(job_id, timeout, call)
        except InvalidJobException as error:
            return self._take_late(job_id, error)
        except DrmaaException:
            raise
        except BaseException:
            # A signal between C's return and ours: the record must not go with it.
            if binding.is_reaped(call):
                with self._changed:
                    self._keep(job_id, binding.job_info(call, job_id))
            raise

    def _start(
        self,
        job_id: str,
        timeout: int,
        target: _Target,
        name: str,
    ) -> _Call:
        """Run *target* in a helper thread."""
        call = _Call(job_id, _deadline(timeout))
        with self._changed:
            self._calls.add(call)
        if _threads_are_greenlets():
            self._run_beside_gevent(call, target)
        else:
            # A daemon: the program may end while an abandoned wait goes on in C.
            arguments = (call, target)
            threading.Thread(target=self._run, args=arguments, name=name, daemon=True).start()
        return call

    def _run(self, call: _Call, target: _Target) -> None:
        self._finish(call, *_attempt(target))

    def _run_beside_gevent(self, call: _Call, target: _Target) -> None:
        """Run *target* in a real thread, and what follows in a greenlet of this one.

        A lock of gevent's that is released in a thread without a hub wakes nobody (before gevent
        26.9). And without a watcher gevent takes a wait for one that can't end (LoopExit).
        """
        gevent, monkey = sys.modules["gevent"], sys.modules["gevent.monkey"]
        watcher = gevent.get_hub().loop.async_()
        ended: list[Any] = []

        def run() -> None:
            ended.extend(_attempt(target))
            watcher.send()

        def finish() -> None:
            watcher.stop()
            watcher.close()
            gevent.spawn(self._finish, call, *ended)

        watcher.start(finish)
        monkey.get_original("_thread", "start_new_thread")(run, ())

    def _finish(
        self, call: _Call, outcome: JobInfo | DrmaaException | None, error: BaseException | None
    ) -> None:
        with self._changed:
            if call not in self._calls:
                return  # its session is over
            self._calls.remove(call)
            call.outcome, call.error, call.finished = outcome, error, True
            if call.abandoned and outcome is not None:
                self._keep(call.job_id, outcome)
            self._changed.notify_all()

    def _await(self, call: _Call, job_id: str, deadline: float) -> JobInfo | DrmaaException | None:
        """Wait, where signals act, for *call*, or for a record that another call took."""
        try:
            with self._changed:
                call.abandoned = False
                while True:
                    outcome = self._take(job_id)
                    if outcome is not None:
                        call.abandoned = True
                        return outcome
                    if call.finished:
                        break
                    left = deadline - time.monotonic()
                    if left <= 0:
                        raise _timed_out()
                    if threading.current_thread() is threading.main_thread():
                        left = min(left, _LOOK)
                    self._changed.wait(None if left == float("inf") else left)
            if call.error is not None:
                raise call.error
            return call.outcome
        except BaseException:
            self._abandon(call)
            raise

    def _abandon(self, call: _Call) -> None:
        with self._changed:
            call.abandoned = True
            if call.outcome is not None:
                self._keep(call.job_id, call.outcome)

    def _adopt(self, job_id: str, timeout: int) -> _Call | None:
        """Return an abandoned call that waits for *job_id* long enough, no longer abandoned."""
        if timeout == TIMEOUT_NO_WAIT:
            return None
        for call in self._calls:
            if call.abandoned and call.job_id == job_id and call.deadline >= _deadline(timeout):
                call.abandoned = False
                return call
        return None

    def _keep(self, job_id: str, outcome: JobInfo | DrmaaException) -> None:
        info = outcome.jobInfo if isinstance(outcome, DrmaaException) else outcome
        if job_id == JOB_IDS_SESSION_ANY and info is not None:
            job_id = info.jobId
        self._kept[job_id] = outcome
        self._changed.notify_all()

    def _take(self, job_id: str) -> JobInfo | DrmaaException | None:
        if not self._kept:
            return None
        if job_id == JOB_IDS_SESSION_ANY:
            job_id = next(iter(self._kept))
        return self._kept.pop(job_id, None)

    def _take_late(self, job_id: str, error: InvalidJobException) -> JobInfo:
        """Return the record that an abandoned call took just now; raise *error* if none did."""
        end = time.monotonic() + _GRACE
        with self._changed:
            while True:
                outcome = self._take(job_id)
                if outcome is not None:
                    return _result(outcome)
                left = end - time.monotonic()
                if left <= 0 or not any(call.may_take(job_id) for call in self._calls):
                    raise error
                self._changed.wait(left)


def _attempt(target: _Target) -> tuple[JobInfo | DrmaaException | None, BaseException | None]:
    """Return what comes of *target*: an outcome, or an error that the waiting thread raises."""
    try:
        return target(), None
    except BaseException as error:  # noqa: BLE001
        return None, error


def _outcome(job_id: str, timeout: int) -> JobInfo | DrmaaException:
    """Wait in C; an error that carries a job's record is an outcome, too."""
    try:
        return binding.wait(job_id, timeout, binding.begin())
    except DrmaaException as error:
        if error.jobInfo is None:
            raise
        return error


def _result(outcome: JobInfo | DrmaaException | None) -> JobInfo:
    if isinstance(outcome, DrmaaException):
        raise outcome
    assert outcome is not None  # noqa: S101 - for the type checker
    return outcome


def _threads_are_greenlets() -> bool:
    """Whether gevent has patched threading: then a C call in any thread stops all of them."""
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


#: The waits of this process.
waits: Waits = Waits()


def _forget_parents_waits() -> None:
    """In a forked child the parent's threads, and so its locks and waits, do not exist."""
    global waits  # noqa: PLW0603
    waits = Waits()


os.register_at_fork(after_in_child=_forget_parents_waits)
