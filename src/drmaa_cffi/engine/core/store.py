"""The engine's memory on disk: SQLite, written in batches, one transaction each."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

from . import filesystem, migration, model, rows

if TYPE_CHECKING:
    from collections.abc import Generator

    from . import spec

#: Job numbers are put aside on the disk, synced, in blocks of this many. After a power cut,
#: which may take the last transactions, numbering goes on behind the block.
_BLOCK = 1000


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
        migration.bring_up(self._db, str(path), rows.SCHEMA)
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
        self._changed: dict[int, model.Job] = {}
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
            or self._changed
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

    def save_job(self, job: model.Job) -> None:
        """A job of which the tasks that have no object were held, released or ended."""
        self._changed[job.number] = job

    def drop_job(self, job: model.Job) -> None:
        """A job of which nothing is kept: the DRM did not take it, or all is reaped."""
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
        self._changed.clear()
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
        self._write_jobs(db)
        if self._tasks:
            db.executemany(
                "INSERT OR REPLACE INTO task VALUES (?, ?, ?, ?, 0, ?, ?, ?, ?, 0, ?, ?)",
                [rows.task_row(task, reaper) for task, reaper in self._tasks.items()],
            )
        if self._forgotten:
            db.executemany(
                "INSERT OR REPLACE INTO task (job, position, gone) VALUES (?, ?, 1)",
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

    def _write_jobs(self, db: sqlite3.Connection) -> None:
        if self._jobs:
            db.executemany(
                "INSERT INTO job VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                map(rows.job_row, self._jobs),
            )
            db.execute(
                "INSERT OR REPLACE INTO meta VALUES ('last_number', ?)", (self.last_number,)
            )
        if self._placed:
            db.executemany(
                "UPDATE job SET places = ? WHERE number = ?",
                [(rows.pack_places(job.places), job.number) for job in self._placed.values()],
            )
        if self._changed:
            db.executemany(
                "UPDATE job SET held = ?, ending = ? WHERE number = ?",
                [(*rows.rest_of(job), job.number) for job in self._changed.values()],
            )

    def load(self, now: int) -> rows.Loaded:
        """Everything, as it was at the last commit; also sweeps out contexts nobody uses.

        Args:
            now: when clients that the last engine has left behind are taken to have left.
        """
        return rows.load(self._db, self._read_native, now)

    def close(self) -> None:
        """Closes the database; what was not committed is lost."""
        self._db.close()
