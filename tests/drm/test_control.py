"""Hold, release, suspend, resume, terminate: what they do, and when they are refused."""

from __future__ import annotations

import re
import time

import pytest
from drms import Drm
from jobs import Jobs, is_still, nothing_left, outcome, until, until_state

from drmaa_cffi import (
    DrmaaException,
    InvalidArgumentException,
    InvalidJobException,
    JobControlAction,
    JobState,
    ResumeInconsistentStateException,
    Session,
    SuspendInconsistentStateException,
)

NEXT_YEAR = time.strftime("%Y/01/01 00:00:00", time.localtime(time.time() + 366 * 86400))


def test_st_submit_in_hold_release(jobs: Jobs, session: Session) -> None:
    """A job submitted on hold waits for its release, then runs."""
    job_id = jobs.submit("exit 8", jobSubmissionState="drmaa_hold")
    until_state(job_id, JobState.USER_ON_HOLD)
    time.sleep(1.5)  # longer than the DRM takes to start a job
    assert JobState.USER_ON_HOLD == session.jobStatus(job_id)
    session.control(job_id, JobControlAction.RELEASE)
    assert 8 == session.wait(job_id, 60).exitStatus


def test_hold_and_release(drm: Drm, jobs: Jobs, session: Session) -> None:
    """A queued job can be put on hold and released again."""
    job_id = jobs.submit(startTime=NEXT_YEAR)
    until_state(job_id, drm.before_start)
    session.control(job_id, JobControlAction.HOLD)
    until_state(job_id, JobState.USER_ON_HOLD, JobState.USER_SYSTEM_ON_HOLD)
    session.control(job_id, JobControlAction.RELEASE)
    until_state(job_id, drm.before_start)


def test_suspend_and_resume(jobs: Jobs, session: Session) -> None:
    """A suspended job does nothing until it is resumed, and then goes on."""
    path = jobs.folder / "ticks"
    job_id = jobs.submit("while :; do echo; sleep 0.1; done", outputPath=f":{path}")
    until(lambda: path.exists() and path.stat().st_size > 2)
    session.control(job_id, JobControlAction.SUSPEND)
    until_state(job_id, JobState.USER_SUSPENDED)
    until(lambda: is_still(path), 20)
    session.control(job_id, JobControlAction.RESUME)
    until_state(job_id, JobState.RUNNING)
    until(lambda: not is_still(path), 20)


def test_terminate_suspended(session: Session, sleeper: str) -> None:
    """A suspended job can be terminated without being resumed."""
    until_state(sleeper, JobState.RUNNING)
    session.control(sleeper, JobControlAction.SUSPEND)
    until_state(sleeper, JobState.USER_SUSPENDED)
    session.control(sleeper, JobControlAction.TERMINATE)
    assert outcome(sleeper).wasAborted


def test_terminate_all(jobs: Jobs, session: Session) -> None:
    """JOB_IDS_SESSION_ALL terminates the held, the waiting and the running alike."""
    held = jobs.submit(jobSubmissionState="drmaa_hold")
    waiting = jobs.submit(startTime=NEXT_YEAR)
    running = jobs.submit("exec sleep 600")
    until_state(running, JobState.RUNNING)
    session.control(session.JOB_IDS_SESSION_ALL, JobControlAction.TERMINATE)
    ended = [outcome(job_id) for job_id in (held, waiting, running)]
    assert [True] * 3 == [info.wasAborted for info in ended]


def test_st_empty_session_control(session: Session) -> None:
    """Every operation on all jobs of an empty session succeeds."""
    for action in JobControlAction:
        session.control(session.JOB_IDS_SESSION_ALL, action)
    nothing_left()


def refused_on_hold(jobs: Jobs, action: JobControlAction, error: type[DrmaaException]) -> None:
    """Check that *action* is refused for a job on hold, which stays so."""
    job_id = jobs.submit(jobSubmissionState="drmaa_hold")
    until_state(job_id, JobState.USER_ON_HOLD)
    with pytest.raises(error):
        Session.control(job_id, action)
    assert JobState.USER_ON_HOLD == Session.jobStatus(job_id)


def test_st_suspend_held(jobs: Jobs) -> None:
    """A job on hold cannot be suspended."""
    refused_on_hold(jobs, JobControlAction.SUSPEND, SuspendInconsistentStateException)


def test_st_resume_held(jobs: Jobs) -> None:
    """A job on hold cannot be resumed."""
    refused_on_hold(jobs, JobControlAction.RESUME, ResumeInconsistentStateException)


def test_suspend_or_resume_before_start(drm: Drm, jobs: Jobs, session: Session) -> None:
    """A job that waits for its time can be neither suspended nor resumed."""
    job_id = jobs.submit(startTime=NEXT_YEAR)
    until_state(job_id, drm.before_start)
    with pytest.raises(SuspendInconsistentStateException, match=r"^code 20: "):
        session.control(job_id, JobControlAction.SUSPEND)
    with pytest.raises(ResumeInconsistentStateException, match=r"^code 19: "):
        session.control(job_id, JobControlAction.RESUME)


def test_st_resume_running(session: Session, sleeper: str) -> None:
    """A job that runs cannot be resumed, nor a suspended one suspended."""
    until_state(sleeper, JobState.RUNNING)
    with pytest.raises(ResumeInconsistentStateException):
        session.control(sleeper, JobControlAction.RESUME)
    session.control(sleeper, JobControlAction.SUSPEND)
    until_state(sleeper, JobState.USER_SUSPENDED)
    with pytest.raises(SuspendInconsistentStateException):
        session.control(sleeper, JobControlAction.SUSPEND)


def test_st_hold_running(drm: Drm, session: Session, sleeper: str) -> None:
    """Hold of a running job is refused, or does not stop it."""
    until_state(sleeper, JobState.RUNNING)
    if drm.hold_running is not None:
        with pytest.raises(drm.hold_running, match=r"^code 21: "):
            session.control(sleeper, JobControlAction.HOLD)
        return
    session.control(sleeper, JobControlAction.HOLD)
    session.control(sleeper, JobControlAction.RELEASE)
    until_state(sleeper, JobState.RUNNING)


def test_release_unheld(drm: Drm, jobs: Jobs, session: Session) -> None:
    """Release of a job that is not on hold is refused, or changes nothing."""
    job_id = jobs.submit(startTime=NEXT_YEAR)
    until_state(job_id, drm.before_start)
    if drm.release_unheld is not None:
        with pytest.raises(drm.release_unheld, match=r"^code 22: "):
            session.control(job_id, JobControlAction.RELEASE)
        return
    session.control(job_id, JobControlAction.RELEASE)
    until_state(job_id, drm.before_start)


def test_st_release_running(drm: Drm, session: Session, sleeper: str) -> None:
    """Release of a running job is refused, or changes nothing."""
    until_state(sleeper, JobState.RUNNING)
    if drm.release_unheld is not None:
        with pytest.raises(drm.release_unheld, match=r"^code 22: "):
            session.control(sleeper, JobControlAction.RELEASE)
    else:
        session.control(sleeper, JobControlAction.RELEASE)
    assert JobState.RUNNING == session.jobStatus(sleeper)


UNKNOWN = ("987654321", "987654321.1")


@pytest.mark.parametrize("job_id", UNKNOWN)
def test_st_control_unknown_job(session: Session, job_id: str) -> None:
    """Nothing can be done to a job that there is not."""
    for action in JobControlAction:
        with pytest.raises(InvalidJobException, match=r"^code 18: "):
            session.control(job_id, action)


@pytest.mark.parametrize("job_id", UNKNOWN)
def test_st_status_unknown_job(session: Session, job_id: str) -> None:
    """A job that there is not has no status."""
    with pytest.raises(InvalidJobException, match=r"^code 18: "):
        session.jobStatus(job_id)


@pytest.mark.parametrize("job_id", ["no-such-job", "j" * 5000, "9" * 5000])
def test_malformed_id(drm: Drm, session: Session, job_id: str) -> None:
    """An id that no job ever has, a very long one too, is refused by every call."""
    for call in (
        session.jobStatus,
        lambda bad: session.control(bad, "terminate"),
        lambda bad: session.wait(bad, 60),
    ):
        with pytest.raises((drm.malformed_id, InvalidJobException)) as caught:
            call(job_id)
        assert len(str(caught.value)) < 6000


def test_finished_jobs_cannot_be_controlled(jobs: Jobs, session: Session) -> None:
    """A job whose record was taken cannot be terminated, when the DRM has put it away."""
    job_id = jobs.run().jobId

    def refused() -> bool:
        try:
            session.control(job_id, JobControlAction.TERMINATE)
        except InvalidJobException as error:
            return str(error).startswith("code 18: ")
        return False

    until(refused, 10)


def test_st_control_unknown_action(session: Session, sleeper: str) -> None:
    """An operation that is none is refused by name, with the legal ones."""
    legal = "suspend, resume, hold, release, terminate"
    with pytest.raises(InvalidArgumentException, match=f"'explode'.*{re.escape(legal)}"):
        session.control(sleeper, "explode")


@pytest.mark.parametrize("action", ["terminate", b"terminate", JobControlAction.TERMINATE])
def test_operations_are_text(session: Session, sleeper: str, action: str | bytes) -> None:
    """An operation may be a member of JobControlAction, its str, or bytes."""
    session.control(jobId=sleeper, operation=action)
    assert outcome(sleeper).wasAborted
