"""The session for asyncio: the same names, awaited, and jobs as they end in ``async for``.

However many coroutines wait for jobs, one thread waits for all of them in C. Other calls are made
in the event loop's default executor, so that a DRM that takes its time holds up nothing else.
"""

from __future__ import annotations

import asyncio
import math
import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, AsyncIterator, Callable, Iterable

from . import session as sync
from ._binding.jobids import job_id_of, job_ids_of
from ._waiting import sleeping, waiting
from ._waiting.entries import record_of
from ._waiting.inbox import Inbox
from ._waiting.loops import call, call_long
from ._waiting.submissions import watch
from ._waiting.synchronizing import dispose_of_all
from ._waiting.timeouts import fraction_of
from .const import JOB_IDS_SESSION_ALL, JOB_IDS_SESSION_ANY, JobState
from .errors import (
    DrmaaException,
    Errno,
    ExitTimeoutException,
    InvalidJobException,
    NoActiveSessionException,
    from_code,
    invalid_argument,
)
from .session import JobInfo, JobTemplate, Version

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from ._waiting.entries import Outcome

__all__ = ["Session"]


class Session:
    """A DRMAA session for coroutines; see drmaa_cffi.Session, whose methods these are.

    A process has one session at a time, this one or the other. ``async with Session() as s``
    initializes, and exits at the end. A wait that is cancelled, by asyncio.timeout() too, loses
    no record: the next one gets it. A submission that is cancelled may have been made: its job
    goes on, and wait() with JOB_IDS_SESSION_ANY finds it.

    Args:
        contactString: What ``async with`` passes to initialize().
    """

    TIMEOUT_WAIT_FOREVER = sync.Session.TIMEOUT_WAIT_FOREVER
    TIMEOUT_NO_WAIT = sync.Session.TIMEOUT_NO_WAIT
    JOB_IDS_SESSION_ANY = JOB_IDS_SESSION_ANY
    JOB_IDS_SESSION_ALL = JOB_IDS_SESSION_ALL

    def __init__(self, contactString: str | bytes | None = None) -> None:
        self.contactString = contactString

    @property
    def contact(self) -> str:
        """Return the string that reconnects to this session.

        C: drmaa_get_contact.
        """
        return sync.Session.contact

    @property
    def drmsInfo(self) -> str:
        """Return the DRM's name and version.

        C: drmaa_get_DRM_system.
        """
        return sync.Session.drmsInfo

    @property
    def drmaaImplementation(self) -> str:
        """Return the library's name and version.

        C: drmaa_get_DRMAA_implementation.
        """
        return sync.Session.drmaaImplementation

    @property
    def version(self) -> Version:
        """Return the version of DRMAA that the library has.

        C: drmaa_version.
        """
        return sync.Session.version

    async def initialize(self, contactString: str | bytes | None = None) -> None:
        """Open the session, as Session.initialize().

        If it is cancelled no session is open in the end, however late the library answers.

        Args:
            contactString: Which DRM to use, or the contact of an earlier session.

        Raises:
            DrmaaException: those of Session.initialize().

        C: drmaa_init.
        """
        opening = _Opening()
        try:
            await call(opening.open, contactString)
        except asyncio.CancelledError:
            opening.leave()
            raise

    async def exit(self) -> None:
        """Close the session, as Session.exit(): waits of other coroutines end with an error.

        Raises:
            DrmaaException: those of Session.exit().

        C: drmaa_exit.
        """
        await call(sync.Session.exit)

    async def createJobTemplate(self) -> JobTemplate:
        """Return a new, empty job template, whose attributes are set as ever.

        Raises:
            NoActiveSessionException: there is no session.

        C: drmaa_allocate_job_template.
        """
        return sync.Session.createJobTemplate()

    async def deleteJobTemplate(self, jobTemplate: JobTemplate) -> None:
        """Delete a job template.

        Args:
            jobTemplate: The template, or an object of the program's own with a delete().

        Raises:
            InvalidArgumentException: it has no delete().

        C: drmaa_delete_job_template.
        """
        sync.Session.deleteJobTemplate(jobTemplate)

    async def runJob(self, jobTemplate: JobTemplate) -> str:
        """Submit a job, and return its id.

        Args:
            jobTemplate: What to run.

        Raises:
            DrmaaException: those of Session.runJob().

        C: drmaa_run_job.
        """
        return (await call(_submit, lambda: [sync.Session.runJob(jobTemplate)]))[0]

    async def runBulkJobs(
        self, jobTemplate: JobTemplate, beginIndex: int, endIndex: int, step: int
    ) -> list[str]:
        """Submit many jobs that differ by an index, and return their ids in its order.

        Args:
            jobTemplate: What to run.
            beginIndex: The first index, at least 1.
            endIndex: The last index, at least beginIndex.
            step: The distance between indices, at least 1.

        Raises:
            DrmaaException: those of Session.runBulkJobs().

        C: drmaa_run_bulk_jobs.
        """
        run = partial(sync.Session.runBulkJobs, jobTemplate, beginIndex, endIndex, step)
        return await call(_submit, run)

    async def control(
        self,
        jobId: Iterable[str | bytes | int] | str | bytes | int,
        operation: str | bytes,
    ) -> None:
        """Hold, release, suspend, resume or terminate a job, or many.

        Args:
            jobId: A job's id, Session.JOB_IDS_SESSION_ALL, or several ids.
            operation: A member of JobControlAction.

        Raises:
            DrmaaException: those of Session.control().

        C: drmaa_control.
        """
        await call(sync.Session.control, jobId, operation)

    async def jobStatus(self, jobId: str | bytes | int) -> JobState:
        """Return the state of a job.

        Args:
            jobId: A job's id.

        Raises:
            DrmaaException: those of Session.jobStatus().

        C: drmaa_job_ps.
        """
        return await call(sync.Session.jobStatus, jobId)

    async def wait(self, jobId: str | bytes | int, timeout: float = -1) -> JobInfo:
        """Wait for a job, and take its record: a job can be waited for once.

        Args:
            jobId: A job's id, or Session.JOB_IDS_SESSION_ANY for the next that finishes.
            timeout: Seconds; TIMEOUT_WAIT_FOREVER or TIMEOUT_NO_WAIT. Or use
                asyncio.timeout().

        Returns:
            How the job ended, and what it used.

        Raises:
            DrmaaException: those of Session.wait().

        C: drmaa_wait.
        """
        outcome = await self._outcome(job_id_of(jobId), timeout)
        try:
            if isinstance(outcome, DrmaaException):
                raise outcome
            return outcome
        finally:
            del outcome

    async def _outcome(self, job_id: str, timeout: float = -1) -> Outcome:
        seconds = fraction_of(timeout)
        with Inbox() as inbox:
            # What has ended must be found in the shortest time, too.
            if job_id == JOB_IDS_SESSION_ANY:
                if seconds < math.inf:
                    await call(waiting.waits.look_for, job_id)
                inbox.want_any()
            else:
                await _want(inbox, job_id, is_asked=seconds < math.inf)
            outcome = await inbox.get(seconds)
        if outcome is None:
            raise from_code(Errno.EXIT_TIMEOUT, "drmaa_wait", ExitTimeoutException.meaning)
        return outcome

    async def as_completed(
        self, jobIds: Iterable[str | bytes | int] | str | bytes | int
    ) -> AsyncIterator[JobInfo]:
        """Iterate, with ``async for``, over the records of jobs in the order of their ends.

        A loop that is left early leaves the records of the other jobs to other waits.

        Args:
            jobIds: Ids, or one id; Session.JOB_IDS_SESSION_ALL for all jobs of the session that
                nobody else waits for.

        Raises:
            InvalidJobException: there is no such job, or its record was taken.
            InvalidArgumentException: an id is not legal; JOB_IDS_SESSION_ANY is none.
            DrmaaException: the others of Session.wait().

        C: drmaa_wait.
        """
        ids = list(dict.fromkeys(map(job_id_of, job_ids_of(jobIds))))
        if JOB_IDS_SESSION_ANY in ids:
            raise invalid_argument(
                f"ids can't be {JOB_IDS_SESSION_ANY!r}: pass JOB_IDS_SESSION_ALL for all jobs"
            )
        if JOB_IDS_SESSION_ALL in ids:
            ids = []
            with suppress(InvalidJobException):  # none is left
                while True:
                    yield record_of(await self._outcome(JOB_IDS_SESSION_ANY))
        with Inbox() as inbox:
            for job_id in ids:
                await _want(inbox, job_id)
            for _ in ids:
                yield await _next(inbox)

    async def synchronize(
        self,
        jobIds: Iterable[str | bytes | int] | str | bytes | int,
        timeout: float = -1,
        dispose: bool = False,
    ) -> None:
        """Wait until all the jobs have finished.

        Each such wait has a thread of its own; to wait for many jobs, as_completed() has not.

        Args:
            jobIds: Ids, or one id; Session.JOB_IDS_SESSION_ALL for the jobs submitted so far.
            timeout: Seconds, fractions rounded up; TIMEOUT_WAIT_FOREVER or TIMEOUT_NO_WAIT.
            dispose: True to drop the jobs' records, but for those of jobs that are submitted
                meanwhile; False to leave them for wait().

        Raises:
            DrmaaException: those of Session.synchronize().

        C: drmaa_synchronize.
        """
        ids = list(map(job_id_of, job_ids_of(jobIds)))
        newcomers = watch() if dispose and JOB_IDS_SESSION_ALL in ids else None
        await call_long(partial(sync.Session.synchronize, ids, timeout, dispose=False))
        # Only now: a call that was cancelled must not take the records with it.
        if newcomers is not None:
            await call(dispose_of_all, waiting.waits, newcomers)
        elif dispose:
            await call(sync.Session.synchronize, ids, sync.Session.TIMEOUT_NO_WAIT, True)

    async def __aenter__(self) -> Self:
        """Initialize the session with the contact given to the constructor."""
        await self.initialize(self.contactString)
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Exit the session, unless that was done within the block."""
        with suppress(NoActiveSessionException):
            await self.exit()


def _submit(run: Callable[[], list[str]]) -> list[str]:
    """Submit jobs: until somebody takes their records, the library need not be asked for them."""
    ledger = waiting.waits.ledger
    with ledger.submission():
        job_ids = run()
        ledger.note_submitted(job_ids)
    return job_ids


async def _want(inbox: Inbox, job_id: str, *, is_asked: bool = False) -> None:
    """Want a job's record, and see that it is still to be had: others may have taken it."""
    inbox.want(job_id)
    if is_asked or job_id not in waiting.waits.ledger.submitted:
        await call(waiting.waits.look_for, job_id)


class _Opening:
    """A session that is being opened, for a coroutine which may be cancelled meanwhile."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_open = threading.Event()
        self._is_left = threading.Event()

    def open(self, contact: str | bytes | None) -> None:
        """Open the session, and close it at once if nobody waits for it any more."""
        if self._is_left.is_set():
            return
        sync.Session.initialize(contact)
        with self._lock:  # one of both sees the other
            self._is_open.set()
            is_left = self._is_left.is_set()
        if is_left:
            _close()

    def leave(self) -> None:
        """Close the session, now or when it is open."""
        with self._lock:
            self._is_left.set()
            is_open = self._is_open.is_set()
        if is_open:
            sleeping.start(_close)


def _close() -> None:
    with suppress(DrmaaException):  # nobody is there to hear of it
        sync.Session.exit()


async def _next(inbox: Inbox) -> JobInfo:
    """Return the next record; a generator's frame, which stays, must not hold an error."""
    outcome = await inbox.get()
    assert outcome is not None  # noqa: S101 - without a timeout there is one
    try:
        return record_of(outcome)
    finally:
        del outcome
