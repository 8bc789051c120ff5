"""A job that may wait in the program before it is submitted, and may be submitted again."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Callable, Sequence

from drmaa_cffi._waiting import sleeping
from drmaa_cffi.const import JobControlAction, JobState
from drmaa_cffi.errors import Errno, IllegalStateException, JobFailedError, from_code
from drmaa_cffi.jobinfo import JobInfo

from .future import JobFuture

if TYPE_CHECKING:
    from drmaa_cffi.retry import Retry
    from drmaa_cffi.template import JobTemplate

    from .streams import Streams


class Source:
    """A template of the executor's own, deleted when no job needs it any more."""

    def __init__(self, template: JobTemplate, users: int = 1) -> None:
        self.template = template
        self._users = users
        self._lock = threading.Lock()

    def release(self) -> None:
        """One job less needs it."""
        with self._lock:
            self._users -= 1
            is_last = not self._users
        if is_last:
            self.template.delete()


class NoSource(Source):
    """Of a job that was refused: there is nothing to submit any more."""

    def __init__(self) -> None:  # pyright: ignore[reportMissingSuperCall]
        pass

    def release(self) -> None:
        """Nobody needs it."""


class AttemptsFuture(JobFuture):
    """The future of a job whose attempts are futures of their own; its result is the last one's.

    Args:
        source: What to submit.
        index: The index of a bulk job's task; 0 for a single job.
        retry: When it is tried again; None for never.
        streams: Where the job writes to, and whether it is to be checked.
        withdraw: Takes futures from those that wait to be submitted.
        settle: Called once, when there is nothing more to submit.
    """

    # The base class's waits for a job that is there.
    def __init__(  # pyright: ignore[reportMissingSuperCall]
        self,
        source: Source,
        index: int,
        retry: Retry | None,
        streams: Streams | None,
        withdraw: Callable[..., None],
        settle: Callable[[], None],
    ) -> None:
        super(JobFuture, self).__init__()
        self.job_id = ""
        self.source = source
        self.index = index
        #: The distance to the next index.
        self.step = 1
        self.retry = retry
        self.left = retry.times if retry else 0
        self._streams = streams
        self._failure: JobFailedError | None = None
        self._withdraw = withdraw
        self._settle = settle
        self._current: JobFuture | None = None
        self._ended: list[JobInfo] = []
        self._is_decided = False
        #: The thread that completes it, which can't wait for it.
        self.thread: threading.Thread | None = None

    @property
    def attempts(self) -> list[JobInfo]:
        """The records of the attempts that have ended, the last one's included."""
        return list(self._ended)

    @property
    def has_record(self) -> bool:
        """Whether the end of the last attempt is known, or there was none."""
        current = self._current
        return self.done() and (current is None or current.has_record)

    # What the submitter says.

    def submitted(self, job: JobFuture) -> None:
        """Take the next attempt."""
        with self._deciding:
            self._current = job
            self.job_id = job.job_id
            is_late = self._is_to_be_cancelled
        if is_late:
            job.cancel()

    def ended(self, job: JobFuture) -> JobInfo | None:
        """Take an attempt's end; return its record if it is to be followed by another."""
        if job.cancelled():
            self._become_cancelled()
            return None
        error = job.exception()
        if error is not None:
            self.fail(error)
            return None
        info = job.result()
        with self._deciding:
            self._ended.append(info)
            if self.retry is not None and self.left and self.retry.wants(info):
                self.left -= 1
                self._current = None
                return info
        self.complete(info)
        return None

    def complete(self, info: JobInfo) -> None:
        """Have a result, and hold up nobody else's."""
        self._when_free(lambda info: self._decide(lambda: self.set_result(info)), info)

    def fail(self, error: BaseException) -> None:
        """Have no result but an error, and hold up nobody else's."""
        self._when_free(lambda error: self._decide(lambda: self.set_exception(error)), error)

    def _decide(self, act: Callable[[], object], *, is_cancel: bool = False) -> bool:
        """End by *act*; False if the future has ended, or does just now, in another way."""
        with self._deciding:
            if self._is_decided:
                return False
            self._is_decided = True
            self._is_to_be_cancelled = is_cancel
        try:
            act()
        finally:
            self.source.release()
            self._settle()
        return True

    # What the program asks.

    def _await(self, timeout: float | None) -> BaseException | None:
        if not self.done() and threading.current_thread() is self.thread:
            raise IllegalStateException(
                "a callback of a job can't wait for one that the same thread submits"
            )
        return super()._await(timeout)

    def status(self) -> JobState:
        """Return the state of the current attempt; QUEUED_ACTIVE while none is submitted."""
        current = self._current
        if current is not None:
            return current.status()
        return JobState.FAILED if self.done() else JobState.QUEUED_ACTIVE

    def terminate(self) -> None:
        """End the current attempt, and don't try again. The result follows when it has ended."""
        self.left = 0
        super().terminate()

    @staticmethod
    def _give_up(futures: Sequence[AttemptsFuture]) -> None:
        """Let no more attempts of these futures, of one executor, be submitted."""
        for future in futures:
            future.left = 0
        if futures:
            futures[0]._withdraw(*futures)  # noqa: SLF001 - they are of one kind

    def _cancel(self) -> bool:
        with self._deciding:
            if self.done():
                return self.cancelled()
            self.left = 0
            current = self._current
        if current is not None and not current.cancel():
            return False
        return self._leave()

    def _cancel_meanwhile(self) -> bool:
        if self.done():
            return self.cancelled()
        self.left = 0
        current = self._current
        if current is not None and not current.cancel():
            return False
        return sleeping.off_main(self._leave)

    def _leave(self) -> bool:
        """Wait no more to be submitted, and have no result."""
        self._withdraw(self)
        return self._become_cancelled()

    def _become_cancelled(self) -> bool:
        self._decide(self._be_cancelled, is_cancel=True)
        return self._is_to_be_cancelled

    def _control(self, action: JobControlAction) -> None:
        current = self._current
        if current is None:
            words = "is over" if self.done() else "waits in the program to be submitted: cancel()"
            raise from_code(Errno.INVALID_JOB, "", f"the job {words}")
        current._control(action)  # noqa: SLF001 - they are of one kind
