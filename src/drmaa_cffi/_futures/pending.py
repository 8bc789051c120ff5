"""What an executor has to wait for: submissions under way, and records to come."""

from __future__ import annotations

import math
import threading
import weakref
from contextlib import contextmanager
from itertools import count
from operator import itemgetter
from typing import TYPE_CHECKING, Callable, Generator, Sequence, TypeVar

from drmaa_cffi._waiting import sleeping, waiting
from drmaa_cffi.errors import DrmaaException, IllegalStateException
from drmaa_cffi.session import Session

from .cancelling import cancel_all
from .future import JobFuture
from .together import run_each, run_jobs

if TYPE_CHECKING:
    from drmaa_cffi._binding.indices import Span
    from drmaa_cffi.template import JobTemplate

    from .streams import Streams


_T = TypeVar("_T")

# A program's own, in a class that it has derived, may need the thread that submits.
_RUN_JOB = Session.runJob
_RUN_BULK_JOBS = Session.runBulkJobs


def _call_as_own(method: object, ours: object, call: Callable[[], _T]) -> _T:
    """Call a method of the session, in the caller's thread if it is not *ours*."""
    return call() if method is ours else sleeping.in_callers_thread(call)


class Pending:
    """The futures of an executor, and how many are still to get a record.

    Args:
        session: What the jobs are submitted in.
        settled: Called whenever one submission or record less is to come, with whether it was
            the last one of an executor that was shut down.
    """

    def __init__(self, session: type[Session] | Session, settled: Callable[[bool], None]) -> None:
        self._session: type[Session] | Session = session
        self._settled = settled
        #: In the order of their submissions.
        self._futures: weakref.WeakValueDictionary[int, JobFuture] = weakref.WeakValueDictionary()
        self._numbers = count()
        self._changed = threading.Condition()
        # Submissions under way, and records to come, those of cancelled futures included.
        self._open = 0
        self._submitting = 0
        self._is_shut = False

    @contextmanager
    def submission(self, *, is_accepted: bool = False) -> Generator[None, None, None]:
        """A block that submits jobs and makes their futures.

        Args:
            is_accepted: True for what was accepted before, perhaps before the end.

        Raises:
            IllegalStateException: nothing is accepted any more.
        """
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
            self.settle()

    def run(
        self, templates: Sequence[JobTemplate], span: Span | None
    ) -> Sequence[str | DrmaaException]:
        """Submit a bulk job, or a job for each template; return their ids, or why not.

        Raises:
            DrmaaException: all of them were refused.
        """
        if span is not None:
            run_bulk = self._session.runBulkJobs
            return _call_as_own(run_bulk, _RUN_BULK_JOBS, lambda: run_bulk(templates[0], *span))
        run_job = self._session.runJob
        if len(templates) == 1:
            return [_call_as_own(run_job, _RUN_JOB, lambda: run_job(templates[0]))]
        if run_job is _RUN_JOB:
            return run_jobs(templates)
        return sleeping.in_callers_thread(lambda: run_each(run_job, templates))

    def future(self, job_id: str, streams: Streams | None) -> JobFuture:
        """Return a future of a job."""
        self._expect()  # before the future, which may have its record at once
        future = JobFuture(job_id, self._session, streams, self.settle)
        self._futures[next(self._numbers)] = future
        return future

    def hold(self, future: JobFuture) -> None:
        """Wait for a future, whether it has a job now or not, until it settles."""
        self._expect()
        self._futures[next(self._numbers)] = future

    def _expect(self) -> None:
        with self._changed:
            self._open += 1

    def settle(self) -> None:
        """A submission is over, or a record has come."""
        with self._changed:
            self._open -= 1
            is_last = self._is_shut and not self._open
            self._changed.notify_all()
        waiting.waits.ledger.ring()
        self._settled(is_last)

    def shut(self) -> None:
        """Accept no more submissions."""
        self._is_shut = True

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to wait for."""
        return not self._open

    def wait(self) -> None:
        """Wait, where signals act, until there is nothing to wait for."""
        if sleeping.serves_signals():
            waiting.waits.sleep(lambda: self.is_empty, math.inf)
        else:
            with self._changed:
                self._changed.wait_for(lambda: self.is_empty)

    def cancel_all(self) -> list[DrmaaException]:
        """Cancel all futures; return the errors of those that can't be."""
        with self._changed:  # a submission that is under way makes a future, too
            self._changed.wait_for(lambda: not self._submitting)
        in_order = sorted(self._futures.items(), key=itemgetter(0))
        return cancel_all([future for _, future in in_order])
