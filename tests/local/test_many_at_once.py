"""Orders for many jobs at once."""

from __future__ import annotations

from concurrent.futures import CancelledError
from pathlib import Path

import pytest
from engines import Engine, submit, template, until

from drmaa_cffi import (
    InvalidJobException,
    JobExecutor,
    JobTemplate,
    ReleaseInconsistentStateException,
    Retry,
    Session,
)

ALL, ANY = Session.JOB_IDS_SESSION_ALL, Session.JOB_IDS_SESSION_ANY


def restart(engine: Engine) -> None:
    """Kill the engine and have another."""
    engine.kill()
    done = engine.command("engine")
    assert (0, "") == (done.returncode, done.stderr)


def test_none_starts(engine: Engine, session: Session, tmp_path: Path) -> None:
    """Of a list of jobs that is terminated none starts because another one ends."""
    ids = [submit(session, f"touch {tmp_path}/started.$JOB_ID; sleep 60") for _ in range(100)]
    session.control(ids, "terminate")
    assert all(session.wait(job_id, 60).wasAborted for job_id in ids)
    started = {path.suffix[1:] for path in tmp_path.glob("started.*")}
    assert started <= set(ids[:2])


def test_each_for_itself(engine: Engine, session: Session) -> None:
    """What does not apply to one job of a list is done to the others; the first error is told."""
    held = [submit(session, "true", jobSubmissionState="drmaa_hold") for _ in range(3)]
    with pytest.raises(InvalidJobException, match="'987654321'"):
        session.control((held[0], "987654321", "0", held[1]), "release")
    with pytest.raises(ReleaseInconsistentStateException, match=f"job {held[0]} is"):
        session.control(iter(held), "release")
    assert [0, 0, 0] == [session.wait(job_id, 60).exitStatus for job_id in held]


def test_shutdown(engine: Engine, session: Session) -> None:
    """Futures of ended jobs keep their results; all others are cancelled, retried ones too."""
    executor = JobExecutor(session)
    values = {"remoteCommand": "/bin/sh", "outputPath": ":/dev/null", "joinFiles": True}
    with JobTemplate(args=["-c", "exit 3"], **values) as quick:
        done = executor.submit(quick)
        assert 3 == done.result(60).exitStatus
    with JobTemplate(args=["-c", "sleep 60"], **values) as slow:
        futures = [*executor.submit_bulk(slow, 1, 50), executor.submit(slow, retry=Retry(3))]
    executor.shutdown(cancel_futures=True)
    assert 3 == done.result().exitStatus
    for future in futures:
        with pytest.raises(CancelledError):
            future.result()
    assert {} == engine.counts()


def test_untouched_tasks(engine: Engine, session: Session, tmp_path: Path) -> None:
    """Tasks that are held, released and ended by one order stay what they are over restarts."""
    job = template(
        session,
        "exit 3",
        jobSubmissionState="drmaa_hold",
        errorPath=f":{tmp_path}/$drmaa_incr_ph$.err",
        joinFiles=False,
    )
    ids = session.runBulkJobs(job, 1, 1000, 1)
    session.control(ids[4], "release")
    assert 3 == session.wait(ids[4], 60).exitStatus
    restart(engine)
    session.control(ALL, "terminate")
    assert {"failed": 999} == engine.counts()
    restart(engine)
    assert {"failed": 999} == engine.counts()
    assert "failed" == session.jobStatus(ids[-1])
    last = session.wait(ids[-1], 60)
    assert f"{tmp_path}/1000.err" == last.resourceUsage["error_path"]
    assert (last.wasAborted, "terminated") == (True, last.resourceUsage["cause"])
    assert {ids[0], ids[1]} == {session.wait(ANY, 60).jobId for _ in range(2)}
    restart(engine)
    assert {"failed": 996} == engine.counts()
    session.synchronize([ALL], 60, dispose=True)
    assert {} == engine.counts()
    with pytest.raises(InvalidJobException):
        session.wait(ANY, 0)


def test_hold_all(engine: Engine, session: Session, tmp_path: Path) -> None:
    """A whole session is held and released, tasks that nobody has touched and others alike."""
    blocker = submit(session, f"while [ ! -e {tmp_path}/go ]; do sleep 0.02; done")
    until(lambda: session.jobStatus(blocker) == "running")
    ids = session.runBulkJobs(template(session, "sleep 0.01"), 1, 100, 1)
    session.control(ids[50], "hold")
    session.control(ALL, "hold")
    until(lambda: engine.counts().get("user_on_hold", 0) + engine.counts().get("done", 0) == 100)
    restart(engine)
    held = engine.counts()["user_on_hold"]
    assert held >= 90
    session.control(ids[50], "release")
    assert 0 == session.wait(ids[50], 60).exitStatus
    assert held - 1 == engine.counts()["user_on_hold"]
    session.control(ALL, "release")
    (tmp_path / "go").touch()
    session.synchronize([ALL], 60, dispose=True)
    assert {} == engine.counts()


def test_after_untouched_tasks(engine: Engine, session: Session) -> None:
    """What was to follow tasks that one order has ended follows them, or ends with them."""
    ids = session.runBulkJobs(template(session, "true", jobSubmissionState="drmaa_hold"), 1, 9, 1)
    number = ids[0].partition(".")[0]
    after = submit(session, "exit 4", nativeSpecification=f"--after {number}")
    never = submit(session, "exit 4", nativeSpecification=f"--after-ok {number}")
    session.control(ids, "terminate")
    assert 4 == session.wait(after, 60).exitStatus
    assert session.wait(never, 60).wasAborted
    ids = session.runBulkJobs(template(session, "true", jobSubmissionState="drmaa_hold"), 1, 9, 1)
    number = ids[0].partition(".")[0]
    never = submit(session, "exit 4", nativeSpecification=f"--after-ok {ids[3]}")
    session.control(ALL, "terminate")
    assert session.wait(never, 60).wasAborted
    late = submit(session, "exit 4", nativeSpecification=f"--after-ok {ids[7]}")
    assert session.wait(late, 60).wasAborted
