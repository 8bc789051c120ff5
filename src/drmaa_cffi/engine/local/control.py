"""The five actions of `drmaa_control`, on one task and on a whole session."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Callable

from drmaa_cffi.engine.core import codes, model
from drmaa_cffi.engine.core.engine import now

if TYPE_CHECKING:
    from collections.abc import Iterable

    from drmaa_cffi.engine.core import store

    from . import limits, runner, scheduler

_STATES = {
    codes.PS_QUEUED_ACTIVE: "queued",
    codes.PS_SYSTEM_ON_HOLD: "waiting for what it depends on",
    codes.PS_USER_ON_HOLD: "held",
    codes.PS_USER_SYSTEM_ON_HOLD: "held, and waiting for what it depends on",
    codes.PS_RUNNING: "running",
    codes.PS_USER_SUSPENDED: "suspended",
    codes.PS_DONE: "done",
    codes.PS_FAILED: "failed",
}


class Control:
    """Carries the actions out.

    Args:
        link: sends the signals.
        queue: gets what is released.
        disk: told what has changed.
        clock: the timers of running tasks.
        end_unstarted: ends a task that does not run.
        terminate_queued: ends all of a job that does not run.
    """

    def __init__(
        self,
        link: runner.Runner,
        queue: scheduler.Queue,
        disk: store.Store,
        clock: limits.Limits,
        end_unstarted: Callable[[model.Task], None],
        terminate_queued: Callable[[model.Job], None],
    ) -> None:
        self._link = link
        self._queue = queue
        self._disk = disk
        self._clock = clock
        self._end_unstarted = end_unstarted
        self._terminate_queued = terminate_queued
        self._actions = {
            codes.SUSPEND: self._suspend,
            codes.RESUME: self._resume,
            codes.HOLD: self._hold,
            codes.RELEASE: self._release,
            codes.TERMINATE: self._terminate,
        }

    def one(self, action: int, task: model.Task, *, again: bool) -> None:
        """One action on one task; `again`: the client asks a second time, it may be done.

        Raises:
            codes.Refusal: it does not apply to the task's state.
        """
        if not self._actions[action](task) and not again:
            raise codes.inapplicable(action, f"job {task.id} is {_STATES[task.status()]}")

    def all(self, action: int, jobs: Iterable[model.Job], *, again: bool) -> None:
        """One action on all tasks it applies to; those that have ended do not count.

        Raises:
            codes.Refusal: there are unfinished tasks, and it applies to none of them.
        """
        unfinished = [job for job in jobs if job.unfinished]
        done = [self._all_of(action, job) for job in unfinished]
        if done and not any(done) and not again:
            raise codes.inapplicable(action)

    def _all_of(self, action: int, job: model.Job) -> bool:
        """One action on a job's tasks; those that nobody has touched are one. Whether to any."""
        act = self._actions[action]
        if not job.step:
            return sum(act(task) for task in job.all_tasks()) > 0
        waiting = job.untouched > 0 and job.rest is None
        touched = [task for task in job.tasks.values() if task is not None]
        done = sum(act(task) for task in touched if task.state != model.ENDED) > 0
        if not waiting:
            return done
        if action == codes.TERMINATE:
            self._terminate_queued(job)
        elif action in (codes.HOLD, codes.RELEASE) and job.held != (action == codes.HOLD):
            job.held = action == codes.HOLD
            self._disk.save_job(job)
            self._queue.offer(job)
        else:
            return done
        return True

    def _suspend(self, task: model.Task) -> bool:
        if task.state != model.RUNNING or task.stopped_at:
            return False
        self._link.send_signal(task, signal.SIGSTOP)
        task.stopped_at = now()
        self._clock.suspended(task)
        self._disk.save_task(task)
        return True

    def _resume(self, task: model.Task) -> bool:
        if task.state != model.RUNNING or not task.stopped_at:
            return False
        self._link.send_signal(task, signal.SIGCONT)
        task.stopped_for += now() - task.stopped_at
        task.stopped_at = 0
        self._clock.resumed(task)
        self._disk.save_task(task)
        return True

    def _hold(self, task: model.Task) -> bool:
        if task.state != model.QUEUED or task.held:
            return False
        task.held = True
        self._disk.save_task(task)
        return True

    def _release(self, task: model.Task) -> bool:
        if task.state != model.QUEUED or not task.held:
            return False
        task.held = False
        self._queue.put_back(task)
        self._disk.save_task(task)
        return True

    def _terminate(self, task: model.Task) -> bool:
        if task.state == model.ENDED:
            return False
        task.terminated = True
        if task.state == model.QUEUED:
            self._end_unstarted(task)
            return True
        self._disk.save_task(task)
        self._clock.terminate(task)
        return True
