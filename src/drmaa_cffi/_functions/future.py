"""A call in a job as a future: what the function returned or raised is its result."""

from __future__ import annotations

import concurrent.futures
import logging
import pickle
import threading
from typing import Any, Callable, NamedTuple, TypeVar

from drmaa_cffi._futures.future import JobFuture
from drmaa_cffi.errors import IllegalStateException, JobFailedError
from drmaa_cffi.jobinfo import JobInfo

from . import worker
from .folder import Folder

T = TypeVar("T")
_LINES = 20
_log = logging.getLogger(__name__)


class RemoteTraceback(Exception):
    """Where in the job an exception was raised: the cause of what a FunctionFuture raises.

    C: none; what it says comes from the job.
    """


class RemoteError(Exception):
    """The call raised an exception that can't be brought here; the text is its traceback.

    C: none; what it says comes from the job.
    """


class Place(NamedTuple):
    """Where a call's files are."""

    folder: Folder
    batch: str
    number: int


class FunctionFuture(concurrent.futures.Future[T]):
    """A call of a function in a job; result() is what the function returned.

    FunctionExecutor makes them, and all tools of concurrent.futures take them. What the function
    raised, result() raises, with the job's traceback as its cause. A job that ended without
    either, since a signal or the DRM ended it, is a JobFailedError.

    Callbacks of add_done_callback() run in the thread that reads results: they must be short,
    and can't wait for other calls.

    C: drmaa_wait.
    """

    #: The job that makes the call.
    job: JobFuture

    def __init__(
        self,
        job: JobFuture,
        place: Place,
        unpack: Callable[[list[Any]], T],
        reader: threading.Thread,
    ) -> None:
        super().__init__()
        self.job = job
        self._place = place
        self._unpack = unpack
        self._reader = reader
        self._output: str | None = None
        self._info: JobInfo | None = None
        self._ending = threading.Lock()

    @property
    def job_id(self) -> str:
        """The id of the job that makes the call."""
        return self.job.job_id

    @property
    def info(self) -> JobInfo | None:
        """The job's record; None before its end, and where the record was lost."""
        return self._info

    def output(self) -> str:
        """Return what the call has printed, to stdout and stderr: so far, while it runs.

        It is read from a file, which a shared file system may show with some delay. Of more
        than a MiB it is the last.

        C: none; it is the file of the attribute drmaa_output_path.
        """
        folder, batch, number = self._place
        return folder.output(batch, number) if self._output is None else self._output

    def result(self, timeout: float | None = None) -> T:
        """Return what the function returned.

        Args:
            timeout: Seconds to wait; None for no end.

        Raises:
            Exception: what the function raised.
            RemoteError: it raised what can't be brought here.
            JobFailedError: the job left no result.
            concurrent.futures.TimeoutError: the time is over.
            concurrent.futures.CancelledError: the future was cancelled.
            IllegalStateException: a callback waits.
            DrmaaException: the others of JobFuture.result().

        C: drmaa_wait.
        """
        self._refuse_to_wait_here()
        return super().result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Return what result() would raise, or None.

        Args:
            timeout: Seconds to wait; None for no end.

        Raises:
            concurrent.futures.TimeoutError, concurrent.futures.CancelledError,
            IllegalStateException: as result().

        C: drmaa_wait.
        """
        self._refuse_to_wait_here()
        return super().exception(timeout)

    def _refuse_to_wait_here(self) -> None:
        if not self.done() and threading.current_thread() is self._reader:
            raise IllegalStateException(
                "a callback of a call can't wait for another: it runs in the thread that would "
                "bring the result"
            )

    def cancel(self) -> bool:
        """End the call's job, and have no result.

        Returns:
            True if the future is cancelled. False if the job has ended, or can't be ended any
            more, so that there is a result.

        Raises:
            DrmaaException: those of JobFuture.cancel().

        C: drmaa_control, DRMAA_CONTROL_TERMINATE.
        """
        if not self.job.cancel():
            return False
        self._cancel()
        return True

    def _cancel(self) -> None:
        with self._ending:
            if super().cancelled():
                return
            # The state alone; callbacks may do anything.
            super().cancel()
        self.set_running_or_notify_cancel()

    def _end(self) -> None:
        """Complete the future: its job has ended."""
        if self.job.cancelled():
            self._cancel()
            return
        try:
            value = self._value()
        except BaseException as error:  # noqa: BLE001 - whatever the function raised
            self.set_exception(error)
        else:
            self.set_result(value)

    def _value(self) -> T:
        folder, batch, number = self._place
        error = self.job.exception()
        if error is not None:
            raise error
        self._info = info = self.job.result()
        self._output = folder.take_output(batch, number)
        has_written = info.hasExited and info.exitStatus in {0, worker.RAISED}
        result = folder.take_result(batch, number, is_there=has_written)
        if result is None:
            raise _no_result(info, self._output)
        if not result.has_returned:
            raise _raised(result)
        return self._unpack(pickle.loads(result.value))  # noqa: S301 - it is this user's


def _no_result(info: JobInfo, output: str) -> JobFailedError:
    last = "\n".join(output.splitlines()[-_LINES:])
    said = f"; the last it printed:\n{last}" if last else ""
    error = JobFailedError(f"job {info.jobId} {info.describe()}, and left no result{said}")
    error.jobInfo = info
    error.stderr = last
    return error


def _raised(result: worker.Result) -> BaseException:
    try:
        error = pickle.loads(result.value)  # noqa: S301 - it is this user's
    except Exception:  # noqa: BLE001 - whatever its class raises
        error = None
    if not isinstance(error, BaseException):
        return RemoteError(result.traceback.rstrip())
    error.__cause__ = RemoteTraceback(f'\n"""\n{result.traceback}"""')
    return error
