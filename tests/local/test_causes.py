"""The local engine tells why a job ended, in the record, with the path and the limit."""

from __future__ import annotations

import json
import os
import signal
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from engines import Engine, until

from drmaa_cffi import JobInfo, JobTemplate, Session
from terminal import drmaa_cffi


def submit(session: Session, script: str = "exit 0", **attributes: object) -> str:
    """Submit a script; its output goes nowhere if *attributes* don't say."""
    values = {
        "remoteCommand": "/bin/sh",
        "args": ["-c", script],
        "outputPath": ":/dev/null",
        "errorPath": ":/dev/null",
        **attributes,
    }
    with JobTemplate(**values) as template:
        return session.runJob(template)


def why(info: JobInfo) -> tuple[str, str]:
    """What the record's entries say."""
    return info.resourceUsage["cause"], info.resourceUsage["reason"]


MISSING = "No such file or directory"


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"outputPath": ":{0}/x/y"}, f"could not write output file '{{0}}/x/y': {MISSING}"),
        ({"errorPath": ":{0}/x/y"}, f"could not write error file '{{0}}/x/y': {MISSING}"),
        ({"inputPath": ":{0}/x/y"}, f"could not read input file '{{0}}/x/y': {MISSING}"),
        ({"workingDirectory": "{0}/x"}, f"could not enter working directory '{{0}}/x': {MISSING}"),
        (
            {"outputPath": ":{0}", "jobName": "taken", "inputPath": ":{0}"},
            "could not write output file '{0}/taken.o1': Is a directory",
        ),
        ({"remoteCommand": "nosuch"}, "command not found: nosuch"),
        (
            {"remoteCommand": "{0}/x"},
            "command not found: {0}/x (or the interpreter in its first line)",
        ),
        ({"remoteCommand": "{0}/plain"}, "no permission to execute {0}/plain"),
        (
            {"remoteCommand": "{0}/text"},
            "cannot execute {0}/text: a script needs a first line such as #!/bin/sh",
        ),
        (
            {"outputPath": ":{0}/ä\udcff\n/y"},
            f"could not write output file '{{0}}/ä\udcff?/y': {MISSING}",
        ),
    ],
)
def test_not_started(
    session: Session, tmp_path: Path, attributes: dict[str, str], reason: str
) -> None:
    """A job that could not start says what failed, with the path or the command."""
    (tmp_path / "plain").write_text("echo")
    (tmp_path / "text").write_text("echo")
    (tmp_path / "text").chmod(0o755)
    (tmp_path / "taken.o1").mkdir()
    values = {name: value.format(tmp_path) for name, value in attributes.items()}
    info = session.wait(submit(session, **values), 60)
    assert ("not_started", reason.format(tmp_path)) == why(info)
    assert f"aborted before it ran: {reason.format(tmp_path)}" == info.describe()


def test_long_path(session: Session) -> None:
    """A reason fits into the buffer that DRMAA recommends, whatever the path."""
    path = "/nonexistent/" + "ä" * 1500
    info = session.wait(submit(session, outputPath=f":{path}"), 60)
    assert info.reason.startswith("could not write output file '/nonexistent/ää")
    assert len(f"reason={info.reason}".encode()) < 1024


@pytest.mark.parametrize(
    ("limit", "reason"),
    [
        ("hardWallclockTimeLimit", "hard wall-clock limit of 1 s reached"),
        ("hardRunDurationLimit", "hard run duration limit of 1 s reached"),
    ],
)
def test_hard_limit(session: Session, limit: str, reason: str) -> None:
    """A job that reached a hard limit says so, also if it traps SIGTERM and exits with 0."""
    jobs = [
        submit(session, script, **{limit: 1})
        for script in ("exec sleep 60", "trap 'exit 0' TERM; sleep 60 & wait")
    ]
    killed, exited = (session.wait(job, 60) for job in jobs)
    assert ("wallclock_limit", reason) == why(killed) == why(exited)
    assert ("SIGTERM", True) == (killed.terminatedSignal, exited.ok)
    assert f"exited with 0: {reason}" == exited.describe()


def test_limit_of_the_native_specification(session: Session) -> None:
    """So does one whose limit is a native option."""
    job = submit(session, "exec sleep 60", nativeSpecification="--walltime 1")
    assert "hard wall-clock limit of 1 s reached" == session.wait(job, 60).reason


def test_deadline(session: Session) -> None:
    """A job whose deadline came while it was queued, or ran, says so."""
    now = datetime.now().astimezone() + timedelta(seconds=2)
    soon = now.strftime("%Y/%m/%d %H:%M:%S")
    running = submit(session, "exec sleep 60", deadlineTime=soon)
    held = submit(session, deadlineTime=soon, jobSubmissionState="drmaa_hold")
    assert ("wallclock_limit", "deadline reached") == why(session.wait(running, 60))
    assert ("not_started", "its deadline came before it could start") == why(
        session.wait(held, 60)
    )


def test_terminated(session: Session) -> None:
    """A job that was terminated says so, whether it ran or not; a limit after that is no cause."""
    held = submit(session, jobSubmissionState="drmaa_hold")
    running = submit(session, "trap '' TERM; while :; do sleep 0.1; done")
    until(lambda: session.jobStatus(running) == "running")
    for job in (held, running):
        session.control(job, "terminate")
        info = session.wait(job, 60)
        assert ("terminated", "terminated by drmaa_control") == why(info)
    assert "aborted: terminated by drmaa_control" == info.describe()


def test_ends_that_say_all(session: Session) -> None:
    """A job that ended by itself has no cause of its own; one that failed names its error file."""
    fine = session.wait(submit(session), 60)
    failed = session.wait(submit(session, "exit 3", errorPath=":/dev/null"), 60)
    killed = session.wait(submit(session, "kill -9 $$"), 60)
    assert {"cause", "reason", "error_path"}.isdisjoint(fine.resourceUsage)
    assert "/dev/null" == failed.resourceUsage["error_path"]
    assert {"cause", "reason"}.isdisjoint({**failed.resourceUsage, **killed.resourceUsage})
    assert ["exited", "exited", "signaled"] == [fine.cause, failed.cause, killed.cause]


def test_explain(session: Session, tmp_path: Path) -> None:
    """explain() shows the end of the error file, of a bulk job's task too."""
    with JobTemplate(
        remoteCommand="/bin/sh",
        args=["-c", "echo sorry from $TASK_ID >&2; exit 2"],
        workingDirectory=tmp_path,
        outputPath=":/dev/null",
        errorPath=":err.$drmaa_incr_ph$",
    ) as template:
        job = session.runBulkJobs(template, 3, 3, 1)[0]
    told = session.wait(job, 60).explain()
    assert f"the last of its error file {tmp_path}/err.3:\n  sorry from 3" in told


def test_runner_killed(session: Session, engine: Engine, tmp_path: Path) -> None:
    """Jobs that died with the engine's runner say so."""
    job = submit(session, f"touch {tmp_path}/runs; exec sleep 600")
    until((tmp_path / "runs").exists)
    os.kill(engine.runner, signal.SIGKILL)
    assert (
        "node_failed",
        "the engine's runner was killed, and the job with it",
    ) == why(session.wait(job, 60))


def test_kept(session: Session, engine: Engine) -> None:
    """A cause outlives the engine."""
    limited = submit(session, "exec sleep 60", hardWallclockTimeLimit=1)
    lost = submit(session, remoteCommand="nosuch")
    session.synchronize([limited, lost], 60)
    os.kill(engine.pid, signal.SIGKILL)
    assert "hard wall-clock limit of 1 s reached" == session.wait(limited, 60).reason
    assert "command not found: nosuch" == session.wait(lost, 60).reason


def test_command(session: Session, tmp_path: Path) -> None:
    """`run`, `wait` and `status` say why; in JSON, too."""
    done = drmaa_cffi("run", "--wd", str(tmp_path), "--", "nosuch")
    words = "aborted before it ran: command not found: nosuch"
    assert (125, True) == (done.returncode, done.stdout.endswith(f" {words}\n"))
    assert "local log" not in done.stderr
    job = submit(session, remoteCommand="nosuch")
    session.synchronize(job, 60)
    done = drmaa_cffi("status", job)
    assert (f"{job} failed\n", 0) == (done.stdout, done.returncode)
    assert f"drmaa-cffi: job {job}: command not found: nosuch\n" == done.stderr
    why = {"cause": "not_started", "reason": "command not found: nosuch"}
    (told,) = json.loads(drmaa_cffi("status", "--json", job).stdout)["jobs"]
    assert {"job": job, "state": "failed", "error": None, **why} == told
    done = drmaa_cffi("wait", "--json", "--contact", session.contact, job)
    (told,) = json.loads(done.stdout)["jobs"]
    assert (words, why) == (told["outcome"], {name: told[name] for name in why})
