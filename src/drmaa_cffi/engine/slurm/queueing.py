"""Takes stored jobs to Slurm: one by one, or those that came together as arrays."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Callable, Coroutine, Sequence

from drmaa_cffi.engine.core import codes, model

from . import commands, config, submitting, tables

if TYPE_CHECKING:
    from pathlib import Path

    from drmaa_cffi.engine.core import engine

_log = logging.getLogger(__name__)

_LOOK_AGAIN_SECONDS = 0.1
#: How often a job is looked for that may have been queued, and after how many seconds each time.
_LOOKS = 3
_FIND_AGAIN_SECONDS = 10.0
#: Jobs that come together go on when none has come for the first, or one has waited the second.
_QUIET_SECONDS = 0.1
_LONGEST_SECONDS = 1.0


class Queueing:
    """Submits the jobs of an engine.

    Args:
        core: the engine.
        run: Slurm's commands.
        folder: where the records and the tables are.
        queued: called with each job that Slurm has.
        do: runs a coroutine to its end.
    """

    def __init__(
        self,
        core: engine.Engine,
        run: commands.Commands,
        folder: Path,
        queued: Callable[[model.Job], None],
        do: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._core = core
        self._run = run
        self._folder = folder
        self._queued = queued
        self._do = do
        self._submitting = submitting.Submitting(run)
        self.tables: tables.Tables = tables.Tables(folder)
        self.config: config.Config | None = None
        self._asking_config = asyncio.Lock()
        #: Those that wait for others to come, and when the first and the last of them have come.
        self._gathered: list[model.Job] = []
        self._first = 0.0
        self._last = 0.0

    async def limits(self) -> config.Config:
        """What the cluster says about itself.

        Raises:
            commands.Unreachable, commands.Refused: it does not answer.
        """
        async with self._asking_config:
            if self.config is None:
                self.config = await config.ask(self._run)
            return self.config

    @property
    def busy(self) -> bool:
        """Whether jobs wait for others to come."""
        return bool(self._gathered)

    def submit(self, job: model.Job) -> None:
        """Hands a stored job to sbatch, now or with others."""
        if not job.together:
            self._do(self._submit(job))
            return
        loop = asyncio.get_running_loop()
        self._last = loop.time()
        if not self._gathered:
            self._first = self._last
            loop.call_later(_QUIET_SECONDS, self._look)
        self._gathered.append(job)

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        quiet = self._last + _QUIET_SECONDS
        if now < quiet and now < self._first + _LONGEST_SECONDS:
            loop.call_at(quiet, self._look)
            return
        self.hurry()

    def hurry(self) -> None:
        """Waits no longer for others to come."""
        jobs, self._gathered = self._gathered, []
        if jobs:
            self._do(self._submit_all(jobs))

    async def take_up(self) -> None:
        """Submits the jobs that the engine before this one had not when it was killed."""
        jobs = [job for job in list(self._core.jobs.values()) if not job.places]
        if not jobs:
            return
        while not self._run.lock():  # noqa: ASYNC110  nobody tells of another process's end
            # An sbatch still runs that the killed engine has begun: each holds its lock.
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        found = await self._found()
        rest: list[model.Job] = []
        for job in jobs:
            place = self.tables.place(submitting.token_of(job, 0))
            if place is not None and place[0] in found:
                self._accept(job, (model.Place(f"{found[place[0]]}_{place[1]}"),))
                continue
            self.tables.forget(submitting.token_of(job, 0))
            if job.step:
                self._do(self._submit(job, found))
            elif submitting.token_of(job, 0) in found:
                self._accept(job, (model.Place(found[submitting.token_of(job, 0)]),))
            else:
                rest.append(job)
        await self._submit_all(rest)

    async def _found(self) -> dict[str, str]:
        while True:
            try:
                return await self._submitting.found()
            except (commands.Unreachable, commands.Refused) as away:
                _log.warning("whether jobs were queued is not found out yet: %s", away)
                await asyncio.sleep(_FIND_AGAIN_SECONDS)

    def _accept(self, job: model.Job, places: tuple[model.Place, ...]) -> None:
        self._core.accepted(job, places)
        self._queued(job)

    async def _submit_all(self, jobs: Sequence[model.Job]) -> None:
        """Submits jobs, those that are alike as arrays."""
        alike: dict[object, list[model.Job]] = {}
        for job in jobs:
            alike.setdefault(submitting.likeness(job) or job, []).append(job)
        if len(alike) < len(jobs):
            try:
                limits = await self.limits()
            except (commands.Unreachable, commands.Refused) as away:
                self._refuse(jobs, _no_answer(away))
                return
            most = max(1, min(limits.max_array_size - 1, limits.max_array_tasks))
        else:
            most = 1
        for some in alike.values():
            for at in range(0, len(some), most):
                part = some[at : at + most]
                self._do(self._submit_array(part) if len(part) > 1 else self._submit(part[0]))

    async def _submit_array(self, jobs: Sequence[model.Job]) -> None:
        await self._hand_over(jobs, self._queue_array(jobs), [])

    async def _queue_array(self, jobs: Sequence[model.Job]) -> list[tuple[model.Place, ...]]:
        tokens = [submitting.token_of(job, 0) for job in jobs]
        array = tokens[0]
        lines = [submitting.line_of(job, token) for job, token in zip(jobs, tokens)]
        table = self.tables.path(array)
        asked = submitting.prepare_array(jobs, array, table, self._folder)
        self.tables.write(array, tokens, lines)
        number = await self._submitting.submit(asked)
        return [(model.Place(f"{number}_{index}"),) for index in range(1, len(jobs) + 1)]

    def _refuse(self, jobs: Sequence[model.Job], refusal: codes.Refusal) -> None:
        for job in jobs:
            self.tables.forget(submitting.token_of(job, 0))
            self._core.refused(job, refusal)

    async def _submit(self, job: model.Job, found: dict[str, str] | None = None) -> None:
        numbers: list[str] = []
        await self._hand_over([job], self._queue(job, numbers, found or {}), numbers)

    async def _hand_over(
        self,
        jobs: Sequence[model.Job],
        queue: Coroutine[Any, Any, list[tuple[model.Place, ...]]],
        numbers: list[str],
    ) -> None:
        """Queues jobs, and says of each where it is, or why none is queued.

        Args:
            jobs: the jobs.
            queue: gives their places.
            numbers: gets what is queued meanwhile, which is cancelled if the rest is not.
        """
        try:
            places = await queue
        except codes.Refusal as refused:
            refusal = refused
        except submitting.Doubtful as doubt:
            refusal = codes.Refusal(codes.TRY_LATER, str(doubt))
            self._do(self._cancel_when_found(doubt.token))
        except Exception as error:  # noqa: BLE001  their clients wait
            _log.exception("a submission failed")
            refusal = codes.Refusal(codes.INTERNAL_ERROR, repr(error))
        else:
            for job, where in zip(jobs, places):
                self._accept(job, where)
            return
        await self._take_back(numbers)
        self._refuse(jobs, refusal)

    async def _queue(
        self, job: model.Job, numbers: list[str], found: dict[str, str]
    ) -> list[tuple[model.Place, ...]]:
        try:
            limits = await self.limits()
        except (commands.Unreachable, commands.Refused) as away:
            raise _no_answer(away) from away
        places: list[model.Place] = []
        for at, part in enumerate(submitting.parts_of(job.begin, job.end, job.step, limits)):
            token = submitting.token_of(job, at)
            number = found.get(token)
            if number is None:
                asked = submitting.prepare(
                    job.spec, job.context, job.spec.native, token, part, self._folder
                )
                number = await self._submitting.submit(asked)
            numbers.append(number)
            prefix = f"{number}_" if part.step else number
            places.append(model.Place(prefix, *part))
        return [tuple(places)]

    async def _take_back(self, numbers: list[str]) -> None:
        """Cancels the arrays of a bulk job that was not queued as a whole."""
        if numbers:
            try:
                await self._run.run("scancel", numbers)
            except (commands.Unreachable, commands.Refused) as error:
                _log.error("jobs %s of a refused bulk job go on: %s", numbers, error)

    async def _cancel_when_found(self, token: str) -> None:
        """Its client was told that it was not submitted."""
        for _ in range(_LOOKS):
            number = (await self._found()).get(token)
            if number is not None:
                await self._run.run("scancel", [number])
                return
            await asyncio.sleep(_FIND_AGAIN_SECONDS)


def _no_answer(away: Exception) -> codes.Refusal:
    words = f"Slurm does not answer ({away}); nothing was submitted"
    return codes.Refusal(codes.TRY_LATER, words)
