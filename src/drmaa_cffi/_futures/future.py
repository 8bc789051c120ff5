"""A job as a future of concurrent.futures: its record is the result."""

from __future__ import annotations

import concurrent.futures
import logging
import math
import os
import threading
import time
from typing import TYPE_CHECKING, Any, Callable, List

from drmaa_cffi._waiting import threads, waiting
from drmaa_cffi._waiting.records import Outcome, has_record, state_of
from drmaa_cffi._waiting.timeouts import patience_of
from drmaa_cffi.const import JobControlAction, JobState
from drmaa_cffi.errors import (
    DrmaaException,
    Errno,
    InvalidJobException,
    JobFailedError,
    NoResourceUsageException,
    from_code,
)
from drmaa_cffi.jobinfo import JobInfo

if TYPE_CHECKING:
    from drmaa_cffi.session import Session

    from .errorfile import ErrorFile


_log = logging.getLogger(__name__)


def refuse_in_child(pid: int, whose: str, what: str) -> None:
    """Refuse *what* in a process forked from that with *pid*, where locks may be held for ever.

    Raises:
        NoActiveSessionException: this is one.
    """
    if os.getpid() != pid:
        text = f"{whose}, from which this one was forked: {what} there"
        raise from_code(Errno.NO_ACTIVE_SESSION, "", text)


class _Waiters(List[Any]):
    """Refuses concurrent.futures' wait() and as_completed() in a callback, as all other waits."""

    def append(self, waiter: object) -> None:
        waiting.waits.refuse_to_wait_here()
        super().append(waiter)


class JobFuture(concurrent.futures.Future["JobInfo"]):
    """A submitted job, whose result() is its JobInfo once it has ended.

    JobExecutor makes them; ``concurrent.futures.as_completed()`` and ``wait()`` and
    ``asyncio.wrap_future()`` take them. A job that was ended, however, has a result: how it
    ended is in its record, and only where the submission asked for a check is it an error.

    Callbacks of add_done_callback() run in the thread that waits for all jobs: they must be
    short, and can't wait for jobs themselves.

    C: drmaa_wait.
    """

    #: The job's id, as the DRM knows it.
    job_id: str

    def __init__(
        self,
        job_id: str,
        session: type[Session] | Session,
        error_file: ErrorFile | None,
        settle: Callable[[], None],
    ) -> None:
        super().__init__()
        self._waiters: list[Any] = _Waiters()
        self.job_id = job_id
        self._session = session
        # Where the job writes its errors, if it is to be checked.
        self._error_file = error_file
        self._settle = settle
        self._pid = os.getpid()
        self._failure: JobFailedError | None = None
        # Held while cancel() ends the job: the record that the job leaves must come too late.
        self._deciding = threading.Lock()
        self._is_to_be_cancelled = False
        # Almost done(); the main thread can look at it without a lock.
        self._is_over = False
        self._claim = waiting.waits.claim(job_id, self._deliver, owned=True)

    def _deliver(self, outcome: Outcome) -> None:
        """Take what the wait for the job has found."""
        with self._deciding:
            is_mine = not self._is_to_be_cancelled
        try:
            if is_mine:
                self._is_over = True
                self._set(outcome)
        except BaseException:  # noqa: BLE001 - of a callback; this thread serves others, too
            _log.exception("a callback of job %s", self.job_id)
        finally:
            self._settle()

    def _set(self, outcome: Outcome) -> None:
        if isinstance(outcome, JobInfo):
            self.set_result(outcome)
        elif isinstance(outcome, NoResourceUsageException) and outcome.jobInfo is not None:
            self.set_result(outcome.jobInfo)
        else:
            self.set_exception(outcome)

    @property
    def has_record(self) -> bool:
        """Whether the job's end is known, which for a cancelled future is later than done()."""
        return self._claim.outcome is not None

    def result(self, timeout: float | None = None) -> JobInfo:
        """Return the job's record, when it has ended.

        On the main thread a signal's handler acts at once, Ctrl-C's too.

        Args:
            timeout: Seconds to wait; None for no end.

        Raises:
            JobFailedError: the submission asked for a check, and the job has not exited with 0.
            concurrent.futures.TimeoutError: the time is over.
            concurrent.futures.CancelledError: the future was cancelled.
            InvalidJobException: the library has lost the job.
            NoActiveSessionException: the session was closed before the job ended, or this is a
                process forked from the one that submitted it.
            IllegalStateException: a callback waits.
            InvalidArgumentException: the timeout is not a number.

        C: drmaa_wait.
        """
        error = self.exception(timeout)
        if error is not None:
            raise error
        return super().result(0)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Return what result() would raise, or None, when the job has ended.

        Args:
            timeout: Seconds to wait; None for no end.

        Raises:
            concurrent.futures.TimeoutError: the time is over.
            concurrent.futures.CancelledError: the future was cancelled.
            NoActiveSessionException, IllegalStateException, InvalidArgumentException: as
                result().

        C: drmaa_wait.
        """
        error = self._await(timeout)
        if error is not None or self._error_file is None:
            return error
        info = super().result(0)
        if not info.ok and self._failure is None:
            self._failure = JobFailedError.of(info, self._error_file.tail(self.job_id))
        return self._failure

    def _await(self, timeout: float | None) -> BaseException | None:
        """Wait where signals act, and leave no lock of the future's behind."""
        seconds = patience_of(timeout)
        if not self._is_over:
            self._refuse_in_child("wait for it")
            waiting.waits.refuse_to_wait_here()
            if threads.serves_signals():
                is_over = waiting.waits.sleep(lambda: self._is_over, time.monotonic() + seconds)
                # The result follows at once.
                seconds = math.inf if is_over else 0
        return super().exception(None if seconds == math.inf else seconds)

    def _refuse_in_child(self, what: str) -> None:
        whose = f"job {self.job_id} was submitted by process {self._pid}"
        refuse_in_child(self._pid, whose, what)

    @property
    def attempts(self) -> list[JobInfo]:
        """The records of the job's attempts that have ended; more than one only with a Retry."""
        is_there = self.has_record and not self.cancelled() and super().exception(0) is None
        return [super().result(0)] if is_there else []

    def status(self) -> JobState:
        """Return the job's state.

        Returns:
            A member of JobState. After the job's end it is DONE or FAILED, without asking the
            DRM, and UNDETERMINED where the record was lost.

        Raises:
            DrmCommunicationException: the DRM can't be reached.
            InvalidJobException: the library has lost the job.
            NoActiveSessionException: there is no session.

        C: drmaa_job_ps.
        """
        try:
            if self._claim.outcome is None:
                return self._session.jobStatus(self.job_id)
        except InvalidJobException:
            if self._claim.outcome is None:
                raise
        outcome = self._claim.outcome
        return state_of(outcome) if has_record(outcome) else JobState.UNDETERMINED

    def hold(self) -> None:
        """Put the queued job on hold.

        Raises:
            HoldInconsistentStateException: the job is not queued.
            InvalidJobException: the job has ended; and the others of Session.control().

        C: drmaa_control, DRMAA_CONTROL_HOLD.
        """
        self._control(JobControlAction.HOLD)

    def release(self) -> None:
        """Take the job off hold.

        Raises:
            ReleaseInconsistentStateException: the job is not on hold.
            InvalidJobException: the job has ended; and the others of Session.control().

        C: drmaa_control, DRMAA_CONTROL_RELEASE.
        """
        self._control(JobControlAction.RELEASE)

    def suspend(self) -> None:
        """Stop the running job, to go on later.

        Raises:
            SuspendInconsistentStateException: the job is not running.
            InvalidJobException: the job has ended; and the others of Session.control().

        C: drmaa_control, DRMAA_CONTROL_SUSPEND.
        """
        self._control(JobControlAction.SUSPEND)

    def resume(self) -> None:
        """Let the suspended job go on.

        Raises:
            ResumeInconsistentStateException: the job is not suspended.
            InvalidJobException: the job has ended; and the others of Session.control().

        C: drmaa_control, DRMAA_CONTROL_RESUME.
        """
        self._control(JobControlAction.RESUME)

    def terminate(self) -> None:
        """End the job. The result follows when it has ended.

        Raises:
            InvalidJobException: the job has ended; and the others of Session.control().

        C: drmaa_control, DRMAA_CONTROL_TERMINATE.
        """
        self._control(JobControlAction.TERMINATE)

    def cancel(self) -> bool:
        """End the job, and have no result.

        The job's end is waited for in the background; JobExecutor.shutdown() waits for it, too.

        Returns:
            True if the future is cancelled, so that result() raises CancelledError. False if the
            job has ended, or can't be terminated any more, so that it has a result.

        Raises:
            NoActiveSessionException: as result().
            DrmaaException: the DRM can't be told; those of Session.control().

        C: drmaa_control, DRMAA_CONTROL_TERMINATE.
        """
        self._refuse_in_child("cancel it")
        return threads.off_main(self._cancel)

    def _cancel(self) -> bool:
        with self._deciding:
            if self.done() or self._is_to_be_cancelled:
                return self._is_to_be_cancelled
            try:
                self.terminate()
            except DrmaaException as error:
                # What a DRM says of a job that has just ended differs from one to the other.
                if isinstance(error, InvalidJobException) or self._has_ended():
                    return False
                raise
            self._is_to_be_cancelled = True
        # Callbacks may cancel, too, or wait.
        try:
            super().cancel()
        finally:
            # For those in concurrent.futures.wait() and as_completed().
            self.set_running_or_notify_cancel()
            self._is_over = True
        return True

    def _has_ended(self) -> bool:
        try:
            return self.status() in {JobState.DONE, JobState.FAILED}
        except DrmaaException:
            return False

    def _control(self, action: JobControlAction) -> None:
        # A DRM may give an old id again.
        if self.has_record:
            raise from_code(Errno.INVALID_JOB, "", f"job {self.job_id} has ended")
        self._session.control(self.job_id, action)
