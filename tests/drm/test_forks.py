"""Forks of every kind: a child is told what to do instead, and its parent goes on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from jobs import LONG

PROLOGUE = """
import gc, multiprocessing, os, signal, subprocess, sys
import drmaa_cffi
from drmaa_cffi import JobTemplate, NoActiveSessionException, Session

signal.alarm(120)  # nothing outlives the tests

def submit(script):
    with JobTemplate(remoteCommand="/bin/sh", args=["-c", script], outputPath=":/dev/null",
                     joinFiles=True) as template:
        return Session.runJob(template)

def run(status):
    return Session.wait(submit(f"exit {status}"), 60).exitStatus

def refused(call):
    try:
        call()
    except NoActiveSessionException as error:
        return f"{error.code} {'forked' in str(error)}"
    return "it was not refused"
"""


def output(folder: Path, text: str) -> str:
    """Run a program, from a file as multiprocessing needs it, and return what it printed."""
    path = folder / "program.py"
    path.write_text(PROLOGUE + text)
    done = subprocess.run(
        # Of a fork beside other threads Python warns, and Grid Engine's library has some.
        [sys.executable, "-W", "ignore::DeprecationWarning", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LONG,
        check=False,
    )
    assert 0 == done.returncode, done.stdout
    return done.stdout


@pytest.mark.parametrize(
    ("method", "expected"), [("fork", "5 True"), ("spawn", "5 False"), ("forkserver", "5 False")]
)
def test_pool_of_a_session(tmp_path: Path, method: str, expected: str) -> None:
    """multiprocessing's workers do not share the session: each call is refused at once."""
    told = output(
        tmp_path,
        f"""
if __name__ == "__main__":
    Session.initialize()
    job_id = submit("sleep 1; exit 3")
    with multiprocessing.get_context({method!r}).Pool(2) as pool:
        calls = [Session.jobStatus, Session.wait, Session.synchronize]
        results = [pool.apply_async(call, (job_id,)) for call in calls]
        for result in results:
            print(refused(lambda: result.get(30)))
        pool.close()
        pool.join()
    print(Session.wait(job_id, 60).exitStatus)
    Session.exit()
""",
    )
    assert [expected] * 3 + ["3"] == told.splitlines()


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_pool_of_sessions(tmp_path: Path, method: str) -> None:
    """Workers that are no forks of the parent can have sessions of their own beside its."""
    told = output(
        tmp_path,
        f"""
if __name__ == "__main__":
    Session.initialize()
    job_id = submit("sleep 1; exit 3")
    context = multiprocessing.get_context({method!r})
    with context.Pool(2, initializer=Session.initialize) as pool:
        print(pool.map(run, [4, 5]))
        pool.close()
        pool.join()
    print(Session.wait(job_id, 60).exitStatus)
    Session.exit()
""",
    )
    assert ["[4, 5]", "3"] == told.splitlines()


def test_pool_before_the_session(tmp_path: Path) -> None:
    """Forks made before initialize() can have sessions of their own."""
    told = output(
        tmp_path,
        """
if __name__ == "__main__":
    with multiprocessing.get_context("fork").Pool(2, initializer=Session.initialize) as pool:
        Session.initialize()
        print(pool.map(run, [4, 5]), run(3))
        pool.close()
        pool.join()
    Session.exit()
""",
    )
    assert "[4, 5] 3\n" == told


def test_child_that_ends_as_programs_do(tmp_path: Path) -> None:
    """A forked child that collects its copies and ends as a program does harms nobody."""
    told = output(
        tmp_path,
        """
Session.initialize()
template = Session.createJobTemplate()
template.remoteCommand = "/bin/true"
template.outputPath = ":/dev/null"
template.joinFiles = True
job_id = submit("sleep 1; exit 3")
child = os.fork()
if child == 0:
    signal.alarm(20)
    del template
    gc.collect()
    sys.exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print(Session.wait(job_id, 60).exitStatus)
print(Session.wait(Session.runJob(template), 60).exitStatus)
Session.exit()
""",
    )
    assert ["7", "3", "0"] == told.splitlines()


def test_preexec(tmp_path: Path) -> None:
    """subprocess's preexec_fn runs beside a session; one that uses the session is refused."""
    told = output(
        tmp_path,
        """
Session.initialize()
job_id = submit("sleep 1; exit 3")
subprocess.run(["echo", "ran"], preexec_fn=os.setsid, check=True, timeout=30)

def use():
    print(refused(lambda: Session.wait(job_id)), flush=True)

subprocess.run(["true"], preexec_fn=use, check=True, timeout=30)
try:
    subprocess.run(["true"], preexec_fn=lambda: Session.wait(job_id), check=True, timeout=30)
except subprocess.SubprocessError as error:
    print(error)
print(Session.wait(job_id, 60).exitStatus)
Session.exit()
""",
    )
    assert ["ran", "5 True", "Exception occurred in preexec_fn.", "3"] == told.splitlines()
