"""Futures, and coroutines, of real jobs."""

from __future__ import annotations

import asyncio
import concurrent.futures
from pathlib import Path
from typing import Iterator

import pytest
from drms import Drm
from jobs import LONG, Gate, Jobs, end_all_jobs, is_still, until, until_state

import drmaa_cffi
from drmaa_cffi import JobExecutor, JobFuture, JobState, JobSubmissionState, Session, aio

ANY = Session.JOB_IDS_SESSION_ANY


@pytest.fixture
def executor(session: Session) -> Iterator[JobExecutor]:
    """An executor in the open session; its jobs end with the test."""
    made = JobExecutor(session, status_interval=0.2)
    yield made
    made.shutdown(cancel_futures=True)


def test_as_completed(executor: JobExecutor, jobs: Jobs) -> None:
    """Futures complete as their jobs end, each with its own exit status."""
    futures = {
        executor.submit(jobs.template(f"sleep {number / 4}; exit {number}")): number
        for number in range(5)
    }
    for future in concurrent.futures.as_completed(futures, LONG):
        info = future.result()
        assert (future.job_id, True, futures[future]) == (
            info.jobId, info.hasExited, info.exitStatus
        )  # fmt: skip
        assert JobState.DONE == future.status()


def test_bulk(executor: JobExecutor, jobs: Jobs, drm: Drm) -> None:
    """A bulk job's futures come in the order of its indices."""
    with jobs.template(f"exit ${drm.index_variable}") as template:
        futures = executor.submit_bulk(template, 3, 11, 4)
    assert [3, 7, 11] == [future.result(LONG).exitStatus for future in futures]


@pytest.mark.parametrize("joined", [False, True])
def test_check(executor: JobExecutor, jobs: Jobs, tmp_path: Path, joined: bool) -> None:
    """With a check a job that fails raises, with the last lines of its error file."""
    with jobs.template(
        "echo fine; echo no luck >&2; exit 3",
        outputPath=f":{tmp_path}/out",
        errorPath=f":{tmp_path}/err",
        joinFiles=joined,
    ) as template:
        future = executor.submit(template, check=True)
    with pytest.raises(drmaa_cffi.JobFailedError, match="exited with 3") as caught:
        future.result(LONG)
    assert 3 == caught.value.jobInfo.exitStatus
    assert (["fine"] if joined else []) + ["no luck"] == caught.value.stderr.splitlines()


def test_check_default_file(executor: JobExecutor, jobs: Jobs, tmp_path: Path) -> None:
    """So it does where the template leaves the file's name to the DRM."""
    with jobs.template("exit 1", workingDirectory=str(tmp_path)) as template:
        plain = template.asdict()
    del plain["outputPath"], plain["joinFiles"]
    plain.update(jobName="failing", args=["-c", "echo no luck >&2; exit 1"])
    with drmaa_cffi.JobTemplate(**plain) as template:
        future = executor.submit(template, check=True)
    with pytest.raises(drmaa_cffi.JobFailedError) as caught:
        future.result(LONG)
    assert "no luck" == caught.value.stderr


def test_cancel(executor: JobExecutor, jobs: Jobs) -> None:
    """cancel() ends a running job and a held one."""
    running = executor.submit(jobs.template("exec sleep 600"))
    held = executor.submit(jobs.template(jobSubmissionState=JobSubmissionState.HOLD_STATE))
    until_state(running.job_id, JobState.RUNNING)
    assert [True, True] == [future.cancel() for future in (running, held)]
    for future in (running, held):
        with pytest.raises(concurrent.futures.CancelledError):
            future.result(LONG)
    until(lambda: running.has_record and held.has_record)
    assert JobState.FAILED == running.status()


def test_terminate(executor: JobExecutor, jobs: Jobs) -> None:
    """terminate() ends a job, and its record says so."""
    future = executor.submit(jobs.template("exec sleep 600"))
    executor.wait_started([future], LONG)
    future.terminate()
    info = future.result(LONG)
    assert (False, False) == (info.ok, info.hasExited and not info.wasAborted)


def test_control(executor: JobExecutor, jobs: Jobs, tmp_path: Path) -> None:
    """A future's job can be held and released, suspended and resumed."""
    script = f"while [ ! -e {tmp_path}/go ]; do echo; sleep 0.1; done; exit 4"
    out = tmp_path / "out"
    future = executor.submit(
        jobs.template(
            script, jobSubmissionState=JobSubmissionState.HOLD_STATE, outputPath=f":{out}"
        )
    )
    until_state(future.job_id, JobState.USER_ON_HOLD)
    future.release()
    executor.wait_started([future], LONG)
    until(lambda: out.exists() and out.stat().st_size)
    future.suspend()
    until_state(future.job_id, JobState.USER_SUSPENDED)
    assert JobState.USER_SUSPENDED == future.status()
    # Grid Engine stops the job a while after it says so.
    until(lambda: is_still(out))
    future.resume()
    until(lambda: not is_still(out))
    (tmp_path / "go").touch()
    assert 4 == future.result(LONG).exitStatus


def test_wait_started(executor: JobExecutor, jobs: Jobs) -> None:
    """wait_started() tells jobs that have started from those on hold."""
    running = executor.submit(jobs.template("exec sleep 600"))
    ended = executor.submit(jobs.template())
    held = executor.submit(jobs.template(jobSubmissionState=JobSubmissionState.HOLD_STATE))
    ended.result(LONG)
    assert ({running, ended}, set()) == executor.wait_started([running, ended], LONG)
    assert ({ended}, {held}) == executor.wait_started([ended, held], 1)


def test_on_status(executor: JobExecutor, jobs: Jobs, tmp_path: Path) -> None:
    """Changes of status are told, until the end."""
    seen: list[JobState] = []

    def note(_: JobFuture, state: JobState) -> None:
        seen.append(state)

    script = f"while [ ! -e {tmp_path}/go ]; do sleep 0.1; done"
    template = jobs.template(script, jobSubmissionState=JobSubmissionState.HOLD_STATE)
    future = executor.submit(template, on_status=note)
    until(lambda: JobState.USER_ON_HOLD in seen)
    future.release()
    until(lambda: JobState.RUNNING in seen)
    (tmp_path / "go").touch()
    until(lambda: JobState.DONE in seen)
    assert JobState.DONE == seen[-1]


def test_beside_the_session(executor: JobExecutor, jobs: Jobs) -> None:
    """Waits of the session and futures get their own jobs, and share what both ask for."""
    futures = [executor.submit(jobs.template(f"sleep 0.{n}")) for n in range(5)]
    own = [jobs.submit(f"sleep 0.{n}; exit 7") for n in range(5)]
    found = [Session.wait(ANY, LONG) for _ in own]
    assert sorted(own) == sorted(info.jobId for info in found)
    assert {7} == {info.exitStatus for info in found}
    shared = Session.wait(futures[0].job_id, LONG)
    assert shared is futures[0].result(LONG)
    assert not concurrent.futures.wait(futures, LONG).not_done


def test_attach(session: Session, jobs: Jobs) -> None:
    """A job of an earlier session, taken up by its contact, gets a future."""
    # What ends while nobody is there is lost to Grid Engine's sessions: it waits for us.
    gate = Gate(jobs.folder)
    job_id = jobs.submit(f"{gate.shut}exit 6")
    until_state(job_id, JobState.RUNNING)
    contact = session.contact
    session.exit()
    session.initialize(contact)
    gate.open()
    with JobExecutor(session) as executor:
        assert 6 == executor.attach(job_id).result(LONG).exitStatus
        with pytest.raises(drmaa_cffi.InvalidJobException):
            executor.attach(int(job_id) + 1)


def test_own_session(tmp_path: Path) -> None:
    """An executor without a session opens its own, and leaves nothing open."""
    jobs = Jobs(tmp_path)
    with JobExecutor() as executor:
        assert 5 == executor.submit(jobs.template("exit 5")).result(LONG).exitStatus
    with pytest.raises(drmaa_cffi.NoActiveSessionException):
        Session.exit()


def test_asyncio(tmp_path: Path) -> None:
    """Coroutines submit, wait, are cancelled and iterate, and no record is lost."""

    async def whole() -> None:
        jobs = Jobs(tmp_path)
        async with aio.Session() as session:
            try:
                ids = [await session.runJob(jobs.template(f"exit {n}")) for n in range(4)]
                slow = await session.runJob(jobs.template("sleep 1; exit 9"))
                with pytest.raises(asyncio.TimeoutError):
                    await asyncio.wait_for(session.wait(slow), 0.2)
                infos = await asyncio.gather(*map(session.wait, ids))
                assert [0, 1, 2, 3] == [info.exitStatus for info in infos]
                assert 9 == (await session.wait(slow, LONG)).exitStatus
                with jobs.template() as template:
                    ids = await session.runBulkJobs(template, 1, 5, 2)
                await session.synchronize(ids, LONG)
                seen = [info.jobId async for info in session.as_completed(ids)]
                assert sorted(ids) == sorted(seen)
                with pytest.raises(drmaa_cffi.InvalidJobException):
                    await session.wait(ANY)
            finally:
                await asyncio.get_running_loop().run_in_executor(None, end_all_jobs)

    asyncio.run(asyncio.wait_for(whole(), LONG * 2), debug=True)
