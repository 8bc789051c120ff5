"""What is entered in the ledger: outcomes, the wants for them, and the fetches that bring them."""

from __future__ import annotations

import copy
import math
from typing import AbstractSet, Callable, Union

from drmaa_cffi.const import JOB_IDS_SESSION_ANY, JobState
from drmaa_cffi.errors import DrmaaException, Errno, NoResourceUsageException, from_code
from drmaa_cffi.jobinfo import JobInfo

#: A record, or the error that the wait for its job ends with, which may carry one.
Outcome = Union[JobInfo, DrmaaException]
#: Told of the outcome once, in whatever thread took it; it must not block.
Listener = Callable[[Outcome], None]


class Fetch:
    """A call that may bring a record from the library, or, with *asks* False, from elsewhere."""

    def __init__(self, key: object, deadline: float = math.inf, *, asks: bool = True) -> None:
        #: A job's id, or any; or what else it waits for, which brings no record.
        self.key: object = key
        self.deadline: float = deadline
        self.asks: bool = asks
        #: Those who sleep until it ends. Without any it goes on for others.
        self.waiters: set[object] = set()
        self.finished: bool = False
        self.error: BaseException | None = None

    def may_bring(self, job_id: str) -> bool:
        """Whether the record of *job_id* may be what this call takes."""
        any_job = JOB_IDS_SESSION_ANY
        return isinstance(self.key, str) and (any_job in {job_id, self.key} or self.key == job_id)


class Want:
    """A future's, or a coroutine's, right to the record of a job, from before the job ends."""

    __slots__ = ("__weakref__", "given", "job_id", "left", "listeners", "outcome", "owned")

    def __init__(self, job_id: str) -> None:
        self.job_id: str = job_id
        self.listeners: list[Listener] = []
        self.outcome: Outcome | None = None
        # A future has it: its record is not given back.
        self.owned: bool = False
        # A wait has returned the record, which it does once.
        self.given: bool = False
        # Nobody has it any more: whoever waits for it has to ask anew.
        self.left: bool = False

    @property
    def is_over(self) -> bool:
        """Whether there is nothing to wait for any more."""
        return self.left or self.outcome is not None

    def give(self, outcome: Outcome) -> Outcome:
        """Return what a wait for the job gets: a record only once, what is none each time."""
        if not has_record(outcome):
            return copy.copy(outcome)
        if self.given:
            taken = f"the record of job {self.job_id!r} was taken by an earlier wait"
            return from_code(Errno.INVALID_JOB, "", taken)
        self.given = True
        return outcome


def state_of(outcome: Outcome) -> JobState:
    """Return the state of the job with this record."""
    info = outcome.jobInfo if isinstance(outcome, DrmaaException) else outcome
    return JobState.FAILED if info is None or info.wasAborted else JobState.DONE


def has_record(outcome: Outcome) -> bool:
    """Whether a job's end is known by this."""
    return not isinstance(outcome, DrmaaException) or outcome.jobInfo is not None


def record_of(outcome: Outcome) -> JobInfo:
    """Return the record, that of a job without usage, too."""
    try:
        if isinstance(outcome, NoResourceUsageException) and outcome.jobInfo is not None:
            return outcome.jobInfo
        if isinstance(outcome, DrmaaException):
            raise outcome
        return outcome
    finally:
        del outcome


def id_of(asked: object, outcome: Outcome) -> str:
    """Return the id of the job that an outcome of a fetch for *asked* tells of."""
    info = outcome.jobInfo if isinstance(outcome, DrmaaException) else outcome
    return info.jobId if asked == JOB_IDS_SESSION_ANY and info is not None else str(asked)


class Doubles:
    """Records that a library gives a second time, as some do to two waits at once."""

    def __init__(self) -> None:
        # Jobs whose records have come, with the other fetches that may bring them once more.
        self._suspects: dict[str, set[Fetch]] = {}

    def note(self, fetch: Fetch, outcome: Outcome, under_way: AbstractSet[Fetch]) -> bool:
        """Note what a fetch has brought; return whether it has come before."""
        job_id = id_of(fetch.key, outcome)
        if not fetch.asks or not has_record(outcome):
            return False
        if fetch in self._suspects.get(job_id, ()):
            return True
        others = {other for other in under_way if other.asks and other.may_bring(job_id)}
        others.discard(fetch)
        if others:
            self._suspects[job_id] = others
        return False

    def forget(self, fetch: Fetch) -> None:
        """A fetch is over."""
        for job_id, others in list(self._suspects.items()):
            others.discard(fetch)
            if not others:
                del self._suspects[job_id]
