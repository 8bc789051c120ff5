"""What happens by the clock: start times, deadlines, limits, and the kill after TERM."""

from __future__ import annotations

import os
import signal
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from engines import Engine, run, submit, until

import drmaa_cffi
from drmaa_cffi import Session


def test_term_then_kill(engine: Engine, session: Session, tmp_path: Path) -> None:
    """A job that ignores SIGTERM is killed after the grace; a suspended one, too."""
    job = submit(session, f"trap '' TERM; touch {tmp_path}/ready; while :; do sleep 0.05; done")
    until(lambda: (tmp_path / "ready").exists())
    session.control(job, "suspend")
    session.control(job, "terminate")
    info = session.wait(job, 30)
    assert (True, True, "SIGKILL") == (info.wasAborted, info.hasSignal, info.terminatedSignal)


@pytest.mark.parametrize("limit", ["hardWallclockTimeLimit", "hardRunDurationLimit"])
def test_hard_limit(engine: Engine, session: Session, limit: str) -> None:
    """A job that takes too long gets SIGTERM, and SIGKILL if it does not heed it."""
    info = run(session, "exec sleep 60", **{limit: "0:01"})
    assert (False, "SIGTERM") == (info.wasAborted, info.terminatedSignal)
    info = run(session, "trap '' TERM; while :; do sleep 0.05; done", **{limit: "3"})
    assert "SIGKILL" == info.terminatedSignal


def test_native_limit(engine: Engine, session: Session) -> None:
    """A native specification limits a job, too; the template's own attribute overrides it."""
    for words in ("--walltime 1", "--walltime=0:1", "--walltime 00:00:01"):
        info = run(session, "exec sleep 60", nativeSpecification=words)
        assert "SIGTERM" == info.terminatedSignal
    info = run(session, "sleep 1.5", nativeSpecification="--walltime 1", hardWallclockTimeLimit=60)
    assert info.ok


@pytest.mark.parametrize("limit", ["softWallclockTimeLimit", "softRunDurationLimit"])
def test_soft_limit(engine: Engine, session: Session, limit: str) -> None:
    """A job is warned by SIGUSR1 and may end as it likes."""
    info = run(session, "trap 'exit 44' USR1; while :; do sleep 0.05; done", **{limit: "3"})
    assert 44 == info.exitStatus


def test_limits_and_suspension(engine: Engine, session: Session) -> None:
    """Wall-clock time goes on while a job is suspended, its run duration does not."""
    begin = time.monotonic()
    wall = submit(session, "exec sleep 60", hardWallclockTimeLimit="4")
    duration = submit(session, "exec sleep 60", hardRunDurationLimit="4")
    for job in (wall, duration):
        until(lambda job=job: session.jobStatus(job) == "running")  # type: ignore[misc]
        session.control(job, "suspend")
    most_so_far = time.monotonic() - begin
    assert "SIGTERM" == session.wait(wall, 30).terminatedSignal
    time.sleep(0.3)
    assert "user_suspended" == session.jobStatus(duration)
    begin = time.monotonic()
    session.control(duration, "resume")
    assert "SIGTERM" == session.wait(duration, 30).terminatedSignal
    assert time.monotonic() - begin > 4 - most_so_far - 0.1


def test_start_time(engine: Engine, session: Session) -> None:
    """A job does not start before its time, and others pass it by."""
    start = datetime.now() + timedelta(seconds=6)  # noqa: DTZ005
    late = submit(session, "true", startTime=start.strftime("%Y/%m/%d %H:%M:%S"))
    assert 0 == run(session, "true").exitStatus
    assert "queued_active" == session.jobStatus(late)
    info = session.wait(late, 30)
    assert float(info.resourceUsage["start_time"]) >= int(start.timestamp())


def test_deadline(engine: Engine, session: Session) -> None:
    """At its deadline a job that runs is ended, and one that is queued has failed."""
    deadline = (datetime.now() + timedelta(seconds=6)).strftime("%Y/%m/%d %H:%M:%S")  # noqa: DTZ005
    running = submit(session, "exec sleep 60", deadlineTime=deadline)
    held = submit(session, "true", deadlineTime=deadline, jobSubmissionState="drmaa_hold")
    assert "SIGTERM" == session.wait(running, 30).terminatedSignal
    assert session.wait(held, 30).wasAborted
    assert f"job {held}: its deadline came before it could start" in engine.log()


def test_conflicts(engine: Engine, session: Session) -> None:
    """Attributes that contradict each other are refused when the job is submitted."""
    for one, other in [
        ({"softWallclockTimeLimit": "60"}, {"hardWallclockTimeLimit": "30"}),
        ({"softRunDurationLimit": "1:01"}, {"hardRunDurationLimit": "1:00"}),
        ({"startTime": "2099/01/01 00:00"}, {"deadlineTime": "2098/01/01 00:00"}),
    ]:
        with pytest.raises(drmaa_cffi.ConflictingAttributeValuesException):
            submit(session, "true", **one, **other)


def test_past_deadline(engine: Engine, session: Session, tmp_path: Path) -> None:
    """A job whose deadline is over when it is submitted does not start."""
    for number in range(5):
        info = run(session, f"touch {tmp_path}/{number}", deadlineTime="2001/01/01 00:00")
        assert info.wasAborted
        assert not (tmp_path / str(number)).exists()


def test_soft_limit_while_the_engine_is_down(
    engine: Engine, session: Session, tmp_path: Path
) -> None:
    """A warning that was due while no engine ran is sent by the next one, and then no more."""
    warned = tmp_path / "warned"
    job = submit(
        session,
        f"trap 'echo USR1 >> {warned}' USR1; touch {tmp_path}/ready; "
        f"while [ ! -e {tmp_path}/go ]; do sleep 0.05; done",
        softWallclockTimeLimit="2",
    )
    until(lambda: (tmp_path / "ready").exists())
    runner = engine.runner
    os.kill(runner, signal.SIGSTOP)  # or it would start another engine at once
    engine.kill()
    time.sleep(2.2)
    os.kill(runner, signal.SIGCONT)
    until(warned.exists, what="the warning")
    until(lambda: engine.log().count("SIGUSR1") == 1)
    engine.kill()
    assert "running" == session.jobStatus(job)
    (tmp_path / "go").touch()
    session.wait(job, 30)
    assert "USR1\n" == warned.read_text()


def test_deadline_before_1970(engine: Engine, session: Session) -> None:
    """Times before 1970 are times: over, and in their order."""
    assert run(session, "true", deadlineTime="1969/12/30 00:00").wasAborted
    both = {"startTime": "1960/01/01 00:00", "deadlineTime": "1961/01/01 00:00"}
    assert run(session, "true", **both).wasAborted
    with pytest.raises(drmaa_cffi.ConflictingAttributeValuesException):
        submit(session, "true", startTime="1961/01/01 00:00", deadlineTime="1960/01/01 00:00")
