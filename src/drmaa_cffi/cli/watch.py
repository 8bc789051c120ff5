"""Following jobs to their ends: one thread takes their records, another asks for their states.

In a session with other jobs the first thread can't wait for any job: it would take records that
nobody here has asked for, and they would be lost. It waits for one job after the other; the second
thread takes the records of those that end out of turn, when it comes to know of it.

The main thread calls no DRMAA routine meanwhile, so that it can show and be interrupted, however
long the DRM takes.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from queue import Empty, SimpleQueue
from typing import Callable, NamedTuple, Optional, Sequence, Union

from drmaa_cffi.const import JOB_IDS_SESSION_ANY, JobState
from drmaa_cffi.errors import (
    DrmaaException,
    DrmCommunicationException,
    InvalidJobException,
    NoActiveSessionException,
)
from drmaa_cffi.jobinfo import JobInfo
from drmaa_cffi.session import Session

from .output import words_of

# States are asked for during a tenth of the time at most, and not more often than this, in
# seconds: a DRM has other things to do.
_ASK_AGAIN = 0.5
_CHUNK = 0.1
_REST = 9
# How long to wait before asking a DRM again that could not be reached, in seconds.
_FIRST_RETRY, _LAST_RETRY = 1, 30

_TAKEN = "an earlier wait has taken its record, or it is no job of this session"
_FINISHED = frozenset({JobState.DONE, JobState.FAILED})
_HELD = frozenset({JobState.SYSTEM_ON_HOLD, JobState.USER_ON_HOLD, JobState.USER_SYSTEM_ON_HOLD})
_SUSPENDED = frozenset(
    {JobState.SYSTEM_SUSPENDED, JobState.USER_SUSPENDED, JobState.USER_SYSTEM_SUSPENDED}
)
#: In what groups jobs are counted, in the order of a job's life.
GROUPS = ("unknown", "held", "queued", "running", "suspended", "ending", "done", "failed")


class Ending(NamedTuple):
    """The end of a job."""

    job_id: str
    #: Its record; None if the DRM has none.
    info: Optional[JobInfo]
    #: Why there is no record.
    lost: str = ""

    @property
    def ok(self) -> bool:
        """Whether the job exited with 0."""
        return self.info is not None and self.info.ok

    @property
    def aborted(self) -> bool:
        """Whether the job was aborted, and may never have begun."""
        return self.info is not None and self.info.wasAborted


_Event = Union[Ending, str, Exception]


def group_of(state: JobState) -> str:
    """Return the group of GROUPS for the state of a job whose record was not taken."""
    if state in _HELD:
        return "held"
    if state in _SUSPENDED:
        return "suspended"
    return {
        JobState.QUEUED_ACTIVE: "queued",
        JobState.RUNNING: "running",
        JobState.DONE: "ending",
        JobState.FAILED: "ending",
    }.get(state, "unknown")


class Watch:
    """Jobs on their way to their ends.

    Args:
        ids: The jobs.
        alone: Whether they are all the jobs of the session, so that any of them can be waited
            for at once.
    """

    def __init__(self, ids: Sequence[str], *, alone: bool) -> None:
        self.ids: Sequence[str] = ids
        self.states: dict[str, JobState] = dict.fromkeys(ids, JobState.UNDETERMINED)
        self.endings: dict[str, Ending] = {}
        #: Called with an end, in another thread: gives the id of the job that is tried instead, or
        #: "", and what to say.
        self.again: Callable[[Ending], tuple[str, str]] = lambda _: ("", "")
        self.began: float = time.monotonic()
        #: Whether the user has ended the jobs.
        self.terminated: bool = False
        self._alone = alone
        # Jobs that no thread waits for, or has waited for; a thread that takes one out does.
        self._left: dict[str, None] = {} if alone else dict.fromkeys(ids)
        self._events: SimpleQueue[_Event] = SimpleQueue()
        # Those of the events that are ends; whether the last event is an error.
        self._told: set[str] = set()
        self._failed = False
        self._over = threading.Event()
        self._asking = threading.Thread(target=self._ask, daemon=True)

    def start(self) -> None:
        """Begin."""
        threading.Thread(target=self._take, daemon=True).start()
        self._asking.start()

    def stop(self) -> None:
        """Ask no more."""
        self._over.set()
        self._asking.join(timeout=_ASK_AGAIN)

    @property
    def unfinished(self) -> list[str]:
        """The jobs whose ends are not known."""
        return [job_id for job_id in self.states if job_id not in self.endings]

    @property
    def is_over(self) -> bool:
        """Whether all ends are known, but for what news() will tell at once."""
        return self._failed or not set(self.unfinished) - self._told

    @property
    def elapsed(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self.began

    def counts(self) -> Counter[str]:
        """Return how many jobs are in each of GROUPS."""
        # A copy: the display looks while the main thread adds.
        endings = list(self.endings.values())
        counted = Counter("done" if ending.ok else "failed" for ending in endings)
        counted.update(group_of(self.states[job_id]) for job_id in self.unfinished)
        return counted

    def news(self, timeout: float) -> list[Ending | str]:
        """Return the ends of jobs and what there is to say, as soon as there is any.

        Args:
            timeout: After how many seconds to return without.

        Raises:
            DrmaaException: the jobs cannot be waited for.
        """
        events: list[Ending | str] = []
        with contextlib.suppress(Empty):
            while True:
                event = self._events.get(timeout=0 if events else timeout)
                if isinstance(event, Exception):
                    raise event
                if isinstance(event, Ending):
                    self.endings[event.job_id] = event
                events.append(event)
        return [event for event in events if event]

    def wake(self) -> None:
        """End a news() that waits; may be called in a signal's handler."""
        self._events.put("")

    def _take(self) -> None:
        try:
            if self._alone:
                self._take_any()
            else:
                for job_id in self.states:
                    self._take_one(job_id)
        except Exception as error:  # noqa: BLE001 - news() raises it, in the main thread
            self._events.put(error)
            self._failed = True

    def _take_any(self) -> None:
        left = dict.fromkeys(self.states)
        while left:
            ending = self._record_of(JOB_IDS_SESSION_ANY, next(iter(left)))
            left.pop(ending.job_id, None)
            job_id = self._tell(ending)
            if job_id:
                left[job_id] = JobState.UNDETERMINED

    def _take_one(self, job_id: str) -> None:
        """Wait for a job, if no thread does."""
        try:
            del self._left[job_id]
        except KeyError:
            return
        while job_id:
            job_id = self._tell(self._record_of(job_id, job_id))

    def _tell(self, ending: Ending) -> str:
        """Tell of an end; return the id of a job that is tried instead, for which it is none."""
        job_id, words = ("", "") if self.terminated else self.again(ending)
        if words:
            self._events.put(words)
        if job_id:
            # The main thread looks at it meanwhile.
            states = {
                job_id if each == ending.job_id else each: self.states[each]
                for each in self.states
            }
            states[job_id] = JobState.UNDETERMINED
            self.states = states
        else:
            self._events.put(ending)
            self._told.add(ending.job_id)
        return job_id

    def _record_of(self, asked: str, job_id: str) -> Ending:
        """Wait for *asked*; *job_id* is the job that is lost if there is no such job."""
        pause = _FIRST_RETRY
        while True:
            try:
                info = Session.wait(asked)
                return Ending(info.jobId, info)
            except InvalidJobException as error:
                return Ending(job_id, None, f"{words_of(error)}; {_TAKEN}")
            except DrmCommunicationException as error:
                # It says nothing of the jobs: they go on.
                self._events.put(f"{words_of(error)}; asking again in {pause} s")
                time.sleep(pause)
                pause = min(2 * pause, _LAST_RETRY)
            except DrmaaException as error:
                if error.jobInfo is None:
                    raise
                return Ending(error.jobInfo.jobId, error.jobInfo)

    def _ask(self) -> None:
        try:
            self._ask_all()
        except Exception as error:  # noqa: BLE001 - as in _take()
            self._events.put(error)

    def _ask_all(self) -> None:
        """Ask for the states of all unfinished jobs, over and over."""
        while not self._over.is_set():
            began = time.monotonic()
            for job_id in self.unfinished:
                if time.monotonic() - began > _CHUNK:
                    if self._over.wait(_REST * _CHUNK):
                        return
                    began = time.monotonic()
                if job_id in self.endings:
                    continue
                states = self.states
                try:
                    states[job_id] = Session.jobStatus(job_id)
                except NoActiveSessionException:
                    return
                except InvalidJobException:
                    # Its record was just taken; or else there is no such job.
                    self._take_one(job_id)
                    continue
                except DrmaaException:
                    continue
                if states[job_id] in _FINISHED:
                    self._take_one(job_id)
            took = time.monotonic() - began
            self._over.wait(max(_ASK_AGAIN, _REST * took))


def summary(watch: Watch) -> str:
    """Return how many jobs are in which group, or the group of the only one."""
    if len(watch.states) == 1:
        (job_id,) = watch.states
        return f"job {job_id}: {group_of(watch.states[job_id])}"
    counts = watch.counts()
    parts = ", ".join(f"{counts[group]} {group}" for group in GROUPS if counts[group])
    return f"{len(watch.states)} jobs: {parts}"
