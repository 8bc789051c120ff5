"""What happens to a task by the clock: start times, limits, deadlines, and the kill after TERM."""

from __future__ import annotations

import asyncio
import logging
import signal
import time
from typing import Callable

from drmaa_cffi.engine.core import model, store
from drmaa_cffi.engine.core.engine import now

from . import causes, runner

_log = logging.getLogger(__name__)
_MICRO = 1_000_000
_SOFT_WALL, _SOFT_RUN = "soft wall-clock limit", "soft run limit"
#: Their bits in a task's `warned`, beside those of the hard ones.
_WARNINGS = {_SOFT_WALL: 1, _SOFT_RUN: 2}


class Limits:
    """The timers of running tasks; nothing ticks where nothing is limited.

    Args:
        link: sends the signals.
        disk: told which warnings were sent.
        grace: seconds between SIGTERM and SIGKILL.
        flush: called after a timer has asked for something.
    """

    def __init__(
        self, link: runner.Runner, disk: store.Store, grace: float, flush: Callable[[], None]
    ) -> None:
        self._link = link
        self._disk = disk
        self._grace = grace
        self._flush = flush
        self._timers: dict[model.Task, dict[str, asyncio.TimerHandle]] = {}

    def started(self, task: model.Task) -> None:
        """A task runs: its limits begin, from its start, also if that was before a restart."""
        times = task.job.spec.times
        since = task.started
        if times.deadline >= 0:
            left = times.deadline - time.time()
            self._set(task, causes.DEADLINE, left, self._too_long)
        if times.wall_hard >= 0:
            left = times.wall_hard - (now() - since) / _MICRO
            self._set(task, causes.WALL_CLOCK, left, self._too_long)
        if times.wall_soft >= 0:
            left = times.wall_soft - (now() - since) / _MICRO
            self._set_soft(task, _SOFT_WALL, left)
        if not task.stopped_at:
            self.resumed(task)

    def suspended(self, task: model.Task) -> None:
        """Its run duration stands still."""
        for name in (causes.RUN_DURATION, _SOFT_RUN):
            self._cancel(task, name)

    def resumed(self, task: model.Task) -> None:
        """Its run duration goes on."""
        times = task.job.spec.times
        ran = (now() - task.started - task.stopped_for) / _MICRO
        if times.run_hard >= 0:
            self._set(task, causes.RUN_DURATION, times.run_hard - ran, self._too_long)
        if times.run_soft >= 0:
            self._set_soft(task, _SOFT_RUN, times.run_soft - ran)

    def ended(self, task: model.Task) -> None:
        """Nothing more happens to it."""
        for timer in self._timers.pop(task, {}).values():
            timer.cancel()

    def terminate(self, task: model.Task) -> None:
        """TERM to its process group, and KILL to what is left after the grace."""
        if not self._grace:
            self._link.send_signal(task, signal.SIGKILL)
            return
        self._link.send_signal(task, signal.SIGTERM)
        # A stopped process takes no TERM before it goes on.
        self._link.send_signal(task, signal.SIGCONT)
        if "grace" not in self._timers.get(task, ()):
            self._set(task, "grace", self._grace, self._kill)

    def _set(
        self,
        task: model.Task,
        name: str,
        seconds: float,
        action: Callable[[model.Task, str], None],
    ) -> None:
        def act() -> None:
            self._timers[task].pop(name, None)
            action(task, name)
            self._flush()

        self._cancel(task, name)
        timer = asyncio.get_running_loop().call_later(max(0, seconds), act)
        self._timers.setdefault(task, {})[name] = timer

    def _set_soft(self, task: model.Task, name: str, seconds: float) -> None:
        # One whose time came while no engine ran is still due.
        if not task.warned & _WARNINGS[name]:
            self._set(task, name, seconds, self._warn)

    def _cancel(self, task: model.Task, name: str) -> None:
        timer = self._timers.get(task, {}).pop(name, None)
        if timer is not None:
            timer.cancel()

    def _too_long(self, task: model.Task, name: str) -> None:
        _log.info("job %s: its %s has come: SIGTERM", task.id, name)
        if not task.terminated:  # which is why it ends
            task.warned |= causes.BITS[name]
            self._disk.save_task(task)
        self.terminate(task)

    def _warn(self, task: model.Task, name: str) -> None:
        _log.info("job %s: its %s has come: SIGUSR1", task.id, name)
        self._link.send_signal(task, signal.SIGUSR1)
        task.warned |= _WARNINGS[name]
        self._disk.save_task(task)

    def _kill(self, task: model.Task, _name: str) -> None:
        _log.info("job %s: SIGTERM did not end it within %g s: SIGKILL", task.id, self._grace)
        self._link.send_signal(task, signal.SIGKILL)
