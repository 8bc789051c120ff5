"""wait and synchronize: one, any, all, with and without end."""

from __future__ import annotations

import time

import pytest
from drms import Drm
from jobs import Jobs, outcome, until_state, within

from drmaa_cffi import (
    ExitTimeoutException,
    InvalidJobException,
    JobState,
    Session,
)


def test_any_gives_each_once(jobs: Jobs, session: Session) -> None:
    """Waits for any job give each job of the session once, then say that none is left."""
    expected = {jobs.submit('exit "$1"', status): status for status in range(4)}
    infos = [session.wait(session.JOB_IDS_SESSION_ANY, 60) for _ in expected]
    assert expected == {info.jobId: info.exitStatus for info in infos}
    with pytest.raises(InvalidJobException):
        session.wait(session.JOB_IDS_SESSION_ANY, 60)


def test_any_gives_the_first(jobs: Jobs, session: Session, sleeper: str) -> None:
    """A wait for any job returns when the first one ends."""
    short = jobs.submit("exit 4")
    info = session.wait(session.JOB_IDS_SESSION_ANY, 60)
    assert (short, 4) == (info.jobId, info.exitStatus)
    assert session.jobStatus(sleeper) in {JobState.RUNNING, JobState.QUEUED_ACTIVE}


def test_one_of_many(jobs: Jobs, session: Session) -> None:
    """A wait for one job leaves the others to theirs."""
    first, second = jobs.submit("exit 1"), jobs.submit("exit 2")
    assert 2 == session.wait(second, 60).exitStatus
    assert 1 == session.wait(first, 60).exitStatus


@pytest.mark.parametrize("which", ["the job", "any"])
@pytest.mark.parametrize(("timeout", "least"), [(0, 0.0), (1, 1.0), (0.2, 0.2)])
def test_wait_times_out(
    session: Session, sleeper: str, which: str, timeout: float, least: float
) -> None:
    """A wait ends in time with ExitTimeoutException, a TimeoutError, and takes nothing."""
    job_id = sleeper if which == "the job" else session.JOB_IDS_SESSION_ANY
    until_state(sleeper, JobState.RUNNING)  # a job that is ended before leaves no record
    began = time.monotonic()
    with within(3), pytest.raises(ExitTimeoutException, match=r"^code 23: ") as caught:
        session.wait(job_id, timeout)
    assert time.monotonic() - began >= least
    assert isinstance(caught.value, TimeoutError)
    session.control(sleeper, "terminate")
    assert sleeper == outcome(job_id).jobId


@pytest.mark.parametrize("timeout", [0, 1, 0.2])
@pytest.mark.parametrize("dispose", [True, False])
def test_synchronize_times_out(
    session: Session, sleeper: str, timeout: float, dispose: bool
) -> None:
    """A synchronize ends in time with ExitTimeoutException and takes nothing."""
    with within(3), pytest.raises(ExitTimeoutException, match=r"^code 23: "):
        session.synchronize([sleeper], timeout, dispose)
    assert session.jobStatus(sleeper) in {JobState.RUNNING, JobState.QUEUED_ACTIVE}


def test_float_timeout_is_enough(jobs: Jobs, session: Session) -> None:
    """Fractions of a second are legal timeouts for jobs that end in time, too."""
    first, second = jobs.submit("exit 1"), jobs.submit("exit 2")
    session.synchronize([first, second], 60.5)
    assert 1 == session.wait(first, 60.5).exitStatus
    assert 2 == session.wait(second, 0.1).exitStatus


def test_a_text_is_one_id(jobs: Jobs, session: Session) -> None:
    """A str given to synchronize is one id: it returns when this job has ended."""
    job_id = jobs.submit("sleep 2; exit 5")
    session.synchronize(job_id, 60)
    assert 5 == session.wait(job_id, session.TIMEOUT_NO_WAIT).exitStatus


def test_ids_may_be_int(jobs: Jobs, session: Session) -> None:
    """A job id that is a number may be an int, in every call."""
    job_id = jobs.submit("sleep 1; exit 6")
    if not job_id.isdecimal():
        pytest.skip(f"ids like {job_id!r} are no numbers")
    session.synchronize([int(job_id)], 60)
    session.synchronize(int(job_id), 60)
    assert session.jobStatus(int(job_id)) in {JobState.DONE, JobState.FAILED}
    info = session.wait(int(job_id), 60)
    assert (job_id, 6) == (info.jobId, info.exitStatus)


def test_synchronize_keeps_records(jobs: Jobs, session: Session) -> None:
    """Without dispose, every job can still be waited for."""
    expected = {jobs.submit('exit "$1"', status): status for status in range(3)}
    session.synchronize(list(expected), 60, dispose=False)
    waited = {job_id: session.wait(job_id, session.TIMEOUT_NO_WAIT) for job_id in expected}
    assert expected == {job_id: info.exitStatus for job_id, info in waited.items()}


def test_synchronize_disposes(jobs: Jobs, session: Session) -> None:
    """With dispose the jobs' records are gone, and only theirs."""
    ids = [jobs.submit("sleep 1") for _ in range(3)]
    other = jobs.submit("exit 9")
    session.synchronize(ids, 60, dispose=True)
    for job_id in ids:
        with pytest.raises(InvalidJobException):
            session.wait(job_id, 60)
    assert 9 == session.wait(other, 60).exitStatus


@pytest.mark.parametrize("dispose", [True, False])
def test_synchronize_all(jobs: Jobs, session: Session, dispose: bool) -> None:
    """JOB_IDS_SESSION_ALL means every job of the session."""
    ids = {jobs.submit("sleep 1") for _ in range(3)}
    session.synchronize([session.JOB_IDS_SESSION_ALL], 60, dispose)
    if not dispose:
        infos = [session.wait(session.JOB_IDS_SESSION_ANY, session.TIMEOUT_NO_WAIT) for _ in ids]
        assert ids == {info.jobId for info in infos}
    with pytest.raises(InvalidJobException):
        session.wait(session.JOB_IDS_SESSION_ANY, 60)


@pytest.mark.parametrize("dispose", [True, False])
def test_empty_session(session: Session, dispose: bool) -> None:
    """Without jobs there is nothing to wait for, and all of them have ended."""
    with within(5):
        session.synchronize([session.JOB_IDS_SESSION_ALL], 60, dispose)
        session.synchronize([], 60, dispose)
        with pytest.raises(InvalidJobException, match=r"^code 18: "):
            session.wait(session.JOB_IDS_SESSION_ANY, 60)


def test_unknown_ids(drm: Drm, session: Session) -> None:
    """An id of no job is told so by wait, status and control; synchronize passes over it."""
    with within(5):
        session.synchronize(["99999999"], 60)
        for call in (
            lambda: session.wait("99999999", 60),
            lambda: session.jobStatus("99999999"),
            lambda: session.control("99999999", "terminate"),
        ):
            with pytest.raises(InvalidJobException, match=r"^code 18: "):
                call()
        with pytest.raises(drm.malformed_id, match=r"no-such-job|code 18"):
            session.jobStatus("no-such-job")


def test_nothing_left_after_dispose_by_halves(jobs: Jobs, session: Session) -> None:
    """Jobs may be waited for first and synchronized later: what is gone counts as ended."""
    first, second = jobs.submit("exit 1"), jobs.submit("exit 2")
    assert 1 == session.wait(first, 60).exitStatus
    session.synchronize([first, second], 60, dispose=True)
    with pytest.raises(InvalidJobException):
        session.wait(second, 60)
