"""Jobs as futures: one wait in C for all, no record lost, and each error where it belongs."""

from __future__ import annotations

import concurrent.futures
import logging
import os
import signal
import threading
import time
from pathlib import Path
from typing import Callable, Iterator

import pytest
from fake import Fake

import drmaa_cffi
from drmaa_cffi import JobExecutor, JobFuture, JobInfo, JobState, JobTemplate, Session
from programs import output, run

LIMIT = 20
ANY = Session.JOB_IDS_SESSION_ANY


@pytest.fixture
def executor(fake: Fake, session: Session) -> Iterator[JobExecutor]:
    """An executor in the open session; its jobs end with the test."""
    made = JobExecutor(session, status_interval=0.05)
    yield made
    fake.returns("drmaa_wait", 0)
    fake.finish()
    made.shutdown()


def later(action: Callable[..., object], *arguments: object, seconds: float = 0.2) -> None:
    """Do something in a while."""
    timer = threading.Timer(seconds, action, arguments)
    timer.daemon = True
    timer.start()


def tasks() -> int:
    """How many threads this process has."""
    return len(list(Path("/proc/self/task").iterdir()))


def until(condition: Callable[[], object]) -> None:
    """Return when *condition* is true."""
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end, "this took too long"
        time.sleep(0.01)


def test_result(fake: Fake, executor: JobExecutor, template: JobTemplate) -> None:
    """A future has its job's id, and the job's record when the job has ended."""
    future = executor.submit(template)
    assert not future.done()
    fake.finish(future.job_id)
    info = future.result(LIMIT)
    assert (future.job_id, {"cpu": "1.5000"}) == (info.jobId, info.resourceUsage)
    assert future.exception() is None


def test_as_completed(fake: Fake, executor: JobExecutor, template: JobTemplate) -> None:
    """as_completed() and wait() of concurrent.futures give jobs in the order of their ends."""
    futures = executor.submit_bulk(template, 1, 5, 2)
    order = []
    for future in reversed(futures):
        fake.finish(future.job_id)
        order.append(next(concurrent.futures.as_completed(set(futures) - set(order), LIMIT)))
    assert futures[::-1] == order
    assert set(futures) == concurrent.futures.wait(futures, LIMIT).done


def test_one_wait_for_all(fake: Fake, executor: JobExecutor, template: JobTemplate) -> None:
    """The library is asked once for each job that ends, in one thread, however many there are."""
    before = tasks()
    futures = executor.submit_bulk(template, 1, 200, 1)
    until(lambda: before + 1 == tasks())
    fake.finish()
    concurrent.futures.wait(futures, LIMIT)
    assert {future.job_id for future in futures} == {f.result().jobId for f in futures}
    assert 200 == fake.calls("drmaa_wait")


def test_result_timeout(executor: JobExecutor, template: JobTemplate) -> None:
    """result() with a timeout ends with it."""
    future = executor.submit(template)
    with pytest.raises(concurrent.futures.TimeoutError):
        future.result(0.1)


def test_signal_during_result(executor: JobExecutor, template: JobTemplate) -> None:
    """A signal's handler acts while the main thread waits for a result, and nothing is lost."""

    class Alarm(Exception):
        pass

    def ring(*_: object) -> None:
        raise Alarm

    future = executor.submit(template)
    former = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        begin = time.monotonic()
        with pytest.raises(Alarm):
            future.result()
        assert time.monotonic() - begin < 2
    finally:
        signal.signal(signal.SIGALRM, former)
    assert not future.done()


def test_callback(fake: Fake, executor: JobExecutor, template: JobTemplate) -> None:
    """A callback gets the future with its result."""
    seen: list[JobInfo] = []
    future = executor.submit(template)
    future.add_done_callback(lambda done: seen.append(done.result()))
    fake.finish()
    until(lambda: seen)
    assert [future.result()] == seen


@pytest.mark.parametrize(
    "wait", ["result", "session", "any", "synchronize", "shutdown", "started"]
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
    until(lambda: tasks() == before)
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


def test_cluster_does_not_answer(fake: Fake, executor: JobExecutor, template: JobTemplate) -> None:
    """A DRM that does not answer for a while delays results, and is asked ever more seldom."""
    fake.returns("drmaa_wait", drmaa_cffi.Errno.DRM_COMMUNICATION_FAILURE, first=1, last=3)
    future = executor.submit(template)
    fake.finish()
    begin = time.monotonic()
    assert future.job_id == future.result(LIMIT).jobId
    assert 0.5 < time.monotonic() - begin
    assert 4 == fake.calls("drmaa_wait")


def test_lost_job(fake: Fake, executor: JobExecutor, template: JobTemplate) -> None:
    """A job that the library does not know any more is lost, and its future says so."""
    fake.returns("drmaa_wait", drmaa_cffi.Errno.INVALID_JOB)
    future = executor.submit(template)
    with pytest.raises(drmaa_cffi.InvalidJobException):
        future.result(LIMIT)
    assert JobState.UNDETERMINED == future.status()


def test_job_without_usage(fake: Fake, executor: JobExecutor, template: JobTemplate) -> None:
    """A job that was deleted before it ran has a result: a record that says so."""
    fake.gives_no_usage()
    fake.ends(aborted=1)
    future = executor.submit(template)
    fake.finish()
    info = future.result(LIMIT)
    assert (future.job_id, True, "aborted before it ran") == (
        info.jobId, info.wasAborted, info.describe()
    )  # fmt: skip
    assert JobState.FAILED == future.status()


def test_exit(executor: JobExecutor, session: Session, template: JobTemplate) -> None:
    """The session's exit ends futures with an exception."""
    future = executor.submit(template)
    session.exit()
    with pytest.raises(drmaa_cffi.NoActiveSessionException):
        future.result(LIMIT)
    with pytest.raises(drmaa_cffi.NoActiveSessionException):
        executor.submit(template)


def test_cancel(fake: Fake, executor: JobExecutor, template: JobTemplate) -> None:
    """cancel() terminates the job; the future is cancelled, and its record waited for."""
    future = executor.submit(template)
    assert future.cancel()
    assert (1, True, False) == (
        fake.calls("drmaa_control"), future.cancelled(), future.has_record
    )  # fmt: skip
    assert future.cancel()
    with pytest.raises(concurrent.futures.CancelledError):
        future.result()
    assert {future} == concurrent.futures.wait([future], LIMIT).done
    later(fake.finish)
    executor.shutdown()
    assert future.has_record


def test_cancel_finished(fake: Fake, executor: JobExecutor, template: JobTemplate) -> None:
    """A job that has ended can't be cancelled or controlled; its result stays."""
    future = executor.submit(template)
    fake.finish()
    info = future.result(LIMIT)
    assert not future.cancel()
    for control in (future.terminate, future.hold, future.suspend, future.resume, future.release):
        with pytest.raises(drmaa_cffi.InvalidJobException, match="has ended"):
            control()
    assert (info, 0) == (future.result(), fake.calls("drmaa_control"))


def test_cancel_fails(fake: Fake, executor: JobExecutor, template: JobTemplate) -> None:
    """Where the DRM can't be told, cancel() says so, and the future waits on."""
    fake.returns("drmaa_control", drmaa_cffi.Errno.DRM_COMMUNICATION_FAILURE)
    future = executor.submit(template)
    with pytest.raises(drmaa_cffi.DrmCommunicationException):
        future.cancel()
    with pytest.raises(drmaa_cffi.DrmCommunicationException):
        executor.shutdown(wait=False, cancel_futures=True)
    assert not future.done()


def test_check(fake: Fake, executor: JobExecutor, template: JobTemplate, tmp_path: Path) -> None:
    """With a check a job that fails raises, with its record and what it wrote last."""
    fake.ends(exited=1, status=3)
    template.errorPath = f":{tmp_path}/errors.{JobTemplate.PARAMETRIC_INDEX}"
    future = executor.submit_bulk(template, 7, 7, check=True)[0]
    (tmp_path / "errors.7").write_text("".join(f"line {n}\n" for n in range(100)))
    fake.finish()
    with pytest.raises(
        drmaa_cffi.JobFailedError, match="exited with 3; the last it wrote"
    ) as caught:
        future.result(LIMIT)
    assert 3 == caught.value.jobInfo.exitStatus
    assert [f"line {n}" for n in range(80, 100)] == caught.value.stderr.splitlines()
    assert caught.value is future.exception()


def test_check_passes(fake: Fake, executor: JobExecutor, template: JobTemplate) -> None:
    """With a check a job that exits with 0 has a result."""
    fake.ends(exited=1)
    future = executor.submit(template, check=True)
    fake.finish()
    assert future.result(LIMIT).ok


def test_attach(fake: Fake, executor: JobExecutor, template: JobTemplate) -> None:
    """attach() makes futures of jobs that were submitted before, ended or not."""
    running, ended = Session.runJob(template), Session.runJob(template)
    fake.finish(ended)
    assert ended == executor.attach(ended).result(0).jobId
    future = executor.attach(running)
    assert not future.done()
    again = executor.attach(running)
    fake.finish(running)
    assert running == future.result(LIMIT).jobId == again.result(LIMIT).jobId
    for unknown in ("4711", ended):
        with pytest.raises(drmaa_cffi.InvalidJobException):
            executor.attach(unknown)


def test_own_session(fake: Fake) -> None:
    """Without a session the executor opens one, and closes it after the last job."""
    with JobExecutor() as executor:
        future = executor.submit(JobTemplate())
        later(fake.finish)
    assert future.done()
    with pytest.raises(drmaa_cffi.NoActiveSessionException):
        Session.exit()


def test_own_session_in_background(fake: Fake) -> None:
    """After shutdown(wait=False) jobs go on, and the last one's end closes the session."""
    executor = JobExecutor()
    future = executor.submit(JobTemplate())
    executor.shutdown(wait=False)
    assert not future.done()
    fake.finish()
    assert future.job_id == future.result(LIMIT).jobId
    until(lambda: 1 == fake.calls("drmaa_exit"))


def test_session_is_there(session: Session) -> None:
    """Where there is a session, an executor without one says that it can be passed."""
    with pytest.raises(drmaa_cffi.AlreadyActiveSessionException, match="JobExecutor.session."):
        JobExecutor()


def test_shut_down(executor: JobExecutor, template: JobTemplate) -> None:
    """After shutdown no job is taken."""
    executor.shutdown()
    for submit in (lambda: executor.submit(template), lambda: executor.attach("1")):
        with pytest.raises(drmaa_cffi.IllegalStateException, match="make a new one"):
            submit()


def test_cancel_futures(fake: Fake, executor: JobExecutor, template: JobTemplate) -> None:
    """shutdown(cancel_futures=True) ends what has no result."""
    done = executor.submit(template)
    fake.finish(done.job_id)
    done.result(LIMIT)
    futures = executor.submit_bulk(template, 1, 3, 1)
    later(fake.finish)
    executor.shutdown(cancel_futures=True)
    assert [True] * 3 == [future.cancelled() for future in futures]
    assert done.result().jobId == done.job_id


@pytest.mark.parametrize("interval", [0, -1, float("nan"), float("inf"), True, None, "1"])
def test_bad_interval(session: Session, interval: float) -> None:
    """An interval that is no number above 0 is refused with its value."""
    with pytest.raises(drmaa_cffi.InvalidArgumentException, match="status_interval"):
        JobExecutor(session, status_interval=interval)


def test_on_status(fake: Fake, executor: JobExecutor, template: JobTemplate) -> None:
    """A callback for the status is told of each change until the end."""
    seen: list[JobState] = []
    fake.says("drmaa_job_ps", b"18")  # user on hold
    future = executor.submit(template, on_status=lambda _, state: seen.append(state))
    until(lambda: len(seen) == 1)
    fake.says("drmaa_job_ps", b"32")
    until(lambda: len(seen) == 2)
    fake.finish()
    executor.shutdown()
    assert [JobState.USER_ON_HOLD, JobState.RUNNING, JobState.DONE] == seen
    assert future.done()


def test_on_status_fails(
    fake: Fake, executor: JobExecutor, template: JobTemplate, caplog: pytest.LogCaptureFixture
) -> None:
    """A callback that fails is logged, and so is a status that can't be had; both go on."""
    seen: list[JobState] = []

    def fail(_: JobFuture, state: JobState) -> None:
        seen.append(state)
        raise RuntimeError

    fake.returns("drmaa_job_ps", drmaa_cffi.Errno.DRM_COMMUNICATION_FAILURE)
    executor.submit(template, on_status=fail)
    until(lambda: seen)
    fake.returns("drmaa_job_ps", 0)
    until(lambda: len(seen) == 2)
    assert [JobState.UNDETERMINED, JobState.RUNNING] == seen
    assert {logging.WARNING, logging.ERROR} == {record.levelno for record in caplog.records}


def test_wait_started(fake: Fake, executor: JobExecutor, template: JobTemplate) -> None:
    """wait_started() tells which jobs have started, and returns when all have."""
    fake.says("drmaa_job_ps", b"16")  # queued
    ended, queued = executor.submit(template), executor.submit(template)
    fake.finish(ended.job_id)
    ended.result(LIMIT)
    assert ({ended}, {queued}) == executor.wait_started([ended, queued], 0.2)
    later(fake.says, "drmaa_job_ps", b"32")
    assert ({ended, queued}, set()) == executor.wait_started([ended, queued], LIMIT)


def test_sweep(fake: Fake, executor: JobExecutor, template: JobTemplate) -> None:
    """Nobody asks for the status of jobs that nobody watches."""
    executor.submit_bulk(template, 1, 20, 1)
    time.sleep(0.2)
    assert 0 == fake.calls("drmaa_job_ps")


def test_fork(executor: JobExecutor, template: JobTemplate) -> None:
    """In a forked child a future refuses to wait, and says where its job was submitted."""
    future = executor.submit(template)
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            future.result(LIMIT)
        except drmaa_cffi.NoActiveSessionException as error:
            os.write(writing, str(error).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        assert f"submitted by process {os.getpid()}" in pipe.read()
    os.waitpid(child, 0)


def test_program_ends(fake_library: Fake) -> None:
    """A program that ends with futures open does not hang, and says nothing."""
    program = """
import drmaa_cffi
executor = drmaa_cffi.JobExecutor()
future = executor.submit(drmaa_cffi.JobTemplate())
print(future.done())
"""
    assert "False\n" == output(run(program, DRMAA_LIBRARY_PATH=str(fake_library.path)))
