"""Jobs that Slurm does not show: the accounting is asked for them, then they are called lost."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Callable, Dict

from . import accounting, states

if TYPE_CHECKING:
    from drmaa_cffi.engine.core import model

    from . import commands, config, snapshot

#: A job that neither Slurm nor a record knows is lost after this time, in seconds.
LOST_SECONDS = 300.0
_ASK_AGAIN_SECONDS = 60.0
#: One that was submitted just now may be shown only by the next answer.
_NEW_SECONDS = 10.0
_DAY = 86400


class Absent:
    """The tasks that were not in the last snapshot.

    Args:
        run: Slurm's commands.
        limits: what the cluster says about itself, once that is known.
    """

    def __init__(self, run: commands.Commands, limits: Callable[[], config.Config | None]) -> None:
        self._run = run
        self._limits = limits
        #: Since when, by the monotonic clock.
        self._since: dict[model.Task, float] = {}
        self._asked = float("-inf")

    def add(self, task: model.Task, now: float) -> bool:
        """Slurm has answered without it; whether it is lost by now."""
        return now - self._since.setdefault(task, now) >= LOST_SECONDS

    def discard(self, task: model.Task) -> None:
        """It was shown, or has ended."""
        self._since.pop(task, None)

    async def ask(self) -> list[tuple[model.Task, accounting.Row]]:
        """Those that have ended as the accounting says, if it is there; once a minute at most.

        Raises:
            commands.Unreachable, commands.Refused: it has not answered: nothing is known.
        """
        limits = self._limits()
        now = time.monotonic()
        if limits is None or not limits.accounting or now < self._asked + _ASK_AGAIN_SECONDS:
            return []
        absent = [task for task, since in self._since.items() if now - since >= _NEW_SECONDS]
        if not absent:
            return []
        self._asked = now
        since = min(task.job.submitted for task in absent) // 1_000_000
        ids = {task.id for task in absent}
        rows: Dict[str, accounting.Row] = await accounting.ask(self._run, ids, since)
        ended: list[tuple[model.Task, accounting.Row]] = []
        for task in absent:
            # Tasks that were cancelled before they began are one row, under the array's id.
            row = rows.get(task.id) or rows.get(task.id.partition("_")[0])
            if row is None or is_older(row, task.job):
                continue
            if states.judge(row.state, "", row.status).ended:
                ended.append((task, row))
        return ended


def is_older(row: snapshot.Row | accounting.Row, job: model.Job) -> bool:
    """Whether it is another job: ids begin anew after the largest. Clocks may differ by hours."""
    return 0 < row.submitted < job.submitted // 1_000_000 - _DAY
