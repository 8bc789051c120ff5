"""The Slurm back end, joined from its parts: submission, tracking, control."""

from __future__ import annotations

import asyncio
import logging
import os
import struct
from typing import TYPE_CHECKING, Any, Coroutine

from drmaa_cffi.engine.core import categories, codes, engine, model, spec
from drmaa_cffi.engine.core import home as homes

from . import (
    causes,
    commands,
    control,
    looking,
    native,
    queueing,
    snapshot,
    states,
    submitting,
    tracking,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drmaa_cffi.engine.core import waiting

_log = logging.getLogger(__name__)
_U32 = struct.Struct("=I")
NAME = "slurm"
#: How long the engine waits, when it leaves, for submissions under way.
_LEAVE_SECONDS = 30.0


class Kind:
    """Makes Slurm back ends."""

    name = NAME
    title: str = homes.title_of(NAME)
    #: Jobs go on without it, and leave their records.
    stays = False

    def facts_without_engine(self) -> dict[str, object]:
        """No requests were made."""
        return {"requests": {}, "requests_last_hour": 0}

    def __call__(self, core: engine.Engine, home: homes.Home) -> Slurm:
        """Makes the back end of an engine."""
        return Slurm(core, home)


class Slurm:
    """Has Slurm run the jobs of an engine.

    Args:
        core: the engine.
        home: its folder.
    """

    def __init__(self, core: engine.Engine, home: homes.Home) -> None:
        self._core = core
        self._home = home
        self._folder = home.path / "ends"
        self._categories = categories.Categories(home.path / "categories")
        flags = os.O_RDWR | os.O_CREAT
        lock = os.open("submitting.lock", flags, 0o600, dir_fd=home.folder)
        self._run = commands.Commands(os.environ, lock)
        self._looks = looking.Looking(self._run)
        self._queueing = queueing.Queueing(core, self._run, self._folder, self._queued, self._do)
        self._tracking = tracking.Tracking(
            core, self._run, self._looks, self._folder, self._queueing
        )
        self._control = control.Control(core, self._run, self._looks, self._tracking)
        self._under_way: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        """Takes up the jobs of the engine before this one."""
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise homes.HomeError(
                f"the folder '{self._folder}' cannot be made: {error.strerror}"
            ) from error
        self._run.lock()
        tables = self._queueing.tables
        tables.load()
        tables.keep(
            {submitting.token_of(job, 0) for job in self._core.jobs.values() if job.unfinished}
        )
        self._do(self._queueing.take_up())
        for job in list(self._core.jobs.values()):
            self._tracking.add(job)
        terminated = [task for task, *_ in self._tracking.tasks if task and task.terminated]
        if terminated:
            # The engine before this one may not have come to it.
            self._do(self._control.terminate(terminated))
        self._tracking.start(self._core.settings.keep_days)

    def _queued(self, job: model.Job) -> None:
        self._tracking.add(job)

    def _do(self, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.ensure_future(work)
        self._under_way.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and task.exception() is not None:
            _log.error("something failed", exc_info=task.exception())
        self._core.soon()

    # Submissions.

    def read_native(self, text: str) -> native.Native:
        """The options of a job that the store has."""
        return native.read(text)

    def prepare(self, work: spec.JobSpec, context: spec.Context) -> bool:  # noqa: ARG002
        """Reads the options of a new job."""
        category = self._categories.find(work.category) if work.category else ""
        work.native = native.parse(category, work.native_words)
        return not work.category

    def check(self, job: model.Job) -> None:
        """Refuses a job that Slurm's arrays cannot hold, if their limits are known already."""
        if self._queueing.config is not None:
            submitting.parts_of(job.begin, job.end, job.step, self._queueing.config)

    def submit(self, job: model.Job) -> None:
        """Hands a stored job to sbatch."""
        self._queueing.submit(job)

    def withdraw(self, job: model.Job) -> None:
        """A job that could not be stored is not known here."""

    # Questions.

    def control(
        self,
        question: waiting.Question,
        action: int,
        text: str,
        task: model.Task | None,
        *,
        again: bool,
    ) -> None:
        """Does one action to one job."""
        self._do(self._answer(question, self._control.one(action, text, task, again=again)))

    def control_all(
        self, question: waiting.Question, action: int, jobs: Sequence[model.Job], *, again: bool
    ) -> None:
        """Does one action to all of a session's jobs."""
        tasks = [task for job in jobs for task in job.all_tasks()]
        self._do(self._answer(question, self._control.all(action, tasks, again=again)))

    def control_jobs(
        self,
        question: waiting.Question,
        action: int,
        jobs: Sequence[tuple[str, model.Task | None]],
        *,
        again: bool,
    ) -> None:
        """Does one action to each of some jobs, by one command for all."""

        async def act() -> bytes:
            return engine.pack_refusals(await self._control.each(action, jobs, again=again))

        self._do(self._answer(question, act()))

    async def _answer(
        self, question: waiting.Question, work: Coroutine[Any, Any, bytes | None]
    ) -> None:
        try:
            payload = await work
        except codes.Refusal as refusal:
            _refuse(question, refusal)
        except (commands.Unreachable, commands.Refused) as error:
            _refuse(question, control.refusal_of(error))
        else:
            question.answer(codes.SUCCESS, payload or b"")

    def status(self, question: waiting.Question, text: str, task: model.Task | None) -> None:
        """Answers with a job's state."""
        if task is not None and task.end is not None:
            question.answer_unstored(_U32.pack(task.status()))
        else:
            self._do(self._status(question, text, task))

    async def _status(
        self, question: waiting.Question, text: str, task: model.Task | None
    ) -> None:
        try:
            row = await self._looks.row(text)
        except (commands.Unreachable, commands.Refused) as error:
            _refuse(question, control.refusal_of(error))
            return
        if task is not None and (task.end is not None or row is None):
            question.answer_unstored(_U32.pack(_known_state(task)))
        elif row is None or (task is None and self._tracking.is_over(text)):
            _refuse(question, engine.unknown_job(text))
        else:
            question.answer_unstored(_U32.pack(_state(row, task)))

    # The engine's rounds and its end.

    def after_round(self, *, stored: bool) -> None:
        """Removes the records of ends that are stored."""
        if stored:
            self._tracking.after_round()

    def context_dropped(self, number: int) -> None:
        """Contexts are not kept here."""

    @property
    def busy(self) -> bool:
        """Whether something is asked of Slurm."""
        return bool(self._under_way) or self._queueing.busy

    def kill_all(self) -> None:
        """Ends every job at once."""
        tasks = [task for job in list(self._core.jobs.values()) for task in job.all_tasks()]
        self._do(self._control.terminate([task for task in tasks if task.state != model.ENDED]))

    async def finish(self) -> None:
        """Waits for what is asked of Slurm."""
        self._queueing.hurry()
        if self._under_way:
            await asyncio.wait(set(self._under_way), timeout=_LEAVE_SECONDS)

    async def leave(self, *, wait: bool) -> None:  # noqa: ARG002
        """Watches no longer; the jobs go on."""
        await self._tracking.stop()

    def facts(self) -> dict[str, object]:
        """What was asked of Slurm, and which it is."""
        return {
            "requests": dict(self._run.requests),
            "requests_last_hour": self._run.last_hour(),
            "cluster": self._queueing.config.cluster if self._queueing.config else None,
            "version": self._queueing.config.version if self._queueing.config else None,
        }

    def facts_of(self, job: model.Job) -> dict[str, object]:
        """How many processors each of its tasks asks for."""
        return {"slots": native.size_of(job.spec.native)}

    def files_of(self, task: model.Task) -> spec.Files:
        """The paths of a task, but for those that the native specification names."""
        return causes.files_of(task)


def _known_state(task: model.Task) -> int:
    """The state of a job that Slurm does not show."""
    if task.end is not None or task.state == model.RUNNING:
        return task.status()
    return codes.PS_UNDETERMINED


def _state(row: snapshot.Row, task: model.Task | None) -> int:
    state = states.drmaa_state(row.state, row.reason, row.status)
    if task is None:
        return state
    if state == codes.PS_RUNNING and task.stopped_at:
        return codes.PS_USER_SUSPENDED
    if state in (codes.PS_DONE, codes.PS_FAILED) and task.terminated:
        return codes.PS_FAILED
    return state


def _refuse(question: waiting.Question, refusal: codes.Refusal) -> None:
    question.answer(refusal.code, refusal.words.encode("utf-8", "replace"))
