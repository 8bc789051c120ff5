"""The five actions of `drmaa_control`: to what they apply, and how Slurm carries them out."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

from drmaa_cffi.engine.core import codes, engine, model

from . import commands, looking, states, tracking

if TYPE_CHECKING:
    from collections.abc import Sequence

    from . import snapshot

#: Of one command: what it prints, and what slurmctld does at once, is limited.
_MOST_IDS = 500
_DENIED = re.compile("access/permission denied|operation not permitted", re.IGNORECASE)
_HOLDS = ("JobHeldUser", "JobHeldAdmin")


class Control:
    """Acts on jobs.

    Args:
        core: the engine.
        run: Slurm's commands.
        looks: asks Slurm for the jobs' states.
        tracks: told of what was done.
    """

    def __init__(
        self,
        core: engine.Engine,
        run: commands.Commands,
        looks: looking.Looking,
        tracks: tracking.Tracking,
    ) -> None:
        self._core = core
        self._looks = looks
        self._tracks = tracks
        self._run = run
        self._actions = {
            codes.SUSPEND: self._suspend,
            codes.RESUME: self._resume,
            codes.HOLD: self._hold,
            codes.RELEASE: self._release,
            codes.TERMINATE: self._terminate,
        }

    async def one(self, action: int, text: str, task: model.Task | None, *, again: bool) -> None:
        """One action on one job; `again`: the client asks a second time, it may be done.

        Raises:
            codes.Refusal: there is no such job, or the action does not apply to its state.
            commands.Unreachable, commands.Refused: Slurm has not done it.
        """
        if task is not None and task.state == model.ENDED:
            if again:
                return
            raise codes.inapplicable(action, f"job {text} has ended")
        if action == codes.TERMINATE and task is not None:
            await self.terminate([task])
            return
        row = await self._looks.row(text)
        if task is None and (row is None or self._tracks.is_over(text)):
            raise engine.unknown_job(text)
        if row is None:
            raise codes.inapplicable(action, f"Slurm does not show job {text} now")
        if not _applies(action, row, task):
            if again:
                return
            state = states.plain(row.state).lower() + (f" ({row.reason})" if row.reason else "")
            raise codes.inapplicable(action, f"job {text} is {state}")
        await self._act(action, [text], [task] if task is not None else [])

    async def all(self, action: int, tasks: list[model.Task], *, again: bool) -> None:
        """One action on all of these tasks that it applies to; ended ones do not count.

        Raises:
            codes.Refusal: some have not ended, and it applies to none of them.
            commands.Unreachable, commands.Refused: Slurm has not done it.
        """
        unfinished = [task for task in tasks if task.state != model.ENDED]
        if not unfinished:
            return
        if action == codes.TERMINATE:
            await self.terminate(unfinished)
            return
        found = await self._looks.fresh()
        chosen = [
            task
            for task in unfinished
            if task.id in found and _applies(action, found[task.id], task)
        ]
        if chosen:
            await self._act(action, [task.id for task in chosen], chosen)
        elif not again:
            raise codes.inapplicable(action)

    async def each(
        self, action: int, jobs: Sequence[tuple[str, model.Task | None]], *, again: bool
    ) -> dict[int, codes.Refusal]:
        """One action on each of these jobs that it applies to.

        Returns:
            Why it does not, of the others, by their places.

        Raises:
            commands.Unreachable, commands.Refused: Slurm has not done it.
        """
        refusals: dict[int, codes.Refusal] = {}
        chosen: list[model.Task] = []
        for place, (text, task) in enumerate(jobs):
            if task is None:  # of another engine, or of none: few
                try:
                    await self.one(action, text, task, again=again)
                except codes.Refusal as refusal:
                    refusals[place] = refusal
            elif task.state != model.ENDED:
                chosen.append(task)
            elif not again:
                refusals[place] = codes.inapplicable(action, f"job {text} has ended")
        if chosen and action == codes.TERMINATE:
            await self.terminate(chosen)
        elif chosen:
            refusals.update(await self._each_known(action, jobs, chosen, again=again))
        return refusals

    async def _each_known(
        self,
        action: int,
        jobs: Sequence[tuple[str, model.Task | None]],
        tasks: list[model.Task],
        *,
        again: bool,
    ) -> dict[int, codes.Refusal]:
        now = time.monotonic()
        found = await self._looks.fresh()
        if any(task.id not in found for task in tasks):  # new ones
            found = await self._looks.since(now)
        fit = {
            task for task in tasks if task.id in found and _applies(action, found[task.id], task)
        }
        if fit:
            some = [task for task in tasks if task in fit]
            await self._act(action, [task.id for task in some], some)
        if again:
            return {}
        misfits = set(tasks) - fit
        return {
            place: codes.inapplicable(action, f"job {text} is not such a one now")
            for place, (text, task) in enumerate(jobs)
            if task in misfits
        }

    async def terminate(self, tasks: list[model.Task]) -> None:
        """Ends jobs; which they are is stored at once, what becomes of them Slurm says later."""
        for task in tasks:
            task.terminated = True
            self._core.disk.save_task(task)
        self._core.soon()
        await self._carry_out(codes.TERMINATE, _ids_of(tasks))
        self._tracks.cancelled(tasks)

    async def _act(self, action: int, ids: list[str], tasks: list[model.Task]) -> None:
        try:
            await self._carry_out(action, ids)
        finally:
            self._looks.changed()
        now = time.time_ns() // 1000
        for task in tasks:
            if action == codes.SUSPEND:
                task.stopped_at = now
            elif action == codes.RESUME:
                task.stopped_at = 0
            else:
                task.held = action == codes.HOLD
            self._core.disk.save_task(task)
        if action == codes.TERMINATE:
            self._tracks.hurry()
        self._core.soon()

    async def _carry_out(self, action: int, ids: list[str]) -> None:
        for at in range(0, len(ids), _MOST_IDS):
            await self._actions[action](ids[at : at + _MOST_IDS])

    async def _terminate(self, ids: list[str]) -> None:
        # Of a job that has just ended scancel says nothing, and of unknown ones neither.
        await self._run.run("scancel", ["--quiet", *ids])

    async def _hold(self, ids: list[str]) -> None:
        await self._run.run("scontrol", ["uhold", ",".join(ids)])

    async def _release(self, ids: list[str]) -> None:
        await self._run.run("scontrol", ["release", ",".join(ids)])

    async def _suspend(self, ids: list[str]) -> None:
        await self._stop("suspend", "STOP", ids)

    async def _resume(self, ids: list[str]) -> None:
        await self._stop("resume", "CONT", ids)

    async def _stop(self, verb: str, signal: str, ids: list[str]) -> None:
        """By Slurm where the user may, which frees the processors; else by a signal to all."""
        try:
            await self._run.run("scontrol", [verb, ",".join(ids)])
        except commands.Refused as refused:
            if not _DENIED.search(str(refused)):
                raise
        else:
            return
        await self._run.run("scancel", ["--quiet", f"--signal={signal}", "--full", *ids])


def _applies(action: int, row: snapshot.Row, task: model.Task | None) -> bool:
    state = states.plain(row.state)
    stopped = state in ("SUSPENDED", "STOPPED") or (
        task is not None and task.stopped_at > 0 and state != "PENDING"
    )
    if action == codes.SUSPEND:
        return not stopped and state == "RUNNING"
    if action == codes.RESUME:
        return stopped
    if action == codes.TERMINATE:
        return not states.judge(row.state, row.reason, row.status).ended
    held = row.reason in _HOLDS
    return state == "PENDING" and held == (action == codes.RELEASE)


def _ids_of(tasks: list[model.Task]) -> list[str]:
    """The ids for scancel: an array whose tasks are all meant is one."""
    by_job: dict[model.Job, list[model.Task]] = {}
    for task in tasks:
        by_job.setdefault(task.job, []).append(task)
    ids: list[str] = []
    for job, some in by_job.items():
        if job.step and len(some) == job.unfinished:
            ids += [place.prefix.rstrip("_") for place in job.places]
        else:
            ids += [task.id for task in some]
    return ids
