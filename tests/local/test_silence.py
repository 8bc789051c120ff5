"""An engine that does not answer holds nobody up, and what it does later is not lost."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Iterator

import pytest
from engines import Engine, submit, until, within

from drmaa_cffi import DrmCommunicationException, ExitTimeoutException, Session


@contextlib.contextmanager
def stopped(pid: int) -> Iterator[None]:
    """A process is stopped meanwhile."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_wait_has_an_end(engine: Engine, session: Session) -> None:
    """A wait whose engine is stopped ends soon after its time, and takes no record along."""
    job = submit(session, "sleep 1; exit 7")
    until(lambda: session.jobStatus(job) == "running")
    pid = engine.pid
    with stopped(pid):
        begin = time.monotonic()
        with pytest.raises(
            DrmCommunicationException, match=rf"process {pid}\) .* does not answer"
        ):
            within(20, lambda: session.wait(job, 1))
        assert 1 < time.monotonic() - begin < 15
    assert 7 == within(20, lambda: session.wait(job, 19)).exitStatus


@pytest.mark.parametrize("anyone", [False, True], ids=["by id", "any"])
def test_records_of_many_waits(engine: Engine, session: Session, anyone: bool) -> None:
    """Of waits that have given up none takes a record that the next ones do not get."""
    jobs = [submit(session, f"sleep 1; exit {number}") for number in range(1, 7)]
    with ThreadPoolExecutor(6) as pool:
        with stopped(engine.pid):
            asked = [session.JOB_IDS_SESSION_ANY if anyone else job for job in jobs]
            waits = [pool.submit(session.wait, job, 1) for job in asked]
            for wait in waits:
                assert isinstance(
                    wait.exception(20), (DrmCommunicationException, ExitTimeoutException)
                )
        infos = [pool.submit(session.wait, job, 30).result(40) for job in asked]
    assert dict(zip(jobs, range(1, 7))) == {info.jobId: info.exitStatus for info in infos}


def test_others_are_not_held_up(engine: Engine, session: Session) -> None:
    """Who waits longer than one that gives up, has its answer when the engine goes on."""
    job = submit(session, "sleep 2; exit 7")
    with ThreadPoolExecutor(2) as pool:
        long = pool.submit(session.wait, job, 60)
        time.sleep(0.5)
        with stopped(engine.pid):
            short = pool.submit(session.wait, job, 0)
            assert isinstance(short.exception(20), DrmCommunicationException)
        assert 7 == long.result(20).exitStatus


def test_exit_has_an_end(engine: Engine, session: Session) -> None:
    """A session whose engine is stopped can be closed, and the next one is as any."""
    with stopped(engine.pid):
        within(20, session.exit)
    session.initialize()
    assert 7 == within(20, lambda: session.wait(submit(session, "exit 7"), 19)).exitStatus


@pytest.mark.slow
def test_calls_have_an_end(engine: Engine, session: Session) -> None:
    """A call without a timeout ends after a minute."""
    job = submit(session, "sleep 600")
    calls = (
        lambda: session.jobStatus(job),
        lambda: session.control(job, "suspend"),
        lambda: submit(session, "true", jobEnvironment={"V": "x" * 4_000_000}),
    )
    with ThreadPoolExecutor(len(calls)) as pool, stopped(engine.pid):
        for call in [pool.submit(call) for call in calls]:
            assert isinstance(call.exception(75), DrmCommunicationException)


@pytest.mark.slow
def test_initialize_has_an_end(engine: Engine, session: Session) -> None:
    """Where the engine is stopped, or another program at its start, initialize() says which."""
    session.exit()
    pid = engine.pid
    with stopped(pid), pytest.raises(DrmCommunicationException, match=rf"process {pid}\)"):
        within(90, session.initialize)
    engine.stop()
    with (
        start_lock(engine),
        pytest.raises(DrmCommunicationException, match=f"process {os.getpid()} "),
    ):
        within(90, session.initialize)


@contextlib.contextmanager
def start_lock(engine: Engine) -> Iterator[None]:
    """Somebody seems to start the engine meanwhile."""
    engine.home.mkdir(mode=0o700, exist_ok=True)
    with (engine.home / "start.lock").open("w") as lock:
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.mark.parametrize("held", ["start lock", "engine"])
def test_interrupted_initialize(engine: Engine, held: str) -> None:
    """Ctrl-C ends initialize() at once, and the next one opens a session as if there was none."""
    program = (
        "import drmaa_cffi, time\n"
        "s = drmaa_cffi.Session()\n"
        "drmaa_cffi.load_library('local')\n"
        "print('ready', flush=True)\n"
        "try: s.initialize()\n"
        "except KeyboardInterrupt: print('interrupted', flush=True)\n"
        "s.initialize(); print('open', flush=True)\n"
        "s.exit(); s.initialize(); s.exit()\n"
    )
    with contextlib.ExitStack() as at_end:
        if held == "engine":
            engine.command("engine")
            holder = at_end.enter_context(contextlib.ExitStack())
            holder.enter_context(stopped(engine.pid))
        else:
            holder = at_end.enter_context(contextlib.ExitStack())
            holder.enter_context(start_lock(engine))
        client = at_end.enter_context(
            subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        )
        at_end.callback(client.kill)
        assert client.stdout is not None
        assert "ready\n" == client.stdout.readline()
        time.sleep(0.5)
        begin = time.monotonic()
        client.send_signal(signal.SIGINT)
        assert "interrupted\n" == client.stdout.readline()
        assert time.monotonic() - begin < 1
        holder.close()
        assert "open\n" == client.stdout.readline()
        assert 0 == client.wait(20)
