"""An engine of one test's own: where it is, how to look at it, how to end it without a trace."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Callable, TypeVar

import pytest

import drmaa_cffi

LIMIT = 60
root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
T = TypeVar("T")


def until(condition, seconds: float = 20, what: str = "it") -> None:  # noqa: ANN001
    """Wait until *condition()* is true, and fail after some time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.01)


def within(seconds: float, call: Callable[[], T]) -> T:
    """What *call()* returns or raises; fail if it does neither in time, as C code cannot."""
    results: list[T] = []
    errors: list[BaseException] = []

    def work() -> None:
        try:
            results.append(call())
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(seconds)
    assert not thread.is_alive(), f"no answer within {seconds} s"
    if errors:
        raise errors[0]
    return results[0]


def parent_of(pid: int) -> int:
    """A process's parent; 0 if it has ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    return int(stat.rpartition(") ")[2].split()[1])


class Engine:
    """The engine in one folder."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command of ``python -m drmaa_cffi.local`` for this engine."""
        return subprocess.run(
            [sys.executable, "-m", "drmaa_cffi.local", *words],
            capture_output=True, text=True, check=False, timeout=LIMIT,
            env={**os.environ, "DRMAA_LOCAL_HOME": str(self.home)},
        )  # fmt: skip

    def status(self) -> dict:  # type: ignore[type-arg]
        """What the command status tells."""
        done = self.command("status")
        assert (0, "") == (done.returncode, done.stderr)
        return json.loads(done.stdout)  # type: ignore[no-any-return]

    def counts(self) -> dict[str, int]:
        """How many jobs there are in each state that any is in."""
        return {state: count for state, count in self.status()["jobs"].items() if count}

    @property
    def pid(self) -> int:
        """The running engine's process."""
        pid = self.status()["pid"]
        assert isinstance(pid, int)
        return pid

    @property
    def runner(self) -> int:
        """The runner's process."""
        lines = [line for line in self.processes() if "job-runner" in line]
        pids = [int(line.partition(":")[0]) for line in lines]
        # A job that is just starting looks like it, but for its parent.
        (runner,) = [pid for pid in pids if parent_of(pid) not in pids]
        return runner

    def pids(self) -> list[int]:
        """The processes of the engine itself, also of one that is just starting."""
        lines = [line for line in self.processes() if "drmaa_cffi.local engine" in line]
        return [int(line.partition(":")[0]) for line in lines]

    def kill(self) -> None:
        """End the engine as a power cut would."""
        pid = self.pid
        os.kill(pid, signal.SIGKILL)
        until(lambda: not Path(f"/proc/{pid}").exists(), what="the engine's death")

    def log(self) -> str:
        """What it has logged."""
        return (self.home / "engine.log").read_text()

    def stop(self) -> None:
        """End its jobs and itself."""
        done = self.command("stop", "--terminate")
        assert (0, "") == (done.returncode, done.stderr)

    def processes(self) -> list[str]:
        """Command lines of processes that belong to it: itself, its runner, its jobs."""
        mark = f"DRMAA_LOCAL_HOME={self.home}\0".encode()
        found = []
        for process in Path("/proc").iterdir():
            if not process.name.isdecimal() or int(process.name) == os.getpid():
                continue
            try:
                if mark in (process / "environ").read_bytes() + b"\0":
                    words = (process / "cmdline").read_bytes().replace(b"\0", b" ")
                    found.append(f"{process.name}: {words.decode()}")
            except OSError:
                continue
        return found


def template(session: drmaa_cffi.Session, command: str, **attributes: object) -> object:
    """A template of ``sh -c command`` that writes nowhere."""
    values = {
        "remoteCommand": "/bin/sh",
        "args": ["-c", command],
        "outputPath": ":/dev/null",
        "joinFiles": True,
        **attributes,
    }
    made = session.createJobTemplate()
    for name, value in values.items():
        setattr(made, name, value)
    return made


def submit(session: drmaa_cffi.Session, command: str, **attributes: object) -> str:
    """Submit ``sh -c command``; return the job's id."""
    return session.runJob(template(session, command, **attributes))  # type: ignore[arg-type]


def initialize() -> drmaa_cffi.Session:
    """Open a session."""
    session = drmaa_cffi.Session()
    session.initialize()
    return session


def nicer(by: int) -> int:
    """The niceness of a job that adds so much to this process's own."""
    return min(19, os.nice(0) + by)


def run(session: drmaa_cffi.Session, command: str, **attributes: object) -> drmaa_cffi.JobInfo:
    """Run ``sh -c command`` to its end."""
    return session.wait(submit(session, command, **attributes), LIMIT)


def output(session: drmaa_cffi.Session, tmp_path: Path, command: str, **attributes: object) -> str:
    """What ``sh -c command`` writes; it must succeed."""
    file = tmp_path / "output"
    info = run(session, command, outputPath=f":{file}", **attributes)
    text = file.read_text()
    file.unlink()
    assert (True, 0) == (info.hasExited, info.exitStatus), text
    return text


def cpu_of(pid: int) -> float:
    """The processor time of a process, in seconds."""
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")
