"""The engine's memory on disk: SQLite, written in batches, one transaction each."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

from . import filesystem, migration, model, spec

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
-- `used`: when the last client left; NULL while one is there, also if the engine is killed then.
CREATE TABLE IF NOT EXISTS session (number INTEGER PRIMARY KEY, used INTEGER);
CREATE TABLE IF NOT EXISTS context (number INTEGER PRIMARY KEY, data BLOB);
CREATE TABLE IF NOT EXISTS job (
    number INTEGER PRIMARY KEY, session INTEGER, context INTEGER,
    first INTEGER, last INTEGER, step INTEGER, submitted INTEGER, token BLOB,
    times BLOB, native TEXT, fields BLOB,
    places BLOB -- its ids; NULL as long as the back end does not know them
);
-- A task has a row once it differs from what its job says: held or released by itself,
-- suspended, terminated, ended, reaped (when, and by which request: `reaped`, `reaper`).
-- `gone`: reaped, and the client has the answer. `aborted`: of no use since version 4.
CREATE TABLE IF NOT EXISTS task (
    job INTEGER, position INTEGER, held INTEGER, terminated INTEGER, aborted INTEGER,
    stopped_at INTEGER, stopped_for INTEGER, ending BLOB, reaper BLOB, gone INTEGER,
    warned INTEGER DEFAULT 0, reaped INTEGER,
    PRIMARY KEY (job, position)
) WITHOUT ROWID;
"""
#: Job numbers are put aside on the disk, synced, in blocks of this many. After a power cut,
#: which may take the last transactions, numbering goes on behind the block.
_BLOCK = 1000


class Replay(NamedTuple):
    """A task that was reaped by a request whose answer may not have arrived."""

    task: model.Task
    #: When, in seconds since 1970.
    reaped: int


class Loaded(NamedTuple):
    """What `load` found."""

    #: Those that have jobs.
    sessions: dict[int, model.Session]
    contexts: dict[int, spec.Context]
    jobs: model.Jobs
    #: By the tokens of their requests.
    replays: dict[bytes, Replay]
    #: Jobs of which nothing is left but replays.
    reaped: list[model.Job]


class Store:
    """The database in the engine's folder.

    Changes are collected and written by `commit`: before it returns nothing of them is on
    disk, after it all of them.

    Args:
        path: the database's file.
        boot: what names this boot of the machine, to know a restart after a power cut.
        read_native: makes what a job's `native` was of its text.

    Raises:
        sqlite3.Error: it cannot be opened or is damaged.
    """

    def __init__(self, path: Path, boot: str, read_native: Callable[[str], Any]) -> None:
        self._read_native = read_native
        self._db = sqlite3.connect(str(path), isolation_level=None)
        # Exclusive: one engine, no shared memory file, which some file systems lack.
        self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
        # SQLite's log is not for file systems of several machines.
        journal = "TRUNCATE" if filesystem.is_shared(path.parent) else "WAL"
        self._db.execute(f"PRAGMA journal_mode={journal}")
        self._db.execute("PRAGMA synchronous=NORMAL")
        migration.bring_up(self._db, str(path), _SCHEMA)
        meta = dict(self._db.execute("SELECT name, value FROM meta"))
        self._reserved = int(meta.get("reserved", 0))
        self.last_number: int = int(meta.get("last_number", 0))
        self._last_session = int(meta.get("last_session", 0))
        if meta.get("boot") != boot:
            self.last_number = max(self.last_number, self._reserved)
            self._db.execute("INSERT OR REPLACE INTO meta VALUES ('boot', ?)", (boot,))
        self._jobs: list[model.Job] = []
        self._placed: dict[int, model.Job] = {}
        self._tasks: dict[model.Task, bytes | None] = {}
        self._forgotten: list[tuple[int, int]] = []
        self._dropped: list[int] = []
        self._sessions: dict[int, model.Session] = {}
        self._sessions_before: float = 0
        self._contexts: dict[int, spec.Context] = {}
        self._contexts_dropped: list[int] = []

    @property
    def dirty(self) -> bool:
        """Whether there is something to commit."""
        return bool(
            self._tasks
            or self._jobs
            or self._placed
            or self._forgotten
            or self._dropped
            or self._sessions
            or self._contexts
            or self._sessions_before
            or self._contexts_dropped
        )

    def next_number(self) -> int:
        """A job number that was never given and never will be again."""
        if self.last_number >= self._reserved:
            reserved = self.last_number + _BLOCK
            self._db.execute("PRAGMA synchronous=FULL")
            try:
                self._db.execute("INSERT OR REPLACE INTO meta VALUES ('reserved', ?)", (reserved,))
            finally:
                self._db.execute("PRAGMA synchronous=NORMAL")
            self._reserved = reserved
        self.last_number += 1
        return self.last_number

    def new_session(self) -> model.Session:
        """A session, stored at once: no other will ever have its number.

        Raises:
            sqlite3.Error: the disk is full, or worse.
        """
        number = self._last_session + 1
        with self._transaction() as db:
            db.execute("INSERT INTO session VALUES (?, NULL)", (number,))
            db.execute("INSERT OR REPLACE INTO meta VALUES ('last_session', ?)", (number,))
        self._last_session = number
        return model.Session(number, 0)

    def add_session(self, session: model.Session) -> None:
        """A session that a client has come to or left."""
        self._sessions[session.number] = session

    def find_session(self, number: int) -> model.Session | None:
        """A session that is not in memory; None if there is none."""
        if number in self._sessions:
            return self._sessions[number]
        for (used,) in self._db.execute("SELECT used FROM session WHERE number = ?", (number,)):
            return model.Session(number, used)
        return None

    def drop_sessions(self, before: float) -> None:
        """The sessions without jobs that were left before that time."""
        self._sessions_before = before

    def add_context(self, context: spec.Context) -> None:
        """A context that jobs will refer to."""
        self._contexts[context.number] = context

    def drop_context(self, context: spec.Context) -> None:
        """A context that no job refers to any more."""
        if self._contexts.pop(context.number, None) is None:
            self._contexts_dropped.append(context.number)

    def add_job(self, job: model.Job) -> None:
        """A new job."""
        self._jobs.append(job)

    def save_places(self, job: model.Job) -> None:
        """A job, stored before, whose ids are known now."""
        self._placed[job.number] = job

    def drop_job(self, job: model.Job) -> None:
        """A job, stored before, that the DRM did not take."""
        self._placed.pop(job.number, None)
        self._dropped.append(job.number)

    def save_task(self, task: model.Task, reaper: bytes | None = None) -> None:
        """A task that has changed; `reaper` is the token of the request that reaped it."""
        self._tasks[task] = reaper

    def forget_task(self, job: model.Job, index: int) -> None:
        """A task that was reaped, by a client that has the answer."""
        job.kept -= 1
        if job.kept == 0:
            self._dropped.append(job.number)
        else:
            self._forgotten.append((job.number, index))

    def commit(self) -> None:
        """Writes everything, or nothing: then it is kept for the next time.

        Raises:
            sqlite3.Error: the disk is full, or worse.
        """
        with self._transaction() as db:
            self._write(db)
        self._jobs.clear()
        self._placed.clear()
        self._tasks.clear()
        self._forgotten.clear()
        self._dropped.clear()
        self._sessions.clear()
        self._sessions_before = 0
        self._contexts.clear()
        self._contexts_dropped.clear()

    @contextlib.contextmanager
    def _transaction(self) -> Generator[sqlite3.Connection, None, None]:
        db = self._db
        db.execute("BEGIN")
        try:
            yield db
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise

    def take_back_jobs(self) -> list[model.Job]:
        """After a failed commit: the new jobs in it, which will not be written any more."""
        jobs = self._jobs
        self._jobs = []
        numbers = {job.number for job in jobs}
        self._tasks = {
            task: by for task, by in self._tasks.items() if task.job.number not in numbers
        }
        return jobs

    def _write(self, db: sqlite3.Connection) -> None:
        if self._sessions:
            db.executemany(
                "INSERT OR REPLACE INTO session VALUES (?, ?)",
                [
                    (session.number, None if session.connections else session.used)
                    for session in self._sessions.values()
                ],
            )
        if self._contexts:
            db.executemany(
                "INSERT INTO context VALUES (?, ?)",
                [(context.number, context.data) for context in self._contexts.values()],
            )
        if self._jobs:
            db.executemany(
                "INSERT INTO job VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                map(_job_row, self._jobs),
            )
            db.execute(
                "INSERT OR REPLACE INTO meta VALUES ('last_number', ?)", (self.last_number,)
            )
        if self._placed:
            db.executemany(
                "UPDATE job SET places = ? WHERE number = ?",
                [(_packed(job.places), job.number) for job in self._placed.values()],
            )
        if self._tasks:
            db.executemany(
                "INSERT OR REPLACE INTO task VALUES (?, ?, ?, ?, 0, ?, ?, ?, ?, 0, ?, ?)",
                [_task_row(task, reaper) for task, reaper in self._tasks.items()],
            )
        if self._forgotten:
            db.executemany(
                "UPDATE task SET gone = 1, ending = NULL, reaper = NULL "
                "WHERE job = ? AND position = ?",
                self._forgotten,
            )
        if self._dropped:
            numbers = [(number,) for number in self._dropped]
            db.executemany("DELETE FROM task WHERE job = ?", numbers)
            db.executemany("DELETE FROM job WHERE number = ?", numbers)
        if self._contexts_dropped:
            db.executemany(
                "DELETE FROM context WHERE number = ?",
                [(number,) for number in self._contexts_dropped],
            )
        if self._sessions_before:
            db.execute(
                "DELETE FROM session WHERE used < ? AND number NOT IN (SELECT session FROM job)",
                (self._sessions_before,),
            )

    def load(self, now: int) -> Loaded:
        """Everything, as it was at the last commit; also sweeps out contexts nobody uses.

        Args:
            now: when clients that the last engine has left behind are taken to have left.
        """
        db = self._db
        db.execute("DELETE FROM context WHERE number NOT IN (SELECT context FROM job)")
        db.execute("UPDATE session SET used = ? WHERE used IS NULL", (now,))
        sessions = {
            number: model.Session(number, used)
            for number, used in db.execute(
                "SELECT number, used FROM session WHERE number IN (SELECT session FROM job)"
            )
        }
        contexts = {
            number: spec.parse_context(number, data)
            for number, data in db.execute("SELECT number, data FROM context")
        }
        loaded = Loaded(sessions, contexts, model.Jobs(), {}, [])
        for row in db.execute("SELECT * FROM job ORDER BY number"):
            job = self._job_of(row, sessions, contexts)
            job.session.jobs[job.number] = job
            job.session.unreaped += job.count()
            loaded.jobs.add(job)
        _load_tasks(db.execute("SELECT * FROM task"), loaded)
        loaded.reaped.extend(job for job in loaded.jobs.values() if not job.unreaped)
        for job in loaded.reaped:
            loaded.jobs.remove(job)
            del job.session.jobs[job.number]
        for session in sessions.values():
            in_order = sorted(session.ended, key=lambda task: task.end.ended if task.end else 0)
            session.ended = dict.fromkeys(in_order)
        return loaded

    def _job_of(
        self,
        row: tuple[Any, ...],
        sessions: dict[int, model.Session],
        contexts: dict[int, spec.Context],
    ) -> model.Job:
        number, session, context, begin, end, step, submitted, token, times, *rest = row
        options, fields, places = rest
        work = spec.JobSpec(spec.Times(*spec.TIMES.unpack(times)), fields)
        work.native = self._read_native(options)
        bounds = (begin, end, step)
        job = model.Job(
            number, sessions[session], work, contexts[context], bounds, submitted, token
        )
        job.places = _unpacked(places)
        return job

    def close(self) -> None:
        """Closes the database; what was not committed is lost."""
        self._db.close()


def _job_row(job: model.Job) -> tuple[object, ...]:
    work = job.spec
    return (
        job.number,
        job.session.number,
        job.context.number,
        job.begin,
        job.end,
        job.step,
        job.submitted,
        job.token,
        spec.TIMES.pack(*work.times),
        work.native.text(),
        work.fields,
        _packed(job.places) if job.places else None,
    )


def _task_row(task: model.Task, reaper: bytes | None) -> tuple[object, ...]:
    return (
        task.job.number,
        task.index,
        task.held,
        task.terminated,
        task.stopped_at,
        task.stopped_for,
        None if task.end is None else migration.pack_end(*task.end),
        reaper,
        task.warned,
        None if reaper is None else int(time.time()),
    )


def _packed(places: tuple[model.Place, ...]) -> bytes:
    return json.dumps(places).encode()


def _unpacked(places: bytes | None) -> tuple[model.Place, ...]:
    return tuple(model.Place(*place) for place in json.loads(places)) if places else ()


def _load_tasks(rows: Iterable[tuple[object, ...]], loaded: Loaded) -> None:
    for row in rows:
        number, index, held, terminated, _, stopped_at, stopped_for, *rest = row
        ending, reaper, gone, warned, reaped = rest
        job = loaded.jobs[number]  # type: ignore[index]
        task = model.Task(job, index)  # type: ignore[arg-type]
        task.held = bool(held)
        task.terminated = bool(terminated)
        task.stopped_at = stopped_at  # type: ignore[assignment]
        task.stopped_for = stopped_for  # type: ignore[assignment]
        task.warned = warned  # type: ignore[assignment]
        if ending is not None:
            task.end = model.End(*migration.unpack_end(ending))  # type: ignore[arg-type]
            task.state = model.ENDED
        if gone or task.end is not None:
            job.unfinished -= 1
        if gone or reaper is not None:
            job.unreaped -= 1
            job.session.unreaped -= 1
            job.tasks[task.index] = None
            if gone:
                job.kept -= 1
            else:
                loaded.replays[reaper] = Replay(task, reaped or 0)  # type: ignore[index, arg-type]
            continue
        job.tasks[task.index] = task
        if task.end is not None:
            job.session.ended[task] = None
