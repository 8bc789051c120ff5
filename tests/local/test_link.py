"""The link between the engine and its runner: it may break, and nothing is lost or told wrong."""

from __future__ import annotations

import os
import socket
import struct
import time
from pathlib import Path
from typing import Iterator

import pytest
from engines import Engine, submit, template, until, within
from faults import RUNNER, Faults, without_sanitizer

from drmaa_cffi import Session

HELLO = struct.pack("=IBI", 5, 1, 0)


@pytest.fixture
def faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Faults]:
    """What fails in the runner of the test's engine."""
    faults = Faults(tmp_path, RUNNER)
    for name, value in faults.environment.items():
        monkeypatch.setenv(name, value)
    yield faults
    faults.fail("malloc", times=0)


def connect(engine: Engine) -> socket.socket:
    """Somebody's connection to the runner."""
    link = socket.socket(socket.AF_UNIX)
    link.settimeout(10)
    link.connect(str(engine.home / "runner.sock"))
    return link


@pytest.mark.parametrize(
    "said", [b"", b"GET / HTTP/1.1\r\n\r\n", HELLO], ids=["silence", "rubbish", "hello"]
)
def test_somebody_else_connects(engine: Engine, session: Session, said: bytes) -> None:
    """Whoever connects to the runner beside the engine does not part the two."""
    job = submit(session, "sleep 1; exit 7")
    until(lambda: session.jobStatus(job) == "running")
    runner = engine.runner
    with connect(engine) as other:
        other.sendall(said)
        time.sleep(0.3)
        assert "running" == within(2, lambda: session.jobStatus(job))
        assert 7 == within(10, lambda: session.wait(job, 9)).exitStatus
        assert 3 == within(10, lambda: session.wait(submit(session, "exit 3"), 9)).exitStatus
    assert runner == engine.runner
    assert "the link to the runner broke" not in engine.log()


@without_sanitizer
def test_link_that_breaks(engine: Engine, faults: Faults, session: Session) -> None:
    """A runner without memory drops the link, and the engine finds it, and its jobs, again."""
    job = submit(session, "sleep 2; exit 7")
    until(lambda: session.jobStatus(job) == "running")
    runner = engine.runner
    faults.fail("recv", times=3)
    session.control(job, "suspend")
    assert "user_suspended" == within(2, lambda: session.jobStatus(job))
    session.control(job, "resume")
    until(lambda: not faults.left)
    assert 7 == within(20, lambda: session.wait(job, 19)).exitStatus
    until(lambda: "the link to the runner is there again" in engine.log())
    assert runner == engine.runner
    assert "lost" not in engine.log()


@without_sanitizer
@pytest.mark.parametrize("times", [1, 40])
def test_no_memory_for_ends(
    engine: Engine, faults: Faults, session: Session, tmp_path: Path, times: int
) -> None:
    """A runner that had no memory for the ends of its jobs tells them when it has."""
    jobs = [submit(session, f"while [ ! -e {tmp_path}/go ]; do sleep 0.1; done; exit {n}")
            for n in (1, 2)]  # fmt: skip
    until(lambda: [session.jobStatus(job) for job in jobs] == ["running"] * 2)
    jobs += [submit(session, f"exit {n}") for n in range(3, 21)]
    faults.fail("realloc", times=times)
    (tmp_path / "go").touch()
    ends = [within(30, lambda job=job: session.wait(job, 29)).exitStatus for job in jobs]  # type: ignore[misc]
    assert list(range(1, 21)) == ends


FEW, MANY = (0, 1, 2, 4, 7, 11), (*range(16), *range(16, 400, 48))


@without_sanitizer
@pytest.mark.parametrize(
    ("at_once", "places"), [(5, FEW), pytest.param(50, MANY, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("call", ["memory", "recv", "send", "accept4", "fork"])
def test_single_failures(
    engine: Engine,
    faults: Faults,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    call: str,
    at_once: int,
    places: tuple[int, ...],
) -> None:
    """Whichever single call fails in the runner with jobs running, each has its true end."""
    monkeypatch.setenv("DRMAA_LOCAL_SLOTS", str(at_once))
    session = Session()
    session.initialize()
    runs = tmp_path / "runs"
    made = template(session, f"echo $JOB_ID >> {runs}; exit $1")
    jobs = []
    for before in places:
        for _ in range(at_once):
            made.args = [*made.args[:2], "sh", str(len(jobs) % 200)]  # type: ignore[attr-defined]
            jobs.append(session.runJob(made))  # type: ignore[arg-type]
        faults.fail(call, before=before)
        for number in range(len(jobs) - at_once, len(jobs)):
            info = within(30, lambda number=number: session.wait(jobs[number], 29))  # type: ignore[misc]
            assert (False, number % 200) == (info.wasAborted, info.exitStatus), engine.log()
    assert sorted(jobs) == sorted(runs.read_text().split())
    assert os.getsid(engine.runner)
