"""Jobs as futures: submit them, and go on when each ends, with the tools of concurrent.futures."""

from __future__ import annotations

import math
import os
import threading
import time
import weakref
from contextlib import contextmanager, suppress
from itertools import count
from typing import TYPE_CHECKING, Generator, Iterable, NamedTuple

from ._binding.jobids import job_id_of
from ._futures.errorfile import ErrorFile
from ._futures.future import JobFuture, refuse_in_child
from ._futures.polling import OnStatus, StatusPoller
from ._waiting import threads, waiting
from ._waiting.timeouts import patience_of
from .const import JobState
from .errors import (
    AlreadyActiveSessionException,
    DrmaaException,
    Errno,
    IllegalStateException,
    NoActiveSessionException,
    from_code,
    invalid_argument,
    shown,
)
from .session import Session, index_of
from .template import JobTemplate

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

_NOT_STARTED = frozenset(
    {
        JobState.UNDETERMINED,
        JobState.QUEUED_ACTIVE,
        JobState.SYSTEM_ON_HOLD,
        JobState.USER_ON_HOLD,
        JobState.USER_SYSTEM_ON_HOLD,
    }
)


class StartedAndNot(NamedTuple):
    """What JobExecutor.wait_started() returns."""

    #: The jobs that have started, whether or not they have ended since.
    started: set[JobFuture]
    #: The others.
    not_started: set[JobFuture]


class JobExecutor:
    """Submits jobs as futures.

    One thread waits in C for the next job to end, whichever it is, and completes its future:
    nothing is asked for by job. Other waits of the program in the same session go on as ever:
    Session.wait() with JOB_IDS_SESSION_ANY leaves the executor's jobs to it, and with the id of
    one of them returns the record that its future gets. A DRM that does not answer for a
    while delays results; a job is lost only if the library says that it does not know it.

    As a context manager it waits at the block's end for all its jobs.

    Args:
        session: The open session to submit in. Without one the executor opens a session of its
            own, and closes it when it is shut down and its jobs have ended.
        status_interval: Seconds between two sweeps that ask for the states of jobs, for
            *on_status* and wait_started(); nobody is asked for others.

    Raises:
        AlreadyActiveSessionException: without *session*: there is one already. And whatever
            Session.initialize() raises.
        InvalidArgumentException: it is no session, or the interval is not a number above 0.

    C: drmaa_init, where it opens a session.
    """

    def __init__(
        self, session: type[Session] | Session | None = None, *, status_interval: float = 5.0
    ) -> None:
        if not _is_interval(status_interval):
            raise invalid_argument(
                f"status_interval can't be {shown(status_interval)}: pass seconds, more than 0"
            )
        if session is not None and not _is_session(session):
            raise invalid_argument(
                f"{shown(session)} is no session: pass Session, or an instance of it"
            )
        self._pid = os.getpid()
        self._owns_session = session is None
        self._session: type[Session] | Session = Session() if session is None else session
        self._poller = StatusPoller(status_interval)
        self._futures: weakref.WeakSet[JobFuture] = weakref.WeakSet()
        self._changed = threading.Condition()
        # Submissions under way, and records to come, those of cancelled futures included.
        self._open = 0
        self._is_shut = False
        self._ending = threading.Lock()
        if session is None:
            try:
                Session.initialize()
            except AlreadyActiveSessionException as error:
                raise from_code(
                    Errno.ALREADY_ACTIVE_SESSION,
                    error.routine,
                    "this process has a session already: pass it, as JobExecutor(session)",
                    error.diagnosis,
                ) from None

    def submit(
        self, template: JobTemplate, *, check: bool = False, on_status: OnStatus | None = None
    ) -> JobFuture:
        """Submit a job.

        Args:
            template: What to run.
            check: True to let the future's result() raise JobFailedError unless the job exits
                with 0.
            on_status: Called with the future and its JobState, first soon and then at each
                change until the end, in a thread of its own. DRMAA can't tell of changes: they
                are asked for at the executor's interval, so short ones may be missed.

        Returns:
            The job's future.

        Raises:
            IllegalStateException: the executor was shut down.
            DrmaaException: those of Session.runJob().

        C: drmaa_run_job.
        """

        def submit() -> JobFuture:
            with self._submission(on_status):
                error_file = _error_file(template, check=check)
                job_id = self._session.runJob(template)
                return self._future(job_id, error_file, on_status)

        return threads.off_main(submit)

    def submit_bulk(
        self,
        template: JobTemplate,
        begin: int,
        end: int,
        step: int = 1,
        *,
        check: bool = False,
        on_status: OnStatus | None = None,
    ) -> list[JobFuture]:
        """Submit many jobs that differ by an index.

        Args:
            template: What to run.
            begin: The first index, at least 1.
            end: The last index, at least *begin*.
            step: The distance between indices, at least 1.
            check: As for submit().
            on_status: As for submit().

        Returns:
            The jobs' futures, in the order of their indices.

        Raises:
            IllegalStateException: the executor was shut down.
            DrmaaException: those of Session.runBulkJobs().

        C: drmaa_run_bulk_jobs.
        """

        def submit() -> list[JobFuture]:
            first, distance = index_of(begin, "begin"), index_of(step, "step")
            with self._submission(on_status):
                error_file = _error_file(template, check=check)
                job_ids = self._session.runBulkJobs(template, first, end, distance)
                return [
                    self._future(job_id, error_file and error_file._replace(task=task), on_status)
                    for task, job_id in zip(count(first, distance), job_ids)
                ]

        return threads.off_main(submit)

    def attach(self, job_id: str | bytes | int, *, on_status: OnStatus | None = None) -> JobFuture:
        """Return a future of a job of this session that was submitted before.

        Args:
            job_id: The job's id, as of Session.runJob(), or of an earlier program whose session
                was taken up by its contact.
            on_status: As for submit().

        Raises:
            IllegalStateException: the executor was shut down.
            InvalidJobException: there is no such job in the session, or its record was taken.
            DrmaaException: the others of Session.wait().

        C: drmaa_wait, with DRMAA_TIMEOUT_NO_WAIT.
        """

        def attach() -> JobFuture:
            text = job_id_of(job_id)
            with self._submission(on_status):
                waiting.waits.look_for(text)
                return self._future(text, None, on_status)

        return threads.off_main(attach)

    @contextmanager
    def _submission(self, on_status: object) -> Generator[None, None, None]:
        """A block that submits jobs and makes their futures."""
        self._refuse_in_child()
        if on_status is not None and not callable(on_status):
            raise invalid_argument(
                f"on_status can't be {shown(on_status)}: pass a function of a future and a state"
            )
        with self._changed:
            if self._is_shut:
                raise IllegalStateException(
                    "the executor was shut down and takes no jobs any more: make a new one"
                )
            self._open += 1
        try:
            with waiting.waits.records.submission():
                yield
        finally:
            self._close_one()

    def _future(
        self, job_id: str, error_file: ErrorFile | None, on_status: OnStatus | None
    ) -> JobFuture:
        with self._changed:
            self._open += 1
        future = JobFuture(job_id, self._session, error_file, self._close_one)
        self._futures.add(future)
        if on_status is not None:
            self._poller.watch(future, on_status)
        return future

    def _close_one(self) -> None:
        """A submission is over, or a record has come."""
        with self._changed:
            self._open -= 1
            is_last = self._is_shut and not self._open
            self._changed.notify_all()
        waiting.waits.records.ring()
        self._poller.wake()
        if is_last:
            self._end()

    def _end(self) -> None:
        """Close the executor's own session: nothing is left to wait for."""
        # Whoever comes second returns when it is closed.
        with self._ending:
            if self._owns_session:
                self._owns_session = False
                with suppress(NoActiveSessionException):  # closed by the program
                    self._session.exit()

    def wait_started(
        self, futures: Iterable[JobFuture], timeout: float | None = None
    ) -> StartedAndNot:
        """Wait until jobs have started.

        DRMAA can't tell of starts: the jobs are asked for at the executor's interval.

        Args:
            futures: The jobs' futures.
            timeout: Seconds to wait; None for no end.

        Returns:
            The futures of jobs that have started, ended ones included, and the others.

        Raises:
            IllegalStateException: a callback waits.
            InvalidArgumentException: they are no futures of an executor, or the timeout is no
                number.
            NoActiveSessionException: this is a process forked from the executor's.

        C: drmaa_job_ps.
        """
        self._refuse_in_child()
        self._refuse_to_wait_here()
        all_futures = _futures(futures)
        started: set[JobFuture] = set()

        def note(future: JobFuture, state: JobState) -> None:
            if state not in _NOT_STARTED:
                started.add(future)

        deadline = time.monotonic() + patience_of(timeout)
        watches = threads.off_main(
            lambda: [
                self._poller.watch(future, note, while_in=_NOT_STARTED) for future in all_futures
            ]
        )
        try:
            while not all(future in started or future.done() for future in all_futures):
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                time.sleep(min(left, threads.LOOK))
        finally:
            threads.start(lambda: self._poller.unwatch(*watches))
        started |= {future for future in all_futures if future.done()}
        return StartedAndNot(started & all_futures, all_futures - started)

    def _refuse_in_child(self) -> None:
        refuse_in_child(self._pid, f"this executor is process {self._pid}'s", "use it")

    def _refuse_to_wait_here(self) -> None:
        waiting.waits.refuse_to_wait_here()
        self._poller.refuse_to_wait_here()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more jobs.

        On the main thread a signal's handler acts at once, Ctrl-C's too.

        Args:
            wait: True to wait until all jobs have ended, also those of cancelled futures. With
                False the jobs go on, and so do their futures until the program's end.
            cancel_futures: True to cancel all futures that have no result, which terminates
                their jobs.

        Raises:
            IllegalStateException: a callback waits.
            NoActiveSessionException: this is a process forked from the executor's.
            DrmaaException: a job could not be terminated, the first error of them; or the
                executor's own session could not be closed.

        C: drmaa_control and drmaa_exit, where they are needed.
        """
        self._refuse_in_child()
        if wait:
            self._refuse_to_wait_here()
        self._is_shut = True
        errors = threads.off_main(self._cancel_all) if cancel_futures else []
        if wait and threads.serves_signals():
            waiting.waits.sleep(lambda: not self._open, math.inf)
        elif wait:
            with self._changed:
                self._changed.wait_for(lambda: not self._open)
        if wait:
            threads.off_main(self._poller.drain)
        if not self._open:
            threads.off_main(self._end)
        if errors:
            raise errors[0]

    def _cancel_all(self) -> list[DrmaaException]:
        errors: list[DrmaaException] = []
        for future in list(self._futures):
            try:
                future.cancel()
            except DrmaaException as error:
                errors.append(error)
        return errors

    def __enter__(self) -> Self:
        """Return the executor itself."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Wait for all jobs, and take no more; in a forked child leave them to the parent."""
        if os.getpid() == self._pid:
            self.shutdown()


def _is_session(value: object) -> bool:
    return isinstance(value, Session) or (isinstance(value, type) and issubclass(value, Session))


def _futures(values: Iterable[JobFuture]) -> set[JobFuture]:
    try:
        futures = set(values)
        if all(isinstance(future, JobFuture) for future in futures):
            return futures
    except TypeError:
        pass
    raise invalid_argument(f"{shown(values)}: pass futures of an executor, in a list")


def _error_file(template: JobTemplate, *, check: bool) -> ErrorFile | None:
    # What is no template is told of by who submits it.
    return ErrorFile.of(template) if check and isinstance(template, JobTemplate) else None


def _is_interval(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return 0 < value < math.inf
