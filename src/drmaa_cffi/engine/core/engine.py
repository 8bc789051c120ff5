"""The engine: what clients ask for and what the runner tells become changes, stored and sent.

Every change of one round of the event loop is stored in one transaction; only then are the
answers given and the jobs started that rely on it. So nothing that a client was told, and no
job that has run, is forgotten when the engine is killed. What cannot be stored, since the disk
is full, is not told before it can: submissions are refused, the rest waits.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import struct
import time
from pathlib import Path
from typing import TYPE_CHECKING, Callable

from drmaa_cffi.engine.local import limits, mail, native, progress, runner, scheduler

from . import codes, contexts, control, model, repeats, spec, store, waiting

if TYPE_CHECKING:
    from . import home as homes

_log = logging.getLogger(__name__)

MOST_TASKS = 1_000_000
_NUMBER = struct.Struct("=q")
_RETRY_SECONDS = 2


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        return ""


class Engine:
    """Sessions and jobs, and all that can be done with them.

    Args:
        home: its folder.
        settings: its settings.

    Raises:
        sqlite3.Error: the database cannot be opened.
    """

    def __init__(self, home: homes.Home, settings: homes.Settings) -> None:
        self.home = home
        self.settings = settings
        self.disk: store.Store = store.Store(home.path / "engine.db", _boot())
        self._since = int(time.time())
        loaded = self.disk.load(self._since)
        #: Those with clients or jobs; the disk has the others.
        self.sessions: dict[int, model.Session] = loaded.sessions
        self.jobs: model.Jobs = loaded.jobs
        #: Those that may ask again for what they have asked this engine, or the one before it.
        self.clients: repeats.Clients = repeats.Clients(self.forget, self.soon)
        self.queue: scheduler.Queue = scheduler.Queue(settings.slots)
        self.waiting: waiting.Waiting = waiting.Waiting(self.jobs, self.disk, self.forget)
        self.mail: mail.Mail = mail.Mail(home.path / "mail", self.soon)
        self.progress: progress.Progress = progress.Progress(
            self.jobs, self.disk, self.queue, self.waiting, self.mail, self.soon
        )
        self.link: runner.Runner = runner.Runner(home, self.progress)
        clock = limits.Limits(self.link, self.disk, settings.grace, self.soon)
        self.progress.link, self.progress.clock = self.link, clock
        self.contexts: contexts.Contexts = contexts.Contexts(
            loaded.contexts, self.disk, self.link.drop_environment
        )
        self._take_over(loaded)
        self.control: control.Control = control.Control(
            self.link, self.queue, self.disk, clock, self.progress.end_unstarted
        )
        self.categories: native.Categories = native.Categories(home.path / "categories")
        self._submitted: list[tuple[waiting.Question, model.Job]] = []
        self._last_spec: spec.JobSpec | None = None
        self._last_key: object = None
        self._round: asyncio.Handle | None = None
        self._retry: asyncio.TimerHandle | None = None
        #: Called after each round with whether all is stored: sends the answers, or those that
        #: do not rely on it, and looks whether the engine is idle.
        self.after_round: Callable[[bool], None] = lambda _: None

    def _take_over(self, loaded: store.Loaded) -> None:
        """Takes up what the clients of the engine before this one may ask for again."""
        # Also jobs that have ended and were reaped since.
        for job in [*loaded.jobs.values(), *loaded.reaped]:
            self.contexts.hold(job.context)
            self.clients.restore(job.token, job.number)
        for token, (task, reaped) in loaded.replays.items():
            # Not all of them at a time to come: engines may be stopped before it.
            if reaped < self._since - repeats.SECONDS:
                self.forget(task)
            else:
                self.clients.restore(token, task)

    async def start(self) -> None:
        """Takes up what the engine before this one left: its runner, and its queue.

        Raises:
            homes.HomeError: the runner cannot be started.
        """
        self._drop_old_records()
        link, lines = self.link.recover()
        for words in lines:
            self.link.handle(words)
        if link is None:
            started, ended = runner.read_log(self.home)
            self.progress.settle(started, ended)
            # What the log says must be stored before: the new runner's own log goes on in it.
            self.disk.commit()
            link = self.link.spawn()
        for job in list(self.jobs.values()):
            self.progress.enqueue(job)
        self.progress.take_up()
        await self.link.use(link)
        self.clients.await_all()
        self.soon()

    def _drop_old_records(self) -> None:
        oldest = self._since - self.settings.keep_days * 86400
        for session in list(self.sessions.values()):
            unfinished = any(job.unfinished for job in session.jobs.values())
            if unfinished or not session.is_older_than(oldest):
                continue
            for task in list(session.ended):
                self.waiting.dispose(task)
            self.let_go(session)
        self.disk.drop_sessions(oldest)

    # What clients ask for.

    def open_session(self, contact: str) -> model.Session:
        """The session of a contact string; a new one for an empty string.

        Raises:
            codes.Refusal: there is no such session, or a new one cannot be stored.
        """
        if contact:
            number, _ = model.parse_id(contact.partition("session=")[2]) or (0, None)
            known = self.sessions.get(number) or self.disk.find_session(number)
            if known is None or known.contact != contact:
                raise codes.Refusal(
                    codes.INVALID_CONTACT_STRING,
                    f"there is no session '{contact}' in '{self.home.path}': give the contact "
                    "string that drmaa_get_contact told, or none for a new session",
                )
            session = known
        else:
            try:
                session = self.disk.new_session()
            except sqlite3.Error as error:
                raise codes.Refusal(codes.DRMS_INIT_FAILED, self._unwritable(error)) from error
        self.sessions[session.number] = session
        self.touch(session)
        return session

    def touch(self, session: model.Session) -> None:
        """Notes that the session is in use now."""
        session.used = int(time.time())
        self.disk.add_session(session)

    def let_go(self, session: model.Session) -> None:
        """Leaves the session to the disk if it has neither clients nor jobs."""
        if not (session.connections or session.jobs):
            self.sessions.pop(session.number, None)

    def submit(
        self,
        question: waiting.Question,
        session: model.Session,
        context: spec.Context,
        times: spec.Times,
        bounds: tuple[int, int, int],
        fields: bytes,
        *,
        again: bool,
    ) -> None:
        """Accepts a job and answers with its number once it is stored.

        Raises:
            codes.Refusal: the job is not legal, or can never run.
        """
        if again and self._was_submitted(question):
            return
        begin, end, step = bounds
        if step and (end - begin) // step >= MOST_TASKS:
            raise codes.Refusal(
                codes.DENIED_BY_DRM,
                f"a bulk job of {(end - begin) // step + 1} tasks: {MOST_TASKS} are the most",
            )
        size = len(fields) + len(context.data)
        if size > spec.MOST_BYTES:
            raise codes.Refusal(
                codes.DENIED_BY_DRM,
                f"the job's attributes and its environment are {size} bytes; {spec.MOST_BYTES} "
                "are the most, which is more than a command can be given",
            )
        work = self._spec_of(times, fields, context)
        try:
            number = self.disk.next_number()
        except sqlite3.Error as error:
            raise self._disk_refusal(error) from error
        job = model.Job(number, session, work, context, bounds, limits.now(), question.token)
        self._check_possible(job)
        self.contexts.hold(context)
        self.jobs[number] = session.jobs[number] = job
        session.unreaped += job.unreaped
        self.progress.unfinished += job.unfinished
        self.disk.add_job(job)
        self._submitted.append((question, job))
        self.soon()

    def _was_submitted(self, question: waiting.Question) -> bool:
        """Answers a submission that is asked for again; False if it has not come before."""
        number = question.client.job(question.number)
        if number is not None:
            question.tell(_NUMBER.pack(number))
            return True
        for at, (_, job) in enumerate(self._submitted):
            if job.token == question.token:
                # It came on the connection before, and is not stored yet.
                self._submitted[at] = (question, job)
                return True
        return False

    def _unwritable(self, error: sqlite3.Error) -> str:
        return f"the engine cannot write in '{self.home.path}': {error}"

    def _disk_refusal(self, error: sqlite3.Error) -> codes.Refusal:
        return codes.Refusal(codes.TRY_LATER, f"{self._unwritable(error)}; nothing was submitted")

    def _spec_of(self, times: spec.Times, fields: bytes, context: spec.Context) -> spec.JobSpec:
        key = (times, fields, context.number)
        if self._last_spec is not None and self._last_key == key:
            return self._last_spec
        work = spec.JobSpec(times, fields)
        ignoring = b"\0DRMAA_LOCAL_NATIVE=ignore\0" in b"\0" + context.environment
        category = self.categories.find(work.category) if work.category else ""
        work.native = native.parse(category, work.native_words, ignoring=ignoring)
        if work.native.walltime and times.wall_hard < 0:
            work.limit(work.native.walltime)
        if not work.category:
            # Programs submit the same template many times over.
            self._last_spec, self._last_key = work, key
        return work

    def _check_possible(self, job: model.Job) -> None:
        wanted = job.spec.native
        if wanted.slots > self.queue.slots:
            raise codes.Refusal(
                codes.DENIED_BY_DRM,
                f"--slots {wanted.slots}: the engine has {self.queue.slots} (DRMAA_LOCAL_SLOTS "
                "when it starts), so the job could never run",
            )
        for text in wanted.after:
            number, index = model.parse_id(text) or (0, None)
            other = self.jobs.get(number)
            reason = ""
            if number >= job.number:
                reason = "there is no such job yet, so the job could never run"
            elif other is not None and index is not None and not other.has(index):
                reason = f"job {number} has no task {index}"
            if reason:
                raise codes.Refusal(codes.DENIED_BY_DRM, f"--after {text}: {reason}")

    def find_or_refuse(self, text: str, session: model.Session | None = None) -> model.Task:
        """The task of an id.

        Raises:
            codes.Refusal: there is none.
        """
        task = self.jobs.find(text, session)
        if task is None:
            raise codes.Refusal(
                codes.INVALID_JOB,
                f"there is no job '{text}': it was never submitted"
                f"{' in this session' if session is not None else ''}, or its record was "
                "already taken by a wait",
            )
        return task

    def forget(self, task: model.Task) -> None:
        """A task's record was reaped for good."""
        self.disk.forget_task(task.job, task.index)
        if not task.job.kept:
            self.contexts.release(task.job.context)

    def finish(self) -> None:
        """Stores what is not stored yet: the engine leaves."""
        self._commit()

    # The round.

    def soon(self) -> None:
        """Lets a round follow on what happens now."""
        if self._round is None:
            self._round = asyncio.get_running_loop().call_soon(self._do_round)

    def _do_round(self) -> None:
        self._round = None
        stored = self._commit()
        if stored:
            submitted, self._submitted = self._submitted, []
            for question, job in submitted:
                self.progress.enqueue(job)
                question.client.keep(question.number, job.number)
                question.answer(codes.SUCCESS, _NUMBER.pack(job.number))
            if self.progress.acknowledge:
                self.link.forget(self.progress.acknowledge)
                self.progress.acknowledge = []
        # Without a runner jobs wait in the queue, where they can be held or ended. And what has
        # made way for one, an end or a release, must be stored before.
        while stored and self.link.is_there:
            task = self.queue.next()
            if task is None:
                break
            job = task.job
            bulk = job.step != 0
            files = spec.files_of(job.spec, job.context, job.number, task.index, bulk=bulk)
            self.link.start(task, files)
        self.link.flush()
        self.after_round(stored)

    def _commit(self) -> bool:
        if not self.disk.dirty:
            return True
        try:
            self.disk.commit()
        except sqlite3.Error as error:
            _log.error("the database cannot be written: %s", error)
            if self._refuse_submitted(self._disk_refusal(error)) and self._commit_rest():
                return True
            if self._retry is None:
                loop = asyncio.get_running_loop()
                self._retry = loop.call_later(_RETRY_SECONDS, self._try_again)
            return False
        return True

    def _commit_rest(self) -> bool:
        """Tries without the jobs: what is small must not wait for what is too large."""
        try:
            self.disk.commit()
        except sqlite3.Error:
            return False
        return True

    def _try_again(self) -> None:
        self._retry = None
        self.soon()

    def _refuse_submitted(self, refusal: codes.Refusal) -> bool:
        """Whether there were any."""
        jobs = self.disk.take_back_jobs()
        for job in jobs:
            job.cursor = job.end + 1  # whoever it waits for shall not start it
            self.progress.unfinished -= job.unfinished
            job.session.unreaped -= job.unreaped
            del self.jobs[job.number]
            del job.session.jobs[job.number]
            self.contexts.release(job.context)
        for question, _ in self._submitted:
            question.answer(refusal.code, refusal.words.encode("utf-8", "replace"))
        self._submitted = []
        return bool(jobs)
