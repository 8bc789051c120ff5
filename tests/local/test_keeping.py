"""How long the engine keeps the records of jobs, and sessions."""

from __future__ import annotations

import shlex
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Callable

import pytest
from engines import Engine, initialize, submit, until
from raw import ANY, SUBMIT, WAIT, Start, submission

from drmaa_cffi import InvalidContactStringException


def stop(engine: Engine) -> None:
    """Stop the engine; its jobs stay as they are."""
    done = engine.command("stop")
    assert (0, "") == (done.returncode, done.stderr)


def restart(engine: Engine) -> None:
    """Let another engine take the place of this one."""
    stop(engine)
    assert 0 == engine.command("engine").returncode


def change(engine: Engine, statement: str) -> None:
    """Change the database of an engine that does not run."""
    with closing(sqlite3.connect(engine.home / "engine.db")) as database, database:
        database.execute(statement)


def rows(engine: Engine) -> list[int]:
    """How many jobs and tasks the database of an engine that does not run has."""
    with closing(sqlite3.connect(engine.home / "engine.db")) as database:
        tables = ("job", "task")
        return [database.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in tables]


@pytest.mark.parametrize("end", [Engine.kill, stop], ids=["killed", "stopped"])
def test_session_in_use(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, end: Callable[[Engine], None]
) -> None:
    """A program that was connected when its engine ended finds its session and records again."""
    monkeypatch.setenv("DRMAA_LOCAL_KEEP_DAYS", "0")
    session = initialize()
    job = submit(session, "exit 5")
    until(lambda: engine.counts() == {"done": 1})
    time.sleep(1.1)  # ages are in whole seconds
    end(engine)
    assert 5 == session.wait(job, 30).exitStatus


def test_long_job(engine: Engine, tmp_path: Path) -> None:
    """The record of a job that ran longer than records are kept is kept as long as any other."""
    session = initialize()
    contact = session.contact
    job = submit(session, f"while [ ! -e {tmp_path}/go ]; do sleep 0.05; done; exit 5")
    session.exit()
    until(lambda: engine.counts() == {"running": 1})
    stop(engine)
    change(engine, "UPDATE session SET used = used - 8 * 86400")
    assert 0 == engine.command("engine").returncode
    (tmp_path / "go").touch()
    until(lambda: engine.counts() == {"done": 1})
    restart(engine)
    session.initialize(contact)
    assert 5 == session.wait(job, 30).exitStatus


def test_old_records(engine: Engine, monkeypatch: pytest.MonkeyPatch, client_of: Start) -> None:
    """Old records go, also those of a program that ended with its engine; unfinished jobs stay."""
    session = initialize()
    held = submit(session, "true", jobSubmissionState="drmaa_hold")
    contact = session.contact
    session.exit()
    session.initialize()
    empty = session.contact
    session.exit()
    client = client_of()
    client.send(SUBMIT, 3, submission("/bin/true"))
    assert (3, 0) == client.answer()[:2]
    until(lambda: engine.counts() == {"user_on_hold": 1, "done": 1})
    engine.kill()
    client.link.close()
    monkeypatch.setenv("DRMAA_LOCAL_KEEP_DAYS", "0")
    for left in ({"user_on_hold": 1, "done": 1}, {"user_on_hold": 1}):
        assert 0 == engine.command("engine").returncode
        assert left == engine.counts()
        time.sleep(1.1)  # ages are in whole seconds
        stop(engine)
    for gone in (client.contact, empty):
        with pytest.raises(InvalidContactStringException):
            session.initialize(gone)
    session.initialize(contact)
    session.control(held, "release")
    assert 0 == session.wait(held, 30).exitStatus


def test_session_without_jobs(engine: Engine) -> None:
    """A session that has no jobs is found again by its contact, also by the next engine."""
    session = initialize()
    contact = session.contact
    for end in (lambda: None, lambda: restart(engine), engine.kill):
        session.wait(submit(session, "true"), 30)
        session.exit()
        end()
        session.initialize(contact)
        assert contact == session.contact


@pytest.mark.parametrize("number", ["9" * 17, "9" * 200, "1.1", "01", "\u0661", "-1", ""])
def test_impossible_contact(engine: Engine, number: str) -> None:
    """A contact that no session can have, though it looks like one, is refused as any other."""
    session = initialize()
    session.exit()
    with pytest.raises(InvalidContactStringException, match="there is no session"):
        session.initialize(f"session={number}")


@pytest.mark.parametrize("end", [Engine.kill, stop], ids=["killed", "stopped"])
def test_reaped_jobs(engine: Engine, client_of: Start, end: Callable[[Engine], None]) -> None:
    """Jobs whose records were taken are in no list of the next engine, and are soon forgotten."""
    client = client_of()
    for number in (3, 5, 7):
        client.send(SUBMIT, number, submission("/bin/sh", "-c", "exit 7"))
        assert (number, 0) == client.answer()[:2]
        client.send(WAIT, number + 1, ANY)
        assert (number + 1, 0) == client.answer()[:2]
        end(engine)
        client = client_of(contact=client.contact)
        assert "[]\n" == engine.command("jobs").stdout
        client.send(WAIT, number + 1, ANY, again=True)
        answer = client.answer()
        assert (number + 1, 0) == answer[:2]  # its answer may have been lost
        assert b"exit_status=7" in answer[2]
        end(engine)
        client = client_of(contact=client.contact)
    stop(engine)
    change(engine, "UPDATE task SET reaped = reaped - 130")
    assert 0 == engine.command("engine").returncode
    stop(engine)
    assert [0, 0] == rows(engine)


def test_client_that_does_not_come_back(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, client_of: Start
) -> None:
    """What a client that is gone might ask for again is forgotten when it has had its time."""
    program = (
        "import sys; from drmaa_cffi.engine.core import repeats; "
        "from drmaa_cffi.local import __main__; repeats.SECONDS = 0.5; sys.exit(__main__.engine())"
    )
    monkeypatch.setenv("DRMAA_LOCAL_ENGINE", shlex.join([sys.executable, "-c", program]))
    session = initialize()
    client = client_of()
    client.send(SUBMIT, 3, submission("/bin/true"))
    client.send(WAIT, 4, ANY)
    assert {(3, 0), (4, 0)} == {client.answer()[:2] for _ in range(2)}
    client.link.close()
    time.sleep(2)
    session.exit()
    stop(engine)
    assert [0, 0] == rows(engine)
