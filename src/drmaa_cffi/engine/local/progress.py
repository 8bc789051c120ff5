"""How jobs go on: what the runner tells, the ends, and who may start because of them."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import signal
import sqlite3
import time
from typing import Callable

from drmaa_cffi.engine.core import engine, model
from drmaa_cffi.engine.core import home as homes
from drmaa_cffi.engine.core.engine import now

from . import (
    causes,
    chains,
    identity,
    left_over,
    limits,
    mail,
    runner,
    runner_log,
    scheduler,
    scratch,
    usage,
)

_log = logging.getLogger(__name__)

_RETRY_SECONDS = 2


class Progress(runner.Events):
    """The jobs from their acceptance to their ends.

    Args:
        core: has all jobs, also those of earlier engines, and is told of every end.
        queue: gets what may start.
        post: sends the e-mails at the ends.
        folders: those of the tasks for temporary files.
    """

    #: Set once the runner is known: it tells us, and we signal through it.
    link: runner.Runner
    clock: limits.Limits

    def __init__(
        self,
        core: engine.Engine,
        queue: scheduler.Queue,
        post: mail.Mail,
        folders: scratch.Scratch,
    ) -> None:
        self._core = core
        self.queue = queue
        self._mail = post
        self._folders = folders
        self._soon = core.soon
        self.chains: chains.Chains = chains.Chains(core)
        #: Jobs that are to end now, each with the number of the failed one.
        self._doomed: list[tuple[model.Job, int]] = []
        self._is_dooming = False
        #: Ends the runner may forget once they are stored.
        self.acknowledge: list[tuple[int, int]] = []
        self._using: asyncio.Task[None] | None = None
        #: What is to come of a queued job: its start time, its deadline.
        self._timers: dict[model.Job, dict[str, asyncio.TimerHandle]] = {}

    # What the runner tells.

    def job_started(self, number: int, index: int, pid: int, started: int) -> None:
        """A task's process is there."""
        task = self._core.jobs.known(number, index)
        if task is None or task.state == model.ENDED:
            return
        if task.state == model.QUEUED:
            task.state = model.RUNNING
            self.queue.count_running(task)
        task.started, task.pid = started, pid
        if task.job.spec.limited:
            self.clock.started(task)

    def job_ended(self, number: int, index: int, end: runner_log.Report) -> None:
        """A task's process has ended, or has failed to become its command."""
        self.acknowledge.append((number, index))
        task = self._core.jobs.known(number, index)
        if task is not None and task.state != model.ENDED:
            aborted = task.terminated or end.stage != 0
            self._finish(task, usage.end_of(task, end, aborted=aborted))
        self._soon()

    def job_not_started(self, number: int, index: int, reason: int) -> None:
        """The runner could not start a task now: the disk or the process table is full."""
        task = self._core.jobs.known(number, index)
        if task is None or task.state != model.RUNNING:
            return
        _log.error("job %s: could not be started: %s", task.id, os.strerror(reason))
        if reason in (errno.EINVAL, errno.E2BIG):
            self.end_unstarted(task, causes.REFUSED, reason)
            self._soon()
            return
        if not self._take_back(task):
            return

        def again() -> None:
            self.queue.put_back(task)
            self._soon()

        asyncio.get_running_loop().call_later(_RETRY_SECONDS, again)

    def runner_found(self, known: set[tuple[int, int]]) -> None:
        """The link to the runner is there again; what was on its way when it broke is lost."""
        for task in self.running():
            if (task.job.number, task.index) not in known and self._take_back(task):
                self.queue.put_back(task)
        self.take_up()
        self._soon()

    def runner_lost(
        self, started: dict[tuple[int, int], int], ended: list[tuple[int, int, runner_log.Report]]
    ) -> None:
        """The runner was killed: its jobs died with it, and a new one takes over."""
        self.settle(started, ended)
        for task in self.running():
            # Asked for, but the runner did not live to read it.
            if self._take_back(task):
                self.queue.put_back(task)
        self._start_runner()

    def _start_runner(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            # What the log of the old one says must be stored before.
            self._core.disk.commit()
            link = self.link.spawn()
        except (sqlite3.Error, OSError, homes.HomeError) as error:
            _log.error("there is no runner, and no job can start: %s", error)
            loop.call_later(_RETRY_SECONDS, self._start_runner)
            return
        self._using = loop.create_task(self.link.use(link))
        self._using.add_done_callback(lambda _: self._soon())

    def _take_back(self, task: model.Task) -> bool:
        """A task that was to start has not run. Whether it may start again."""
        task.state = model.QUEUED
        self.queue.give_back(task)
        return self._may_start(task)

    def _may_start(self, task: model.Task) -> bool:
        # What was asked for while it seemed to run.
        task.stopped_at = task.stopped_for = 0
        if task.terminated:
            self.end_unstarted(task)
            self._soon()
        return not task.terminated

    def settle(
        self, started: dict[tuple[int, int], int], ended: list[tuple[int, int, runner_log.Report]]
    ) -> None:
        """Takes over what the log of a runner says that is gone."""
        for number, index, end in ended:
            self.job_ended(number, index, end)
        for (number, index), pid in started.items():
            task = self._core.jobs.known(number, index)
            if task is not None and task.state != model.ENDED:
                if pid:
                    left_over.kill_left_over(number, pid)
                self.end_unstarted(task, causes.RUNNER_KILLED)
        self.acknowledge.clear()

    def _touched(self) -> list[model.Task]:
        return [
            task
            for job in self._core.jobs.values()
            for task in job.tasks.values()
            if task is not None
        ]

    def running(self) -> list[model.Task]:
        """The tasks that run, as far as is known."""
        return [task for task in self._touched() if task.state == model.RUNNING]

    def take_up(self) -> None:
        """After a restart: repeats the signals that may not have been sent before it."""
        for task in self._touched():
            if task.state == model.QUEUED:
                self._may_start(task)
            if task.state != model.RUNNING:
                continue
            if task.stopped_at:
                self.link.send_signal(task, signal.SIGSTOP)
            elif task.stopped_for:
                self.link.send_signal(task, signal.SIGCONT)
            if task.terminated:
                self.clock.terminate(task)

    # What follows from it, and from what clients ask for.

    def enqueue(self, job: model.Job) -> None:
        """A stored job takes its place: behind what it depends on, or in the queue."""
        if not job.unfinished:
            return
        if job.spec.native.slots > self.queue.slots:
            self._end_queued(job, causes.NO_SLOTS)
            return
        failed = self.chains.failed_before(job)
        if failed:
            self._end_queued(job, causes.NOT_AFTER, failed)
            return
        self.chains.block(job)
        if job.held:
            # Released by themselves, before a restart.
            job.released = sorted(index for index, task in job.tasks.items() if task is not None)
        times = job.spec.times
        if times.start >= 0:
            self._wait_for_start(job)
        if times.deadline >= 0:
            seconds = times.deadline - time.time()
            if seconds <= 0:
                self._too_late(job)
                return
            self._later(job, "deadline", seconds, self._too_late)
        self.queue.offer(job)

    def _wait_for_start(self, job: model.Job) -> None:
        seconds = job.spec.times.start - time.time()
        job.early = seconds > 0
        if job.early:
            # At most a day at once: the clock on the wall may be set meanwhile.
            self._later(job, "start", min(seconds, 86400), self._wait_for_start)
        else:
            self.queue.offer(job)
            self._soon()

    def _later(
        self, job: model.Job, name: str, seconds: float, act: Callable[[model.Job], None]
    ) -> None:
        # Kept, since a timer holds the job in memory, also one that has ended long before.
        timer = asyncio.get_running_loop().call_later(seconds, act, job)
        self._timers.setdefault(job, {})[name] = timer

    def _too_late(self, job: model.Job) -> None:
        self._end_queued(job, causes.TOO_LATE)

    def terminate_queued(self, job: model.Job) -> None:
        """Ends by order what of a job is queued."""
        self._end_queued(job, terminated=True)

    def _end_queued(
        self, job: model.Job, stage: int = 0, reason: int = 0, *, terminated: bool = False
    ) -> None:
        """What of a job is queued can never run, and has failed; what runs goes on."""
        if not job.unfinished:
            return
        at_once = job.step and job.rest is None and self._mail.is_silent(job)
        for task in list(job.tasks.values()) if at_once else job.all_tasks():
            if task is not None and task.state == model.QUEUED:
                task.terminated = task.terminated or terminated
                self.end_unstarted(task, stage, reason)
        if at_once and job.untouched:
            self._end_rest(job, stage, reason, terminated=terminated)
        self._soon()

    def _end_rest(self, job: model.Job, stage: int, reason: int, *, terminated: bool) -> None:
        """Ends all tasks that nobody has touched: there may be a million."""
        each = model.Task(job, identity.ANY_INDEX)
        each.terminated = terminated
        self._core.rest_ended(job, usage.end_without_start(each, now(), stage, reason))
        self._job_finished(job)
        self.chains.note_rest(job)
        self._doom(each)

    def end_unstarted(self, task: model.Task, stage: int = 0, reason: int = 0) -> None:
        """Ends a task of which no process is known, for what `causes` knows."""
        self._finish(task, usage.end_without_start(task, now(), stage, reason))

    def _finish(self, task: model.Task, end: model.End) -> None:
        job = task.job
        running = task.state == model.RUNNING
        self._core.ended(task, end)
        if job.spec.limited or task.terminated:
            self.clock.ended(task)
        if running:
            self.queue.give_back(task)
            self._folders.drop(task)
        self._mail.send(task)
        self._unblock(task.dependents)
        self._job_finished(job)
        if self.chains.note(task, end):
            self._doom(task)

    def _job_finished(self, job: model.Job) -> None:
        if not job.unfinished:
            for timer in self._timers.pop(job, {}).values():
                timer.cancel()
            self._unblock(job.dependents)

    def _doom(self, failed: model.Task) -> None:
        """Ends those that were to run only if this one went well, and those behind them."""
        self._doomed += [(job, failed.job.number) for job in self.chains.doomed_by(failed)]
        # A chain may be longer than Python's calls can be deep.
        if not self._is_dooming:
            self._is_dooming = True
            while self._doomed:
                job, number = self._doomed.pop()
                self._end_queued(job, causes.NOT_AFTER, number)
            self._is_dooming = False

    def _unblock(self, dependents: list[model.Job] | None) -> None:
        for job in dependents or ():
            job.blocked -= 1
            self.queue.offer(job)

    def kill_all(self) -> None:
        """Ends every job at once."""
        for job in list(self._core.jobs.values()):
            for task in job.tasks.values():
                if task is not None and task.state == model.RUNNING:
                    task.terminated = True
                    self.link.send_signal(task, signal.SIGKILL)
            self._end_queued(job)
