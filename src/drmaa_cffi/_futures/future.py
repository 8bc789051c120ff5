"""A job as a future of concurrent.futures: its record is the result."""

from __future__ import annotations

import copy
import logging
import sys
import weakref
from typing import TYPE_CHECKING, Callable, cast

from drmaa_cffi._waiting import sleeping, waiting
from drmaa_cffi._waiting.entries import Outcome, has_record, state_of
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

from .interruptible import InterruptibleFuture
from .streams import Streams, WithStreams

if TYPE_CHECKING:
    from drmaa_cffi.session import Session


_log = logging.getLogger(__name__)


def _in_event_loop() -> bool:
    """Whether this thread runs coroutines, which a call that takes its time would hold up."""
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and asyncio._get_running_loop() is not None  # noqa: SLF001


class JobFuture(InterruptibleFuture, WithStreams):
    """A submitted job, whose result() is its JobInfo once it has ended.

    JobExecutor makes them; ``concurrent.futures.as_completed()`` and ``wait()`` and
    ``asyncio.wrap_future()`` take them. A job that was ended, however, has a result: how it
    ended is in its record, and only where the submission asked for a check is it an error.

    Callbacks of add_done_callback() run in the thread that waits for all jobs: they must be
    short, and can't wait for jobs themselves.

    C: drmaa_wait.
    """

    def __init__(
        self,
        job_id: str,
        session: type[Session] | Session,
        streams: Streams | None,
        settle: Callable[[], None],
    ) -> None:
        super().__init__()
        self.job_id = job_id
        self._session = session
        self._streams = streams
        self._settle = settle
        self._failure: JobFailedError | None = None
        # What came while it was to be cancelled.
        self._missed: Outcome | None = None
        self._want = waiting.waits.want(job_id, self._deliver, owned=True)

    def _deliver(self, outcome: Outcome) -> None:
        """Take what the wait for the job has found, and hold up nobody else's."""
        self._when_free(self._end, outcome)

    def _end(self, outcome: Outcome) -> None:
        with self._deciding:
            is_mine = not self._is_to_be_cancelled
            if not is_mine:
                self._missed = outcome
        try:
            if is_mine:
                self._set(outcome)
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
        return self._want.outcome is not None

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
        error = self._error(timeout)
        try:
            if error is None:
                return cast("JobInfo", self._result)
            # A copy: what is kept here must not keep alive the variables of all who got it.
            error = copy.copy(error)
            self._raised = weakref.ref(error)
            raise error
        finally:
            del error

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
        error = self._error(timeout)
        # The same, while somebody has it.
        return self._raised() or error

    def _error(self, timeout: float | None) -> BaseException | None:
        error = self._await(timeout)
        if error is not None or self._streams is None or not self._streams.check:
            return error
        info = cast("JobInfo", self._result)
        if not info.ok and self._failure is None:
            self._failure = JobFailedError.of(info, self._streams.error.tail(self.job_id))
        return self._failure

    @property
    def attempts(self) -> list[JobInfo]:
        """The records of the job's attempts that have ended; more than one only with a Retry."""
        is_there = self.has_record and not self.cancelled() and self._exception is None
        return [cast("JobInfo", self._result)] if is_there else []

    def _has_run(self) -> bool:
        return self.has_record and not any(info.wasAborted for info in self.attempts[-1:])

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
            if self._want.outcome is None:
                return self._session.jobStatus(self.job_id)
        except InvalidJobException:
            if self._want.outcome is None:
                raise
        outcome = self._want.outcome
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
        In a coroutine, and by asyncio.wrap_future(), the DRM is told in the background as well,
        and what it answers is logged.

        Returns:
            True if the future is cancelled, so that result() raises CancelledError. False if the
            job has ended, or can't be terminated any more, so that it has a result.

        Raises:
            NoActiveSessionException: as result().
            DrmaaException: the DRM can't be told; those of Session.control().

        C: drmaa_control, DRMAA_CONTROL_TERMINATE.
        """
        self._refuse_in_child("cancel it")
        if _in_event_loop():
            return self._cancel_meanwhile()
        return sleeping.off_main(self._cancel)

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
        self._be_cancelled()
        return True

    def _begin_cancel(self) -> bool:
        """Have no result from now on; False if there is one, or it is so already."""
        with self._deciding:
            if self.done() or self._is_to_be_cancelled or self.has_record:
                return False
            self._is_to_be_cancelled = True
        return True

    def _end_cancel(self, error: DrmaaException | None) -> DrmaaException | None:
        """Be cancelled, as the DRM has been told; after an error have a result again.

        Returns:
            The error that cancel() would raise.
        """
        if error is None:
            self._be_cancelled()
            return None
        with self._deciding:
            self._is_to_be_cancelled = False
            missed, self._missed = self._missed, None
        if missed is not None:
            self._set(missed)
        return None if isinstance(error, InvalidJobException) or self._has_ended() else error

    def _cancel_meanwhile(self) -> bool:
        """Be cancelled from now on; the DRM is told in a thread, as a loop has others to serve."""
        if self.done() or self._is_to_be_cancelled:
            return self._is_to_be_cancelled
        self._is_to_be_cancelled = True

        def run() -> None:
            try:
                self.terminate()
            except InvalidJobException:
                pass
            except DrmaaException:
                _log.exception("job %s, which is cancelled, goes on", self.job_id)
            self._be_cancelled()

        sleeping.start(run)
        return True

    def _be_cancelled(self) -> None:
        try:
            is_cancelled = super().cancel()
        finally:
            self._wake()
        if is_cancelled:
            # For those in concurrent.futures.wait() and as_completed().
            self.set_running_or_notify_cancel()

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
