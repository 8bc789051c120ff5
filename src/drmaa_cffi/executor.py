"""Jobs as futures: submit them, and go on when each ends, with the tools of concurrent.futures."""

from __future__ import annotations

import logging
import os
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Iterable

from ._binding.indices import index_of, span_of
from ._binding.jobids import job_id_of
from ._futures.chains import Predecessor
from ._futures.future import JobFuture
from ._futures.interruptible import refuse_in_child
from ._futures.pending import Pending
from ._futures.polling import OnStatus, StatusPoller
from ._futures.starts import StartedAndNot, wait_started
from ._futures.submissions import Submissions, Wishes
from ._waiting import sleeping
from ._waiting.delivering import refuse_to_wait_here
from .errors import (
    AlreadyActiveSessionException,
    DrmaaException,
    Errno,
    NoActiveSessionException,
    from_code,
    invalid_argument,
    shown,
)
from .retry import Retry
from .session import Session
from .template import JobTemplate

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

_log = logging.getLogger(__name__)


class JobExecutor:
    """Submits jobs as futures.

    One thread waits in C for the next job to end, whichever it is, and completes its future:
    there is no call for each job. The program may wait in the same session, too:
    Session.wait() with JOB_IDS_SESSION_ANY leaves the executor's jobs to it, and with the id of
    one of them returns the record that its future gets. A DRM that does not answer for a
    while delays results; a job is lost only if the library says that it does not know it.

    As a context manager it waits at the block's end for all its jobs.

    Args:
        session: The open session to submit in. Without one the executor opens a session of its
            own, and closes it when it is shut down and its jobs have ended. A runJob() or
            runBulkJobs() of a class that you have derived is called in the thread that submits.
        status_interval: Seconds between two sweeps that ask for the states of jobs, for
            *on_status* and wait_started(); nobody is asked for others.
        most_at_once: How many of its jobs may be submitted and not ended; None for any number.
            Further ones wait in the program, and are submitted as others end. If the DRM
            takes no more for now, that is not an error: they are submitted later.

    Raises:
        AlreadyActiveSessionException: without *session*: there is one already. And whatever
            Session.initialize() raises.
        InvalidArgumentException: it is not a session, the interval is not a number above 0, or
            *most_at_once* is not a whole number above 0.

    C: drmaa_init, where it opens a session.
    """

    def __init__(
        self,
        session: type[Session] | Session | None = None,
        *,
        status_interval: float = 5.0,
        most_at_once: int | None = None,
    ) -> None:
        if session is not None and not _is_session(session):
            raise invalid_argument(
                f"{shown(session)} is not a session: pass Session, or an instance of it"
            )
        if most_at_once is not None and index_of(most_at_once, "most_at_once") < 1:
            raise invalid_argument(
                f"most_at_once can't be {shown(most_at_once)}: it is a whole number, at least 1"
            )
        self._pid = os.getpid()
        self._owns_session = session is None
        self._session: type[Session] | Session = Session() if session is None else session
        self._poller = StatusPoller(status_interval)
        self._pending = Pending(self._session, self._note_settled)
        self._submissions = Submissions(
            self._pending, self._poller, most_at_once, self._refuse_in_child
        )
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
        self,
        template: JobTemplate,
        *,
        check: bool = False,
        on_status: OnStatus | None = None,
        after: Iterable[Predecessor] | Predecessor = (),
        only_if_ok: bool = False,
        retry: Retry | None = None,
    ) -> JobFuture:
        """Submit a job.

        Args:
            template: What to run.
            check: True to let the future's result() raise JobFailedError unless the job exits
                with 0.
            on_status: Called with the future and its JobState, first soon and then at each
                change until the end, in another thread. DRMAA does not report changes: the
                executor asks at its interval, so it may miss short ones.
            after: Futures or ids of jobs that must have ended before this one starts. The DRM
                keeps the order, also when the program is gone. If one of them has a *retry*, or
                waits for room, the program waits for it.
            only_if_ok: True to run the job only if all of those exit with 0. Else it ends, too:
                its cause is NOT_STARTED, its reason names the one that failed.
            retry: When to try again; see Retry.

        Returns:
            The job's future.

        Raises:
            IllegalStateException: the executor was shut down.
            UnsupportedAttributeException: the DRM has no words for *after* or *only_if_ok*.
            DrmaaException: those of Session.runJob().

        C: drmaa_run_job.
        """
        wishes = Wishes(check, on_status, after, only_if_ok, retry)
        return sleeping.off_main(lambda: self._submissions.submit([template], None, wishes)[0])

    def submit_bulk(
        self,
        template: JobTemplate,
        begin: int,
        end: int,
        step: int = 1,
        *,
        check: bool = False,
        on_status: OnStatus | None = None,
        after: Iterable[Predecessor] | Predecessor = (),
        only_if_ok: bool = False,
        retry: Retry | None = None,
    ) -> list[JobFuture]:
        """Submit many jobs that differ by an index.

        Args:
            template: What to run.
            begin: The first index, at least 1.
            end: The last index, at least *begin*.
            step: The distance between indices, at least 1.
            check: As for submit().
            on_status: As for submit().
            after: As for submit().
            only_if_ok: As for submit().
            retry: As for submit(); each job is tried again by itself.

        Returns:
            The jobs' futures, in the order of their indices.

        Raises:
            IllegalStateException: the executor was shut down.
            UnsupportedAttributeException: as submit().
            DrmaaException: those of Session.runBulkJobs().

        C: drmaa_run_bulk_jobs.
        """
        span = span_of(begin, end, step)
        wishes = Wishes(check, on_status, after, only_if_ok, retry)
        return sleeping.off_main(lambda: self._submissions.submit([template], span, wishes))

    def submit_all(
        self,
        templates: Iterable[JobTemplate],
        *,
        check: bool = False,
        on_status: OnStatus | None = None,
        after: Iterable[Predecessor] | Predecessor = (),
        only_if_ok: bool = False,
        retry: Retry | None = None,
    ) -> list[JobFuture]:
        """Submit many different jobs, with as few requests to the DRM as it takes.

        The engine on Slurm makes arrays of those that ask for the same resources. Elsewhere they
        are submitted one by one. Each job's id, control and end are its own in any case.

        Args:
            templates: What to run. The same template may be there more than once.
            check: As for submit().
            on_status: As for submit().
            after: As for submit(); each job follows all of them.
            only_if_ok: As for submit().
            retry: As for submit(); each job is tried again by itself.

        Returns:
            The jobs' futures, in the order of the templates. Where one job was refused, and others
            were not, its future has the error.

        Raises:
            IllegalStateException: the executor was shut down.
            UnsupportedAttributeException: as submit().
            DrmaaException: those of Session.runJob(), where no job was submitted.

        C: drmaa_run_job for each, or the engine's own drmaa_run_jobs.
        """
        wishes = Wishes(check, on_status, after, only_if_ok, retry)
        return sleeping.off_main(lambda: self._submissions.submit(list(templates), None, wishes))

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
        return sleeping.off_main(lambda: self._submissions.attach(job_id_of(job_id), on_status))

    def _note_settled(self, is_last: bool) -> None:
        """A submission is over, or a record has come."""
        self._poller.wake()
        if is_last:
            try:
                self._end()
            except DrmaaException:
                # shutdown() tries it again, and raises what it hears.
                _log.exception("an executor's session can't be closed")

    def _end(self) -> None:
        """Close the executor's own session: nothing is left to wait for."""
        # Whoever comes second returns when it is closed.
        with self._ending:
            if self._owns_session:
                with suppress(NoActiveSessionException):  # closed by the program
                    self._session.exit()
                self._owns_session = False

    def wait_started(
        self, futures: Iterable[JobFuture], timeout: float | None = None
    ) -> StartedAndNot:
        """Wait until jobs have started.

        DRMAA does not report starts: the executor asks for the jobs' states at its interval.

        Args:
            futures: The jobs' futures.
            timeout: Seconds to wait; None for no end.

        Returns:
            The futures of jobs that have started, ended ones included, and the others.

        Raises:
            IllegalStateException: a callback waits.
            InvalidArgumentException: they are not futures of an executor, or the timeout is no
                number.
            NoActiveSessionException: this is a process forked from the executor's.

        C: drmaa_job_ps.
        """
        self._refuse_in_child()
        return wait_started(self._poller, futures, timeout)

    def _refuse_in_child(self) -> None:
        refuse_in_child(self._pid, f"this executor is process {self._pid}'s", "use it")

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
            refuse_to_wait_here()
        self._pending.shut()
        errors = sleeping.off_main(self._pending.cancel_all) if cancel_futures else []
        if wait:
            self._pending.wait()
            sleeping.off_main(self._poller.drain)
        if self._pending.is_empty:
            sleeping.off_main(self._end)
        try:
            if errors:
                raise errors[0]
        finally:
            del errors

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
