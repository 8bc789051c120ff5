"""Waits and synchronisations: who is told when a task ends, and who gets its record."""

from __future__ import annotations

import asyncio
import struct
from typing import TYPE_CHECKING, Callable, Protocol

from . import codes, model, repeats, unstored

if TYPE_CHECKING:
    from collections.abc import Iterable

    from . import store

_U32 = struct.Struct("=I")


class Question(Protocol):
    """A request that is to be answered once, by the connection it came from."""

    @property
    def connection(self) -> object:
        """Whose request it is: anything that hashes."""
        ...

    @property
    def client(self) -> repeats.Client:
        """Keeps what it may ask for again."""
        ...

    @property
    def number(self) -> int:
        """Which of the client's requests it is."""
        ...

    @property
    def together(self) -> bool:
        """Whether others come with it, so that the back end may hand them to the DRM together."""
        ...

    @property
    def token(self) -> bytes:
        """Names the request for ever, also for an engine after this one."""
        ...

    def answer(self, code: int, payload: bytes = b"") -> None:
        """Sends the answer; after a failure the payload is its words.

        A success is sent when all that was done for it, or before it, is stored.
        """

    def answer_unstored(self, payload: bytes = b"") -> None:
        """Answers with success, which nothing relies on that may not be stored yet."""

    def withdraw(self) -> bool:
        """Takes back an answer that was not sent yet; False if there is none."""
        ...


class _Wait:
    """One `drmaa_wait` that has to wait; `task` is None where any will do."""

    __slots__ = ("question", "session", "task", "timer")

    def __init__(
        self, question: Question, session: model.Session, task: model.Task | None
    ) -> None:
        self.question = question
        self.session = session
        self.task = task
        self.timer: asyncio.TimerHandle | None = None


class _Synchronisation:
    """One `drmaa_synchronize`: counts down the tasks, or whole jobs, it still waits for."""

    __slots__ = ("dispose", "jobs", "left", "question", "session", "tasks", "timer")

    def __init__(self, question: Question, session: model.Session, *, dispose: bool) -> None:
        self.question = question
        self.session = session
        self.dispose = dispose
        self.left = 0
        self.tasks: list[model.Task] = []
        self.jobs: list[model.Job] = []
        self.timer: asyncio.TimerHandle | None = None


def _text(text: str) -> bytes:
    data = text.encode("utf-8", "surrogateescape")
    return _U32.pack(len(data)) + data


def answer_with_record(task: model.Task, question: Question) -> None:
    """Answers a wait: id, stat and usage, which is empty if the task never ran."""
    end = task.end
    assert end is not None  # noqa: S101  only ended tasks have records
    question.client.keep(question.number, task)
    if end.stat & codes.STAT_LOST:
        words = f"job {task.id}: {' '.join(end.usage)}"
        question.answer(codes.INTERNAL_ERROR, words.encode("utf-8", "surrogateescape"))
        return
    head = _text(task.id) + _U32.pack(end.stat) + _U32.pack(len(end.usage))
    question.answer(codes.SUCCESS, head + b"".join(map(_text, end.usage)))


class Waiting:
    """All waits of all clients.

    Args:
        jobs: the engine's jobs; those with nothing left to reap are taken out.
        disk: told which tasks were reaped.
        forget: called with a task whose record nobody will ask for.
        drop: called with a job of which nothing is kept any more.
    """

    def __init__(
        self,
        jobs: model.Jobs,
        disk: store.Store,
        forget: Callable[[model.Task], None],
        drop: Callable[[model.Job], None],
    ) -> None:
        self._drop = drop
        self._jobs = jobs
        self._disk = disk
        self._forget = forget
        self.unstored: unstored.Unstored = unstored.Unstored(jobs, disk, self._offer)
        self._of_connection: dict[object, dict[_Wait | _Synchronisation, None]] = {}

    def wait(
        self,
        question: Question,
        session: model.Session,
        task: model.Task | None,
        milliseconds: int,
    ) -> None:
        """Answers at the end of `task`, or of any task of the session if it is None.

        Raises:
            codes.Refusal: nothing to wait for, or the time was zero.
        """
        if task is None:
            task = session.first_ended()
        if task is None and not session.unreaped:
            raise codes.Refusal(
                codes.INVALID_JOB,
                "there is no job left in this session to wait for: all were reaped, or none "
                "was submitted",
            )
        if task is not None and task.state == model.ENDED:
            self._give(task, question, _end_of(milliseconds))
            return
        if milliseconds == 0:
            raise _timeout()
        waiter = _Wait(question, session, task)
        self._add(waiter, milliseconds)
        if task is None:
            session.any_waiters[waiter] = None
        else:
            _tell(task, waiter)

    def synchronize(
        self,
        question: Question,
        session: model.Session,
        tasks: Iterable[model.Task] | None,
        milliseconds: int,
        *,
        dispose: bool,
    ) -> None:
        """Answers when all `tasks` (None: all the session has now) have ended.

        Raises:
            codes.Refusal: some have not, and the time was zero.
        """
        sync = _Synchronisation(question, session, dispose=dispose)
        if tasks is None:
            sync.jobs = list(session.jobs.values())
            unfinished: list[model.Job | model.Task] = [job for job in sync.jobs if job.unfinished]
        else:
            sync.tasks = list(dict.fromkeys(tasks))
            unfinished = [task for task in sync.tasks if task.state != model.ENDED]
        sync.left = len(unfinished)
        if sync.left and milliseconds == 0:
            raise _timeout()
        if not sync.left:
            self._synchronized(sync, _end_of(milliseconds))
            return
        self._add(sync, milliseconds)
        for each in unfinished:
            _tell(each, sync)

    def ended(self, task: model.Task) -> None:
        """A task has ended, and its state says so: tell those who wait for it."""
        session = task.job.session
        session.ended[task] = None
        waiters = task.waiters or ()
        task.waiters = None
        taken = False
        synchronisations: list[_Synchronisation] = []
        for waiter in waiters:
            if isinstance(waiter, _Synchronisation):
                synchronisations.append(waiter)
            elif self._remove(waiter):
                if taken:
                    waiter.question.answer(codes.INVALID_JOB, _reaped_by_another(task))
                else:
                    self._give(task, waiter.question, _end_of_timer(waiter))
                    taken = True
        if not taken and session.any_waiters:
            waiter = next(iter(session.any_waiters))
            self._remove(waiter)
            self._give(task, waiter.question, _end_of_timer(waiter))
        self._count_down(synchronisations)
        self._job_ended(task.job)

    def rest_ended(self, job: model.Job) -> None:
        """All tasks of a job that have no object have ended: so nobody waits for one of them."""
        session = job.session
        session.rests[job] = None
        while session.any_waiters and job.untouched:
            waiter = next(iter(session.any_waiters))
            self._remove(waiter)
            self._give(job.first_untouched(), waiter.question, _end_of_timer(waiter))
        self._job_ended(job)

    def _job_ended(self, job: model.Job) -> None:
        if not job.unfinished and job.waiters:
            synchronisations = list(job.waiters)
            job.waiters = None
            self._count_down(synchronisations)

    def _count_down(self, synchronisations: list[_Synchronisation]) -> None:
        for sync in synchronisations:
            sync.left -= 1
            if not sync.left and self._remove(sync):
                self._synchronized(sync, _end_of_timer(sync))

    def dispose_ended(self, session: model.Session) -> None:
        """Reaps all of a session's tasks that have ended, whose records nobody wants."""
        for job in list(session.rests):
            self._dispose_job(job)
        for task in list(session.ended):
            self.dispose(task)

    def _dispose_job(self, job: model.Job) -> None:
        """Reaps all tasks of a job that have ended."""
        session = job.session
        if job.unfinished or job.kept != job.unreaped:
            for task in list(job.tasks.values()):
                if task is not None and task.state == model.ENDED:
                    self.dispose(task)
            if job in session.rests:
                self._dispose_rest(job)
            return
        for known in job.tasks.values():
            if known is not None:
                session.ended.pop(known, None)
        session.rests.pop(job, None)
        self._disk.drop_job(job)
        job.kept = 0
        self._drop(job)
        self._count_reaped(job, job.unreaped)

    def _dispose_rest(self, job: model.Job) -> None:
        count = job.untouched
        del job.session.rests[job]
        job.rest_gone = True
        job.kept -= count
        if job.kept:
            self._disk.save_job(job)
        else:
            self._disk.drop_job(job)
            self._drop(job)
        self._count_reaped(job, count)

    def dispose(self, task: model.Task) -> None:
        """Reaps an ended task whose record nobody wants."""
        self._forget(task)
        self._reap(task)

    def leave(self, connection: object, *, answer: bool) -> None:
        """A client leaves its session: its waits end, answered with NO_ACTIVE_SESSION or not."""
        for waiter in list(self._of_connection.get(connection, ())):
            self._remove(waiter)
            if answer:
                waiter.question.answer(
                    codes.NO_ACTIVE_SESSION, b"the session was closed by another thread"
                )

    def _offer(self, task: model.Task) -> None:
        """A record is there again: whoever waits for any has it."""
        waiter = next(iter(task.job.session.any_waiters), None)
        if waiter is not None:
            self._remove(waiter)
            self._give(task, waiter.question, _end_of_timer(waiter))

    def _give(self, task: model.Task, question: Question, until: float | None) -> None:
        self.unstored.add(question, until, task)
        self._disk.save_task(task, question.token)
        answer_with_record(task, question)
        self._reap(task)

    def _synchronized(self, sync: _Synchronisation, until: float | None) -> None:
        self.unstored.add(sync.question, until, disposed=sync.dispose)
        if sync.dispose:
            for task in sync.tasks:
                if task.job.tasks.get(task.index) is task:
                    self.dispose(task)
            for job in sync.jobs:
                if self._jobs.get(job.number) is job:
                    self._dispose_job(job)
        sync.question.answer(codes.SUCCESS)

    def _reap(self, task: model.Task) -> None:
        job, session = task.job, task.job.session
        session.ended.pop(task, None)
        job.tasks[task.index] = None
        self._count_reaped(job, 1)

    def _count_reaped(self, job: model.Job, count: int) -> None:
        session = job.session
        job.unreaped -= count
        session.unreaped -= count
        if not job.unreaped:
            del session.jobs[job.number]
            self._jobs.remove(job)
        self.look_for_jobs(session)

    def look_for_jobs(self, session: model.Session) -> None:
        """Ends the waits for any job of a session that has none left."""
        if session.unreaped:
            return
        for waiter in list(session.any_waiters):
            self._remove(waiter)
            waiter.question.answer(
                codes.INVALID_JOB, b"there is no job left in this session to wait for"
            )

    def _add(self, waiter: _Wait | _Synchronisation, milliseconds: int) -> None:
        self._of_connection.setdefault(waiter.question.connection, {})[waiter] = None
        if milliseconds > 0:
            loop = asyncio.get_running_loop()
            waiter.timer = loop.call_later(milliseconds / 1000, self._out_of_time, waiter)

    def _out_of_time(self, waiter: _Wait | _Synchronisation) -> None:
        if self._remove(waiter):
            refusal = _timeout()
            waiter.question.answer(refusal.code, refusal.words.encode())

    def _remove(self, waiter: _Wait | _Synchronisation) -> bool:
        """Takes a waiter out; False if it was answered before."""
        connection = waiter.question.connection
        waiters = self._of_connection.get(connection)
        if waiters is None or waiter not in waiters:
            return False
        del waiters[waiter]
        if not waiters:
            del self._of_connection[connection]
        if waiter.timer is not None:
            waiter.timer.cancel()
        if isinstance(waiter, _Wait):
            if waiter.task is None:
                waiter.session.any_waiters.pop(waiter, None)
            else:
                _do_not_tell(waiter.task, waiter)
        elif waiter.left:
            for each in waiter.tasks or waiter.jobs:
                _do_not_tell(each, waiter)
        return True


def _tell(of: model.Task | model.Job, waiter: _Wait | _Synchronisation) -> None:
    if of.waiters is None:
        of.waiters = {}
    of.waiters[waiter] = None


def _do_not_tell(of: model.Task | model.Job, waiter: _Wait | _Synchronisation) -> None:
    if of.waiters is not None:
        of.waiters.pop(waiter, None)


def _end_of(milliseconds: int) -> float | None:
    """When a wait's time is over, by the loop's clock; None: never."""
    if milliseconds < 0:
        return None
    return asyncio.get_running_loop().time() + milliseconds / 1000


def _end_of_timer(waiter: _Wait | _Synchronisation) -> float | None:
    return None if waiter.timer is None else waiter.timer.when()


def _timeout() -> codes.Refusal:
    return codes.Refusal(codes.EXIT_TIMEOUT, "the time ran out before the job ended")


def _reaped_by_another(task: model.Task) -> bytes:
    return f"job {task.id} has ended, and another wait took its record".encode()
