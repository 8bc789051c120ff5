"""wait and synchronize: one, any, all, with and without end."""

from __future__ import annotations

import threading
import time
from typing import Callable

import pytest
from jobs import AT_ONCE, LONG, Gate, Jobs, all_exit, nothing_left, outcome, until_state, within

from drmaa_cffi import (
    ExitTimeoutException,
    InvalidArgumentException,
    InvalidJobException,
    JobInfo,
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
    with within(AT_ONCE), pytest.raises(ExitTimeoutException, match=r"^code 23: ") as caught:
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
    with within(AT_ONCE), pytest.raises(ExitTimeoutException, match=r"^code 23: "):
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


def test_synchronize_disposes(jobs: Jobs, session: Session) -> None:
    """With dispose the jobs' records are gone, and only theirs."""
    ids = [jobs.submit("sleep 1") for _ in range(3)]
    other = jobs.submit("exit 9")
    session.synchronize(ids, 60, dispose=True)
    for job_id in ids:
        with pytest.raises(InvalidJobException):
            session.wait(job_id, 60)
    assert 9 == session.wait(other, 60).exitStatus


@pytest.mark.parametrize("which", ["runs", "has ended"])
@pytest.mark.parametrize("where", ["main thread", "other thread"])
def test_dispose_of_all_but_newcomers(
    jobs: Jobs, session: Session, where: str, which: str
) -> None:
    """With dispose all that were submitted before are gone, and nothing of what came meanwhile."""
    (jobs.folder / "newcomer").mkdir()
    gate, newcomers_gate = Gate(jobs.folder), Gate(jobs.folder / "newcomer")
    first, newcomer = jobs.submit(gate.shut), []

    def submit() -> None:
        time.sleep(1)  # it waits by now
        newcomer.append(jobs.submit(newcomers_gate.shut if which == "runs" else ""))
        if which != "runs":
            until_state(newcomer[0], JobState.DONE)
        gate.open()

    def synchronize() -> None:
        session.synchronize([session.JOB_IDS_SESSION_ALL], LONG, dispose=True)

    in_main, beside = (synchronize, submit) if where == "main thread" else (submit, synchronize)
    thread = threading.Thread(target=beside)
    thread.start()
    in_main()
    thread.join(LONG)
    newcomers_gate.open()
    assert newcomer[0] == session.wait(newcomer[0], LONG).jobId
    with pytest.raises(InvalidJobException):
        session.wait(first, 0)


def test_nothing_left_after_dispose_by_halves(jobs: Jobs, session: Session) -> None:
    """Jobs may be waited for first and synchronized later: what is gone counts as ended."""
    first, second = jobs.submit("exit 1"), jobs.submit("exit 2")
    assert 1 == session.wait(first, 60).exitStatus
    session.synchronize([first, second], 60, dispose=True)
    with pytest.raises(InvalidJobException):
        session.wait(second, 60)


def test_st_empty_session_wait(session: Session) -> None:
    """Without jobs there is nothing to wait for."""
    with within(AT_ONCE), pytest.raises(InvalidJobException, match=r"^code 18: "):
        session.wait(session.JOB_IDS_SESSION_ANY, LONG)


def test_st_empty_session_synchronize_dispose(session: Session) -> None:
    """Without jobs all of them have ended."""
    with within(AT_ONCE):
        session.synchronize([session.JOB_IDS_SESSION_ALL], LONG, dispose=True)
        session.synchronize([], LONG, dispose=True)


def test_st_empty_session_synchronize_nodispose(session: Session) -> None:
    """So they have if their records are to be kept."""
    with within(AT_ONCE):
        session.synchronize([session.JOB_IDS_SESSION_ALL], LONG, dispose=False)
        session.synchronize([], LONG, dispose=False)


def test_st_submit_wait(jobs: Jobs) -> None:
    """A job is waited for, and nothing is left of it."""
    assert jobs.run("sleep 1").ok
    nothing_left()


def mixture(jobs: Jobs, *, by_ids: bool, dispose: bool) -> None:
    """Check that bulks and single jobs are synchronized, and waited for if they are kept."""
    ids = Session.runBulkJobs(jobs.template(), 1, 2, 1)
    ids += Session.runBulkJobs(jobs.template(), 10, 30, 20)
    ids += [jobs.submit(), jobs.submit("sleep 1")]
    Session.synchronize(ids if by_ids else [Session.JOB_IDS_SESSION_ALL], LONG, dispose)
    if not dispose:
        all_exit(ids)
    for job_id in ids:
        with pytest.raises(InvalidJobException, match=r"^code 18: "):
            Session.wait(job_id, LONG)
    nothing_left()


def test_st_submitmixture_sync_all_dispose(jobs: Jobs) -> None:
    """JOB_IDS_SESSION_ALL means every job of the session; with dispose nothing is left."""
    mixture(jobs, by_ids=False, dispose=True)


def test_st_submitmixture_sync_all_nodispose(jobs: Jobs) -> None:
    """Without dispose every job can still be waited for."""
    mixture(jobs, by_ids=False, dispose=False)


def test_st_submitmixture_sync_allids_dispose(jobs: Jobs) -> None:
    """With a list of ids it is the same."""
    mixture(jobs, by_ids=True, dispose=True)


def test_st_submitmixture_sync_allids_nodispose(jobs: Jobs) -> None:
    """And without dispose, too."""
    mixture(jobs, by_ids=True, dispose=False)


def test_st_submit_pause_submit_sync(jobs: Jobs, session: Session) -> None:
    """A session lives through a time in which nobody calls it."""
    ids = [jobs.submit()]
    time.sleep(5)
    ids.append(jobs.submit())
    session.synchronize(ids, LONG)
    all_exit(ids)


def poll(ask: Callable[[float], object], timeout: float) -> object:
    """Ask with this timeout until the jobs have ended, which they must not have at once."""
    timeouts = 0
    end = time.monotonic() + LONG
    while time.monotonic() < end:
        try:
            answer = ask(timeout)
        except ExitTimeoutException:
            timeouts += 1
            time.sleep(0 if timeout else 0.05)
        else:
            assert timeouts
            return answer
    raise AssertionError("this took too long")


def polled_wait(jobs: Jobs, timeout: float) -> None:
    """Check that a job is waited for by asking again and again."""
    job_id = jobs.submit("sleep 3; exit 7")
    info = poll(lambda seconds: Session.wait(job_id, seconds), timeout)
    assert isinstance(info, JobInfo)
    assert (job_id, 7) == (info.jobId, info.exitStatus)
    nothing_left()


def test_st_submit_polling_wait_timeout(jobs: Jobs) -> None:
    """A wait of a second is repeated until the job has ended."""
    polled_wait(jobs, 1)


def test_st_submit_polling_wait_zerotimeout(jobs: Jobs) -> None:
    """So is one that does not wait."""
    polled_wait(jobs, Session.TIMEOUT_NO_WAIT)


def polled_synchronize(jobs: Jobs, timeout: float) -> None:
    """Check that jobs are synchronized by asking again and again."""
    ids = [jobs.submit("sleep 3"), jobs.submit("sleep 1")]
    poll(lambda seconds: Session.synchronize(ids, seconds), timeout)
    all_exit(ids)
    nothing_left()


def test_st_submit_polling_synchronize_timeout(jobs: Jobs) -> None:
    """A synchronize of a second is repeated until the jobs have ended."""
    polled_synchronize(jobs, 1)


def test_st_submit_polling_synchronize_zerotimeout(jobs: Jobs) -> None:
    """So is one that does not wait."""
    polled_synchronize(jobs, Session.TIMEOUT_NO_WAIT)


def test_st_synchronize_nonexistant(jobs: Jobs, session: Session) -> None:
    """Jobs that there are not, or no more, have ended."""
    ids = ["987654321", "987654322.3", jobs.run().jobId]
    for dispose in (False, True):
        with within(AT_ONCE):
            session.synchronize(ids, LONG, dispose)


def test_st_wait_unknown_job(session: Session) -> None:
    """A job that there is not cannot be waited for."""
    for job_id, timeout in (("987654321", -1), ("987654321.1", 0)):
        with within(AT_ONCE), pytest.raises(InvalidJobException, match=r"^code 18: "):
            session.wait(job_id, timeout)


def test_st_negative_timeout(session: Session, sleeper: str) -> None:
    """A timeout below -1 is none."""
    with pytest.raises(InvalidArgumentException, match=r"^code 4: .*-2"):
        session.wait(sleeper, -2)
    with pytest.raises(InvalidArgumentException, match=r"^code 4: .*-2"):
        session.synchronize([sleeper], -2)
