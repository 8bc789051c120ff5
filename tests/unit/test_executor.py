"""Jobs as futures: one wait in C for all, and each error where it belongs."""

from __future__ import annotations

import concurrent.futures
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import ClassVar, Iterator

import pytest
from fake import Fake
from moments import LIMIT, later, tasks, until

import drmaa_cffi
from drmaa_cffi import Errno, JobExecutor, JobFuture, JobInfo, JobState, JobTemplate, Session, aio
from programs import output, run

ANY = Session.JOB_IDS_SESSION_ANY


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
    until(lambda: fake.calls("drmaa_wait"))
    # One waits, and one sleeps, to look for lost jobs; one of an earlier test may just leave.
    until(lambda: tasks() <= before + 2)
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


def test_callback_that_exits(
    fake: Fake, executor: JobExecutor, template: JobTemplate, caplog: pytest.LogCaptureFixture
) -> None:
    """A callback that would end the program is logged, and other futures go on."""
    first, second = executor.submit(template), executor.submit(template)
    first.add_done_callback(lambda _: sys.exit("enough"))
    fake.finish(first.job_id)
    until(lambda: "enough" in caplog.text)
    fake.finish(second.job_id)
    assert second.job_id == second.result(LIMIT).jobId


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


def test_cancel_in_callbacks(fake: Fake, executor: JobExecutor, template: JobTemplate) -> None:
    """A callback of a future that is being cancelled may cancel, it and others, and wait."""
    futures = executor.submit_bulk(template, 1, 3, 1)
    other = executor.submit(template)
    found: list[str] = []

    def end_all(_: JobFuture) -> None:
        for future in futures:
            future.cancel()

    futures[0].add_done_callback(end_all)
    futures[0].add_done_callback(lambda _: found.append(other.result(LIMIT).jobId))
    later(fake.finish)
    assert futures[0].cancel()
    assert [True] * 3 == [future.cancelled() for future in futures]
    assert [other.job_id] == found


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


def test_indices(executor: JobExecutor, template: JobTemplate) -> None:
    """Indices may be whole numbers of any kind, which need not add up as int does."""

    class Small:
        def __init__(self, value: int) -> None:
            self.value = value

        def __index__(self) -> int:
            return self.value

    assert 2 == len(executor.submit_bulk(template, Small(1), Small(4), Small(2)))  # type: ignore[arg-type]


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


class Recorder(Session):
    """A session of a program's own that submits in its own way."""

    threads: ClassVar[list[int]] = []
    error: ClassVar[Exception | None] = None

    @staticmethod
    def runJob(jobTemplate: JobTemplate) -> str:
        """Note the thread."""
        Recorder.threads.append(threading.get_ident())
        if Recorder.error is not None:
            raise Recorder.error
        return Session.runJob(jobTemplate)

    @staticmethod
    def runBulkJobs(
        jobTemplate: JobTemplate, beginIndex: int, endIndex: int, step: int
    ) -> list[str]:
        """Note the thread."""
        Recorder.threads.append(threading.get_ident())
        return Session.runBulkJobs(jobTemplate, beginIndex, endIndex, step)


@pytest.fixture
def recorder(fake: Fake, session: Session) -> Iterator[JobExecutor]:
    """An executor in a session of the program's own."""
    Recorder.threads, Recorder.error = [], None
    executor = JobExecutor(Recorder)
    yield executor
    fake.finish()
    executor.shutdown(cancel_futures=True)


def test_runs_in_the_callers_thread(recorder: JobExecutor, template: JobTemplate) -> None:
    """A runJob() of the program's own runs in the thread that submits, as it expects."""
    recorder.submit(template)
    recorder.submit_bulk(template, 1, 2)
    recorder.submit(template, retry=drmaa_cffi.Retry(1))
    assert [threading.main_thread().ident] * 3 == Recorder.threads
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        ident = pool.submit(threading.get_ident).result()
        pool.submit(recorder.submit, template).result()
    assert ident == Recorder.threads[-1]


def test_own_run_job_fails(recorder: JobExecutor, template: JobTemplate) -> None:
    """What a runJob() of the program's own raises comes out of submit()."""
    Recorder.error = KeyError("mine")
    with pytest.raises(KeyError, match="mine"):
        recorder.submit(template)


def test_signal_in_own_run_job(
    recorder: JobExecutor, template: JobTemplate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A handler that raises there ends submit(), and keeps shutdown() from nothing."""

    def interrupt(_: object) -> str:
        signal.raise_signal(signal.SIGINT)
        time.sleep(LIMIT)
        return ""

    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "runJob", staticmethod(interrupt))
        with pytest.raises(KeyboardInterrupt):
            recorder.submit(template)
    assert recorder.submit(template)


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


@pytest.mark.parametrize("session", ["x", aio.Session(), aio.Session, 0, JobTemplate])
def test_no_session(session: Session) -> None:
    """An executor in anything but a session is refused."""
    with pytest.raises(
        drmaa_cffi.InvalidArgumentException, match="is not a session: pass Session"
    ):
        JobExecutor(session)


@pytest.mark.parametrize("submit", ["submit", "submit_bulk", "attach"])
def test_no_callback(
    fake: Fake, executor: JobExecutor, template: JobTemplate, submit: str
) -> None:
    """What can't be called is refused before a job is submitted."""
    arguments = {"submit": (template,), "submit_bulk": (template, 1, 2), "attach": ("1",)}[submit]
    with pytest.raises(drmaa_cffi.InvalidArgumentException, match="on_status can't be 'print'"):
        getattr(executor, submit)(*arguments, on_status="print")
    assert {0} == {fake.calls(f"drmaa_run_{what}") for what in ("job", "bulk_jobs")}


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


def test_executor_in_fork(executor: JobExecutor, template: JobTemplate) -> None:
    """In a forked child an executor refuses all, but for the end of its block."""
    future = executor.submit(template)
    child = os.fork()
    if not child:
        try:
            for refused in (
                executor.shutdown,
                future.cancel,
                lambda: executor.wait_started([future]),
                lambda: executor.submit(template),
            ):
                with pytest.raises(drmaa_cffi.NoActiveSessionException, match="forked"):
                    refused()
            with executor:
                pass
        except BaseException:  # noqa: BLE001
            os._exit(1)
        os._exit(0)
    ended: list[tuple[int, int]] = []

    def has_ended() -> bool:
        ended.append(os.waitpid(child, os.WNOHANG))
        return ended[-1][0] != 0

    try:
        until(has_ended)
    except AssertionError:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    assert (child, 0) == ended[-1]


def test_program_ends(fake_library: Fake) -> None:
    """A program that ends with futures open does not hang, and says nothing."""
    program = """
import drmaa_cffi
executor = drmaa_cffi.JobExecutor()
future = executor.submit(drmaa_cffi.JobTemplate())
print(future.done())
"""
    assert "False\n" == output(run(program, DRMAA_LIBRARY_PATH=str(fake_library.path)))


def test_cancel_just_ended(fake: Fake, executor: JobExecutor, template: JobTemplate) -> None:
    """A DRM may answer as it likes to who ends a job that has just ended: the state decides."""
    future = executor.submit(template)
    fake.returns("drmaa_control", Errno.INTERNAL_ERROR)
    with pytest.raises(drmaa_cffi.InternalException):  # the job runs
        future.cancel()
    fake.delays("drmaa_wait", 0.5)
    later(fake.finish, seconds=0)
    until(lambda: executor._session.jobStatus(future.job_id) != "running")
    assert not future.cancel()
    fake.delays("drmaa_wait", 0)
    assert future.result(LIMIT).ok
