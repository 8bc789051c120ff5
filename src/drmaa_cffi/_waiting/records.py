"""Records of finished jobs that were taken from the library, on their way to whoever asks.

A wait that was interrupted goes on in C, and the reaper waits there for any job: both take
records that somebody else wants. A record goes to the claim on its job, if there is one, else to
a wait for any job, else it is kept for the wait that will ask for it.

The main thread never holds the lock, see threads.py: what is said to be for it looks and takes
in single steps.
"""

from __future__ import annotations

import math
import threading
import weakref
from contextlib import contextmanager
from typing import AbstractSet, Callable, Generator, Union

from drmaa_cffi.const import JOB_IDS_SESSION_ANY, JobState
from drmaa_cffi.errors import DrmaaException, Errno, from_code
from drmaa_cffi.jobinfo import JobInfo

from .threads import Bell

#: A record, or the error that the wait for its job ends with, which may carry one.
Outcome = Union[JobInfo, DrmaaException]
#: Told of the outcome once, in whatever thread took it; it must not block.
Listener = Callable[[Outcome], None]


class CallInC:
    """A wait in a thread of its own, whose caller may leave, or that serves all."""

    def __init__(self, job_id: str, deadline: float, key: object = None) -> None:
        self.job_id: str = job_id
        self.deadline: float = deadline
        # What a later caller has to ask for to be served by this call; None if nobody can be.
        self.key: object = key
        #: The caller has left, or there is none.
        self.abandoned: bool = False
        self.finished: bool = False
        self.error: BaseException | None = None

    def may_take(self, job_id: str) -> bool:
        """Whether this call may be the one that takes the record of *job_id*."""
        return JOB_IDS_SESSION_ANY in (job_id, self.job_id) or self.job_id == job_id


class Claim:
    """The right to a job's record, from before the job ends."""

    __slots__ = ("__weakref__", "given", "job_id", "listeners", "outcome", "owned", "withdrawn")

    def __init__(self, job_id: str) -> None:
        self.job_id: str = job_id
        self.listeners: list[Listener] = []
        self.outcome: Outcome | None = None
        # A future has it: its record is not given back.
        self.owned: bool = False
        # A wait has returned the record, which it does once.
        self.given: bool = False
        # Nobody has it any more: whoever waits for it has to ask anew.
        self.withdrawn: bool = False

    @property
    def is_over(self) -> bool:
        """Whether there is nothing to wait for any more."""
        return self.withdrawn or self.outcome is not None

    def give(self, outcome: Outcome) -> Outcome:
        """Return what a wait for the job gets: a record only once, what is none each time."""
        if not has_record(outcome):
            return outcome
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


class Records:
    """The records and claims of the process's session; ``changed`` guards all of it."""

    def __init__(self) -> None:
        self.changed: threading.Condition = threading.Condition()
        #: Waits in C that may hold a record which is not here yet.
        self.calls: set[CallInC] = set()
        #: What helpers do for the main thread, and may have a record in hand for.
        self.errands: set[CallInC] = set()
        #: Records that nobody has claimed.
        self.kept: dict[str, Outcome] = {}
        #: Whether there have been claims, or listeners for any job, in this session.
        self.shared: bool = False
        #: Bells of sleepers, to be rung at each change.
        self.bells: set[Bell] = set()
        #: Claims whose record is still to come.
        self._pending: dict[str, Claim] = {}
        # All claims that somebody still has: also a wait finds the records that they got.
        self._claims: weakref.WeakValueDictionary[str, Claim] = weakref.WeakValueDictionary()
        self._any: dict[Listener, None] = {}
        # Submissions that will claim their jobs; a record that comes meanwhile may be theirs.
        self._submissions: set[object] = set()
        self._early: dict[str, set[object]] = {}
        #: How many claims and waits for any job there have been: tells of new ones.
        self.asked: int = 0

    def notify(self) -> None:
        """Wake all who wait for a change. With the lock held."""
        self.changed.notify_all()
        self.ring()

    def ring(self) -> None:
        """Wake the main thread, if it sleeps."""
        for bell in list(self.bells):
            bell.ring()

    # For the main thread.

    @property
    def is_quiet(self) -> bool:
        """Whether a wait need not mind anybody else's."""
        return not (self.shared or self.kept or self.calls or self.errands)

    def find(self, job_id: str) -> str:
        """Return the id of a job whose record a wait for *job_id* could take, else ''."""
        if job_id != JOB_IDS_SESSION_ANY:
            return job_id if job_id in self.kept else ""
        return next((known for known in list(self.kept) if known not in self._early), "")

    def hand_out(self, job_id: str) -> JobInfo:
        """Return, or raise, a kept outcome and forget it.

        Raises:
            KeyError: somebody else has it.
        """
        outcome = self.kept[job_id]
        is_error = isinstance(outcome, DrmaaException)
        # No call may follow: a handler could raise there, and the record would be gone.
        del self.kept[job_id]
        if is_error:
            raise outcome  # type: ignore[misc]  # it is one
        return outcome  # type: ignore[return-value]

    def claim_on(self, job_id: str) -> Claim | None:
        """Return the claim on a job, if somebody has it."""
        return self._claims.get(job_id) if self.shared else None

    def state_of(self, job_id: str) -> JobState | None:
        """Return the state of a job whose record is here, else None."""
        claim = self.claim_on(job_id)
        outcome = claim.outcome if claim is not None else self.kept.get(job_id)
        return None if outcome is None or not has_record(outcome) else state_of(outcome)

    @property
    def may_be_claimed(self) -> bool:
        """Whether a record that comes now may be a claim's, also one that is just being made."""
        return bool(self._pending or self._submissions)

    # Records come ...

    def may_come(self, job_id: str) -> bool:
        """Whether somebody may be about to bring the record of *job_id*."""
        calls = self.calls | self.errands
        return any(call.may_take(job_id) for call in calls)

    def put(self, asked: str, outcome: Outcome) -> None:
        """Place the record that a wait in C for *asked* took, where that wait has no caller."""
        with self.changed:
            told = self._place(asked, outcome)
        for listener in told:
            listener(outcome)

    def serve_all(self) -> CallInC:
        """Begin a wait for any job on behalf of all who want one. With the lock held."""
        call = CallInC(JOB_IDS_SESSION_ANY, math.inf)
        call.abandoned = True
        self.calls.add(call)
        return call

    def expect(self, job_id: str) -> CallInC:
        """Let others know, in one step without the lock, that a record may come by finish()."""
        bringer = CallInC(job_id, math.inf)
        bringer.abandoned = True
        self.errands.add(bringer)
        return bringer

    def give_back(self, outcome: Outcome) -> None:
        """Place what somebody was told of who does not wait for any job any more."""
        if has_record(outcome):
            self.put(JOB_IDS_SESSION_ANY, outcome)

    def finish(
        self,
        call: CallInC,
        outcome: Outcome | None,
        error: BaseException | None = None,
        *,
        is_callers: bool = False,
    ) -> bool:
        """End a call, and place what it took, or keep it for its caller if it is the caller's.

        Returns:
            False if its session is over: what it took is worth nothing any more.
        """
        told: list[Listener] = []
        with self.changed:
            self.calls.discard(call)
            self.errands.discard(call)
            in_time = not call.finished
            if in_time and outcome is not None:
                if is_callers and not call.abandoned:
                    self.kept[id_of(call.job_id, outcome)] = outcome
                else:
                    told = self._place(call.job_id, outcome)
            if in_time:
                call.error = error
                call.finished = True
            self.notify()
        for listener in told:
            listener(outcome)  # type: ignore[arg-type]  # who is told is told of something
        return in_time

    def offer(self) -> None:
        """Give to who waits what was kept for somebody who has left."""
        told: list[tuple[Listener, Outcome]] = []
        with self.changed:
            while self._any:
                outcome = self.take(JOB_IDS_SESSION_ANY)
                if outcome is None:
                    break
                told.append((self._next_any(), outcome))
            self.notify()
        for listener, outcome in told:
            listener(outcome)

    def divert(self, asked: str, outcome: Outcome) -> bool:
        """Place the record that a caller's own wait took if it is not the caller's.

        Returns:
            Whether the caller has to go on waiting.
        """
        if not self.may_be_claimed:
            return False
        for_any = asked == JOB_IDS_SESSION_ANY
        with self.changed:
            claim = self._pending.get(id_of(asked, outcome))
            if claim is None and not (for_any and self._submissions):
                return False
            if claim is not None and not for_any:
                claim.given = True
            told = self._place(asked, outcome)
        for listener in told:
            listener(outcome)
        return for_any

    def reconsider(self, asked: str, job_id: str) -> bool:
        """Place a kept record as divert() does; whether it is not the caller's any more."""
        with self.changed:
            outcome = self.kept.pop(job_id, None)
        if outcome is None or self.divert(asked, outcome):
            return True
        self.kept[job_id] = outcome
        return False

    def _place(self, asked: str, outcome: Outcome) -> list[Listener]:
        """Place a record, with the lock held; return who is to be told of it without."""
        job_id = id_of(asked, outcome)
        self.notify()
        claim = self._pending.pop(job_id, None)
        if claim is not None:
            claim.outcome = outcome
            told, claim.listeners = claim.listeners, []
            return told
        if self._any and not self._submissions:
            return [self._next_any()]
        self.kept[job_id] = outcome
        if self._submissions:
            self._early[job_id] = set(self._submissions)
        return []

    def _next_any(self) -> Listener:
        listener = next(iter(self._any))
        del self._any[listener]
        return listener

    # ... and go.

    def take(self, job_id: str) -> Outcome | None:
        """Return a kept record and forget it. With the lock held."""
        if not self.kept:
            return None
        job_id = self.find(job_id)
        self._early.pop(job_id, None)
        return self.kept.pop(job_id, None)

    def knows(self, job_id: str) -> bool:
        """Whether a job's record is here, or claimed. With the lock held."""
        return job_id in self.kept or job_id in self._claims

    @property
    def any_early(self) -> bool:
        """Whether a record waits for the end of a submission."""
        return bool(self._early)

    def drop_kept(self, but: AbstractSet[str]) -> None:
        """Forget all kept records *but* those of some jobs. With the lock held."""
        for job_id in self.kept.keys() - but:
            del self.kept[job_id]
            self._early.pop(job_id, None)

    # Claims.

    @contextmanager
    def submission(self) -> Generator[None, None, None]:
        """Keep records that come meanwhile from waits for any job: claims may follow for them."""
        token = object()
        self.shared = True
        with self.changed:
            self._submissions.add(token)
        try:
            yield
        finally:
            with self.changed:
                self._submissions.discard(token)
                told = self._settle(token) if self._early else []
            for listener, outcome in told:
                listener(outcome)

    def _settle(self, token: object) -> list[tuple[Listener, Outcome]]:
        """A submission is over: records that waited for it alone are anybody's now."""
        told: list[tuple[Listener, Outcome]] = []
        for job_id, tokens in list(self._early.items()):
            tokens.discard(token)
            if not tokens:
                del self._early[job_id]
                outcome = self.kept.pop(job_id, None) if self._any else None
                if outcome is not None:
                    told.append((self._next_any(), outcome))
        self.notify()
        return told

    def claim(self, job_id: str, listener: Listener, *, owned: bool = False) -> Claim:
        """Claim a job's record; *listener* is told of it, at once if it is here."""
        self.shared = True
        with self.changed:
            claim = self._claims.get(job_id)
            if claim is None:
                self._claims[job_id] = claim = Claim(job_id)
                self._early.pop(job_id, None)
                claim.outcome = self.kept.pop(job_id, None)
                if claim.outcome is None:
                    self._pending[job_id] = claim
                    self.asked += 1
                    self.notify()
            claim.owned = claim.owned or owned
            outcome = claim.outcome
            if outcome is None:
                claim.listeners.append(listener)
        if outcome is not None:
            listener(outcome)
        return claim

    def withdraw(self, claim: Claim, listener: Listener) -> None:
        """Claim no more: the record, if it has come and nobody else has it, is kept."""
        with self.changed:
            if listener in claim.listeners:
                claim.listeners.remove(listener)
            if claim.owned or claim.listeners or self._claims.get(claim.job_id) is not claim:
                return
            claim.withdrawn = True
            self._pending.pop(claim.job_id, None)
            del self._claims[claim.job_id]
            told = []
            if claim.outcome is not None and not claim.given:
                told = self._place(claim.job_id, claim.outcome)
            self.notify()
        for other in told:
            assert claim.outcome is not None  # noqa: S101 - it was placed
            other(claim.outcome)

    def listen(self, listener: Listener) -> None:
        """Let *listener* be told of the next record that is nobody's, at once if one is kept."""
        self.shared = True
        with self.changed:
            outcome = self.take(JOB_IDS_SESSION_ANY)
            if outcome is None:
                self._any[listener] = None
                self.asked += 1
                self.notify()
        if outcome is not None:
            listener(outcome)

    def unlisten(self, listener: Listener) -> None:
        """Tell *listener* no more."""
        with self.changed:
            self._any.pop(listener, None)

    def wanted(self) -> bool:
        """Whether somebody waits for records that the reaper has to take. With the lock held."""
        return bool(self._pending or self._any)

    def pending(self) -> list[str]:
        """Return the jobs whose claimed records are still to come."""
        with self.changed:
            return list(self._pending)

    def give_up(self, job_id: str, error: DrmaaException) -> None:
        """Tell the claim on a job that its record will not come."""
        with self.changed:
            told = self._place(job_id, error) if job_id in self._pending else []
        for listener in told:
            listener(error)

    def give_up_any(self, error: DrmaaException) -> None:
        """Tell those who wait for any job that there is none."""
        with self.changed:
            told, self._any = list(self._any), {}
        for listener in told:
            listener(error)

    def reset(self, error: Callable[[], DrmaaException]) -> None:
        """Forget all: the session is over, and whoever waits is told an *error* of its own."""
        with self.changed:
            self.kept.clear()
            self._early.clear()
            for call in self.calls | self.errands:
                call.error = error()
                call.finished = True
            self.calls.clear()
            self.errands.clear()
            told = [*self._any]
            self._any.clear()
            for claim in self._pending.values():
                claim.outcome = error()
                told += claim.listeners
                claim.listeners = []
            self._pending.clear()
            self._claims.clear()
            self.shared = False
            self.notify()
        for listener in told:
            listener(error())


def id_of(asked: str, outcome: Outcome) -> str:
    """Return the id of the job that an outcome of a wait for *asked* tells of."""
    info = outcome.jobInfo if isinstance(outcome, DrmaaException) else outcome
    return info.jobId if asked == JOB_IDS_SESSION_ANY and info is not None else asked
