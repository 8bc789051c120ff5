"""Answers to waits that a full disk holds back: who waits has none of them after its time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Callable

from . import codes

if TYPE_CHECKING:
    from . import model, store, waiting

_WORDS = b"the time ran out before the job's end could be stored: the engine's disk is full, say"


class Unstored:
    """The waits that were answered in this round, until what they were told is stored.

    Args:
        jobs: the engine's jobs.
        disk: told that a record is not reaped after all.
        offer: called with a task whose record is there again.
    """

    def __init__(
        self, jobs: model.Jobs, disk: store.Store, offer: Callable[[model.Task], None]
    ) -> None:
        self._jobs = jobs
        self._disk = disk
        self._offer = offer
        self._given: list[tuple[waiting.Question, float, model.Task | None, bool]] = []
        self._timers: list[asyncio.TimerHandle] = []

    def add(
        self,
        question: waiting.Question,
        until: float | None,
        task: model.Task | None = None,
        *,
        disposed: bool = False,
    ) -> None:
        """A wait was answered.

        Args:
            question: the wait.
            until: when it is too late for the answer, by the loop's clock; None: never.
            task: the task that it has reaped.
            disposed: whether it has reaped others, for nobody.
        """
        if until is not None:
            self._given.append((question, until, task, disposed))

    def after_commit(self, *, stored: bool) -> None:
        """All was stored, or could not be."""
        if stored:
            for timer in self._timers:
                timer.cancel()
            self._timers.clear()
        else:
            loop = asyncio.get_running_loop()
            for question, until, task, disposed in self._given:
                at = loop.call_at(until, self._out_of_time, question, task, disposed)
                self._timers.append(at)
        self._given.clear()

    def _out_of_time(
        self,
        question: waiting.Question,
        task: model.Task | None,
        disposed: bool,
    ) -> None:
        if not question.withdraw():
            return
        if disposed:
            # Its jobs have ended, which is what it asked; nobody misses their records.
            question.answer_unstored()
            return
        question.answer(codes.EXIT_TIMEOUT, _WORDS)
        if task is not None:
            self._give_back(task)

    def _give_back(self, task: model.Task) -> None:
        job, session = task.job, task.job.session
        self._disk.save_task(task)
        job.tasks[task.index] = task
        job.unreaped += 1
        session.unreaped += 1
        session.ended[task] = None
        if job.number not in self._jobs:
            self._jobs.add(job)
            session.jobs[job.number] = job
        self._offer(task)
