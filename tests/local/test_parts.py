"""What only a part by itself shows: the runner without an engine, an older database."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import sqlite3
import struct
from pathlib import Path
from typing import Callable, Iterator

import pytest
from engines import Engine, initialize, submit, until

import drmaa_cffi

RUNNER = Path(drmaa_cffi.__file__).parent / "engine" / "local" / "job-runner"
HELLO, ENVIRONMENT, _, START = range(1, 5)


def frame(kind: int, payload: bytes) -> bytes:
    """A frame to the runner."""
    return struct.pack("=IB", len(payload) + 1, kind) + payload


def texts(*values: str) -> bytes:
    """Texts, each with its size before it."""
    return b"".join(struct.pack("=I", len(value)) + value.encode() for value in values)


def start(job: int, environment: int, folder: Path | str = "/", *words: str) -> bytes:
    """The frame that starts a command, or /bin/true, in a folder."""
    head = struct.pack("=qqIIiB", job, 0, environment, 0o22, 0, 1) + struct.pack("=I", 0)
    output = "/dev/null" if folder == "/" else f"{folder}/output"
    files = texts(str(folder), "/dev/null", output, output, "o", "e")
    words = words or ("/bin/true",)
    return frame(START, head + files + struct.pack("=II", 0, len(words)) + texts(*words))


@contextlib.contextmanager
def runner_alone(folder: Path) -> Iterator[Callable[[], socket.socket]]:
    """A runner that no engine has started, and how to connect to it; its end is awaited."""
    with socket.socket(socket.AF_UNIX) as listening, contextlib.ExitStack() as links:
        listening.bind(str(folder / "runner.sock"))
        listening.listen()
        place = [(os.POSIX_SPAWN_DUP2, listening.fileno(), 3)]
        pid = os.posix_spawn(RUNNER, [str(RUNNER), str(folder)], os.environ, file_actions=place)
        assert (pid, 0) == os.waitpid(pid, 0)
        listening.close()

        def connect() -> socket.socket:
            link = links.enter_context(socket.socket(socket.AF_UNIX))
            link.settimeout(10)
            link.connect(str(folder / "runner.sock"))
            return link

        try:
            yield connect
        except BaseException:
            for runner in runners_in(folder):
                os.kill(runner, signal.SIGKILL)  # with a job that may take long
            raise
    until(lambda: not runners_in(folder), what="the runner's end")


def runners_in(folder: Path) -> list[int]:
    """The processes of a folder's runner."""
    words = b"job-runner\0%s\0" % str(folder).encode()
    lines = Path("/proc").glob("[0-9]*/cmdline")
    return [int(line.parent.name) for line in lines if bytes_of(line).endswith(words)]


def bytes_of(path: Path) -> bytes:
    """What is in a file, if it is still there."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def environment(number: int, block: bytes) -> bytes:
    """The frame that tells of an environment."""
    return frame(ENVIRONMENT, struct.pack("=II", number, len(block)) + block)


def test_unknown_environment(tmp_path: Path) -> None:
    """The runner starts no job in an environment that it could not keep, or that has no end."""
    with runner_alone(tmp_path) as connect:
        link = connect()
        cut = environment(4, b"A=1\0" + b"B=2")
        link.sendall(frame(HELLO, struct.pack("=I", 0)) + start(17, 5) + start(18, 0))
        with link.makefile("rb") as lines:
            words = [line.split() for line in (next(lines) for _ in range(5))]
            link.sendall(cut + start(19, 4))
            assert [b"N", b"19", b"0", b"12"] == next(lines).split()
    assert [b"H", b"R", b"N", b"S", b"E"] == [line[0] for line in words]
    assert [b"N", b"17", b"0", b"12"] == words[2]  # ENOMEM
    assert [b"E", b"18", b"0"] == words[4][:3]


def damaged(data: bytes, chance: random.Random) -> bytes:
    """A frame of which something is not as it should be, its size perhaps excepted."""
    body = bytearray(data[4:])
    for _ in range(chance.randint(1, 3)):
        if len(body) < 2:
            break
        at = chance.randrange(1, len(body))
        what = chance.randrange(5)
        if what == 0:
            del body[at:]
        elif what == 1:
            body[at:at] = bytes(chance.randrange(256) for _ in range(chance.randint(1, 9)))
        elif what == 2:  # a length, likely
            body[at : at + 4] = chance.choice((b"\xff\xff\xff\xff", b"\0\0\0\0", b"\1\0\0\0"))
        else:
            body[at] ^= 1 << chance.randrange(8)
    size = len(body) if chance.random() < 0.95 else chance.choice((0, 1, 1 << 20, 1 << 31))
    return struct.pack("=I", size) + bytes(body)


def test_damaged_frames(tmp_path: Path) -> None:
    """Whatever frames the runner gets, damaged or not, it goes on, and runs the next job."""
    seed = int.from_bytes(os.urandom(4), "little")
    chance = random.Random(seed)
    print("seed", seed)  # noqa: T201  for who repeats it
    folder = tmp_path / "files"
    folder.mkdir()
    lasting, last = 1 << 40, 1 << 41
    hello = frame(HELLO, struct.pack("=I", 0))
    with runner_alone(tmp_path) as connect:
        link = connect()
        link.sendall(hello + start(lasting, 0, "/", "/bin/sleep", "600"))
        link.close()
        number = 0
        for _ in range(60):
            link = connect()
            link.sendall(hello)
            with contextlib.suppress(ConnectionError):
                for _ in range(20):
                    number += 1
                    frames = (
                        start(number, 0, folder),
                        start(number, 1, folder),
                        environment(chance.randrange(3), b"A=1\0B=2\0" * chance.randrange(3)),
                        frame(3, struct.pack("=I", chance.randrange(3))),
                        frame(5, struct.pack("=qqI", number - 1, 0, 15)),
                        frame(6, struct.pack("=qqqq", number - 1, 0, number - 2, 0)),
                    )
                    link.sendall(damaged(chance.choice(frames), chance))
            link.close()
        link = connect()
        link.sendall(hello + frame(5, struct.pack("=qqI", lasting, 0, 9)) + start(last, 0))
        ended: set[int] = set()
        with link.makefile("rb") as lines:
            while not {lasting, last} <= ended:
                words = next(lines).split()
                ended |= {int(words[1])} if words[0] == b"E" else set()


@pytest.mark.parametrize(
    ("version", "more"), [(1, ""), (2, ", warned"), (3, ", warned, reaped"), (4, "")]
)
def test_older_database(engine: Engine, version: int, more: str) -> None:
    """A database of a version before is brought up to date, and nothing in it is lost."""
    session = initialize()
    held = submit(session, "true", jobSubmissionState="drmaa_hold")
    ended = submit(session, "exit 3")
    session.synchronize([ended], 30)
    assert 0 == engine.command("stop").returncode
    until(lambda: not engine.processes())
    with sqlite3.connect(engine.home / "engine.db") as database:
        database.executescript(
            "ALTER TABLE job DROP COLUMN held; ALTER TABLE job DROP COLUMN ending;"
        )
        database.execute("PRAGMA user_version=4")
    database.close()
    if version < 4:
        _make_older(engine, version, more)
    assert 3 == session.wait(ended, 30).exitStatus
    session.control(held, "release")
    assert 0 == session.wait(held, 30).exitStatus
    assert "cannot be written" not in engine.log()


def _make_older(engine: Engine, version: int, more: str) -> None:
    with sqlite3.connect(engine.home / "engine.db") as database:
        columns = "job, position, held, terminated, aborted, stopped_at, stopped_for, ending"
        columns += ", reaper, gone" + more
        database.executescript(
            "ALTER TABLE task RENAME TO new;"
            f"CREATE TABLE task ({columns}, PRIMARY KEY (job, position)) WITHOUT ROWID;"
            f"INSERT INTO task SELECT {columns} FROM new;"
            f"DROP TABLE new; ALTER TABLE job DROP COLUMN places; PRAGMA user_version={version};"
        )
        # An end was the numbers of the runner's report: started, ended, ran, status...
        report = struct.pack("=15q", 1, 2_000_000, 3, 3 << 8, *(0,) * 11)
        database.execute("UPDATE task SET ending = ? WHERE ending IS NOT NULL", (report,))
    database.close()
