"""Programs that say ``import drmaa``, whole: what they do at import, at exit, under gevent."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from jobs import LONG, until

from drmaa_cffi import load_library
from drmaa_cffi.shim import FOLDER
from programs import output, run, start

RUN = """
def run(script):
    with drmaa.JobTemplate() as template:
        template.remoteCommand = "/bin/sh"
        template.args = ["-c", script]
        template.outputPath = ":/dev/null"
        template.joinFiles = True
        return drmaa.Session.runJob(template)
"""
WAYS = {
    "install": ("import drmaa_cffi; drmaa_cffi.install_as_drmaa(); import drmaa", None),
    "path": ("import drmaa", FOLDER),
    "alias": ("import drmaa_cffi as drmaa", None),
}


@pytest.mark.parametrize("way", WAYS)
def test_environment_then_import(way: str) -> None:
    """A program that sets DRMAA_LIBRARY_PATH itself, before it imports drmaa, runs a job."""
    line, path = WAYS[way]
    program = f"""
import os, sys
os.environ["DRMAA_LIBRARY_PATH"] = sys.argv[1]
{line}
{RUN}
with drmaa.Session() as session:
    print(session.wait(run("exit 3"), 90).exitStatus)
"""
    library = load_library().path
    assert "3\n" == output(run(program, library, DRMAA_LIBRARY_PATH=None, PYTHONPATH=path))


@pytest.mark.parametrize("way", ["install", "path"])
def test_import_again(way: str) -> None:
    """A program whose first import fails sets the environment, imports again and runs a job."""
    line, path = WAYS[way]
    program = f"""
import os, sys
try:
    {line}
except (RuntimeError, OSError) as error:
    print(isinstance(error, OSError))
os.environ["DRMAA_LIBRARY_PATH"] = sys.argv[1]
{line}
import drmaa.const, drmaa.errors, drmaa.helpers, drmaa.session
{RUN}
with drmaa.session.Session() as session:
    print(session.wait(run("exit 4"), 90).exitStatus)
"""
    done = run(program, load_library().path, DRMAA_LIBRARY_PATH="/nonexistent", PYTHONPATH=path)
    assert "True\n4\n" == output(done)


def test_atexit(tmp_path: Path) -> None:
    """Functions that end the jobs and the session at exit run, and the job ends."""
    program = f"""
import atexit, os, sys, time
import drmaa
{RUN}
session = drmaa.Session()
session.initialize()

@atexit.register
def leave():
    try:
        session.control(drmaa.Session.JOB_IDS_SESSION_ALL, drmaa.JobControlAction.TERMINATE)
    finally:
        session.exit()
    print("left")

pid_file = sys.argv[1]
run(f"echo $$ > {{pid_file}}.new; mv {{pid_file}}.new {{pid_file}}; exec sleep 600")
end = time.monotonic() + 90
while not os.path.exists(pid_file) and time.monotonic() < end:
    time.sleep(0.05)
sys.exit(5)
"""
    pid_file = tmp_path / "pid"
    done = run(program, str(pid_file), PYTHONPATH=FOLDER)
    assert (5, "left\n", "") == (done.returncode, done.stdout, done.stderr)
    process = Path("/proc", pid_file.read_text().strip())
    until(lambda: not process.exists(), LONG)


def test_gevent() -> None:
    """In a gevent-patched program greenlets wait for jobs, and others go on."""
    program = f"""
import gevent
from gevent import monkey
monkey.patch_all()
import drmaa
{RUN}
ticks = []
def tick():
    while True:
        ticks.append(None)
        gevent.sleep(0.05)
gevent.spawn(tick)
with drmaa.Session() as session:
    jobs = [run(f"sleep 2; exit {{status}}") for status in (1, 2, 3)]
    before = len(ticks)
    greenlets = [gevent.spawn(session.wait, job, 90) for job in jobs[:2]]
    last = session.wait(jobs[2], 90)
    gevent.joinall(greenlets)
    print([greenlet.value.exitStatus for greenlet in greenlets], last.exitStatus)
    print(len(ticks) - before > 20)
    late = run("sleep 2; exit 4")
    try:
        with gevent.Timeout(0.5):
            session.wait(late)
    except gevent.Timeout:
        print("timeout")
    print(session.wait(late, 90).exitStatus)
"""
    assert "[1, 2] 3\nTrue\ntimeout\n4\n" == output(run(program, PYTHONPATH=FOLDER))


def test_console_script(tmp_path: Path) -> None:
    """A console script and its subprocesses run jobs, through ``python -m drmaa_cffi.shim``."""
    script = tmp_path / "pipeline"
    script.write_text(
        f"""#!{sys.executable}
import subprocess, sys
import drmaa
{RUN}
with drmaa.Session() as session:
    print(drmaa.__file__, session.wait(run("exit 6"), 90).exitStatus)
sys.stdout.flush()
if len(sys.argv) == 1:
    sys.exit(subprocess.run([__file__, "inner"]).returncode + 8)
""",
        encoding="utf-8",
    )
    script.chmod(0o755)
    done = start(
        [sys.executable, "-m", "drmaa_cffi.shim", "pipeline"],
        PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
    )
    assert (8, "") == (done.returncode, done.stderr)
    assert f"{Path(FOLDER, 'drmaa', '__init__.py')} 6\n" * 2 == done.stdout
