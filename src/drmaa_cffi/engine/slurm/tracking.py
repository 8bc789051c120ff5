"""Follows the jobs to their ends: by their records each second, by Slurm's word now and then.

A record says how a command ended; where Slurm's word counts more, since the job had a SIGTERM or
was killed, the next snapshot decides. A job that no snapshot shows is never taken for ended: the
accounting is asked, and after a time it is called lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from typing import TYPE_CHECKING

from drmaa_cffi.engine.core import codes, model

from . import absent, commands, ends, looking, records, snapshot, states, submitting

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from drmaa_cffi.engine.core import engine

    from . import queueing

_log = logging.getLogger(__name__)

#: Between two looks into the folder of the records, in seconds.
_TICK = 1.0
#: A record may come later than Slurm's word, from another machine's file cache.
_RECORD_SECONDS = 5.0
#: After something was done to a job Slurm is asked again soon, then in growing steps.
_FIRST_STEP = 0.25
#: So many runs of a job that were killed leave nothing when it has ended.
_MOST_RESTARTS = 8
_DAY = 86400
#: By these Slurm ends jobs; exit statuses as a shell gives them on.
_ENDED_BY_SLURM = frozenset((signal.SIGKILL, signal.SIGTERM))


class Tracking:
    """All jobs of an engine that have not ended.

    Args:
        core: the engine.
        run: Slurm's commands.
        looks: asks Slurm.
        folder: where the records are.
        queues: knows the cluster's limits, and the tables of arrays.
    """

    def __init__(
        self,
        core: engine.Engine,
        run: commands.Commands,
        looks: looking.Looking,
        folder: Path,
        queues: queueing.Queueing,
    ) -> None:
        self._core = core
        self._looks = looks
        self._folder = folder
        self._queues = queues
        self._by_token: dict[str, model.Job] = {}
        #: Records that were read, and are not removed yet.
        self._known: dict[ends.Name, None] = {}
        self._running: set[ends.Name] = set()
        #: Records that need Slurm's word.
        self._open: dict[model.Task, ends.Record] = {}
        #: Ended, as Slurm says, without a record so far: since when.
        self._unrecorded: dict[model.Task, float] = {}
        #: Cancelled for their owners, and when scancel had done it.
        self._cancelled: dict[model.Task, float] = {}
        self._absent = absent.Absent(run, lambda: queues.config)
        #: Ids of tasks that ended here, as long as Slurm shows them: since when.
        self._over: dict[str, float] = {}
        #: Stored by the next round, and to be removed after it.
        self._stored: list[ends.Name] = []
        self._next_look = 0.0
        self._step = 0.0
        self._wake = asyncio.Event()
        self._watching: asyncio.Task[None] | None = None
        self._removing: set[asyncio.Future[None]] = set()
        #: Whether the folder cannot be read now.
        self._blind = False

    def start(self, keep_days: float) -> None:
        """Begins to watch; records of nobody's jobs go after some days."""
        before = time.time() - keep_days * _DAY
        with contextlib.suppress(OSError):
            ends.sweep(self._folder, self._by_token, before)
        self._watching = asyncio.ensure_future(self._watch())

    async def stop(self) -> None:
        """Watches no longer."""
        if self._watching is not None:
            self._watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watching

    def add(self, job: model.Job) -> None:
        """Follows a job from now on: its records have one of these tokens."""
        for at in range(max(len(job.places), 1)):
            self._by_token[submitting.token_of(job, at)] = job
        self._wake.set()

    def cancelled(self, tasks: Iterable[model.Task]) -> None:
        """scancel was run for these."""
        now = time.monotonic()
        self._cancelled.update((task, now) for task in tasks if task.state != model.ENDED)
        self.hurry()

    def hurry(self) -> None:
        """Something was done to jobs: Slurm is asked soon."""
        self._looks.changed()
        self._step = _FIRST_STEP
        self._next_look = min(self._next_look, time.monotonic() + _FIRST_STEP)
        self._wake.set()

    def after_round(self) -> None:
        """All that was said of ends is stored: their records can go."""
        if not self._stored:
            return
        names, self._stored = self._stored, []
        loop = asyncio.get_running_loop()
        removing = loop.run_in_executor(None, ends.remove, self._folder, names)
        self._removing.add(removing)

        def removed(future: asyncio.Future[None]) -> None:
            self._removing.discard(future)
            for name in names:
                self._known.pop(name, None)

        removing.add_done_callback(removed)

    @property
    def tasks(self) -> Iterator[tuple[model.Task | None, model.Job, str, int]]:
        """All that have not ended: (task, or None if it has no object yet; job, id, index)."""
        for job in list(self._core.jobs.values()):
            if not job.unfinished:
                continue
            for place in job.places:
                for index in range(place.begin, place.end + 1, place.step or 1):
                    task = job.tasks.get(index, _UNTOUCHED)
                    if task is None or (task is not _UNTOUCHED and task.state == model.ENDED):
                        continue
                    text = f"{place.prefix}{index}" if place.step else place.prefix
                    yield None if task is _UNTOUCHED else task, job, text, index

    # The watch.

    async def _watch(self) -> None:
        self._next_look = time.monotonic()
        while True:
            try:
                await self._tick()
            except (commands.Unreachable, commands.Refused) as error:
                _log.warning("nothing is known of the jobs now: %s", error)
            except Exception:  # noqa: BLE001  it must go on for the other jobs
                _log.exception("the watch failed")
            timeout = _TICK if self._core.unfinished else None
            if timeout is not None:
                timeout = max(min(timeout, self._next_look - time.monotonic()), 0.05)
            self._wake.clear()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._wake.wait(), timeout)

    async def _tick(self) -> None:
        if not self._core.unfinished:
            return
        await self._look()
        if time.monotonic() >= self._next_look and self._core.unfinished:
            began = time.monotonic()
            try:
                found = await self._looks.since(began)
            finally:
                self._plan()
            self._compare(found)
            await self._ask_accounting()
            self._plan()

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        known = frozenset(self._known)
        try:
            found = await loop.run_in_executor(None, ends.collect, self._folder, known)
        except OSError as error:  # Slurm's word may tell the ends
            if not self._blind:
                _log.error("the records in %s cannot be read: %s", self._folder, error)
            self._blind = True
            # Somebody may have removed it: the next jobs need it.
            with contextlib.suppress(OSError):
                self._folder.mkdir(mode=0o700)
        else:
            self._blind = False
            self._take(found)

    def _plan(self) -> None:
        """When Slurm is asked next: soon, while it is about to say how a job has ended."""
        interval = self._looks.interval
        if self._open or self._cancelled or self._unrecorded:
            self._step = min(max(self._step, _FIRST_STEP) * 2, interval)
        else:
            self._step = interval
        self._next_look = time.monotonic() + self._step

    # Records.

    def _take(self, found: ends.Found) -> None:
        for name in found.seen.running - self._running:
            self._began(name)
        self._running = found.seen.running
        for name in found.broken:
            self._known[name] = None
            _log.error("the record %s is not whole", name)
        # In the order of their ends, as a wait for any should see them.
        for record in sorted(found.records, key=lambda record: record.ended):
            self._ended(record)

    def _task(self, name: ends.Name) -> model.Task | None:
        """Whose record it is; None of a job that is not known, was reaped or has no id yet."""
        job = self._by_token.get(name.token)
        index = name.task
        if job is None or not job.places or not (job.has(index) if job.step else index == 0):
            return None
        return job.task(index)

    def _began(self, name: ends.Name) -> None:
        task = self._task(name)
        if task is not None and task.state == model.QUEUED:
            task.state = model.RUNNING
            task.started = time.time_ns() // 1000

    def _ended(self, record: ends.Record) -> None:
        job = self._by_token.get(record.name.token)
        if job is None or not job.places:
            return
        self._known[record.name] = None
        task = self._task(record.name)
        if task is None or task.state == model.ENDED:
            self._stored.append(record.name)
            self._core.soon()
        elif self._needs_word(task, record):
            self._open[task] = record
            self.hurry()
        else:
            self._finish(task, records.of_record(task, record, None), record)

    def _needs_word(self, task: model.Task, record: ends.Record) -> bool:
        """Whether Slurm may have ended it, or may run it again."""
        if record.terminated or task.terminated:
            return True
        number, code = record.status & 0x7F, record.status >> 8
        limits = self._queues.config
        requeued = limits is not None and code in limits.requeue_exits
        return (
            number in _ENDED_BY_SLURM or code - 128 in _ENDED_BY_SLURM or (not number and requeued)
        )

    def _finish(self, task: model.Task, end: model.End, record: ends.Record | None = None) -> None:
        for table in (self._open, self._unrecorded, self._cancelled):
            table.pop(task, None)
        self._absent.discard(task)
        job = task.job
        # Also what a run has left that was killed.
        self._stored += [name for name in self._names_of(task) if name in self._running]
        if record is not None:
            self._stored.append(record.name)
        self._over[task.id] = time.monotonic()
        self._core.ended(task, end)
        if not job.unfinished:
            for at in range(len(job.places)):
                token = submitting.token_of(job, at)
                self._by_token.pop(token, None)
                self._queues.tables.forget(token)
        self._core.soon()

    def _names_of(self, task: model.Task) -> Iterator[ends.Name]:
        for at, place in enumerate(task.job.places):
            if not place.step or place.begin <= task.index <= place.end:
                token = submitting.token_of(task.job, at)
                for restart in range(_MOST_RESTARTS):
                    yield ends.Name(token, task.index, restart)

    # Slurm's word.

    def is_over(self, text: str) -> bool:
        """Whether an id is that of a task of this engine's that has ended."""
        return text in self._over

    def _compare(self, found: snapshot.Snapshot) -> None:
        now = time.monotonic()
        self._over = {
            text: since
            for text, since in self._over.items()
            if text in found or since >= self._looks.asked
        }
        for task, job, text, index in self.tasks:
            row = found.get(text)
            if row is not None and absent.is_older(row, job):
                row = None
            if row is None:
                touched = job.task(index) if task is None else task
                assert touched is not None  # noqa: S101  `tasks` gives none that were reaped
                self._is_absent(touched, now)
            elif task is not None or states.plain(row.state) != "PENDING":
                touched = job.task(index) if task is None else task
                assert touched is not None  # noqa: S101
                self._absent.discard(touched)
                self._of_row(touched, row, now)

    def _of_row(self, task: model.Task, row: snapshot.Row, now: float) -> None:
        record = self._open.get(task)
        if not states.judge(row.state, row.reason, row.status).ended:
            self._goes_on(task, row, record)
            return
        aborted = states.judge(row.state, row.reason, row.status).aborted
        if record is not None:
            self._finish(task, records.of_record(task, record, row), record)
            return
        since = self._unrecorded.setdefault(task, now)
        # One that has not begun leaves none.
        begun = row.started > 0 and not (aborted and row.status == 0 and not task.started)
        if begun and now - since < _RECORD_SECONDS:
            if now == since:
                self._step = _FIRST_STEP
            return
        if row.status is None and not aborted:
            _log.warning("job %s: Slurm says %s, and not how", row.id, row.state)
        self._finish(task, records.of_row(task, row, row.status or 0, _now()))

    def _goes_on(self, task: model.Task, row: snapshot.Row, record: ends.Record | None) -> None:
        self._unrecorded.pop(task, None)
        state = states.drmaa_state(row.state, row.reason, row.status)
        queued = state in (
            codes.PS_QUEUED_ACTIVE,
            codes.PS_USER_ON_HOLD,
            codes.PS_SYSTEM_ON_HOLD,
        )
        if record is not None and (queued or row.restarts > record.name.restart):
            # It was requeued: that was not its end.
            del self._open[task]
            self._stored.append(record.name)
            self._core.soon()
        if queued:
            task.state = model.QUEUED
            task.held = state == codes.PS_USER_ON_HOLD
        elif task.state == model.QUEUED and state:
            task.state = model.RUNNING
            task.started = row.started * 1_000_000

    def _is_absent(self, task: model.Task, now: float) -> None:
        """Slurm has answered, and does not know it."""
        record = self._open.get(task)
        if record is not None:
            # It has ended: longer ago than Slurm remembers, or its owner has cancelled it.
            self._finish(task, records.of_record(task, record, None), record)
            return
        done = self._cancelled.get(task)
        if done is not None and done <= self._looks.asked:
            # Array tasks that are cancelled while they wait vanish at once.
            self._finish(task, records.cancelled(task, _now()))
            return
        if self._absent.add(task, now):
            words = (
                "Slurm does not know it any more, and it has left no record: how it ended, or "
                "whether, cannot be found out"
            )
            _log.error("job %s: %s", task.id, words)
            self._finish(task, records.lost(_now(), words))

    async def _ask_accounting(self) -> None:
        for task, row in await self._absent.ask():
            if task.state != model.ENDED:
                self._finish(task, records.of_row(task, row, row.status, _now()))


_UNTOUCHED: model.Task = object()  # type: ignore[assignment]


def _now() -> int:
    return time.time_ns() // 1000
