"""The ledger: who wants which job's record, and who has it. It owns the one lock.

A record that a fetch takes from the library is entered here before anybody sees it. It goes to
the want for its job, if there is one; else to who waits for the fetch; else to a want for any job;
else it is kept for the wait that will ask for it.

The main thread never holds the lock, see sleeping.py: what is said to be for it looks and takes in
single steps.
"""

from __future__ import annotations

import copy
import threading
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING, AbstractSet, Callable, Generator, List, Tuple

from drmaa_cffi.const import JOB_IDS_SESSION_ANY, JobState
from drmaa_cffi.errors import DrmaaException
from drmaa_cffi.jobinfo import JobInfo

from .delivering import deliver
from .entries import Doubles, Fetch, Listener, Outcome, Want, has_record, id_of, state_of

if TYPE_CHECKING:
    from .sleeping import Bell

# Who is to be told, of what: done when the lock is free again.
_Told = List[Tuple[Listener, Outcome]]


class Ledger:
    """The records, wants and fetches of the process's session; ``changed`` guards all of it."""

    def __init__(self) -> None:
        self.changed: threading.Condition = threading.Condition()
        #: Those under way: each may have a record in hand that is not here yet.
        self.fetches: set[Fetch] = set()
        #: Records that nobody has wanted.
        self.kept: dict[str, Outcome] = {}
        #: Whether there have been wants in this session.
        self.is_shared: bool = False
        #: Jobs whose record is still in the library, as far as coroutines have submitted them.
        self.submitted: set[str] = set()
        #: Bells of sleepers, to be rung at each change.
        self.bells: set[Bell] = set()
        #: How many wants there have been: tells of new ones.
        self.asked: int = 0
        # Wants whose record is still to come; and all that somebody still has.
        self._open: dict[str, Want] = {}
        self._wants: weakref.WeakValueDictionary[str, Want] = weakref.WeakValueDictionary()
        # Wants for any job, in their order.
        self._any: dict[Listener, None] = {}
        # Submissions that will want their jobs; a record that comes meanwhile may be theirs.
        self._submissions: set[object] = set()
        self._early: dict[str, set[object]] = {}
        self._doubles = Doubles()

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
        return not (self.is_shared or self.kept or self.fetches)

    def find(self, job_id: str) -> str:
        """Return the id of a job whose record a wait for *job_id* could take, else ''."""
        if job_id != JOB_IDS_SESSION_ANY:
            return job_id if job_id in self.kept else ""
        return next((known for known in list(self.kept) if known not in self._early), "")

    def is_here(self, job_id: str) -> bool:
        """Whether the record that a wait for *job_id* would get has come."""
        want = self.want_of(job_id)
        return bool(self.find(job_id)) or (want is not None and want.is_over)

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
            try:
                raise outcome  # type: ignore[misc]  # it is one
            finally:
                del outcome
        return outcome  # type: ignore[return-value]  # it is none

    def want_of(self, job_id: str) -> Want | None:
        """Return the want for a job, if somebody has it."""
        return self._wants.get(job_id) if self.is_shared else None

    def state_of(self, job_id: str) -> JobState | None:
        """Return the state of a job whose record is here, else None."""
        want = self.want_of(job_id)
        outcome = want.outcome if want is not None else self.kept.get(job_id)
        return None if outcome is None or not has_record(outcome) else state_of(outcome)

    def renew(self, job_id: str) -> None:
        """Forget the want for an ended job whose id the DRM has just given to another."""
        want = self._wants.get(job_id)
        if want is not None and want.is_over:
            self._wants.pop(job_id, None)

    @property
    def may_be_wanted(self) -> bool:
        """Whether a record that comes now may be a want's, also one that is just being made."""
        return bool(self._open or self._submissions)

    def expect(self, job_id: str) -> Fetch:
        """Let others know, in one step, that a record may come by finish()."""
        fetch = Fetch(job_id, asks=False)
        self.fetches.add(fetch)
        return fetch

    # Records come ...

    def may_come(self, job_id: str) -> bool:
        """Whether somebody may be about to bring the record of *job_id*. With the lock held."""
        return any(fetch.may_bring(job_id) for fetch in self.fetches)

    def begin(self, fetch: Fetch) -> None:
        """Enter a fetch."""
        with self.changed:
            self.fetches.add(fetch)

    def finish(
        self, fetch: Fetch, outcome: Outcome | None = None, error: BaseException | None = None
    ) -> bool:
        """End a fetch, and place what it took.

        Returns:
            False if its session is over: what it took is worth nothing any more.
        """
        told: _Told = []
        with self.changed:
            in_time = not fetch.finished
            if in_time:
                if outcome is not None and not self._doubles.note(fetch, outcome, self.fetches):
                    told = self._place(fetch.key, outcome, is_awaited=bool(fetch.waiters))
                # Its frames lead to whoever has the fetch: a cycle.
                fetch.error = None if error is None else error.with_traceback(None)
                fetch.finished = True
            self.fetches.discard(fetch)
            self._doubles.forget(fetch)
            self.notify()
        self._deliver(told)
        return in_time

    def put(self, asked: str, outcome: Outcome) -> None:
        """Place a record that has no fetch."""
        with self.changed:
            told = self._place(asked, outcome)
        self._deliver(told)

    def divert(self, asked: str, job_id: str) -> bool:
        """Place a record that a wait for *asked* has kept just now, if it is another's.

        Returns:
            Whether it is.
        """
        with self.changed:
            want = self._open.get(job_id)
            for_any = asked == JOB_IDS_SESSION_ANY
            outcome = self.kept.get(job_id)
            if outcome is None:
                return True
            if want is None and not (for_any and self._submissions):
                return False
            del self.kept[job_id]
            told = self._place(asked, outcome)
        self._deliver(told)
        return True

    def put_if_wanted(self, outcome: Outcome) -> bool:
        """Place a record if it is a want's, or may be in a moment; return whether it was."""
        with self.changed:
            job_id = id_of(JOB_IDS_SESSION_ANY, outcome)
            if job_id not in self._open and not self._submissions:
                return False
            told = self._place(JOB_IDS_SESSION_ANY, outcome)
        self._deliver(told)
        return True

    def offer(self) -> None:
        """Give to wants for any job what was kept for somebody who has left."""
        told: _Told = []
        with self.changed:
            while self._any:
                outcome = self.take(JOB_IDS_SESSION_ANY)
                if outcome is None:
                    break
                told.append((self._next_any(), outcome))
            self.notify()
        self._deliver(told)

    def _place(self, asked: object, outcome: Outcome, *, is_awaited: bool = False) -> _Told:
        """Place a record, with the lock held; return who is to be told of it without."""
        job_id = id_of(asked, outcome)
        self.submitted.discard(job_id)
        self.notify()
        want = self._open.pop(job_id, None)
        if want is not None:
            want.outcome = outcome
            told, want.listeners = want.listeners, []
            return [(listener, outcome) for listener in told]
        if self._any and not self._submissions and not is_awaited:
            return [(self._next_any(), outcome)]
        self.kept[job_id] = outcome
        if self._submissions and not (is_awaited and asked == job_id):
            self._early[job_id] = set(self._submissions)
        return []

    def _next_any(self) -> Listener:
        listener = next(iter(self._any))
        del self._any[listener]
        return listener

    @staticmethod
    def _deliver(told: _Told) -> None:
        for listener, outcome in told:
            deliver(listener, outcome, f"job {id_of(JOB_IDS_SESSION_ANY, outcome)}")

    # ... and go.

    def take(self, job_id: str) -> Outcome | None:
        """Return a kept record and forget it. With the lock held."""
        if not self.kept:
            return None
        job_id = self.find(job_id)
        self._early.pop(job_id, None)
        return self.kept.pop(job_id, None)

    def knows(self, job_id: str) -> bool:
        """Whether a job's record is here, or wanted. With the lock held."""
        return job_id in self.kept or job_id in self._wants

    @property
    def any_early(self) -> bool:
        """Whether a record waits for the end of a submission."""
        return bool(self._early)

    def drop_kept(self, but: AbstractSet[str]) -> None:
        """Forget all kept records *but* those of some jobs. With the lock held."""
        self.submitted.intersection_update(but)
        for job_id in self.kept.keys() - but:
            del self.kept[job_id]
            self._early.pop(job_id, None)

    # Wants.

    @contextmanager
    def submission(self) -> Generator[None, None, None]:
        """Keep records that come meanwhile from waits for any job: wants may follow for them."""
        token = object()
        self.is_shared = True
        with self.changed:
            self._submissions.add(token)
        try:
            yield
        finally:
            with self.changed:
                self._submissions.discard(token)
                told = self._settle(token) if self._early else []
            self._deliver(told)

    def note_submitted(self, job_ids: list[str]) -> None:
        """Remember, before a submission() ends, jobs whose record the library has."""
        with self.changed:
            self.submitted.update(job_id for job_id in job_ids if job_id not in self.kept)

    def _settle(self, token: object) -> _Told:
        """A submission is over: records that waited for it alone are anybody's now."""
        told: _Told = []
        for job_id, tokens in list(self._early.items()):
            tokens.discard(token)
            if not tokens:
                del self._early[job_id]
                outcome = self.kept.pop(job_id, None) if self._any else None
                if outcome is not None:
                    told.append((self._next_any(), outcome))
        self.notify()
        return told

    def want(self, job_id: str, listener: Listener, *, owned: bool = False) -> Want:
        """Want a job's record; *listener* is told of it, at once if it is here."""
        self.is_shared = True
        with self.changed:
            want = self._wants.get(job_id)
            if want is None:
                self._wants[job_id] = want = Want(job_id)
                self._early.pop(job_id, None)
                want.outcome = self.kept.pop(job_id, None)
                if want.outcome is None:
                    self._open[job_id] = want
                    self.asked += 1
                    self.notify()
            want.owned = want.owned or owned
            outcome = want.outcome
            if outcome is None:
                want.listeners.append(listener)
        if outcome is not None:
            self._deliver([(listener, outcome)])
        return want

    def leave(self, want: Want, listener: Listener) -> None:
        """Want no more: the record, if it has come and nobody else has it, is kept."""
        told: _Told = []
        with self.changed:
            if listener in want.listeners:
                want.listeners.remove(listener)
            if want.owned or want.listeners or self._wants.get(want.job_id) is not want:
                return
            want.left = True
            self._open.pop(want.job_id, None)
            del self._wants[want.job_id]
            if want.outcome is not None and not want.given:
                told = self._place(want.job_id, want.outcome)
            self.notify()
        self._deliver(told)

    def want_any(self, listener: Listener) -> None:
        """Let *listener* be told of the next record that is nobody's, at once if one is kept."""
        self.is_shared = True
        with self.changed:
            outcome = self.take(JOB_IDS_SESSION_ANY)
            if outcome is None:
                self._any[listener] = None
                self.asked += 1
                self.notify()
        if outcome is not None:
            self._deliver([(listener, outcome)])

    def leave_any(self, listener: Listener) -> None:
        """Tell *listener* no more."""
        with self.changed:
            self._any.pop(listener, None)

    @property
    def is_wanted(self) -> bool:
        """Whether records are wanted that have yet to come."""
        return bool(self._open or self._any)

    def open_wants(self) -> list[str]:
        """Return the jobs whose wanted records are still to come."""
        with self.changed:
            return list(self._open)

    def give_up(self, job_id: str, error: DrmaaException) -> None:
        """Tell the want for a job that its record will not come."""
        with self.changed:
            told = self._place(job_id, error) if job_id in self._open else []
        self._deliver(told)

    def give_up_any(self, error: DrmaaException) -> None:
        """Tell those who want any job's record that there is none."""
        with self.changed:
            told, self._any = list(self._any), {}
        self._deliver([(listener, copy.copy(error)) for listener in told])

    def reset(self, error: Callable[[], DrmaaException]) -> None:
        """Forget all: the session is over, and whoever waits is told an *error* of its own."""
        told: _Told = []
        with self.changed:
            for fetch in self.fetches:
                fetch.error = error()
                fetch.finished = True
            told += [(listener, error()) for listener in self._any]
            for want in self._open.values():
                want.outcome = error()
                told += [(listener, error()) for listener in want.listeners]
                want.listeners = []
            for book in (
                self.fetches, self.kept, self.submitted, self._open, self._wants, self._any,
                self._early,
            ):  # fmt: skip
                book.clear()
            self._doubles = Doubles()
            self.is_shared = False
            self.notify()
        self._deliver(told)
