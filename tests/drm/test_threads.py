"""Many threads share the session: submissions, waits, and an exit among them."""

from __future__ import annotations

import os
import signal
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Iterator

import pytest
from jobs import AT_ONCE, LONG, Gate, Jobs, all_exit, nothing_left, outcome, within

from drmaa_cffi import JobInfo, JobState, NoActiveSessionException, Session

THREADS = 12


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    """Threads that are all gone after the test."""
    with ThreadPoolExecutor(THREADS) as executor:
        yield executor


def test_mt_submit_mt_wait(jobs: Jobs, pool: ThreadPoolExecutor) -> None:
    """Threads that submit and wait at once each get their own job's record."""

    def run(status: int) -> int:
        return jobs.run('exit "$1"', status).exitStatus

    assert list(range(THREADS)) == list(pool.map(run, range(THREADS), timeout=LONG))


def test_any_by_many_threads(jobs: Jobs, session: Session, pool: ThreadPoolExecutor) -> None:
    """Threads that all wait for any job get each record once."""
    submitted = {jobs.submit('sleep 1; exit "$1"', status): status for status in range(THREADS)}
    infos = list(pool.map(lambda _: session.wait(session.JOB_IDS_SESSION_ANY, LONG), submitted))
    assert submitted == {info.jobId: info.exitStatus for info in infos}


def test_waiting_holds_up_nobody(
    jobs: Jobs, session: Session, sleeper: str, pool: ThreadPoolExecutor
) -> None:
    """While a thread waits, others submit, ask and wait for other jobs."""
    waiting = pool.submit(outcome, sleeper)
    with within(AT_ONCE):
        assert 2 == jobs.run("exit 2").exitStatus
        assert session.jobStatus(sleeper) in {"running", "queued_active"}
        assert not waiting.done()
    session.control(sleeper, "terminate")
    assert waiting.result(LONG).wasAborted


@pytest.mark.parametrize("what", ["wait", "any", "synchronize"])
def test_exit_ends_waits(
    session: Session, sleeper: str, pool: ThreadPoolExecutor, what: str
) -> None:
    """An exit ends the waits of other threads with NoActiveSessionException."""
    contact = session.contact
    if what == "synchronize":
        waiting: Future[object] = pool.submit(session.synchronize, [sleeper])
    else:
        waiting = pool.submit(
            session.wait, sleeper if what == "wait" else session.JOB_IDS_SESSION_ANY
        )
    time.sleep(0.5)
    with within(AT_ONCE):
        session.exit()
        error = waiting.exception(AT_ONCE)
    assert isinstance(error, NoActiveSessionException)
    session.initialize(contact)  # so that the job is ended after the test


@pytest.mark.parametrize("what", ["wait", "synchronize"])
def test_exit_ends_the_main_threads_wait(session: Session, sleeper: str, what: str) -> None:
    """An exit in another thread ends a wait of the main thread, too."""
    contact = session.contact
    timer = threading.Timer(0.5, session.exit)
    timer.start()
    with within(AT_ONCE), pytest.raises(NoActiveSessionException, match=r"^code 5: "):
        session.wait(sleeper) if what == "wait" else session.synchronize([sleeper])
    timer.join(10)
    session.initialize(contact)


def test_mt_exit_during_submit(jobs: Jobs, session: Session, pool: ThreadPoolExecutor) -> None:
    """Threads that submit while the session is closed submit, or are told so; nothing else."""
    contact = session.contact

    def submit(_: int) -> str:
        return jobs.submit(jobSubmissionState="drmaa_hold")

    submissions = [pool.submit(submit, number) for number in range(200)]
    time.sleep(0.05)
    session.exit()
    errors = [future.exception(LONG) for future in submissions]
    assert {type(None), NoActiveSessionException} >= {type(error) for error in errors}
    session.initialize(contact)


class Interrupted(Exception):
    """Raised by the handler of a signal."""


@pytest.mark.parametrize("what", ["wait", "any", "synchronize"])
def test_signal_ends_a_wait(jobs: Jobs, session: Session, what: str) -> None:
    """A signal's handler acts at once during a wait of the main thread; no record is lost."""

    def interrupt(*_: object) -> None:
        raise Interrupted

    def wait(timeout: float) -> JobInfo | None:
        if what == "synchronize":
            session.synchronize([job_id], timeout)
            return None
        return session.wait(job_id if what == "wait" else session.JOB_IDS_SESSION_ANY, timeout)

    gate = Gate(jobs.folder)
    job_id = jobs.submit(f"{gate.shut} exit 9")
    before = signal.signal(signal.SIGUSR1, interrupt)
    timer = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGUSR1))
    timer.start()
    try:
        with within(AT_ONCE), pytest.raises(Interrupted):
            wait(LONG)
    finally:
        timer.join()
        signal.signal(signal.SIGUSR1, before)
    gate.open()
    info = wait(LONG) or session.wait(job_id, LONG)
    assert (job_id, 9) == (info.jobId, info.exitStatus)


def test_mt_submit_wait(jobs: Jobs, pool: ThreadPoolExecutor) -> None:
    """What threads submit, the main thread waits for."""
    all_exit(pool.map(lambda _: jobs.submit(), range(3 * THREADS), timeout=LONG))
    nothing_left()


def test_mt_fifty_threads(jobs: Jobs) -> None:
    """Fifty threads submit and wait at once."""
    with ThreadPoolExecutor(50) as pool:
        infos = list(pool.map(lambda _: jobs.run(), range(50), timeout=LONG))
    assert 50 == len({info.jobId for info in infos if info.ok})
    nothing_left()


def test_mt_submit_before_init_wait(
    jobs: Jobs, session: Session, pool: ThreadPoolExecutor
) -> None:
    """Threads' submissions are refused until there is a session, and then succeed."""
    session.exit()
    refused = threading.Semaphore(0)

    def submit(_: int) -> str:
        with pytest.raises(NoActiveSessionException, match=r"^code 5: "):
            jobs.submit()
        refused.release()
        end = time.monotonic() + LONG
        while time.monotonic() < end:
            try:
                return jobs.submit()
            except NoActiveSessionException:
                time.sleep(0.01)
        raise AssertionError("no session in time")

    submissions = [pool.submit(submit, number) for number in range(THREADS)]
    assert all(refused.acquire(timeout=LONG) for _ in submissions)
    session.initialize()
    all_exit(future.result(LONG) for future in submissions)
    nothing_left()


def test_mt_exit_during_submit_or_wait(
    jobs: Jobs, session: Session, sleeper: str, pool: ThreadPoolExecutor
) -> None:
    """An exit ends the threads that submit, wait and synchronize, all by NoActiveSession."""
    contact = session.contact
    busy = threading.Semaphore(0)

    def act(number: int) -> None:
        if number % 3 == 0:
            while True:
                jobs.submit(jobSubmissionState="drmaa_hold")
                busy.release()
                time.sleep(0.02)
        busy.release()
        if number % 3 == 1:
            session.wait(sleeper)
        else:
            session.synchronize([session.JOB_IDS_SESSION_ALL])

    acts = [pool.submit(act, number) for number in range(THREADS)]
    assert all(busy.acquire(timeout=LONG) for _ in acts)
    time.sleep(0.5)  # so that the waiters do wait
    session.exit()
    errors = [future.exception(LONG) for future in acts]
    session.initialize(contact)  # so that the jobs are ended after the test
    assert {NoActiveSessionException} == {type(error) for error in errors}


def test_mt_synchronize_ignores_later_jobs(
    jobs: Jobs, session: Session, pool: ThreadPoolExecutor
) -> None:
    """All jobs of the session are those that there were when synchronize was called."""
    early = jobs.submit("sleep 3")
    synchronized = pool.submit(session.synchronize, [session.JOB_IDS_SESSION_ALL], LONG)
    time.sleep(0.5)  # so that it has begun
    later = jobs.submit(jobSubmissionState="drmaa_hold")
    synchronized.result(LONG)
    assert JobState.USER_ON_HOLD == session.jobStatus(later)
    assert session.wait(early, LONG).ok
