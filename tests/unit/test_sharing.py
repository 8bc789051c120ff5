"""Waits of the session and futures, side by side: neither takes what is the other's."""

from __future__ import annotations

import concurrent.futures
import threading
import time
from typing import Callable

import pytest
from fake import Fake
from moments import LIMIT, later, tasks, until

import drmaa_cffi
from drmaa_cffi import JobExecutor, JobFuture, JobState, JobTemplate, Session

ANY = Session.JOB_IDS_SESSION_ANY


@pytest.mark.parametrize(
    "wait",
    ["result", "session", "any", "synchronize", "shutdown", "started", "wait", "as_completed"],
)
def test_callback_that_waits(
    fake: Fake,
    executor: JobExecutor,
    template: JobTemplate,
    caplog: pytest.LogCaptureFixture,
    wait: str,
) -> None:
    """A callback that waits for jobs is refused by name, and others go on."""
    first, second = executor.submit(template), executor.submit(template)
    waits: dict[str, Callable[[], object]] = {
        "result": second.result,
        "session": lambda: Session.wait(second.job_id),
        "any": lambda: Session.wait(ANY),
        "synchronize": lambda: Session.synchronize([second.job_id]),
        "shutdown": executor.shutdown,
        "started": lambda: executor.wait_started([second]),
        "wait": lambda: concurrent.futures.wait([second]),
        "as_completed": lambda: next(concurrent.futures.as_completed([second])),
    }
    first.add_done_callback(lambda _: waits[wait]())
    fake.finish(first.job_id)
    until(lambda: "IllegalStateException" in caplog.text)
    assert "a callback of a job's future can't wait" in caplog.text
    fake.finish(second.job_id)
    assert second.job_id == second.result(LIMIT).jobId


def test_session_wait_of_futures_job(
    fake: Fake, executor: JobExecutor, template: JobTemplate
) -> None:
    """Session.wait() with the id of a future's job returns the record that the future gets."""
    before, after = executor.submit(template), executor.submit(template)
    later(fake.finish)
    info = Session.wait(before.job_id, LIMIT)
    assert info is before.result(LIMIT)
    assert after.result(LIMIT) is Session.wait(after.job_id, 0)
    with pytest.raises(drmaa_cffi.InvalidJobException, match="taken by an earlier wait"):
        Session.wait(after.job_id)


def test_waits_for_a_futures_job_at_exit(executor: JobExecutor, template: JobTemplate) -> None:
    """The session's exit tells all who wait for a future's job the same."""
    future = executor.submit(template)
    errors: list[type[BaseException]] = []

    def wait() -> None:
        try:
            Session.wait(future.job_id)
        except drmaa_cffi.DrmaaException as error:
            errors.append(type(error))

    threads = [threading.Thread(target=wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    Session.exit()
    for thread in threads:
        thread.join(LIMIT)
    assert [drmaa_cffi.NoActiveSessionException] * 3 == errors


def test_session_wait_of_another_job(
    fake: Fake, executor: JobExecutor, template: JobTemplate
) -> None:
    """The record of a job without a future, which the executor's thread takes, is Session's."""
    job_ids = [Session.runJob(template) for _ in range(3)]
    future = executor.submit(template)
    fake.finish(job_ids[0])
    fake.finish(job_ids[1])
    assert job_ids[1] == Session.wait(job_ids[1], LIMIT).jobId
    assert job_ids[0] == Session.wait(ANY, LIMIT).jobId
    later(fake.finish, job_ids[2])
    assert job_ids[2] == Session.wait(ANY, LIMIT).jobId
    with pytest.raises(drmaa_cffi.ExitTimeoutException):
        Session.wait(ANY, 0.1)
    assert not future.done()


def test_wait_for_any_under_way(fake: Fake, executor: JobExecutor, template: JobTemplate) -> None:
    """A wait for any job that began before the submission leaves the future its job."""
    own = Session.runJob(template)
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(Session.wait(ANY, LIMIT).jobId))
    thread.start()
    until(lambda: 2 == fake.calls("drmaa_wait"))
    future = executor.submit(template)
    fake.finish(future.job_id)
    assert future.job_id == future.result(LIMIT).jobId
    fake.finish(own)
    thread.join(LIMIT)
    assert [own] == found


@pytest.mark.parametrize("main", [True, False], ids=["main thread", "other thread"])
def test_question_under_way(
    fake: Fake, executor: JobExecutor, template: JobTemplate, main: bool
) -> None:
    """So does one whose first question, without waiting, is answered with the future's job."""
    own = Session.runJob(template)
    fake.delays("drmaa_wait", 0.3)
    found: list[str] = []
    futures: list[JobFuture] = []

    def wait() -> None:
        found.append(Session.wait(ANY, LIMIT).jobId)

    def submit() -> None:
        until(lambda: fake.calls("drmaa_wait"))
        futures.append(executor.submit(template))
        fake.finish(futures[0].job_id)

    here, there = (wait, submit) if main else (submit, wait)
    later(fake.finish, own, seconds=1)
    thread = threading.Thread(target=there)
    thread.start()
    here()
    thread.join(LIMIT)
    fake.delays("drmaa_wait", 0)
    assert futures[0].job_id == futures[0].result(LIMIT).jobId
    assert [own] == found


def test_after_the_executor(fake: Fake, executor: JobExecutor, template: JobTemplate) -> None:
    """When the executor's thread has left, waits of other threads are no callbacks of it."""
    before = tasks()
    executor.submit(template)
    fake.finish()
    until(lambda: tasks() <= before)  # one of an earlier test may have left, too
    for _ in range(20):
        job_id = Session.runJob(template)
        later(fake.finish, job_id, seconds=0.01)
        assert job_id == Session.wait(job_id, LIMIT).jobId


def test_status_of_kept_job(fake: Fake, executor: JobExecutor, template: JobTemplate) -> None:
    """A job whose record the executor's thread has taken for others has a status all the same."""
    job_id = Session.runJob(template)
    executor.submit(template)
    fake.finish(job_id)
    until(lambda: fake.calls("drmaa_wait") > 1)
    fake.returns("drmaa_job_ps", 18)
    assert JobState.DONE == Session.jobStatus(job_id)
    assert job_id == Session.wait(job_id, 0).jobId


def test_status_as_a_job_ends(fake: Fake, executor: JobExecutor, template: JobTemplate) -> None:
    """A job whose record is on its way to its future has the state that the record tells."""
    first, second = executor.submit(template), executor.submit(template)
    fake.returns("drmaa_job_ps", drmaa_cffi.Errno.INVALID_JOB)
    later(fake.finish, first.job_id)
    assert JobState.DONE == first.status()
    later(fake.finish, second.job_id)
    assert JobState.DONE == Session.jobStatus(second.job_id)


@pytest.mark.parametrize("dispose", [False, True])
@pytest.mark.parametrize("ids", ["all", "list"])
def test_synchronize(
    fake: Fake, executor: JobExecutor, template: JobTemplate, ids: str, dispose: bool
) -> None:
    """synchronize() waits for jobs with and without futures, and disposes of the latter's."""
    job_id, future = Session.runJob(template), executor.submit(template)
    later(fake.finish)
    both = Session.JOB_IDS_SESSION_ALL if ids == "all" else [job_id, future.job_id]
    Session.synchronize(both, LIMIT, dispose)
    assert future.job_id == future.result(LIMIT).jobId
    if dispose:
        with pytest.raises(drmaa_cffi.InvalidJobException):
            Session.wait(job_id, LIMIT)
    else:
        assert job_id == Session.wait(job_id, LIMIT).jobId


def test_neither_steals(fake: Fake, executor: JobExecutor, template: JobTemplate) -> None:
    """Waits for any job in threads get their jobs, futures theirs, while both are submitted."""
    futures: list[JobFuture] = []
    own: list[str] = []
    found: list[str] = []
    done = threading.Event()

    def end_all() -> None:
        while not done.is_set():
            fake.finish()
            time.sleep(0.002)

    def wait() -> None:
        while len(found) < 200 and not done.is_set():
            try:
                found.append(Session.wait(ANY, 1).jobId)
            except (drmaa_cffi.InvalidJobException, drmaa_cffi.ExitTimeoutException):
                time.sleep(0.002)

    threads = [threading.Thread(target=target) for target in (end_all, wait, wait, wait)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(200):
            futures.append(executor.submit(template))
            own.append(Session.runJob(template))
        infos = [future.result(LIMIT) for future in futures]
        until(lambda: len(found) == len(own))
    finally:
        done.set()
        for thread in threads:
            thread.join(LIMIT)
    assert [future.job_id for future in futures] == [info.jobId for info in infos]
    assert sorted(own) == sorted(found)
