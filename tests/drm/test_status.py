"""jobStatus tells each state of a job, as text."""

from __future__ import annotations

from drms import Drm
from jobs import LONG, Jobs, is_still, until, until_state

from drmaa_cffi import JobState, Session


def test_st_submit_suspend_resume_wait(jobs: Jobs, session: Session) -> None:
    """A job is held, runs, is suspended, runs again and is done."""
    path, ticks = jobs.folder / "go", jobs.folder / "ticks"
    job_id = jobs.submit(
        f"until [ -e {path} ]; do echo; sleep 0.1; done",
        jobSubmissionState="drmaa_hold",
        outputPath=f":{ticks}",
    )
    until_state(job_id, JobState.USER_ON_HOLD)
    session.control(job_id, "release")
    until_state(job_id, JobState.RUNNING)
    until(lambda: ticks.exists() and ticks.stat().st_size)
    session.control(job_id, "suspend")
    until_state(job_id, JobState.USER_SUSPENDED)
    # Grid Engine says so before it stops the job; a resume that overtakes that is lost.
    until(lambda: is_still(ticks))
    session.control(job_id, "resume")
    until_state(job_id, JobState.RUNNING)
    path.touch()
    session.synchronize(job_id, 60)
    until_state(job_id, JobState.DONE)
    assert session.wait(job_id, 60).ok


def test_before_its_time(drm: Drm, jobs: Jobs, session: Session) -> None:
    """A job whose start time is to come waits, and says so."""
    job_id = jobs.submit(startTime="2100/01/01 00:00:00")
    until_state(job_id, drm.before_start)
    session.control(job_id, "terminate")


def test_deleted(session: Session, sleeper: str) -> None:
    """A job that was terminated has failed."""
    until_state(sleeper, JobState.RUNNING)
    session.control(sleeper, "terminate")
    session.synchronize(sleeper, 60)
    until_state(sleeper, JobState.FAILED)


def test_ended_by_a_signal(jobs: Jobs, session: Session) -> None:
    """A job that a signal ended is done, as one that exited with an error: it ran to its end."""
    ids = [jobs.submit(script) for script in ("kill -KILL $$", "kill -SEGV $$", "exit 3")]
    session.synchronize(ids, LONG)
    for job_id in ids:
        until_state(job_id, JobState.DONE)


def test_status_is_text(session: Session, sleeper: str) -> None:
    """A status is a str: it compares, formats and is found in text as one."""
    until_state(sleeper, JobState.RUNNING)
    status = session.jobStatus(jobId=sleeper)
    assert isinstance(status, str)
    assert "running" == status
    assert "it is running" == f"it is {status}"
    assert {"running": 1}[status] == 1
