"""Sessions, jobs and tasks as rows of the database, and back."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

from . import migration, model, spec

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
-- `used`: when the last client left; NULL while one is there, also if the engine is killed then.
CREATE TABLE IF NOT EXISTS session (number INTEGER PRIMARY KEY, used INTEGER);
CREATE TABLE IF NOT EXISTS context (number INTEGER PRIMARY KEY, data BLOB);
-- `places`: its ids; NULL as long as the back end does not know them. Of the tasks without a row:
-- whether they are `held` (NULL: as its fields say), their `ending`, empty if they were reaped.
CREATE TABLE IF NOT EXISTS job (
    number INTEGER PRIMARY KEY, session INTEGER, context INTEGER,
    first INTEGER, last INTEGER, step INTEGER, submitted INTEGER, token BLOB,
    times BLOB, native TEXT, fields BLOB,
    places BLOB, held INTEGER, ending BLOB
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


def load(db: sqlite3.Connection, read_native: Callable[[str], Any], left_at: int) -> Loaded:
    """Reads everything; also sweeps out contexts nobody uses.

    Args:
        db: the database.
        read_native: makes what a job's `native` was of its text.
        left_at: when clients that the last engine has left behind are taken to have left.
    """
    db.execute("DELETE FROM context WHERE number NOT IN (SELECT context FROM job)")
    db.execute("UPDATE session SET used = ? WHERE used IS NULL", (left_at,))
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
    specs: dict[object, spec.JobSpec] = {}  # programs submit the same template many times over
    for row in db.execute("SELECT * FROM job ORDER BY number"):
        job = _job_of(row, sessions, contexts, read_native, specs)
        job.session.jobs[job.number] = job
        job.session.unreaped += job.count()
        loaded.jobs.add(job)
    _load_tasks(db.execute("SELECT * FROM task"), loaded)
    for job in loaded.jobs.values():
        if job.rest is not None:
            _load_rest(job)
    loaded.reaped.extend(job for job in loaded.jobs.values() if not job.unreaped)
    for job in loaded.reaped:
        loaded.jobs.remove(job)
        del job.session.jobs[job.number]
    for session in sessions.values():
        in_order = sorted(session.ended, key=lambda task: task.end.ended if task.end else 0)
        session.ended = dict.fromkeys(in_order)
    return loaded


def _load_rest(job: model.Job) -> None:
    count = job.untouched
    job.unfinished -= count
    if job.rest_gone:
        job.kept -= count
        job.unreaped -= count
        job.session.unreaped -= count
    elif count:
        job.session.rests[job] = None


def _job_of(
    row: tuple[Any, ...],
    sessions: dict[int, model.Session],
    contexts: dict[int, spec.Context],
    read_native: Callable[[str], Any],
    specs: dict[object, spec.JobSpec],
) -> model.Job:
    number, session, context, begin, end, step, submitted, token, times, *rest = row
    options, fields, places, held, ending = rest
    key = (times, options, fields)
    work = specs.get(key)
    if work is None:
        work = specs[key] = spec.JobSpec(spec.Times(*spec.TIMES.unpack(times)), fields)
        work.native = read_native(options)
    bounds = (begin, end, step)
    job = model.Job(number, sessions[session], work, contexts[context], bounds, submitted, token)
    job.places = _unpacked(places)
    if held is not None:
        job.held = bool(held)
    if ending is not None:
        job.rest_gone = not ending
        job.rest = model.End(*migration.unpack_end(ending)) if ending else model.End(0, 0)
    return job


def job_row(job: model.Job) -> tuple[object, ...]:
    """A job as a row of the table `job`."""
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
        pack_places(job.places) if job.places else None,
        *rest_of(job),
    )


def rest_of(job: model.Job) -> tuple[int | None, bytes | None]:
    """What a job's row says of its tasks that have no row."""
    return (
        None if job.held == job.spec.held else int(job.held),
        None if job.rest is None else b"" if job.rest_gone else migration.pack_end(*job.rest),
    )


def task_row(task: model.Task, reaper: bytes | None) -> tuple[object, ...]:
    """A task as a row of the table `task`; `reaper` is the token of the request that reaped it."""
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


def pack_places(places: tuple[model.Place, ...]) -> bytes:
    """A job's ids as the column `places` holds them."""
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
