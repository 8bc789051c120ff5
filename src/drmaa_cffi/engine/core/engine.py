"""The engine: what clients ask for and what the back end says become changes, stored and sent.

Every change of one round of the event loop is stored in one transaction; only then are the
answers given and the jobs started that rely on it. So nothing that a client was told, and no
job that has run, is forgotten when the engine is killed. What cannot be stored, since the disk
is full, is not told before it can: submissions are refused, the rest waits.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Callable

from . import backend, codes, contexts, model, repeats, spec, store, waiting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from . import home as homes
    from . import rows

_log = logging.getLogger(__name__)

MOST_TASKS = 1_000_000
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

    def __init__(self, home: homes.Home, settings: homes.Settings, kind: backend.Kind) -> None:
        self.home = home
        self.settings = settings
        self.drm: str = kind.name
        self.stays: bool = kind.stays
        self.backend: backend.Backend = kind(self, home)
        self.disk: store.Store = store.Store(
            home.path / "engine.db", _boot(), self.backend.read_native
        )
        self._since = int(time.time())
        loaded = self.disk.load(self._since)
        #: Those with clients or jobs; the disk has the others.
        self.sessions: dict[int, model.Session] = loaded.sessions
        self.jobs: model.Jobs = loaded.jobs
        #: How many tasks have not ended.
        self.unfinished: int = sum(job.unfinished for job in self.jobs.values())
        #: Those that may ask again for what they have asked this engine, or the one before it.
        self.clients: repeats.Clients = repeats.Clients(self.forget, self.soon)
        self.waiting: waiting.Waiting = waiting.Waiting(
            self.jobs, self.disk, self.forget, self._forget_job
        )
        self.contexts: contexts.Contexts = contexts.Contexts(
            loaded.contexts, self.disk, self.backend.context_dropped
        )
        #: Submissions that the back end has not answered yet, by their tokens. None in place of a
        #: question: who asked is gone, and may ask again.
        self._asked: dict[bytes, tuple[waiting.Question | None, model.Job]] = {}
        #: Those among them that are not stored yet.
        self._unstored: list[model.Job] = []
        self._take_over(loaded)
        self._last_spec: spec.JobSpec | None = None
        self._last_key: object = None
        self._round: asyncio.Handle | None = None
        self._retry: asyncio.TimerHandle | None = None
        #: Called after each round with whether all is stored: sends the answers, or those that
        #: do not rely on it, and looks whether the engine is idle.
        self.after_round: Callable[[bool], None] = lambda _: None

    def _take_over(self, loaded: rows.Loaded) -> None:
        """Takes up what the clients of the engine before this one may ask for again."""
        # Also jobs that have ended and were reaped since.
        for job in [*loaded.jobs.values(), *loaded.reaped]:
            self.contexts.hold(job.context)
            if job.places:
                self.clients.restore(job.token, pack_places(job))
            else:
                self._asked[job.token] = (None, job)
        for token, (task, reaped) in loaded.replays.items():
            # Not all of them at a time to come: engines may be stopped before it.
            if reaped < self._since - repeats.SECONDS:
                self.forget(task)
            else:
                self.clients.restore(token, task)

    async def start(self) -> None:
        """Takes up what the engine before this one left.

        Raises:
            homes.HomeError: the back end cannot work.
        """
        self._drop_old_records()
        await self.backend.start()
        self.clients.await_all()
        self.soon()

    def _drop_old_records(self) -> None:
        oldest = self._since - self.settings.keep_days * 86400
        for session in list(self.sessions.values()):
            unfinished = any(job.unfinished for job in session.jobs.values())
            if unfinished or not session.is_older_than(oldest):
                continue
            self.waiting.dispose_ended(session)
            self.let_go(session)
        self.disk.drop_sessions(oldest)

    # What clients ask for.

    def open_session(self, contact: str) -> model.Session:
        """The session of a contact string; a new one for an empty string.

        Raises:
            codes.Refusal: there is no such session, or a new one cannot be stored.
        """
        if contact:
            text = contact.partition("session=")[2].partition("@")[0]
            number, _ = model.parse_id(text) or (0, None)
            known = self.sessions.get(number) or self.disk.find_session(number)
            # Without its place it is of an earlier release.
            if known is None or contact not in (f"session={number}", self.contact_of(known)):
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

    def contact_of(self, session: model.Session) -> str:
        """A session's contact string.

        It names the folder, which by default has the host's name, where a session can be taken up
        on another host: `engine/_c/home.c` finds it there.
        """
        place = "" if self.stays else f"@{self.home.path.name}"
        return f"session={session.number}{place}"

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
        job = model.Job(number, session, work, context, bounds, now(), question.token)
        job.together = question.together
        self.backend.check(job)
        self.contexts.hold(context)
        self.jobs.add(job)
        session.jobs[number] = job
        session.unreaped += job.unreaped
        self.unfinished += job.unfinished
        self.disk.add_job(job)
        self._asked[question.token] = (question, job)
        self._unstored.append(job)
        self.soon()

    def _was_submitted(self, question: waiting.Question) -> bool:
        """Answers a submission that is asked for again; False if it has not come before."""
        ids = question.client.job(question.number)
        if ids is not None:
            question.answer_unstored(ids)
            return True
        if question.token in self._asked:
            # It came on the connection before, or to the engine before this one.
            _, job = self._asked[question.token]
            self._asked[question.token] = (question, job)
            return True
        return False

    # What the back end says.

    def accepted(self, job: model.Job, places: tuple[model.Place, ...] = ()) -> None:
        """The DRM has taken a job that was given to `Backend.submit`.

        Args:
            job: the job.
            places: its ids, unless it has had them since `Backend.check`.
        """
        if places:
            self.jobs.place(job, places)
            self.disk.save_places(job)
            self.soon()
        question, _ = self._asked.pop(job.token)
        ids = pack_places(job)
        if question is None:
            self.clients.restore(job.token, ids)
        else:
            question.client.keep(question.number, ids)
            question.answer(codes.SUCCESS, ids)

    def refused(self, job: model.Job, refusal: codes.Refusal) -> None:
        """The DRM has not taken a job that was given to `Backend.submit`: it is forgotten."""
        self.disk.drop_job(job)
        self._take_back(job)
        question, _ = self._asked.pop(job.token)
        if question is not None:
            _refuse(question, refusal)
        self.waiting.look_for_jobs(job.session)
        self.soon()

    def ended(self, task: model.Task, end: model.End) -> None:
        """A task has ended: its record is kept, and who waits for it gets it."""
        task.state = model.ENDED
        task.end = end
        task.job.unfinished -= 1
        self.unfinished -= 1
        self.disk.save_task(task)
        self.waiting.ended(task)

    def rest_ended(self, job: model.Job, end: model.End) -> None:
        """All tasks of a bulk job that have no object have ended, in the same way."""
        count = job.untouched
        job.rest, job.cursor = end, job.begin
        job.unfinished -= count
        self.unfinished -= count
        self.disk.save_job(job)
        self.waiting.rest_ended(job)

    def _take_back(self, job: model.Job) -> None:
        self.unfinished -= job.unfinished
        job.session.unreaped -= job.unreaped
        self.jobs.remove(job)
        del job.session.jobs[job.number]
        self.contexts.release(job.context)

    def _unwritable(self, error: sqlite3.Error) -> str:
        return f"the engine cannot write in '{self.home.path}': {error}"

    def _disk_refusal(self, error: sqlite3.Error) -> codes.Refusal:
        return codes.Refusal(codes.TRY_LATER, f"{self._unwritable(error)}; nothing was submitted")

    def _spec_of(self, times: spec.Times, fields: bytes, context: spec.Context) -> spec.JobSpec:
        key = (times, fields, context.number)
        if self._last_spec is not None and self._last_key == key:
            return self._last_spec
        work = spec.JobSpec(times, fields)
        if self.backend.prepare(work, context):
            # Programs submit the same template many times over.
            self._last_spec, self._last_key = work, key
        return work

    def find_or_refuse(self, text: str, session: model.Session) -> model.Task:
        """The task of an id in a session.

        Raises:
            codes.Refusal: there is none.
        """
        task = self.jobs.find(text, session)
        if task is None:
            raise unknown_job(text, " in this session")
        return task

    def forget(self, task: model.Task) -> None:
        """A task's record was reaped for good."""
        self.disk.forget_task(task.job, task.index)
        if not task.job.kept:
            self._forget_job(task.job)

    def _forget_job(self, job: model.Job) -> None:
        self.contexts.release(job.context)

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
        self.waiting.unstored.after_commit(stored=stored)
        if stored:
            submitted, self._unstored = self._unstored, []
            for job in submitted:
                self.backend.submit(job)
        self.backend.after_round(stored=stored)
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
            self.backend.withdraw(job)
            self._take_back(job)
        for job in self._unstored:
            question, _ = self._asked.pop(job.token)
            if question is not None:
                _refuse(question, refusal)
        self._unstored = []
        return bool(jobs)


def now() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


def pack_places(job: model.Job) -> bytes:
    """The answer to a submission: how many places, and each."""
    places = job.places
    return len(places).to_bytes(4, sys.byteorder) + b"".join(place.packed() for place in places)


def pack_refusals(refusals: Mapping[int, codes.Refusal]) -> bytes:
    """The answer to an order for many jobs: how many do not carry it out, and each with why."""
    texts = [
        f"{place} {refusal.code} {refusal.words}".encode("utf-8", "replace")
        for place, refusal in sorted(refusals.items())
    ]
    packed = (len(text).to_bytes(4, sys.byteorder) + text for text in texts)
    return len(texts).to_bytes(4, sys.byteorder) + b"".join(packed)


def unknown_job(text: str, where: str = "") -> codes.Refusal:
    """Why nothing can be done with an id."""
    return codes.Refusal(
        codes.INVALID_JOB,
        f"there is no job '{text}': it was never submitted{where}, or its record was already "
        "taken by a wait",
    )


def _refuse(question: waiting.Question, refusal: codes.Refusal) -> None:
    question.answer(refusal.code, refusal.words.encode("utf-8", "replace"))
