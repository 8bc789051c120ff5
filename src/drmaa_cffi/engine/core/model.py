"""What the engine knows: sessions, jobs and their tasks, held in memory and kept by `store`."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Dict, NamedTuple

from . import codes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .spec import Context, JobSpec

#: Stands for the index of a task, as in paths.
INDEX_PLACEHOLDER = "$drmaa_incr_ph$"
QUEUED = 0
RUNNING = 1
ENDED = 2
#: Of a task's index, which is a C int, and of a job's number, which is a 64-bit integer.
_MOST_DIGITS = (18, 10)


def parse_id(text: str) -> tuple[int, int | None] | None:
    """The job's number and the task's index in `17` or `18.3`; None if it cannot be an id."""
    parts = text.split(".")
    # int() reads digits of every script, and refuses some thousand of them.
    if len(parts) > len(_MOST_DIGITS) or not text.isascii():
        return None
    if any(not part.isdecimal() or len(part) > most for part, most in zip(parts, _MOST_DIGITS)):
        return None
    return int(parts[0]), int(parts[1]) if len(parts) > 1 else None


_TEXT = struct.Struct("=I")
_RANGE = struct.Struct("=3i")


class Place(NamedTuple):
    """The ids of a job, or of some of its tasks: `17`, or `18.` before each index of a range."""

    prefix: str
    begin: int = 0
    end: int = 0
    #: 0: the prefix is the id of a single job.
    step: int = 0

    def packed(self) -> bytes:
        """As an answer to a submission carries it."""
        prefix = self.prefix.encode()
        return _TEXT.pack(len(prefix)) + prefix + _RANGE.pack(self.begin, self.end, self.step)


class End(NamedTuple):
    """How a task ended."""

    #: When, in microseconds since 1970.
    ended: int
    #: A wait status, `codes.STAT_ABORTED` and `codes.STAT_LOST`.
    stat: int
    #: The usage entries `name=value`; none for a task that never ran. Of a lost one: the words.
    usage: tuple[str, ...] = ()


def _of_one(rest: End, index: int) -> End:
    usage = (entry.replace(INDEX_PLACEHOLDER, str(index)) for entry in rest.usage)
    return rest._replace(usage=tuple(usage))


class Task:
    """One task of a job: a single job has one, with index 0."""

    __slots__ = (
        "dependents",
        "end",
        "held",
        "index",
        "job",
        "pid",
        "started",
        "state",
        "stopped_at",
        "stopped_for",
        "terminated",
        "waiters",
        "warned",
    )

    def __init__(self, job: Job, index: int) -> None:
        self.job: Job = job
        self.index: int = index
        self.state: int = QUEUED
        self.held: bool = job.held
        self.terminated: bool = False
        self.started: int = 0
        self.pid: int = 0
        self.stopped_at: int = 0
        self.stopped_for: int = 0
        #: Which limits have had their signal, in bits that the back end knows.
        self.warned: int = 0
        self.end: End | None = None
        #: Waits and synchronisations that want to know of the end; `waiting` owns them.
        self.waiters: dict[Any, None] | None = None
        #: Jobs that may not start before this task has ended.
        self.dependents: list[Job] | None = None

    @property
    def id(self) -> str:
        """The id that DRMAA programs see: `17`, or `18.3`."""
        for place in self.job.places:
            if not place.step:
                return place.prefix
            if place.begin <= self.index <= place.end:
                return f"{place.prefix}{self.index}"
        return f"?{self.job.number}.{self.index}"

    def status(self) -> int:
        """The DRMAA state."""
        if self.state == RUNNING:
            return codes.PS_USER_SUSPENDED if self.stopped_at else codes.PS_RUNNING
        if self.end is not None:
            if self.end.stat & codes.STAT_LOST:
                return codes.PS_UNDETERMINED
            # As on Grid Engine: one that a signal ended is done, unless it was terminated.
            return codes.PS_FAILED if self.end.stat & codes.STAT_ABORTED else codes.PS_DONE
        if self.job.blocked:
            return codes.PS_USER_SYSTEM_ON_HOLD if self.held else codes.PS_SYSTEM_ON_HOLD
        return codes.PS_USER_ON_HOLD if self.held else codes.PS_QUEUED_ACTIVE


class Job:
    """A single job (`step` 0) or a bulk job with the tasks begin, begin + step, ... end.

    Tasks that nobody has touched yet have no object: of a bulk job of 100,000 there are a few. All
    those without one are alike: queued, held or not as the job says, or ended by one order.
    """

    __slots__ = (
        "begin",
        "blocked",
        "context",
        "cursor",
        "dependents",
        "early",
        "end",
        "held",
        "kept",
        "number",
        "places",
        "queued",
        "released",
        "rest",
        "rest_gone",
        "running",
        "session",
        "spec",
        "step",
        "submitted",
        "tasks",
        "together",
        "token",
        "unfinished",
        "unreaped",
        "waiters",
    )

    def __init__(
        self,
        number: int,
        session: Session,
        spec: JobSpec,
        context: Context,
        bounds: tuple[int, int, int],
        submitted: int,
        token: bytes,
    ) -> None:
        #: By which the engine and its store know it; ids may be others.
        self.number: int = number
        #: Its ids; none as long as the back end does not know them.
        self.places: tuple[Place, ...] = ()
        self.session: Session = session
        self.spec: JobSpec = spec
        self.context: Context = context
        self.begin: int
        self.end: int
        self.step: int
        self.begin, self.end, self.step = bounds
        self.submitted: int = submitted
        #: By which a client that asks again, after the engine was killed, is answered again.
        self.token: bytes = token
        #: Whether it may be handed to the DRM together with others.
        self.together: bool = False
        #: Whether those of its tasks that nobody has touched are held.
        self.held: bool = spec.held
        #: How all tasks that have no object have ended, if they have; the placeholder of an index
        #: stands in its usage for that of each.
        self.rest: End | None = None
        #: Whether they were reaped as well.
        self.rest_gone: bool = False
        #: How many tasks or jobs it still waits for (`--after`).
        self.blocked: int = 0
        #: Whether its start time has not come.
        self.early: bool = False
        #: None in place of a task: reaped, nothing is left of it.
        self.tasks: dict[int, Task | None] = {}
        self.cursor: int = self.begin
        #: Indices behind the cursor that may start again: released from hold, not started.
        self.released: list[int] = []
        self.running: int = 0
        count = self.count()
        self.unfinished: int = count
        self.unreaped: int = count
        #: Tasks whose rows the store must keep.
        self.kept: int = count
        #: Whether the queue has it.
        self.queued: bool = False
        self.waiters: dict[Any, None] | None = None
        self.dependents: list[Job] | None = None

    def count(self) -> int:
        """The number of its tasks."""
        return (self.end - self.begin) // self.step + 1 if self.step else 1

    def has(self, index: int | None) -> bool:
        """Whether one of its tasks has that index; a single job's has none."""
        return index in self.indices() if self.step else index is None

    def indices(self) -> range:
        """The indices of its tasks."""
        return range(self.begin, self.end + 1, self.step or 1)

    @property
    def untouched(self) -> int:
        """How many of its tasks have no object."""
        return self.count() - len(self.tasks)

    def task(self, index: int) -> Task | None:
        """The task of that index, which must be one of its indices; None if it was reaped."""
        try:
            return self.tasks[index]
        except KeyError:
            if self.rest_gone:
                return None
            made = self.tasks[index] = Task(self, index)
            if self.rest is not None:
                made.state, made.end = ENDED, _of_one(self.rest, index)
                self.session.ended[made] = None
                if not self.untouched:
                    self.session.rests.pop(self, None)
            return made

    def first_untouched(self) -> Task:
        """The first task that had no object; there must be one."""
        while self.cursor in self.tasks:
            self.cursor += self.step
        task = self.task(self.cursor)
        assert task is not None  # noqa: S101  only those with an entry can be reaped
        return task

    def all_tasks(self) -> Iterator[Task]:
        """Every task that was not reaped, by index."""
        for index in self.indices():
            task = self.task(index)
            if task is not None:
                yield task


class Session:
    """A DRMAA session: its jobs, those that have ended and were not reaped, and who waits."""

    __slots__ = (
        "any_waiters",
        "connections",
        "ended",
        "jobs",
        "number",
        "rests",
        "unreaped",
        "used",
    )

    def __init__(self, number: int, used: int) -> None:
        self.number: int = number
        #: When a client last came or left, in seconds since 1970.
        self.used: int = used
        self.jobs: dict[int, Job] = {}
        #: In the order of their ends; a dict since the order and quick removal both matter.
        self.ended: dict[Task, None] = {}
        #: Jobs with tasks that have ended and have no object.
        self.rests: dict[Job, None] = {}
        self.unreaped: int = 0
        self.any_waiters: dict[Any, None] = {}
        self.connections: int = 0

    def is_older_than(self, seconds: float) -> bool:
        """Whether neither a client nor the end of a job it still has is from after `seconds`."""
        ends = [task.end.ended for task in self.ended if task.end]
        ends += [job.rest.ended for job in self.rests if job.rest]
        return max(self.used, max(ends, default=0) / 1e6) < seconds

    def first_ended(self) -> Task | None:
        """A task that has ended and was not reaped, the oldest first; None if there is none."""
        for task in self.ended:
            return task
        for job in self.rests:
            return job.first_untouched()
        return None


class Jobs(Dict[int, Job]):
    """All jobs with something left to reap, by number, in that order."""

    def __init__(self) -> None:
        super().__init__()
        self._by_prefix: dict[str, Job] = {}

    def add(self, job: Job) -> None:
        """A new job."""
        self[job.number] = job
        self.place(job, job.places)

    def place(self, job: Job, places: tuple[Place, ...]) -> None:
        """A job has got its ids."""
        job.places = places
        for place in places:
            self._by_prefix[place.prefix] = job

    def remove(self, job: Job) -> None:
        """A job of which nothing is left to reap."""
        del self[job.number]
        for place in job.places:
            if self._by_prefix.get(place.prefix) is job:  # a cluster may give an id again
                del self._by_prefix[place.prefix]

    def find(self, text: str, session: Session | None = None) -> Task | None:
        """The task of an id, in one session or in all; None if there is none."""
        job, index = self._by_prefix.get(text), 0
        if job is not None and job.step:
            return None  # the bare prefix of a bulk job
        if job is None:
            prefix = text.rstrip("0123456789")
            job, digits = self._by_prefix.get(prefix), text[len(prefix) :]
            if job is None or not 0 < len(digits) <= _MOST_DIGITS[1]:
                return None
            index = int(digits)
            if not job.has(index):
                return None
        if session is not None and job.session is not session:
            return None
        return job.task(index)

    def known(self, number: int, index: int) -> Task | None:
        """The task that the runner speaks of; None if it was reaped."""
        job = self.get(number)
        return None if job is None else job.task(index)
