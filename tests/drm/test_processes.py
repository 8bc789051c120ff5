"""Programs of their own: Ctrl-C during a wait, forks, and the end of the program."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import Iterator

import pytest
from jobs import LONG

PROLOGUE = """
import os, signal, sys, threading, time
import drmaa_cffi
from drmaa_cffi import DrmaaException, JobTemplate, Session

signal.alarm(120)  # nothing outlives the tests
Session.initialize()

def submit(script):
    with JobTemplate(remoteCommand="/bin/sh", args=["-c", script], outputPath=":/dev/null",
                     joinFiles=True) as template:
        return Session.runJob(template)

def say(*words):
    print(*words, flush=True)
"""


@contextmanager
def program(text: str) -> Iterator[subprocess.Popen[str]]:
    """Run a program of *text* after the prologue; it has ended after the block."""
    with subprocess.Popen(
        # Of a fork beside other threads Python warns, and Grid Engine's library has some.
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PROLOGUE + text],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def line(process: subprocess.Popen[str]) -> str:
    """Return the next line of the program's output."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


WAITS = {
    "wait": "Session.wait(job_id)",
    "any": "Session.wait(Session.JOB_IDS_SESSION_ANY)",
    "synchronize": "Session.synchronize([job_id])",
}


@pytest.mark.parametrize("what", WAITS)
@pytest.mark.parametrize("again", ["at once", "later"])
def test_interrupt(what: str, again: str) -> None:
    """Ctrl-C ends a wait at once; a later wait gets the record, also of a job that ended since."""
    with program(f"""
job_id = submit("sleep 3; exit 9")
say("waiting")
try:
    {WAITS[what]}
except KeyboardInterrupt:
    say("interrupted")
{"time.sleep(6)" if again == "later" else ""}
info = Session.wait(job_id, 60)
say(info.jobId == job_id, info.exitStatus)
Session.exit()
""") as process:
        assert "waiting" == line(process)
        time.sleep(0.7)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert "interrupted" == line(process)
        assert time.monotonic() - began < 1.5  # of three seconds; tests run side by side
        assert "True 9" == line(process)
        assert 0 == process.wait(30)


def test_interrupt_unhandled() -> None:
    """Ctrl-C ends a program that waits, though the wait goes on in C."""
    with program("""
job_id = submit("sleep 5")
say("waiting")
Session.wait(job_id)
""") as process:
        assert "waiting" == line(process)
        time.sleep(0.7)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert -signal.SIGINT == process.wait(30)
        assert time.monotonic() - began < 2


def test_forked_child() -> None:
    """A forked child's calls raise at once, by name, and the parent goes on."""
    with program("""
template = Session.createJobTemplate()
job_id = submit("sleep 2; exit 3")
child = os.fork()
if child == 0:
    failures = 0
    for call in (
        Session.initialize,
        Session.exit,
        Session.createJobTemplate,
        lambda: template.remoteCommand,
        lambda: setattr(template, "remoteCommand", "/bin/true"),
        lambda: Session.runJob(template),
        lambda: Session.jobStatus(job_id),
        lambda: Session.wait(job_id),
        lambda: Session.synchronize([job_id]),
        lambda: Session.control(job_id, "terminate"),
    ):
        try:
            call()
        except drmaa_cffi.NoActiveSessionException as error:
            failures += f"forked from process {os.getppid()}" in str(error)
    template.delete()
    say("child:", failures)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
template.remoteCommand = "/bin/true"
say("parent:", Session.wait(job_id, 60).exitStatus)
Session.exit()
""") as process:
        began = time.monotonic()
        assert "child: 10" == line(process)
        assert time.monotonic() - began < 10
        assert "parent: 3" == line(process)
        assert 0 == process.wait(30)


def test_fork_during_a_wait() -> None:
    """A fork while a thread waits leaves the wait to the parent, and the child its exception."""
    with program("""
job_id = submit("sleep 3; exit 4")
got = []
thread = threading.Thread(target=lambda: got.append(Session.wait(job_id).exitStatus))
thread.start()
time.sleep(0.5)
child = os.fork()
if child == 0:
    try:
        Session.wait(job_id)
    except drmaa_cffi.NoActiveSessionException:
        say("child: refused")
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
thread.join(60)
say("parent:", got)
Session.exit()
""") as process:
        assert ["child: refused", "parent: [4]"] == [line(process), line(process)]
        assert 0 == process.wait(30)


def test_program_ends_without_exit() -> None:
    """A program that forgets exit() and its templates ends well."""
    with program("""
template = Session.createJobTemplate()
job_id = submit("true")
say("bye")
""") as process:
        output = process.communicate(timeout=LONG)[0]
        assert ("bye\n", 0) == (output, process.returncode)


def test_subprocess_in_a_session() -> None:
    """A session does not hinder subprocess and multiprocessing's spawn."""
    with program("""
import subprocess
job_id = submit("sleep 1; exit 5")
say(subprocess.check_output(["echo", "hello"], text=True).strip())
say(Session.wait(job_id, 60).exitStatus)
Session.exit()
""") as process:
        assert ("hello\n5\n", None) == process.communicate(timeout=LONG)
        assert 0 == process.returncode
