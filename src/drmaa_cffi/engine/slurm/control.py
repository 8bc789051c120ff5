"""The five actions of `drmaa_control`: to what they apply, and how Slurm carries them out."""

from __future__ import annotations

import logging
import re
import time
from typing import TYPE_CHECKING, Any, Dict, Mapping, Sequence, Union

from drmaa_cffi.engine.core import codes, engine, model

from . import commands, looking, states, tracking

if TYPE_CHECKING:
    from . import snapshot

_log = logging.getLogger(__name__)

#: Why Slurm has not done something.
_Failure = Union[commands.Unreachable, commands.Refused]
_Refusals = Dict[model.Task, codes.Refusal]

#: Of one command: what it prints, and what slurmctld does at once, is limited.
_MOST_IDS = 500
_DENIED = re.compile("access/permission denied|operation not permitted", re.IGNORECASE)
_HOLDS = ("JobHeldUser", "JobHeldAdmin")
_UNDONE_BY = {codes.HOLD: codes.RELEASE, codes.SUSPEND: codes.RESUME}


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
            _raise_first(await self._end([task]))
            return
        row = await self._looks.row(text)
        if task is None and (row is None or self._tracks.is_over(text)):
            raise engine.unknown_job(text)
        if row is None or not _applies(action, row, task):
            if again and row is not None:
                return
            raise _inapplicable(action, text, row)
        _raise_first(await self._act(action, {text: task}))

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
            _raise_first(await self._end(unfinished))
            return
        found = await self._looks.fresh()
        chosen = [
            task
            for task in unfinished
            if task.id in found and _applies(action, found[task.id], task)
        ]
        if chosen:
            _raise_first(await self._act(action, {task.id: task for task in chosen}))
        elif not again:
            raise codes.inapplicable(action)

    async def each(
        self, action: int, jobs: Sequence[tuple[str, model.Task | None]], *, again: bool
    ) -> dict[int, codes.Refusal]:
        """One action on each of these jobs that it applies to.

        Returns:
            Why it was not done, of the others, by their places.
        """
        refusals: dict[int, codes.Refusal] = {}
        places: dict[model.Task, list[int]] = {}  # a job may be named twice
        for place, (text, task) in enumerate(jobs):
            if task is not None and task.state != model.ENDED:
                places.setdefault(task, []).append(place)
            elif task is not None and not again:
                refusals[place] = codes.inapplicable(action, f"job {text} has ended")
        if action == codes.TERMINATE:
            failed = await self._end(list(places))
            refused = {task: refusal_of(failure) for task, failure in failed.items()}
        else:
            refused = await self._each_known(action, list(places), again=again)
        for task, refusal in refused.items():
            refusals.update(dict.fromkeys(places[task], refusal))
        await self._each_other(action, jobs, refusals, again=again)
        return _counted(refusals, len(jobs))

    async def _each_other(
        self,
        action: int,
        jobs: Sequence[tuple[str, model.Task | None]],
        refusals: dict[int, codes.Refusal],
        *,
        again: bool,
    ) -> None:
        """The same for jobs of other programs, or of none: they are few."""
        for place, (text, task) in enumerate(jobs):
            if task is not None:
                continue
            # A Slurm that is away would take its seconds for each.
            away = next(filter(_is_away, refusals.values()), None)
            try:
                if away is not None:
                    raise away
                await self.one(action, text, None, again=again)
            except codes.Refusal as refusal:
                refusals[place] = refusal
            except (commands.Unreachable, commands.Refused) as failure:
                refusals[place] = refusal_of(failure)

    async def _each_known(self, action: int, tasks: list[model.Task], *, again: bool) -> _Refusals:
        """The same for tasks of ours, which have not ended, and without termination."""
        if not tasks:
            return {}
        now = time.monotonic()
        try:
            found = await self._looks.fresh()
            if any(task.id not in found for task in tasks):  # new ones
                found = await self._looks.since(now)
        except (commands.Unreachable, commands.Refused) as failure:
            return dict.fromkeys(tasks, refusal_of(failure))
        refusals: _Refusals = {}
        fit: dict[str, model.Task] = {}
        for task in tasks:
            row = found.get(task.id)
            if row is not None and _applies(action, row, task):
                fit[task.id] = task
            elif not again:
                refusals[task] = _inapplicable(action, task.id, row)
        failed = {fit[text]: why for text, why in (await self._act(action, fit)).items()}
        refusals.update((task, refusal_of(failure)) for task, failure in failed.items())
        doubtful = [
            task for task, failure in failed.items() if isinstance(failure, commands.Refused)
        ]
        if len(doubtful) > 1:
            await self._tell_apart(action, doubtful, refusals)
        return refusals

    async def _tell_apart(self, action: int, tasks: list[model.Task], refusals: _Refusals) -> None:
        """Of tasks that one command was for: what Slurm refuses to one it has done to others."""
        try:
            found = await self._looks.since(time.monotonic())
        except (commands.Unreachable, commands.Refused):
            return
        for task in tasks:
            row = found.get(task.id)
            if row is not None and _is_done(action, row):
                del refusals[task]
                self._note(action, task)
            elif row is None or not _applies(action, row, task):
                refusals[task] = _inapplicable(action, task.id, row)

    async def terminate(self, tasks: Sequence[model.Task]) -> dict[model.Task, _Failure]:
        """Ends jobs; which they are is stored at once, what becomes of them Slurm says later.

        Returns:
            Why Slurm has not done it, of those of which it has not: the next engine tries again.
        """
        for task in tasks:
            task.terminated = True
            self._core.disk.save_task(task)
        self._core.soon()
        ids = _ids_of(tasks)
        failed: dict[model.Task, _Failure] = {}
        for text, failure in (await self._carry_out(codes.TERMINATE, list(ids))).items():
            failed.update(dict.fromkeys(ids[text], failure))
        for failure in set(failed.values()):
            _log.warning("jobs were not terminated: %s", failure)
        self._tracks.cancelled([task for task in tasks if task not in failed])
        return failed

    async def _end(self, tasks: Sequence[model.Task]) -> dict[model.Task, _Failure]:
        """The same for one who is told what was not done, so that nobody does it later."""
        new = [task for task in tasks if not task.terminated]
        failed = await self.terminate(tasks) if tasks else {}
        for task in new:
            if task in failed and task.state != model.ENDED:
                task.terminated = False
                self._core.disk.save_task(task)
        self._core.soon()
        return failed

    async def _act(
        self, action: int, jobs: Mapping[str, model.Task | None]
    ) -> dict[str, _Failure]:
        """Does it to jobs, by id; None is no task of ours. Returns why not, by id."""
        if not jobs:
            return {}
        try:
            failed = await self._carry_out(action, list(jobs))
        finally:
            self._looks.changed()
        for text, task in jobs.items():
            if task is not None and text not in failed:
                self._note(action, task)
        if action == codes.TERMINATE:
            self._tracks.hurry()
        self._core.soon()
        return failed

    def _note(self, action: int, task: model.Task) -> None:
        """It was done to a task."""
        if action == codes.SUSPEND:
            task.stopped_at = time.time_ns() // 1000
        elif action == codes.RESUME:
            task.stopped_at = 0
        else:
            task.held = action == codes.HOLD
        self._core.disk.save_task(task)

    async def _carry_out(self, action: int, ids: list[str]) -> dict[str, _Failure]:
        failed: dict[str, _Failure] = {}
        for at in range(0, len(ids), _MOST_IDS):
            some = ids[at : at + _MOST_IDS]
            try:
                await self._actions[action](some)
            except commands.Refused as refused:
                failed.update(dict.fromkeys(some, refused))
            except commands.Unreachable as unreachable:
                # Nor would it answer to the others, for seconds each time.
                failed.update(dict.fromkeys(ids[at:], unreachable))
                break
        return failed

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


def _is_done(action: int, row: snapshot.Row) -> bool:
    """Whether a row shows what the action does, which is not TERMINATE."""
    if action in _UNDONE_BY:
        return _applies(_UNDONE_BY[action], row, None)
    return not _applies(action, row, None)


def _inapplicable(action: int, text: str, row: snapshot.Row | None) -> codes.Refusal:
    """Why the action does not apply to a job that has this row."""
    if row is None:
        return codes.inapplicable(action, f"Slurm does not show job {text} now")
    state = states.plain(row.state).lower() + (f" ({row.reason})" if row.reason else "")
    return codes.inapplicable(action, f"job {text} is {state}")


def refusal_of(failure: Exception) -> codes.Refusal:
    """What a program is told where Slurm has not done something."""
    away = isinstance(failure, commands.Unreachable)
    code = codes.DRM_COMMUNICATION_FAILURE if away else codes.DENIED_BY_DRM
    return codes.Refusal(code, str(failure))


def _is_away(refusal: codes.Refusal) -> bool:
    return refusal.code == codes.DRM_COMMUNICATION_FAILURE


def _counted(refusals: dict[int, codes.Refusal], jobs: int) -> dict[int, codes.Refusal]:
    """The same; where Slurm was away with how many jobs that is so for: one error may be seen."""
    lost = sum(map(_is_away, refusals.values()))
    which = f" (so for {lost} of the {jobs} jobs)"
    return {
        place: codes.Refusal(refusal.code, refusal.words + which) if _is_away(refusal) else refusal
        for place, refusal in refusals.items()
    }


def _raise_first(failed: Mapping[Any, _Failure]) -> None:
    for failure in failed.values():
        raise failure


def _ids_of(tasks: Sequence[model.Task]) -> dict[str, list[model.Task]]:
    """The ids for scancel, and whose each is: an array whose tasks are all meant is one."""
    by_job: dict[model.Job, list[model.Task]] = {}
    for task in tasks:
        by_job.setdefault(task.job, []).append(task)
    ids: dict[str, list[model.Task]] = {}
    for job, some in by_job.items():
        if job.step and len(some) == job.unfinished:
            ids.update((place.prefix.rstrip("_"), some) for place in job.places)
        else:
            ids.update((task.id, [task]) for task in some)
    return ids
