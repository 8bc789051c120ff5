"""The local back end, joined from its parts: queue, runner, limits, mail, control."""

from __future__ import annotations

import logging
import os
import struct
from typing import TYPE_CHECKING

from drmaa_cffi.engine.core import categories, codes, engine, model, spec
from drmaa_cffi.engine.core import home as homes

from . import (
    control,
    dialects,
    identity,
    limits,
    mail,
    native,
    progress,
    runner,
    runner_log,
    scheduler,
    scratch,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drmaa_cffi.engine.core import waiting

_log = logging.getLogger(__name__)

_U32 = struct.Struct("=I")
NAME = "local"


def _slots() -> int:
    cpus = len(os.sched_getaffinity(0))
    return int(homes.read_number("DRMAA_LOCAL_SLOTS", cpus, 1, 60_000, whole=True))


def _is_fair() -> bool:
    order = os.environ.get("DRMAA_LOCAL_ORDER", "") or "fair"
    if order not in ("fair", "fifo"):
        raise homes.SettingError(
            f"DRMAA_LOCAL_ORDER='{order}': must be fair (sessions take turns) or fifo (first in, "
            "first out)"
        )
    return order == "fair"


class Kind:
    """Makes local back ends."""

    name = NAME
    title: str = homes.title_of(NAME)
    #: The runner goes on with the jobs when the engine leaves, but nobody starts the next ones.
    stays = True

    def facts_without_engine(self) -> dict[str, object]:
        """How many slots an engine would have."""
        return {"slots": _slots()}

    def __call__(self, core: engine.Engine, home: homes.Home) -> Local:
        """Makes the back end of an engine."""
        return Local(core, home)


class Local:
    """Runs the jobs of an engine as processes of this machine.

    Args:
        core: the engine.
        home: its folder.

    Raises:
        homes.SettingError: DRMAA_LOCAL_SLOTS, _GRACE or _ORDER is not legal.
    """

    def __init__(self, core: engine.Engine, home: homes.Home) -> None:
        self._core = core
        self._home = home
        self._grace = homes.read_number("DRMAA_LOCAL_GRACE", 5, 0, 1e6)
        self._queue = scheduler.Queue(_slots(), fair=_is_fair())
        self._mail = mail.Mail(home.path / "mail", core.soon)
        self._scratch = scratch.Scratch(home)
        self._progress = progress.Progress(core, self._queue, self._mail, self._scratch)
        self._link = runner.Runner(home, self._progress)
        self._categories = categories.Categories(home.path / "categories")

    async def start(self) -> None:
        """Takes up what the engine before this one left: its runner, and its queue."""
        core, link = self._core, self._link
        clock = limits.Limits(link, core.disk, self._grace, core.soon)
        self._progress.link, self._progress.clock = link, clock
        self._control = control.Control(
            link,
            self._queue,
            core.disk,
            clock,
            self._progress.end_unstarted,
            self._progress.terminate_queued,
        )
        found, lines = link.recover()
        for words in lines:
            link.handle(words)
        if found is None:
            started, ended = runner_log.read_log(self._home)
            self._progress.settle(started, ended)
            # What the log says must be stored before: the new runner's own log goes on in it.
            core.disk.commit()
            found = link.spawn()
        self._progress.chains.load()
        for job in list(core.jobs.values()):
            self._progress.enqueue(job)
        self._progress.take_up()
        self._scratch.take_up({scratch.name_of(task) for task in self._progress.running()})
        await link.use(found)

    # Submissions.

    def read_native(self, text: str) -> native.Native:
        """The options of a job that the store has."""
        return native.parse(text)

    def prepare(self, work: spec.JobSpec, context: spec.Context) -> bool:
        """Reads the options of a new job."""
        ignoring = identity.variable(context, b"DRMAA_LOCAL_NATIVE") == b"ignore"
        kind = identity.kind_of(context)
        directory = os.fsdecode(identity.variable(context, b"PWD"))
        category = self._categories.find(work.category) if work.category else ""
        words: list[str] = []
        is_same = not work.category
        for text in filter(None, (category, work.native_words)):
            reading = dialects.read(text, kind, native.OWN, directory, ignoring=ignoring)
            for option in reading.ignored:
                _log.info("the native option %s has no meaning here: passed over", option)
            is_same = is_same and not reading.names
            words += [*reading.words, *self._jobs_named(reading.names)]
            given = {entry.partition(b"=")[0] for entry in work.settings}
            work.add(reading.packed(given))
        work.native = native.parse(" ".join(words), ignoring=ignoring)
        if work.native.walltime and work.times.wall_hard < 0:
            work.limit(work.native.walltime)
        identity.check_name(work, kind)
        return is_same

    def _jobs_named(self, names: list[str]) -> list[str]:
        """The options to wait for the jobs of these names that have not ended."""
        if not names:  # as nearly always: else a chain would cost its length for each of its jobs
            return []
        wanted = {name.encode("utf-8", "surrogateescape") for name in names}
        jobs = [job for job in self._core.jobs.values() if job.unfinished]
        return [f"--after={job.number}" for job in jobs if job.spec.name in wanted]

    def check(self, job: model.Job) -> None:
        """Refuses a job that could never run; its ids come from its number."""
        wanted = job.spec.native
        if wanted.slots > self._queue.slots:
            raise codes.Refusal(
                codes.DENIED_BY_DRM,
                f"--slots {wanted.slots}: the engine has {self._queue.slots} (DRMAA_LOCAL_SLOTS "
                "when it starts), so the job could never run",
            )
        for text in wanted.after + wanted.after_ok:
            number, index = model.parse_id(text) or (0, None)
            other = self._core.jobs.get(number)
            reason = ""
            if number >= job.number:
                reason = "there is no such job yet, so the job could never run"
            elif other is not None and index is not None and not other.has(index):
                reason = f"job {number} has no task {index}"
            elif text in wanted.after_ok and self._progress.chains.is_forgotten(text):
                reason = (
                    "its record was taken before this engine started: how it ended is not known"
                )
            if reason:
                option = "--after-ok" if text in wanted.after_ok else "--after"
                raise codes.Refusal(codes.DENIED_BY_DRM, f"{option} {text}: {reason}")
        if job.step:
            place = model.Place(f"{job.number}.", job.begin, job.end, job.step)
        else:
            place = model.Place(str(job.number))
        job.places = (place,)

    def submit(self, job: model.Job) -> None:
        """Lets a stored job take its place in the queue."""
        self._progress.enqueue(job)
        self._core.accepted(job)

    def withdraw(self, job: model.Job) -> None:
        """Forgets a job that could not be stored."""
        job.cursor = job.end + 1  # whoever it waits for shall not start it

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
        self._control.one(action, _known(text, task), again=again)
        question.answer(codes.SUCCESS)

    def control_all(
        self, question: waiting.Question, action: int, jobs: Sequence[model.Job], *, again: bool
    ) -> None:
        """Does one action to all of a session's jobs."""
        self._control.all(action, jobs, again=again)
        question.answer(codes.SUCCESS)

    def control_jobs(
        self,
        question: waiting.Question,
        action: int,
        jobs: Sequence[tuple[str, model.Task | None]],
        *,
        again: bool,
    ) -> None:
        """Does one action to each of some jobs; none starts before the round is over."""
        refusals: dict[int, codes.Refusal] = {}
        for place, (text, task) in enumerate(jobs):
            try:
                self._control.one(action, _known(text, task), again=again)
            except codes.Refusal as refusal:
                refusals[place] = refusal
        question.answer(codes.SUCCESS, engine.pack_refusals(refusals))

    def status(self, question: waiting.Question, text: str, task: model.Task | None) -> None:
        """Answers with a job's state."""
        question.answer_unstored(_U32.pack(_known(text, task).status()))

    # The engine's rounds and its end.

    def after_round(self, *, stored: bool) -> None:
        """Starts what may start, once what has made way for it, an end or a release, is stored."""
        if stored and self._progress.acknowledge:
            self._link.forget(self._progress.acknowledge)
            self._progress.acknowledge = []
        # Without a runner jobs wait in the queue, where they can be held or ended.
        while stored and self._link.is_there:
            task = self._queue.next()
            if task is None:
                break
            self._link.start(task, identity.files_of(task), self._scratch.make(task))
        self._link.flush()

    def context_dropped(self, number: int) -> None:
        """Lets the runner drop the environment as well."""
        self._link.drop_environment(number)

    @property
    def busy(self) -> bool:
        """Whether there are e-mails to send."""
        return self._mail.busy

    def kill_all(self) -> None:
        """Ends every job at once."""
        self._progress.kill_all()

    async def finish(self) -> None:
        """Sends the e-mails, or keeps them."""
        await self._mail.close()
        await self._scratch.close()

    async def leave(self, *, wait: bool) -> None:
        """Leaves the runner to its jobs."""
        await self._link.leave(wait=wait)

    def facts(self) -> dict[str, object]:
        """How many slots there are."""
        return {"slots": self._queue.slots}

    def facts_of(self, job: model.Job) -> dict[str, object]:
        """How many slots each of its tasks takes."""
        return {"slots": job.spec.native.slots}

    def files_of(self, task: model.Task) -> spec.Files:
        """The paths of a task."""
        return identity.files_of(task)


def _known(text: str, task: model.Task | None) -> model.Task:
    if task is None:
        raise engine.unknown_job(text)
    return task
