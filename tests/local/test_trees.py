"""A job's whole tree obeys, whatever groups and sessions its processes make for themselves."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Iterator

import pytest
from engines import LIMIT, Engine, submit, until

from drmaa_cffi import Session

# Writes its pid, and then goes on writing.
TICKER = "sh -c 'echo $$ >> {0}/pids; while :; do echo >> {0}/ticks; sleep 0.02; done'"
WAYS = {
    "same group": "{}",
    "timeout": "timeout 60 {}",
    "background of timeout": "timeout 60 sh -c {!r}",
    "session": "setsid -w {}",
    "daemon": "setsid -f {}; sleep 600",
    "daemon of a daemon": "setsid -f setsid -f setsid {}; sleep 600",
    "interactive shell": "set -m; {} & wait",
}


class Ticker:
    """The program that a job runs in some way."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.program = TICKER.format(folder)

    @property
    def ticks(self) -> int:
        """How many there were."""
        path = self.folder / "ticks"
        return path.stat().st_size if path.exists() else 0

    def ticks_now(self) -> bool:
        """Whether there are more in a while."""
        before = self.ticks
        time.sleep(0.3)
        return self.ticks > before

    def pids(self) -> list[int]:
        """Those of the tickers that live."""
        path = self.folder / "pids"
        pids = [int(pid) for pid in path.read_text().split()] if path.exists() else []
        return [pid for pid in pids if Path(f"/proc/{pid}").exists()]

    def kill(self) -> None:
        """End those that have escaped."""
        for pid in self.pids():
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def ticker(tmp_path: Path) -> Iterator[Ticker]:
    """A program that ticks in the test's folder."""
    ticker = Ticker(tmp_path)
    yield ticker
    ticker.kill()


@pytest.mark.parametrize("way", WAYS)
def test_obeys(session: Session, ticker: Ticker, way: str) -> None:
    """All processes of a job stop, go on and end as it does."""
    job = submit(session, WAYS[way].format(ticker.program))
    until(lambda: ticker.ticks > 3)
    session.control(job, "suspend")
    assert "user_suspended" == session.jobStatus(job)
    until(lambda: not ticker.ticks_now(), seconds=3)
    session.control(job, "resume")
    until(ticker.ticks_now)
    session.control(job, "terminate")
    assert session.wait(job, LIMIT).wasAborted
    assert not ticker.pids()


@pytest.mark.parametrize("way", WAYS)
def test_limit(session: Session, ticker: Ticker, way: str) -> None:
    """A hard limit ends all processes of a job, also those that do not heed SIGTERM."""
    program = "trap '' TERM; " + WAYS[way].format(ticker.program)
    job = submit(session, program, hardWallclockTimeLimit=1)
    session.wait(job, LIMIT)
    assert ticker.ticks
    assert not ticker.pids()


@pytest.mark.parametrize("way", ["setsid {} &", "setsid -f {}", "set -m; timeout 60 {} &"])
def test_left_over(session: Session, ticker: Ticker, way: str) -> None:
    """What a job leaves running ends with it, before its end is told; another job goes on."""
    other = submit(session, f"while [ ! -e {ticker.folder}/go ]; do sleep 0.05; done; exit 3")
    until(lambda: session.jobStatus(other) == "running")
    command = f"{way.format(ticker.program)}\nwhile [ ! -e {ticker.folder}/ticks ]; do :; done"
    assert 0 == session.wait(submit(session, command), LIMIT).exitStatus
    assert not ticker.pids()
    (ticker.folder / "go").touch()
    assert 3 == session.wait(other, LIMIT).exitStatus


def test_what_escapes(session: Session, ticker: Ticker) -> None:
    """A daemon that has hidden whose it was, by its environment, lives until no job runs."""
    other = submit(session, f"while [ ! -e {ticker.folder}/go ]; do sleep 0.05; done")
    until(lambda: session.jobStatus(other) == "running")
    command = (
        f"env -i setsid -f {ticker.program}\nwhile [ ! -e {ticker.folder}/ticks ]; do :; done"
    )
    assert 0 == session.wait(submit(session, command), LIMIT).exitStatus
    assert ticker.pids()
    (ticker.folder / "go").touch()
    assert 0 == session.wait(other, LIMIT).exitStatus
    assert not ticker.pids()


def test_runner_killed(engine: Engine, session: Session, ticker: Ticker) -> None:
    """What a job has started in a group of its own is killed with the runner."""
    job = submit(session, f"timeout 60 {ticker.program}")
    until(lambda: ticker.ticks > 3)
    os.kill(engine.runner, signal.SIGKILL)
    assert session.wait(job, LIMIT).wasAborted
    until(lambda: not ticker.pids(), seconds=3)


def test_engine_that_a_job_has_started(engine: Engine, session: Session, tmp_path: Path) -> None:
    """An engine that the runner has started, or a job, does not end with a job."""
    lasting = submit(session, f"while [ ! -e {tmp_path}/go ]; do sleep 0.05; done; exit 4")
    until(lambda: session.jobStatus(lasting) == "running")
    engine.kill()
    until(lambda: len(engine.pids()) == 1)
    serving = engine.pid
    assert 3 == session.wait(submit(session, "exit 3"), LIMIT).exitStatus
    (tmp_path / "go").touch()
    assert 4 == session.wait(lasting, LIMIT).exitStatus
    assert serving == engine.pid
