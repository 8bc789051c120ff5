"""Why a job failed on Grid Engine: accounting, runs that asked for another, and error states."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Iterator

import pytest
from cell import Cell, running_cell

from clusters import client, until
from terminal import COMMAND

# Making a cell is a part of the first test.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def cell() -> Iterator[Cell]:
    """A Grid Engine that lets jobs ask for another run, and for an error state."""
    with running_cell() as cell:
        cell.change_configuration(qmaster_params="none")
        yield cell


def status(cell: Cell, job: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Ask the command for a job's state."""
    return subprocess.run(
        [*COMMAND, "status", *options, job],
        env={**os.environ, **cell.variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_time_limit(cell: Cell) -> None:
    """A job that reached h_rt is explained by what the accounting says."""
    with client(
        cell,
        """
job_id = submit("exec sleep 60", nativeSpecification="-l h_rt=1")
say(Session.wait(job_id, 60).explain(timeout=40).replace("\\n", "; "))
""",
    ) as program:
        said = program.says()
    assert "killed by SIGKILL; cause: signaled; Grid Engine's accounting: failed 37: " in said
    assert "qmaster enforced h_rt, h_cpu, or h_vmem limit, exit status 137 (Killed), " in said


def test_not_started(cell: Cell) -> None:
    """So is one that could not start."""
    with client(
        cell,
        """
with JobTemplate(remoteCommand="/bin/true", outputPath=":/nonexistent/x") as template:
    job_id = Session.runJob(template)
say(Session.wait(job_id, 120).explain(timeout=40).replace("\\n", "; "))
""",
    ) as program:
        said = program.says()
    assert "aborted before it ran; cause: not_started; " in said
    assert "accounting: failed 26: opening input/output file" in said


def test_run_again(cell: Cell, tmp_path: Path) -> None:
    """`status` says that a job was started again since it had exited with 99."""
    with client(
        cell,
        f"""
job_id = submit("[ -e {tmp_path}/x ] && exec sleep 60; touch {tmp_path}/x; exit 99")
until(lambda: os.path.exists("{tmp_path}/x") and Session.jobStatus(job_id) == "running")
time.sleep(3)
until_running(job_id)
say(job_id)
hear()
Session.control(job_id, "terminate")
say(Session.wait(job_id, 60).cause)
""",
    ) as program:
        job = program.says()
        told = status(cell, job)
        assert "terminated" == program.answers()
    again = "started again (its state is Rr), as it exited with 99, or its host failed"
    assert (f"{job} running\n", f"drmaa-cffi: job {job}: {again}\n") == (told.stdout, told.stderr)


def test_exit_100(cell: Cell) -> None:
    """A job of DRMAA's that exits with 100 has ended, and the accounting tells why."""
    with client(
        cell,
        """
job_id = submit("exit 100")
info = Session.wait(job_id, 120)
say(info.describe(), "|", info.explain(timeout=40).replace("\\n", "; "))
""",
    ) as program:
        said = program.says()
    assert said.startswith("aborted | job ")
    assert "; cause: unknown; Grid Engine's accounting: failed 30: application error" in said
    assert " exit status 100, " in said


def test_error_state(cell: Cell) -> None:
    """`status` says that a job of qsub's is in an error state, why, and what helps."""
    words = ["qsub", "-terse", "-b", "y", "-o", "/nonexistent/x", "-j", "y"]
    job = cell.run(*words, "/bin/true").strip()
    bulk = cell.run(*words, "-t", "3-4", "/bin/true").partition(".")[0]
    until(lambda: 2 == cell.run("qstat").count(" Eqw "), "the error states")
    told = status(cell, job)
    assert f"{job} failed\n" == told.stdout
    reason = 'can\'t open output file "/nonexistent/x": No such file or directory'
    assert f"drmaa-cffi: job {job}: in an error state (Eqw), where it waits: " in told.stderr
    assert f"{reason}; `qmod -cj {job}` lets it start again\n" in told.stderr
    (told_in_json,) = json.loads(status(cell, f"{bulk}.4", "--json").stdout)["jobs"]
    assert ("failed", None) == (told_in_json["state"], told_in_json["cause"])
    assert reason in told_in_json["reason"]
    cell.run("qdel", job, bulk)
