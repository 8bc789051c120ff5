"""When Slurm is asked for all jobs: one question for all who want to know, and never too many."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from . import snapshot

if TYPE_CHECKING:
    from . import commands

#: A state that a program asks for may be as old as this, in seconds.
_FRESH_SECONDS = 1.0
#: Who asks is answered by then, with an error if need be.
_PATIENCE = 25.0
#: Between questions nobody has asked for: three a minute, and a sixth of slurmctld's time at most.
_INTERVAL = 20.0
_TIMES_ITS_DURATION = 5
_MOST_INTERVAL = 300.0


class Looking:
    """Takes snapshots of the user's jobs.

    Args:
        run: Slurm's commands.
    """

    def __init__(self, run: commands.Commands) -> None:
        self._run = run
        self._last = snapshot.Snapshot()
        #: When the question was asked that `last` answers.
        self.asked: float = float("-inf")
        self._duration = 0.0
        self._failures = 0
        self._under_way: asyncio.Task[snapshot.Snapshot] | None = None
        self._began = 0.0
        self._not_before = float("-inf")

    def changed(self) -> None:
        """Something was done to jobs: answers to earlier questions are of no use."""
        self._not_before = time.monotonic()

    async def fresh(self) -> snapshot.Snapshot:
        """All jobs, as they were a second ago at most.

        Raises:
            commands.Unreachable, commands.Refused: nothing is known.
        """
        age = max(_FRESH_SECONDS, _TIMES_ITS_DURATION * self._duration)
        return await self.since(max(self._not_before, time.monotonic() - age))

    async def row(self, job: str) -> snapshot.Row | None:
        """One job as it was a second ago at most, or as it is now if it is new; None of no job.

        Raises:
            commands.Unreachable, commands.Refused: nothing is known.
        """
        now = time.monotonic()
        row = (await self.fresh()).get(job)
        return row if row is not None else (await self.since(now)).get(job)

    async def since(self, moment: float) -> snapshot.Snapshot:
        """All jobs, as they were at `moment` of the monotonic clock, or later.

        Raises:
            commands.Unreachable, commands.Refused: nothing is known.
        """
        while self.asked < moment:
            if self._under_way is None:
                self._began = time.monotonic()
                self._under_way = asyncio.ensure_future(self._ask())
            # Shielded: others wait for the same answer.
            await asyncio.shield(self._under_way)
        return self._last

    async def _ask(self) -> snapshot.Snapshot:
        began = self._began
        try:
            self._last = await snapshot.take(self._run, _PATIENCE)
        except BaseException:
            self._failures += 1
            raise
        finally:
            self._under_way = None
        self._failures = 0
        self.asked = began
        self._duration = time.monotonic() - began
        return self._last

    @property
    def interval(self) -> float:
        """Seconds to the next question that nobody has asked for."""
        seconds = max(_INTERVAL, _TIMES_ITS_DURATION * self._duration)
        return min(seconds * 2.0 ** min(self._failures, 10), _MOST_INTERVAL)
