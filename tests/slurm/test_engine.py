"""What the engine on Slurm does beyond what is the same on each DRM."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Iterator

import pytest

from drmaa_cffi import (
    Cause,
    DeniedByDrmException,
    InvalidArgumentException,
    InvalidJobException,
    JobControlAction,
    JobInfo,
    JobState,
    JobTemplate,
    Resources,
    Session,
)

LIMIT = 60


@pytest.fixture
def session() -> Iterator[Session]:
    """An open session; its jobs end with it."""
    with Session() as opened:
        yield opened
        opened.control(Session.JOB_IDS_SESSION_ALL, JobControlAction.TERMINATE)
        opened.synchronize([Session.JOB_IDS_SESSION_ALL], LIMIT, dispose=True)


def template(script: str, **attributes: object) -> JobTemplate:
    """A template of ``sh -c script`` that writes nowhere."""
    values = {"outputPath": ":/dev/null", "joinFiles": True, **attributes}
    return JobTemplate(remoteCommand="/bin/sh", args=["-c", script], **values)


def submit(script: str, **attributes: object) -> str:
    """Submit ``sh -c script``."""
    return Session.runJob(template(script, **attributes))


def run(script: str, **attributes: object) -> JobInfo:
    """Run ``sh -c script`` to its end."""
    return Session.wait(submit(script, **attributes), LIMIT)


def slurm(*words: str, script: str | None = None) -> str:
    """What a command of Slurm prints."""
    return subprocess.run(
        words, input=script, check=True, capture_output=True, text=True, timeout=LIMIT
    ).stdout.strip()


def show(job_id: str) -> str:
    """What Slurm knows of a job."""
    return slurm("scontrol", "show", "job", job_id)


def requests() -> dict[str, int]:
    """How often the engine has run each command."""
    status = [sys.executable, "-m", "drmaa_cffi.slurm", "status"]
    done = subprocess.run(status, check=True, capture_output=True, text=True, timeout=LIMIT)
    counted: dict[str, int] = json.loads(done.stdout)["requests"]
    return counted


def until_state(job_id: str, state: str) -> None:
    """Wait until a job is in a state."""
    end = time.monotonic() + LIMIT
    while Session.jobStatus(job_id) != state:
        assert time.monotonic() < end, (job_id, state, show(job_id))
        time.sleep(0.1)


@pytest.mark.parametrize(
    "words",
    [
        "--wrap=true",
        "--parsable",
        "-W",
        "--array=1-3",
        "-a1-3",
        "--test-only",
        "--tes",
        "script.sh",
        "-p main script.sh",
        "-M other",
        "-- script.sh",
        "--signal=B:USR1@60",
        "'unclosed",
    ],
)
def test_refused_options(session: Session, words: str) -> None:
    """What would keep the engine from its job is refused, by a message that names it."""
    with pytest.raises(DeniedByDrmException, match="native specification: "):
        submit("exit 0", nativeSpecification=words)


def test_slurm_refuses(session: Session) -> None:
    """What sbatch refuses is told in sbatch's words, and nothing is left of it."""
    with pytest.raises(DeniedByDrmException, match="invalid partition"):
        submit("exit 0", nativeSpecification="-p no-such")
    with pytest.raises(DeniedByDrmException, match="no-such-option"):
        submit("exit 0", nativeSpecification="--no-such-option")
    with pytest.raises(InvalidJobException):
        session.wait(Session.JOB_IDS_SESSION_ANY, Session.TIMEOUT_NO_WAIT)


def test_options(session: Session, tmp_path: Path) -> None:
    """Slurm's own options reach sbatch in all their forms, and win over the attributes."""
    job_id = submit(
        "exit 0",
        jobName="attribute",
        jobSubmissionState="drmaa_hold",
        hardWallclockTimeLimit=30,
        nativeSpecification="-pshort -n 2 --mem=100M -t 5 -J 'of option' --comment 'my words'",
    )
    said = show(job_id)
    assert "JobName=of option\n" in said
    assert "Partition=short " in said
    assert "TimeLimit=00:05:00" in said
    assert "NumTasks=2 " in said
    assert "Comment=my words drmaa:" in said
    session.control(job_id, JobControlAction.RELEASE)
    assert 2 == session.wait(job_id, LIMIT).usage.slots


def test_limits_are_rounded_up(session: Session) -> None:
    """A limit in seconds becomes whole minutes, never less."""
    job_id = submit("exit 0", hardRunDurationLimit=61, jobSubmissionState="drmaa_hold")
    assert "TimeLimit=00:02:00" in show(job_id)


def test_resources(session: Session, tmp_path: Path) -> None:
    """Resources are what Slurm gives the job: hours are hours, and minutes minutes."""
    needs = Resources(slots=2, memory="300M", walltime="1h30m", queue="main")
    said = show(submit("exit 0", resources=needs, jobSubmissionState="drmaa_hold"))
    assert "TimeLimit=01:30:00" in said
    assert "TRES=cpu=2,mem=300M,node=1," in said
    assert "Partition=main " in said
    output = tmp_path / "output"
    job_id = submit(
        'echo "$SLURM_CPUS_PER_TASK $SLURM_MEM_PER_NODE $SLURM_JOB_PARTITION"; '
        'scontrol show job "$SLURM_JOB_ID" | grep -o "TimeLimit=[^ ]*"',
        outputPath=f":{output}",
        resources=Resources(slots=3, memory="1G", walltime=61, queue="short"),
    )
    assert session.wait(job_id, LIMIT).ok
    assert "3 1024 short\nTimeLimit=00:02:00\n" == output.read_text()


def test_streams_of_options(session: Session, tmp_path: Path) -> None:
    """Files and directory of the native specification take the place of the attributes'."""
    native = f"-o {tmp_path}/of-%j -D {tmp_path}"
    info = run("pwd; echo error >&2", outputPath=":/dev/null", nativeSpecification=native)
    assert f"{tmp_path}\nerror\n" == (tmp_path / f"of-{info.jobId}").read_text()
    run("echo relative", workingDirectory=tmp_path, nativeSpecification="--output=of")
    assert "relative\n" == (tmp_path / "of").read_text()


def test_limits_of_the_submitter(session: Session, tmp_path: Path) -> None:
    """A job has the soft resource limits and the umask of the program that submits it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    umask = os.umask(0o027)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (321, hard))
        job_id = submit("ulimit -Sn; umask", outputPath=f":{tmp_path}/out")
    finally:
        os.umask(umask)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    session.wait(job_id, LIMIT)
    assert "321\n0027\n" == (tmp_path / "out").read_text()


def test_files_are_not_transferred(session: Session) -> None:
    """Slurm copies no files: transferFiles is refused when it is set, with what helps."""
    with session.createJobTemplate() as made:
        with pytest.raises(InvalidArgumentException, match="file system that the nodes share"):
            made.transferFiles = "io"
        assert "drmaa_transfer_files" not in made.attributeNames


def test_jobs_of_others(session: Session) -> None:
    """Jobs that were submitted by hand can be looked at and controlled, but not waited for."""
    words = ("sbatch", "--parsable", "--hold", "--output=/dev/null")
    job_id = slurm(*words, script="#!/bin/sh\nsleep 600\n")
    assert JobState.USER_ON_HOLD == session.jobStatus(job_id) or "HeldAdmin" in show(job_id)
    session.control(job_id, JobControlAction.RELEASE)
    until_state(job_id, JobState.RUNNING)
    with pytest.raises(InvalidJobException):
        session.wait(job_id, LIMIT)
    session.control(job_id, JobControlAction.TERMINATE)
    until_state(job_id, JobState.FAILED)
    for unknown in ("99999999", "1_99", "x"):
        with pytest.raises(InvalidJobException):
            session.jobStatus(unknown)
        with pytest.raises(InvalidJobException):
            session.control(unknown, JobControlAction.TERMINATE)


def test_cancelled_by_hand(session: Session) -> None:
    """A job that scancel has ended was aborted, running or waiting, and the record says so."""
    running, waiting = submit("sleep 600"), submit("exit 0", startTime="2037/01/01 00:00")
    until_state(running, JobState.RUNNING)
    slurm("scancel", running, waiting)
    for job_id in (running, waiting):
        info = session.wait(job_id, LIMIT)
        assert (True, Cause.TERMINATED) == (info.wasAborted, info.cause)
        assert info.resourceUsage is not None
        assert "CANCELLED" == info.resourceUsage["slurm_state"]


def test_index_too_large(session: Session) -> None:
    """An index that Slurm's arrays cannot have is refused, with the limit."""
    with pytest.raises(DeniedByDrmException, match="MaxArraySize"):
        session.runBulkJobs(template("exit 0"), 1, 10_000_000, 1_000_000)


def test_few_requests(session: Session) -> None:
    """While nobody asks, Slurm is asked four times a minute at most, however many jobs."""
    ids = session.runBulkJobs(template("exec sleep 600"), 1, 40, 1)
    ids += [submit("exec sleep 600", startTime="2037/01/01 00:00") for _ in range(5)]
    until_state(ids[0], JobState.RUNNING)
    time.sleep(2)
    before = requests()
    time.sleep(31)
    after = requests()
    assert sum(after.values()) - sum(before.values()) <= 2


def test_one_request_for_many(session: Session) -> None:
    """All jobs of a session are terminated by a single command, and asked for by few."""
    ids = session.runBulkJobs(template("exec sleep 600"), 1, 100, 1)
    before = requests()
    session.control(Session.JOB_IDS_SESSION_ALL, JobControlAction.TERMINATE)
    infos = [session.wait(job_id, LIMIT) for job_id in ids]
    after = requests()
    assert [True] * len(ids) == [info.wasAborted for info in infos]
    assert 1 == after["scancel"] - before.get("scancel", 0)
    assert after["squeue"] - before.get("squeue", 0) <= 12
