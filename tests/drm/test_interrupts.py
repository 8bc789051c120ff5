"""Whatever ends a wait from outside: timers, pytest-timeout, Ctrl-C at a prompt, program end."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable, Iterator

import pytest
from jobs import AT_ONCE, LONG, Gate, Jobs, within

from drmaa_cffi import Session

SUBMIT = """
import drmaa_cffi, os, signal, sys, threading, time
from drmaa_cffi import JobTemplate, Session

def submit(script):
    with JobTemplate(remoteCommand="/bin/sh", args=["-c", script], outputPath=":/dev/null",
                     joinFiles=True) as template:
        return Session.runJob(template)
"""


class Terminal:
    """A program that runs in a terminal, and who sits before it."""

    def __init__(self, *command: str, **environment: str) -> None:
        self.screen, line = pty.openpty()
        self.process = subprocess.Popen(
            # A terminal of its own is what makes a typed Ctrl-C a signal.
            ["setsid", "--ctty", *command],
            stdin=line,
            stdout=line,
            stderr=line,
            env={**os.environ, **environment},
        )
        os.close(line)
        self.unread = ""

    def types(self, text: str) -> None:
        """Type this."""
        os.write(self.screen, text.encode())

    def shows(self, text: str) -> None:
        """Read until this is shown."""
        end = time.monotonic() + LONG
        while text not in self.unread:
            ready = select.select([self.screen], [], [], max(0, end - time.monotonic()))[0]
            assert ready, f"no {text!r} in {self.unread!r}"
            self.unread += os.read(self.screen, 4096).decode()
        self.unread = self.unread.partition(text)[2]

    def close(self) -> None:
        """Close it, and end what runs in it."""
        self.process.kill()
        self.process.wait(LONG)
        os.close(self.screen)


@pytest.fixture
def prompt(tmp_path: Path) -> Iterator[Terminal]:
    """Python's prompt in a terminal, with its history elsewhere than in the user's home."""
    home = {"HOME": str(tmp_path)}
    terminal = Terminal(sys.executable, "-i", "-q", TERM="dumb", PYTHON_BASIC_REPL="1", **home)
    yield terminal
    terminal.close()


def test_prompt(prompt: Terminal, tmp_path: Path) -> None:
    """Ctrl-C at Python's prompt ends a wait at once, and the next one has the record."""
    prompt.shows(">>> ")
    prompt.types(f"exec({SUBMIT!r})\n")
    prompt.shows(">>> ")
    gate = Gate(tmp_path)
    prompt.types(f"Session.initialize(); job_id = submit('{gate.shut} exit 9')\n")
    prompt.shows(">>> ")
    prompt.types("print('waiting' + '!'); Session.wait(job_id)\n")
    prompt.shows("waiting!")
    time.sleep(0.7)
    with within(AT_ONCE):
        prompt.types("\x03")
        prompt.shows("KeyboardInterrupt")
    gate.open()
    prompt.shows(">>> ")
    prompt.types("Session.wait(job_id, 60).exitStatus + 9000\n")
    prompt.shows("9009")
    prompt.types("Session.exit(); exit()\n")
    assert 0 == prompt.process.wait(LONG)


def test_alarm(jobs: Jobs, session: Session) -> None:
    """signal.alarm() ends a wait that is too long by what its handler raises."""

    def ring(*_: object) -> None:
        raise ConnectionAbortedError

    gate = Gate(jobs.folder)
    job_id = jobs.submit(f"{gate.shut} exit 9")
    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(1)
    try:
        with within(AT_ONCE), pytest.raises(ConnectionAbortedError):
            session.wait(job_id)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    gate.open()
    assert 9 == session.wait(job_id, LONG).exitStatus


def test_pytest_timeout(tmp_path: Path) -> None:
    """pytest-timeout ends a test that waits too long, and the next test has the record."""
    gate = Gate(tmp_path)
    (tmp_path / "test_it.py").write_text(
        SUBMIT
        + f"""
import pathlib, pytest

@pytest.fixture(scope="module")
def job_id():
    Session.initialize()
    yield submit("{gate.shut} exit 9")
    Session.exit()

@pytest.mark.timeout(1, method="signal", func_only=True)
def test_one(job_id):
    Session.wait(job_id)

def test_two(job_id):
    pathlib.Path("{gate.path}").touch()
    assert Session.wait(job_id, 60).exitStatus == 9
"""
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LONG,
        check=False,
    )
    assert 1 == done.returncode
    assert "Timeout (>1.0s)" in done.stdout
    assert "1 failed, 1 passed" in done.stdout


ENDINGS: dict[str, Callable[[int], bool]] = {
    "pass": lambda code: code == 0,
    "Session.exit()": lambda code: code == 0,
    "sys.exit(3)": lambda code: code == 3,
    "1 / 0": lambda code: code == 1,
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_end_with_abandoned_waits(tmp_path: Path, ending: str) -> None:
    """A program with waits it has left, and others in its threads, ends at once."""
    gate = Gate(tmp_path)
    done = subprocess.run(
        [
            sys.executable,
            "-X",
            "faulthandler",
            "-c",
            SUBMIT
            + f"""
signal.alarm(60)
Session.initialize()
job_ids = [submit("{gate.shut}") for _ in range(3)]
def leave(*_):
    raise InterruptedError
signal.signal(signal.SIGUSR1, leave)
for wait in (
    lambda: Session.wait(job_ids[0]),
    lambda: Session.wait(Session.JOB_IDS_SESSION_ANY),
    lambda: Session.synchronize(job_ids),
):
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGUSR1)).start()
    try:
        wait()
    except InterruptedError:
        pass

def wait_too():
    try:
        Session.wait(job_ids[1])
    except drmaa_cffi.NoActiveSessionException:
        pass

threading.Thread(target=wait_too, daemon=True).start()
time.sleep(0.3)
print(time.time(), flush=True)
{ending}
""",
        ],
        capture_output=True,
        text=True,
        timeout=LONG,
        check=False,
    )
    took = time.time() - float(done.stdout)
    gate.open()
    assert ENDINGS[ending](done.returncode), done
    assert ("ZeroDivisionError" in done.stderr) == bool(done.stderr), done.stderr
    assert took < AT_ONCE
