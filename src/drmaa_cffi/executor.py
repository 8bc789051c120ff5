"""Jobs as futures: submit them, and go on when each ends, with the tools of concurrent.futures."""

from __future__ import annotations

import logging
import math
import os
import threading
import time
import weakref
from contextlib import contextmanager, suppress
from itertools import count
from operator import itemgetter
from typing import TYPE_CHECKING, Generator, Iterable, NamedTuple

from ._binding.jobids import job_id_of
from ._futures.attempts import AttemptsFuture
from ._futures.chains import Chain, Predecessor
from ._futures.errorfile import ErrorFile
from ._futures.future import JobFuture, refuse_in_child
from ._futures.managed import Managed
from ._futures.polling import OnStatus, StatusPoller
from ._futures.submitter import Span
from ._waiting import sleeping, waiting
from ._waiting.delivering import refuse_to_wait_here
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
from .retry import Retry
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


_log = logging.getLogger(__name__)


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
        most_at_once: How many of its jobs may be submitted and not ended; None for any number.
            Further ones wait in the program, and are submitted as others end. Where the DRM
            takes no more for now, that is no error: they are submitted later.

    Raises:
        AlreadyActiveSessionException: without *session*: there is one already. And whatever
            Session.initialize() raises.
        InvalidArgumentException: it is not a session, the interval is not a number above 0, or
            *most_at_once* no whole number above 0.

    C: drmaa_init, where it opens a session.
    """

    def __init__(
        self,
        session: type[Session] | Session | None = None,
        *,
        status_interval: float = 5.0,
        most_at_once: int | None = None,
    ) -> None:
        if not _is_interval(status_interval):
            raise invalid_argument(
                f"status_interval can't be {shown(status_interval)}: pass seconds, more than 0"
            )
        if session is not None and not _is_session(session):
            raise invalid_argument(
                f"{shown(session)} is not a session: pass Session, or an instance of it"
            )
        if most_at_once is not None and index_of(most_at_once, "most_at_once") < 1:
            raise invalid_argument(
                f"most_at_once can't be {shown(most_at_once)}: it is a whole number, at least 1"
            )
        self._most_at_once = most_at_once
        self._managed: Managed | None = None
        self._pid = os.getpid()
        self._owns_session = session is None
        self._session: type[Session] | Session = Session() if session is None else session
        self._poller = StatusPoller(status_interval)
        #: In the order of their submissions.
        self._futures: weakref.WeakValueDictionary[int, JobFuture] = weakref.WeakValueDictionary()
        self._numbers = count()
        self._changed = threading.Condition()
        # Submissions under way, and records to come, those of cancelled futures included.
        self._open = 0
        self._submitting = 0
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
                change until the end, in a thread of its own. DRMAA can't tell of changes: they
                are asked for at the executor's interval, so short ones may be missed.
            after: Futures or ids of jobs that must have ended before this one starts. The DRM is
                told, so that it holds when the program is gone; but a job with *retry*, or one
                that waits for room, is waited for in the program.
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

        def submit() -> JobFuture:
            with self._submission(on_status):
                chain, error_file = _chain(after, only_if_ok), _error_file(template, check=check)
                if self._is_managed(template, chain, retry):
                    (future,) = self._manage(template, None, chain, retry, error_file, on_status)
                    return future
                with _followed(template, chain) as followed:
                    job_id = self._session.runJob(followed)
                return self._future(job_id, error_file, on_status)

        return sleeping.off_main(submit)

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

        def submit() -> list[JobFuture]:
            first, distance = index_of(begin, "begin"), index_of(step, "step")
            with self._submission(on_status):
                chain, error_file = _chain(after, only_if_ok), _error_file(template, check=check)
                if self._is_managed(template, chain, retry):
                    span = _span(first, end, distance)
                    futures = self._manage(template, span, chain, retry, error_file, on_status)
                    return list(futures)
                with _followed(template, chain) as followed:
                    job_ids = self._session.runBulkJobs(followed, first, end, distance)
                return [
                    self._future(job_id, error_file and error_file._replace(task=task), on_status)
                    for task, job_id in zip(count(first, distance), job_ids)
                ]

        return sleeping.off_main(submit)

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

        return sleeping.off_main(attach)

    def _is_managed(self, template: JobTemplate, chain: Chain | None, retry: Retry | None) -> bool:
        """Whether there is more to do for a job than to submit it."""
        if retry is not None and not isinstance(retry, Retry):
            raise invalid_argument(f"retry can't be {shown(retry)}: pass drmaa_cffi.Retry(...)")
        must_wait = chain is not None and (chain.waits or chain.failure())
        is_managed = bool(must_wait) or retry is not None or self._most_at_once is not None
        # What is not a template is told of by runJob().
        return is_managed and isinstance(template, JobTemplate)

    def _manage(
        self,
        template: JobTemplate,
        span: Span | None,
        chain: Chain | None,
        retry: Retry | None,
        error_file: ErrorFile | None,
        on_status: OnStatus | None,
    ) -> list[AttemptsFuture]:
        with self._changed:
            if self._managed is None:
                self._managed = Managed(
                    self._run_accepted, self._most_at_once, self._hold, self._close_one
                )
        chain = chain or Chain((), only_if_ok=False)
        futures = self._managed.submit(template, span, chain, retry, error_file)
        if on_status is not None:
            for future in futures:
                self._poller.watch_if_possible(future, on_status)
        return futures

    def _run_accepted(self, template: JobTemplate, span: Span | None) -> list[JobFuture]:
        """Submit what was accepted, perhaps before the executor was shut down."""
        with self._submission(None, is_accepted=True):
            if span is None:
                return [self._future(self._session.runJob(template), None, None)]
            job_ids = self._session.runBulkJobs(template, *span)
            return [self._future(job_id, None, None) for job_id in job_ids]

    def _hold(self, future: JobFuture) -> None:
        """A future is to be waited for, whether it has a job now or not."""
        with self._changed:
            self._open += 1
        self._futures[next(self._numbers)] = future

    @contextmanager
    def _submission(
        self, on_status: object, *, is_accepted: bool = False
    ) -> Generator[None, None, None]:
        """A block that submits jobs and makes their futures."""
        self._refuse_in_child()
        if on_status is not None and not callable(on_status):
            raise invalid_argument(
                f"on_status can't be {shown(on_status)}: pass a function of a future and a state"
            )
        with self._changed:
            if self._is_shut and not is_accepted:
                raise IllegalStateException(
                    "the executor was shut down and takes no jobs any more: make a new one"
                )
            self._open += 1
            self._submitting += 1
        try:
            with waiting.waits.ledger.submission():
                yield
        finally:
            with self._changed:
                self._submitting -= 1
            self._close_one()

    def _future(
        self, job_id: str, error_file: ErrorFile | None, on_status: OnStatus | None
    ) -> JobFuture:
        with self._changed:
            self._open += 1
        future = JobFuture(job_id, self._session, error_file, self._close_one)
        self._futures[next(self._numbers)] = future
        if on_status is not None:
            self._poller.watch_if_possible(future, on_status)
        return future

    def _close_one(self) -> None:
        """A submission is over, or a record has come."""
        with self._changed:
            self._open -= 1
            is_last = self._is_shut and not self._open
            self._changed.notify_all()
        waiting.waits.ledger.ring()
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

        DRMAA can't tell of starts: the jobs are asked for at the executor's interval.

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
        refuse_to_wait_here()
        all_futures = _futures(futures)
        started: set[JobFuture] = set()

        def note(future: JobFuture, state: JobState) -> None:
            if state not in _NOT_STARTED:
                started.add(future)

        deadline = time.monotonic() + patience_of(timeout)
        watches = sleeping.off_main(
            lambda: [
                self._poller.watch(future, note, while_in=_NOT_STARTED) for future in all_futures
            ]
        )
        try:
            while not all(future in started or future.done() for future in all_futures):
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                time.sleep(min(left, sleeping.LOOK))
        finally:
            sleeping.start(lambda: self._poller.unwatch(*watches))
        started |= {future for future in all_futures if future.done()}
        return StartedAndNot(started & all_futures, all_futures - started)

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
        self._is_shut = True
        errors = sleeping.off_main(self._cancel_all) if cancel_futures else []
        if wait and sleeping.serves_signals():
            waiting.waits.sleep(lambda: not self._open, math.inf)
        elif wait:
            with self._changed:
                self._changed.wait_for(lambda: not self._open)
        if wait:
            sleeping.off_main(self._poller.drain)
        if not self._open:
            sleeping.off_main(self._end)
        try:
            if errors:
                raise errors[0]
        finally:
            del errors

    def _cancel_all(self) -> list[DrmaaException]:
        errors: list[DrmaaException] = []
        with self._changed:  # a submission that is under way makes a future, too
            self._changed.wait_for(lambda: not self._submitting)
        # The newest first: an end of one that runs would let the next one begin.
        for _, future in sorted(self._futures.items(), key=itemgetter(0), reverse=True):
            try:
                future.cancel()
            except DrmaaException as error:
                errors.append(error.with_traceback(None))  # which has this list
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
    # What is not a template is told of by who submits it.
    return ErrorFile.of(template) if check and isinstance(template, JobTemplate) else None


def _chain(after: Iterable[Predecessor] | Predecessor, only_if_ok: bool) -> Chain | None:
    return None if after == () and not only_if_ok else Chain(after, only_if_ok=only_if_ok)


@contextmanager
def _followed(template: JobTemplate, chain: Chain | None) -> Generator[JobTemplate, None, None]:
    """Give the template with what the DRM is to be told of the chain."""
    if chain is None or not isinstance(template, JobTemplate):
        yield template
        return
    with chain.copy(template) as followed:
        yield followed


def _span(begin: int, end: int, step: int) -> Span:
    """Return the indices of a bulk job, which nobody else checks if they are submitted later."""
    last = index_of(end, "end")
    if not (1 <= begin <= last and step >= 1):
        raise invalid_argument(
            f"a bulk job can't have the indices from {begin} to {last} by {step}: the first is at "
            "least 1 and at most the last, the step at least 1"
        )
    return begin, last, step


def _is_interval(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return 0 < value < math.inf
