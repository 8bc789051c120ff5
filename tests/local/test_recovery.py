"""Nothing is lost and nothing runs twice, whichever process is killed."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Iterator

import pytest
from engines import Engine, submit, template, until

import drmaa_cffi
from drmaa_cffi import JobControlAction, Session
from drmaa_cffi.engine.core import store
from drmaa_cffi.engine.local import native

KILLER = """
import json, os, signal, subprocess, sys, time
for _ in range(6):
    time.sleep(0.35)
    words = [sys.executable, "-m", "drmaa_cffi.local", "status"]
    out = subprocess.run(words, capture_output=True, text=True).stdout
    pid = json.loads(out)["pid"] if out else None
    if pid:
        os.kill(pid, signal.SIGKILL)
"""


def kill_both(engine: Engine) -> None:
    """Kill the engine and the runner, neither of which sees the other's end."""
    pids = [engine.runner, *engine.pids()]
    for number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in pids:
            os.kill(pid, number)


def test_engine_killed(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With 50 jobs running and 500 queued, every job runs once and every end is the true one."""
    monkeypatch.setenv("DRMAA_LOCAL_SLOTS", "50")
    runs = tmp_path / "runs"
    session = Session()
    session.initialize()
    command = f"echo $JOB_ID >> {runs}; while [ ! -e {tmp_path}/go ]; do sleep 0.1; done; exit $1"
    jobs = {}
    for number in range(550):
        code = number % 200
        job = template(session, command, args=["-c", command, "sh", str(code)])
        jobs[session.runJob(job)] = code
    until(lambda: runs.exists() and len(runs.read_text().split()) == 50, what="50 jobs")
    first = engine.pid
    engine.kill()
    (tmp_path / "go").touch()
    for job, code in jobs.items():
        info = session.wait(job, 120)
        assert (job, True, code, False) == (
            info.jobId, info.hasExited, info.exitStatus, info.wasAborted
        )  # fmt: skip
    assert engine.pid != first
    assert dict.fromkeys(jobs, 1) == Counter(runs.read_text().split())


def test_engine_killed_again_and_again(engine: Engine, session: Session, tmp_path: Path) -> None:
    """An engine that is killed while jobs are submitted and end loses none, doubles none."""
    runs = tmp_path / "runs"
    killer = subprocess.Popen([sys.executable, "-c", KILLER])
    jobs = []
    while killer.poll() is None:
        jobs.append(submit(session, f"echo $JOB_ID >> {runs}; exit 7"))
        if len(jobs) % 3 == 0:
            info = session.wait(jobs[len(jobs) // 3 - 1], 60)
            assert 7 == info.exitStatus
    for job in jobs[len(jobs) // 3 :]:
        assert 7 == session.wait(job, 60).exitStatus
    assert len(jobs) == len(set(jobs))
    assert dict.fromkeys(jobs, 1) == Counter(runs.read_text().split())


def connections() -> Iterator[socket.socket]:
    """Copies of this process's connections to an engine."""
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            if str(entry.readlink()).startswith("socket:"):
                with socket.socket(fileno=os.dup(int(entry.name))) as link:
                    if "engine.sock" in str(link.getpeername()):
                        yield link


class Breaker(threading.Thread):
    """Breaks this process's connection to the engine every 20 ms, until it is told to end."""

    def __init__(self) -> None:
        super().__init__()
        self.over = threading.Event()
        self.breaks = 0

    def run(self) -> None:
        """Do so."""
        while not self.over.wait(0.02):
            for link in connections():
                with contextlib.suppress(OSError):  # it has broken by itself
                    link.shutdown(socket.SHUT_RDWR)
                self.breaks += 1


def test_connection_broken(session: Session, tmp_path: Path) -> None:
    """A connection that breaks again and again costs no record, and no job runs twice."""
    runs = tmp_path / "runs"
    jobs: list[str] = []

    def work() -> None:
        for _ in range(100):
            jobs.append(submit(session, f"echo $JOB_ID >> {runs}; exit 7"))
            assert 7 == session.wait(jobs[-1], 60).exitStatus

    breaker = Breaker()
    breaker.start()
    try:
        with ThreadPoolExecutor(4) as pool:
            for done in [pool.submit(work) for _ in range(4)]:
                done.result(120)
    finally:
        breaker.over.set()
        breaker.join()
    assert breaker.breaks > 5
    assert dict.fromkeys(jobs, 1) == Counter(runs.read_text().split())


def test_engine_killed_without_client(engine: Engine, tmp_path: Path) -> None:
    """Queued jobs go on after the engine's death even if no client is there to notice."""
    session = Session()
    session.initialize()
    for _ in range(6):
        submit(session, f"sleep 0.3; echo $JOB_ID >> {tmp_path}/runs")
    session.exit()
    engine.kill()
    until(
        lambda: (
            (tmp_path / "runs").exists()
            and sorted((tmp_path / "runs").read_text().split()) == list("123456")
        ),
        what="six jobs",
    )


def test_client_killed(engine: Engine, tmp_path: Path) -> None:
    """The jobs of a client that is killed go on, and their records wait for who comes back."""
    program = (
        "import drmaa_cffi, os, signal\n"
        "s = drmaa_cffi.Session(); s.initialize()\n"
        "t = s.createJobTemplate(); t.remoteCommand = '/bin/sh'\n"
        "t.args = ['-c', 'sleep 1; exit 5']; t.outputPath = ':/dev/null'; t.joinFiles = True\n"
        "print(s.contact, s.runJob(t), s.runJob(t), flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert -signal.SIGKILL == done.returncode, done.stderr
    contact, *jobs = done.stdout.split()
    session = Session()
    session.initialize(contact)
    for job in jobs:
        assert 5 == session.wait(job, 30).exitStatus


def test_runner_killed(engine: Engine, session: Session, tmp_path: Path) -> None:
    """The jobs of a runner that is killed die with it and say so; the queued ones still run."""
    running = [submit(session, f"echo $$ >> {tmp_path}/pids; sleep 600") for _ in range(2)]
    queued = submit(session, "exit 4")
    until(
        lambda: (tmp_path / "pids").exists() and len((tmp_path / "pids").read_text().split()) == 2
    )
    os.kill(engine.runner, signal.SIGKILL)
    for job in running:
        info = session.wait(job, 30)
        assert (True, False) == (info.wasAborted, info.hasExited)
    assert 4 == session.wait(queued, 30).exitStatus
    for pid in (tmp_path / "pids").read_text().split():
        until(lambda pid=pid: not Path(f"/proc/{pid}").exists(), what="the job's death")  # type: ignore[misc]
    assert "runner was killed, and the job with it" in engine.log()


def test_engine_and_runner_killed(engine: Engine, session: Session, tmp_path: Path) -> None:
    """If both are killed, jobs that ended are known by the runner's log, running ones lost."""
    ended = submit(session, "exit 3")
    log = engine.home / "runner.log"
    until(lambda: f"\nE {ended} 0 " in log.read_text())
    running = [submit(session, "sleep 600") for _ in range(2)]
    until(lambda: all(f"\nS {job} 0 " in log.read_text() for job in running))
    queued = [submit(session, f"echo $JOB_ID >> {tmp_path}/runs") for _ in range(3)]
    kill_both(engine)
    assert 3 == session.wait(ended, 30).exitStatus
    assert [True, True] == [session.wait(job, 30).wasAborted for job in running]
    for job in queued:
        assert 0 == session.wait(job, 30).exitStatus
    assert dict.fromkeys(queued, 1) == Counter((tmp_path / "runs").read_text().split())


def test_states_survive(engine: Engine, session: Session) -> None:
    """Holds, suspensions and ended records are what they were after a restart."""
    suspended = submit(session, "sleep 600")
    held = session.runBulkJobs(
        template(session, "exit 2", jobSubmissionState="drmaa_hold"), 1, 3, 1
    )
    ended = submit(session, "exit 9")
    session.synchronize([ended], 30)
    until(lambda: session.jobStatus(suspended) == "running")
    session.control(suspended, JobControlAction.SUSPEND)
    session.control(held[1], JobControlAction.RELEASE)
    session.synchronize([held[1]], 30)
    engine.kill()
    assert "user_suspended" == session.jobStatus(suspended)
    assert "user_on_hold" == session.jobStatus(held[0])
    assert "done" == session.jobStatus(held[1])
    assert 9 == session.wait(ended, 30).exitStatus
    session.control(suspended, JobControlAction.RESUME)
    session.control(suspended, JobControlAction.TERMINATE)
    assert session.wait(suspended, 30).wasAborted
    session.control(held[2], JobControlAction.RELEASE)
    assert 2 == session.wait(held[2], 30).exitStatus


def test_numbers_never_repeat(engine: Engine) -> None:
    """Ids and contact strings go on after the engine has left, with nothing left to remember."""
    session = Session()
    session.initialize()
    first = submit(session, "true")
    contact = session.contact
    session.wait(first, 30)
    session.exit()
    engine.stop()
    session.initialize()
    second = submit(session, "true")
    assert int(second) > int(first)
    assert contact != session.contact


def test_power_cut(engine: Engine, session: Session, tmp_path: Path) -> None:
    """The database opens wherever its last write was cut off, and has an honest prefix."""
    jobs = [submit(session, "true") for _ in range(30)]
    session.synchronize(jobs, 60)
    engine.kill()
    session.jobStatus(jobs[0])  # an engine is there again
    jobs += [submit(session, "true") for _ in range(10)]
    wal = engine.home / "engine.db-wal"
    data = wal.read_bytes()
    shutil.copy(engine.home / "engine.db", tmp_path / "whole.db")
    assert data
    counts = []
    for size in [*range(0, len(data), max(1, len(data) // 60)), len(data)]:
        folder = tmp_path / f"cut{size}"
        folder.mkdir()
        shutil.copy(tmp_path / "whole.db", folder / "engine.db")
        (folder / "engine.db-wal").write_bytes(data[:size])
        opened = store.Store(folder / "engine.db", "another boot", native.parse)
        counts.append(len(opened.load(0).jobs))
        assert opened.next_number() > 40 or not counts[-1]
        opened.close()
        with sqlite3.connect(folder / "engine.db") as database:
            assert ("ok",) == database.execute("PRAGMA integrity_check").fetchone()
        database.close()
    assert counts == sorted(counts)
    assert 40 == counts[-1]


def test_reconnect(engine: Engine) -> None:
    """A session that was left is found again by its contact string; a wrong one is refused."""
    session = Session()
    session.initialize()
    contact = session.contact
    job = submit(session, "sleep 0.5; exit 6")
    session.exit()
    session.initialize(contact)
    assert contact == session.contact
    assert 6 == session.wait(job, 30).exitStatus
    session.exit()
    with pytest.raises(drmaa_cffi.InvalidContactStringException, match="session=999999"):
        session.initialize("session=999999")


def test_restarting_engine_killed(engine: Engine, tmp_path: Path) -> None:
    """The runner starts an engine again until one is there, although no client asks for it."""
    session = Session()
    session.initialize()
    for _ in range(6):
        submit(session, f"sleep 0.3; echo $JOB_ID >> {tmp_path}/runs")
    session.exit()
    first = engine.pid
    os.kill(first, signal.SIGKILL)
    until(lambda: set(engine.pids()) - {first}, what="the start of another engine")
    for pid in set(engine.pids()) - {first}:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    runs = tmp_path / "runs"
    until(lambda: runs.exists() and len(runs.read_text().split()) == 6, what="six jobs")


@pytest.mark.parametrize("both", [False, True], ids=["runner", "runner and engine"])
def test_terminated_before_the_start(
    engine: Engine, session: Session, tmp_path: Path, both: bool
) -> None:
    """A job that is terminated before the runner has read of it does not run after a kill."""
    runner = engine.runner
    os.kill(runner, signal.SIGSTOP)
    job = submit(session, f"touch {tmp_path}/ran")
    until(lambda: session.jobStatus(job) == "running")
    session.control(job, "terminate")
    if both:
        kill_both(engine)
    else:
        os.kill(runner, signal.SIGKILL)
    assert session.wait(job, 30).wasAborted
    assert not (tmp_path / "ran").exists()


def test_resume_survives(engine: Engine, session: Session) -> None:
    """A job whose resume was stored, but did not reach the runner, is resumed by the next."""
    job = submit(session, "sleep 1; exit 3")
    until(lambda: session.jobStatus(job) == "running")
    session.control(job, JobControlAction.SUSPEND)
    runner = engine.runner
    os.kill(runner, signal.SIGSTOP)
    # More than the socket to the runner holds: what comes after it stays in the engine.
    big = {f"V{number}": "x" * 100_000 for number in range(20)}
    submit(session, "true", jobEnvironment=big)
    session.control(job, JobControlAction.RESUME)
    engine.kill()
    os.kill(runner, signal.SIGCONT)
    assert 3 == session.wait(job, 30).exitStatus


def kill_runner_for_good(engine: Engine, session: Session) -> Path:
    """Kill the runner under a job; while the folder returned is there none takes its place."""
    lost = submit(session, "exec sleep 600")
    until(lambda: any(line.endswith(": sleep 600 ") for line in engine.processes()))
    runner = engine.runner
    place = engine.home / "runner.sock"
    place.unlink()
    place.mkdir()
    os.kill(runner, signal.SIGKILL)
    assert session.wait(lost, 30).wasAborted
    return place


def test_runner_that_cannot_start(
    engine: Engine, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a runner that was killed cannot be replaced jobs wait, and then they run as ever."""
    monkeypatch.setenv("GIVEN", "3")
    place = kill_runner_for_good(engine, session)
    job = submit(session, "exit $GIVEN")
    until(lambda: "no runner" in engine.log())
    assert "queued_active" == session.jobStatus(job)
    place.rmdir()
    assert 3 == session.wait(job, 30).exitStatus


def test_stop_without_runner(engine: Engine, session: Session) -> None:
    """An engine without a runner ends the jobs that wait for one, and itself."""
    place = kill_runner_for_good(engine, session)
    job = submit(session, "true")
    until(lambda: "no runner" in engine.log())
    engine.stop()
    place.rmdir()
    assert session.wait(job, 30).wasAborted
