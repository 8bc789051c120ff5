"""What only a part by itself shows: the runner without an engine, an older database."""

from __future__ import annotations

import os
import socket
import sqlite3
import struct
from pathlib import Path

import pytest
from engines import Engine, initialize, submit, until

import drmaa_cffi

RUNNER = Path(drmaa_cffi.__file__).parent / "engine" / "local" / "job-runner"
HELLO, START = 1, 4


def frame(kind: int, payload: bytes) -> bytes:
    """A frame to the runner."""
    return struct.pack("=IB", len(payload) + 1, kind) + payload


def texts(*values: str) -> bytes:
    """Texts, each with its size before it."""
    return b"".join(struct.pack("=I", len(value)) + value.encode() for value in values)


def start(job: int, environment: int) -> bytes:
    """The frame that starts /bin/true."""
    head = struct.pack("=qqIIiB", job, 0, environment, 0o22, 0, 1) + struct.pack("=I", 0)
    files = texts("/", "/dev/null", "/dev/null", "/dev/null", "o", "e")
    words = struct.pack("=I", 0) + struct.pack("=I", 1) + texts("/bin/true")
    return frame(START, head + files + words)


def test_unknown_environment(tmp_path: Path) -> None:
    """The runner does not start a job in an environment that it could not keep."""
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as link:
        listening.bind(str(tmp_path / "runner.sock"))
        listening.listen()
        place = [(os.POSIX_SPAWN_DUP2, listening.fileno(), 3)]
        pid = os.posix_spawn(RUNNER, [str(RUNNER), str(tmp_path)], os.environ, file_actions=place)
        assert (pid, 0) == os.waitpid(pid, 0)
        link.settimeout(10)
        link.connect(str(tmp_path / "runner.sock"))
        link.sendall(frame(HELLO, struct.pack("=I", 0)) + start(17, 5) + start(18, 0))
        with link.makefile("rb") as lines:
            words = [line.split() for line in (next(lines) for _ in range(5))]
    assert [b"H", b"R", b"N", b"S", b"E"] == [line[0] for line in words]
    assert [b"N", b"17", b"0", b"12"] == words[2]  # ENOMEM
    assert [b"E", b"18", b"0"] == words[4][:3]
    runner = Path("/proc", words[0][1].decode())
    until(lambda: not runner.exists(), what="the runner's end")


@pytest.mark.parametrize(("version", "more"), [(1, ""), (2, ", warned")])
def test_older_database(engine: Engine, version: int, more: str) -> None:
    """A database of a version before is brought up to date, and nothing in it is lost."""
    session = initialize()
    held = submit(session, "true", jobSubmissionState="drmaa_hold")
    ended = submit(session, "exit 3")
    session.synchronize([ended], 30)
    assert 0 == engine.command("stop").returncode
    until(lambda: not engine.processes())
    with sqlite3.connect(engine.home / "engine.db") as database:
        columns = "job, position, held, terminated, aborted, stopped_at, stopped_for, ending"
        columns += ", reaper, gone" + more
        database.executescript(
            "ALTER TABLE task RENAME TO new;"
            f"CREATE TABLE task ({columns}, PRIMARY KEY (job, position)) WITHOUT ROWID;"
            f"INSERT INTO task SELECT {columns} FROM new;"
            f"DROP TABLE new; PRAGMA user_version={version};"
        )
    database.close()
    assert 3 == session.wait(ended, 30).exitStatus
    session.control(held, "release")
    assert 0 == session.wait(held, 30).exitStatus
    assert "cannot be written" not in engine.log()
