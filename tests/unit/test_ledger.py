"""One ledger for all waits: what one does, or how it fails, costs no other its job's record."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import signal
import sys
import threading
import time
from typing import Any, Callable, Coroutine

import pytest
from fake import Fake
from moments import LIMIT, later, until

import drmaa_cffi
from drmaa_cffi import Errno, JobExecutor, JobState, JobTemplate, Session, aio
from drmaa_cffi._futures import polling, waiters
from drmaa_cffi._waiting import fetching, sleeping

ANY = Session.JOB_IDS_SESSION_ANY
InvalidJob = drmaa_cffi.InvalidJobException


def play(scene: Callable[[aio.Session], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine in an open session, with a limit."""

    async def whole() -> None:
        async with aio.Session() as session:
            await asyncio.wait_for(scene(session), LIMIT)

    asyncio.run(whole())


def ends(call: Callable[[], object]) -> object:
    """Return what comes of a call, an error too, which must not hang."""
    found: list[object] = []

    def run() -> None:
        try:
            found.append(call())
        except BaseException as error:  # noqa: BLE001 - it is what the test wants to see
            found.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(LIMIT)
    assert found, "it hangs"
    return found[0]


# Futures.

KINDS = pytest.mark.parametrize(
    "executor", [{}, {"most_at_once": 10}], ids=["plain", "capped"], indirect=True
)


@KINDS
def test_a_futures_lock_left_behind(
    fake: Fake, executor: JobExecutor, template: JobTemplate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock of one future's that a signal's handler has left locked keeps no other waiting."""
    monkeypatch.setattr(waiters, "LEFT_BEHIND", 2.0 * LIMIT)
    left, other = executor.submit(template), executor.submit(template)
    left._condition.acquire()  # as concurrent.futures.wait() does
    fake.finish(left.job_id)
    until(lambda: left.status() == JobState.DONE)
    fake.finish(other.job_id)
    assert other.job_id == other.result(LIMIT).jobId
    assert not left.done()
    monkeypatch.setattr(waiters, "LEFT_BEHIND", 0.0)
    assert left.job_id == left.result(LIMIT).jobId
    assert left.done()


@KINDS
def test_a_waiters_lock_left_behind(
    fake: Fake, executor: JobExecutor, template: JobTemplate
) -> None:
    """Nor does the lock of concurrent.futures.wait() itself."""
    left, other = executor.submit(template), executor.submit(template)

    # As a handler leaves them that raises in concurrent.futures.wait().
    waiter = concurrent.futures._base._create_and_install_waiters([left], "ALL_COMPLETED")  # type: ignore[attr-defined]
    waiter.event._cond.acquire()
    fake.finish(left.job_id)
    fake.finish(other.job_id)
    assert other.job_id == other.result(LIMIT).jobId
    assert left.job_id == left.result(LIMIT).jobId


def test_lost_while_others_run(
    fake: Fake, executor: JobExecutor, template: JobTemplate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The future of a job that the library has lost ends, though another job runs on."""
    monkeypatch.setattr(fetching, "_SEEK_EVERY", 0.1)
    monkeypatch.setattr(fetching, "LOST_AFTER", 0.2)
    lost, other = executor.submit(template), executor.submit(template)
    fake.loses(lost.job_id)
    with pytest.raises(InvalidJob):
        lost.result(LIMIT)
    assert not other.done()


def test_qmaster_stops(fake: Fake, session: Session, template: JobTemplate) -> None:
    """What Grid Engine says when its qmaster was stopped is not that there is no job."""
    executor = JobExecutor(session)
    fake.diagnoses(b"Event client got shutdown signal from qmaster")
    fake.returns("drmaa_wait", Errno.INVALID_JOB)
    for word in (ANY, "1"):
        with pytest.raises(drmaa_cffi.DrmCommunicationException, match="shutdown signal"):
            session.wait(word, 5)
    future = executor.submit(template)
    count = fake.calls("drmaa_wait")
    until(lambda: fake.calls("drmaa_wait") > count + 2)
    time.sleep(fetching.LOST_AFTER + 0.5)
    assert not future.done()
    fake.returns("drmaa_wait", 0)
    fake.finish()
    assert future.job_id == future.result(LIMIT).jobId
    executor.shutdown()


@pytest.mark.parametrize("what", ["waits", "shuts down"])
def test_exit_tells_a_callback(
    fake: Fake, session: Session, template: JobTemplate, what: str
) -> None:
    """exit() ends though a callback waits, or shuts its executor down: it is refused."""
    executor = JobExecutor(session)
    future, other = executor.submit(template), executor.submit(template)
    found: list[object] = []

    def callback(_: object) -> None:
        try:
            executor.shutdown() if what == "shuts down" else other.result()
        except drmaa_cffi.DrmaaException as error:
            found.append(type(error))

    future.add_done_callback(callback)
    assert ends(session.exit) is None
    until(lambda: found)
    refused = drmaa_cffi.IllegalStateException
    assert found[0] in (refused, drmaa_cffi.NoActiveSessionException)
    fake.finish()


def test_exit_fails(fake: Fake) -> None:
    """An executor's own session that can't be closed: shutdown() says so, and futures go on."""
    executor = JobExecutor()
    first, last = executor.submit(JobTemplate()), executor.submit(JobTemplate())
    fake.returns("drmaa_exit", Errno.DRMS_EXIT_ERROR)
    executor.shutdown(wait=False)
    fake.finish()
    assert first.result(LIMIT).ok
    assert last.result(LIMIT).ok
    with pytest.raises(drmaa_cffi.DrmsExitException):
        executor.shutdown()
    fake.returns("drmaa_exit", 0)
    executor.shutdown()
    with pytest.raises(drmaa_cffi.NoActiveSessionException):
        Session.createJobTemplate()


def test_exit_fails_after_a_submission(fake: Fake) -> None:
    """Nor does it hide why the last job was refused."""
    executor, template = JobExecutor(), JobTemplate()
    fake.delays("drmaa_run_job", 0.5)
    fake.returns("drmaa_run_job", Errno.DENIED_BY_DRM)
    fake.returns("drmaa_exit", Errno.DRMS_EXIT_ERROR)
    later(executor.shutdown, False)
    with pytest.raises(drmaa_cffi.DeniedByDrmException):
        executor.submit(template)
    assert fake.calls("drmaa_exit")
    fake.returns("drmaa_exit", 0)
    executor.shutdown()


def test_shutdown_during_a_submission(
    fake: Fake, executor: JobExecutor, template: JobTemplate
) -> None:
    """shutdown() with cancel_futures also cancels what is just being submitted."""
    fake.delays("drmaa_run_job", 0.5)
    futures: list[Any] = []
    thread = threading.Thread(target=lambda: futures.append(executor.submit(template)))
    thread.start()
    until(lambda: fake.calls("drmaa_run_job"))
    executor.shutdown(wait=False, cancel_futures=True)
    thread.join()
    assert futures[0].cancelled()
    assert 1 == fake.calls("drmaa_control")
    fake.finish()


class Broken(Session):
    """A session of a program's own, one of whose methods fails."""

    @staticmethod
    def jobStatus(jobId: object) -> Any:
        """Fail."""
        raise ValueError(jobId)


def test_status_fails(fake: Fake, session: Session, template: JobTemplate) -> None:
    """A jobStatus() that raises anything ends neither the thread that asks nor shutdown()."""
    assert session is not None
    executor = JobExecutor(Broken, status_interval=0.05)
    told: list[object] = []
    future = executor.submit(template, on_status=lambda _, state: told.append(state))
    until(lambda: told)
    fake.finish()
    assert ends(executor.shutdown) is None
    assert future.result(LIMIT).ok
    assert ["undetermined", "done"] == told


def test_no_thread_for_status(
    fake: Fake, executor: JobExecutor, template: JobTemplate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no thread can be had for a job's status, the job is submitted and has a future."""

    def refuse(_: object) -> None:
        raise sleeping.NoThreadError

    monkeypatch.setattr(polling, "start_new", refuse)
    future = executor.submit(template, on_status=lambda *_: None)
    fake.finish()
    assert ends(executor.shutdown) is None
    assert future.result(LIMIT).ok


def test_callback_exits(fake: Fake, executor: JobExecutor, template: JobTemplate) -> None:
    """A callback that ends the program, as it thinks, ends no other callback of its future."""
    future = executor.submit(template)
    told: list[object] = []
    future.add_done_callback(lambda _: sys.exit())
    future.add_done_callback(told.append)
    fake.finish()
    until(lambda: told)
    assert [future] == told


def test_id_is_given_again(fake: Fake, executor: JobExecutor, template: JobTemplate) -> None:
    """A DRM may give an id again while the future of the former job is still there."""
    former = executor.submit(template)
    fake.finish()
    assert former.result(LIMIT).ok
    fake.says("drmaa_run_job", former.job_id.encode())
    fake.delays("drmaa_wait", 1)
    future = executor.submit(template)
    assert former.job_id == future.job_id
    assert not future.done()


def test_refused_is_logged(
    fake: Fake, executor: JobExecutor, template: JobTemplate, caplog: pytest.LogCaptureFixture
) -> None:
    """A DRM that refuses to tell of jobs is asked again and again, and the log says so once."""
    fake.returns("drmaa_wait", Errno.AUTH_FAILURE)
    future = executor.submit(template)
    until(lambda: fake.calls("drmaa_wait") > 3)
    said = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert 1 == len(said)
    assert "code 3" in said[0].getMessage()
    fake.returns("drmaa_wait", 0)
    fake.finish()
    assert future.result(LIMIT).ok


def test_cancel_in_a_loop(fake: Fake, executor: JobExecutor, template: JobTemplate) -> None:
    """Cancelling a wrapped future does not hold up its loop while the DRM takes its time."""
    fake.delays("drmaa_control", 1)

    async def scene() -> float:
        future = asyncio.wrap_future(executor.submit(template))
        begin = time.monotonic()
        future.cancel()
        await asyncio.sleep(0)
        return time.monotonic() - begin

    assert asyncio.run(scene()) < 0.5
    until(lambda: fake.calls("drmaa_control"))
    fake.finish()
    executor.shutdown()


# Coroutines.


@pytest.mark.parametrize("how", ["disposed of", "waited for", "submitted elsewhere"])
def test_taken_by_others(fake: Fake, how: str) -> None:
    """A coroutine hears at once of a job whose record is gone, though another job runs."""

    async def scene(session: aio.Session) -> None:
        call = asyncio.get_running_loop().run_in_executor
        template = await session.createJobTemplate()
        if how == "submitted elsewhere":
            job = await call(None, Session.runJob, template)
        else:
            job = await session.runJob(template)
        await session.runJob(template)
        fake.finish(job)
        if how == "disposed of":
            await call(None, Session.synchronize, [job], -1, True)
        else:
            assert job == (await call(None, Session.wait, ANY)).jobId
        with pytest.raises(InvalidJob):
            await asyncio.wait_for(session.wait(job), 5)

    play(scene)
    fake.finish()


def test_taken_just_before(fake: Fake) -> None:
    """A wait for any job does not get what a coroutine is just asking the library for."""

    async def scene(session: aio.Session) -> None:
        call = asyncio.get_running_loop().run_in_executor
        template = await session.createJobTemplate()
        job = await call(None, Session.runJob, template)
        await session.runJob(template)
        waiting_for_any = call(None, Session.wait, ANY)
        await asyncio.sleep(0.2)
        fake.delays("drmaa_wait", 0.5)
        waiting_for_it = asyncio.ensure_future(session.wait(job))
        await asyncio.sleep(0.1)
        fake.finish(job)
        assert job == (await asyncio.wait_for(waiting_for_it, 5)).jobId
        fake.delays("drmaa_wait", 0)
        fake.finish()
        await waiting_for_any

    play(scene)


@pytest.mark.parametrize("is_any", [False, True])
def test_shortest_timeout(fake: Fake, is_any: bool) -> None:
    """A job that has ended is found in the shortest time."""

    async def scene(session: aio.Session) -> None:
        job = await session.runJob(await session.createJobTemplate())
        fake.finish(job)
        assert job == (await session.wait(ANY if is_any else job, 1e-9)).jobId

    play(scene)


# Plain waits.


def test_given_twice(
    fake: Fake, session: Session, template: JobTemplate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A library that gives a job's record to two waits makes no two jobs of it."""
    fake.gives_twice()
    ask = fetching.outcome_of
    given: set[str] = set()

    def ask_slowly(job_id: str, timeout: int) -> Any:
        """Let the second of two that have a record come when the first one's was returned."""
        record: Any = ask(job_id, timeout)
        if record.jobId in given:
            time.sleep(0.1)
        given.add(record.jobId)
        return record

    monkeypatch.setattr(fetching, "outcome_of", ask_slowly)
    for _ in range(5):
        job, other = session.runJob(template), session.runJob(template)
        former = signal.signal(signal.SIGALRM, lambda *_: 1 / 0)
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(ZeroDivisionError):
            session.wait(ANY)
        signal.signal(signal.SIGALRM, former)
        later(fake.finish, job)
        assert job == session.wait(job, LIMIT).jobId
        later(fake.finish, other)
        assert other == session.wait(ANY, LIMIT).jobId


@pytest.mark.parametrize("has_future", [False, True])
def test_own_error_for_each(session: Session, template: JobTemplate, has_future: bool) -> None:
    """Waits for one job that end by one error have an exception each."""
    executor = JobExecutor(session)
    job = executor.submit(template).job_id if has_future else session.runJob(template)
    errors: list[object] = []
    threads = [
        threading.Thread(target=lambda: errors.append(ends(lambda: session.wait(job))))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    session.exit()
    for thread in threads:
        thread.join()
    assert 3 == len({id(error) for error in errors})
    assert {drmaa_cffi.NoActiveSessionException} == {type(error) for error in errors}


@pytest.mark.parametrize("what", ["wait", "synchronize"])
def test_another_call_holds_the_library(
    fake: Fake, session: Session, template: JobTemplate, what: str
) -> None:
    """Ctrl-C acts at once though another thread's call holds up the library for all."""
    job = session.runJob(template)
    fake.holds("drmaa_job_ps", 3)
    thread = threading.Thread(target=session.jobStatus, args=(job,))
    thread.start()
    time.sleep(0.2)
    former = signal.signal(signal.SIGALRM, lambda *_: 1 / 0)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    begin = time.monotonic()
    with pytest.raises(ZeroDivisionError):
        session.wait(job) if what == "wait" else session.synchronize([job])
    took = time.monotonic() - begin
    signal.signal(signal.SIGALRM, former)
    assert took < 1.5
    thread.join()
    fake.finish()
    assert job == session.wait(job, LIMIT).jobId
