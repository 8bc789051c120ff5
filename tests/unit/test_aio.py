"""The session for asyncio: one thread for all waits, and no record lost when one is cancelled."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Callable, Coroutine

import pytest
from fake import Fake
from moments import LIMIT, later, tasks, until

import drmaa_cffi
from drmaa_cffi import JobExecutor, JobState, JobTemplate, Session, aio
from drmaa_cffi._waiting import waiting

ANY = Session.JOB_IDS_SESSION_ANY


def play(scene: Callable[[aio.Session], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine in an open session, in asyncio's debug mode, with a limit."""

    async def whole() -> None:
        async with aio.Session() as session:
            await asyncio.wait_for(scene(session), LIMIT)

    asyncio.run(whole(), debug=True)


def test_every_name(fake: Fake) -> None:
    """All names of the session are there, and do what they do without asyncio."""

    async def scene(session: aio.Session) -> None:
        template = await session.createJobTemplate()
        template.remoteCommand = "/bin/true"
        job = await session.runJob(template)
        assert JobState.RUNNING == await session.jobStatus(job)
        await session.control(job, "hold")
        jobs = await session.runBulkJobs(template, 1, 3, 1)
        later(fake.finish)
        await session.synchronize([job, *jobs], LIMIT)
        assert job == (await session.wait(job)).jobId
        await session.synchronize(session.JOB_IDS_SESSION_ALL, dispose=True)
        with pytest.raises(drmaa_cffi.InvalidJobException):
            await session.wait(jobs[0])
        await session.deleteJobTemplate(template)
        assert (Session.contact, Session.drmsInfo, Session.drmaaImplementation) == (
            session.contact, session.drmsInfo, session.drmaaImplementation
        )  # fmt: skip
        assert (1, 0) == session.version
        await session.exit()
        with pytest.raises(drmaa_cffi.NoActiveSessionException):
            await session.wait(job)
        await session.initialize()

    play(scene)
    public = {name for name in vars(Session) if not name.startswith("_")}
    assert public | {"as_completed"} == {n for n in vars(aio.Session) if not n.startswith("_")}


def test_thousand_waits(fake: Fake) -> None:
    """A thousand coroutines wait in one thread, with a C call for each job that ends."""

    async def scene(session: aio.Session) -> None:
        jobs = await session.runBulkJobs(JobTemplate(), 1, 1000, 1)
        before = tasks()
        waits = [asyncio.create_task(session.wait(job)) for job in jobs]
        while not fake.calls("drmaa_wait"):  # noqa: ASYNC110 - C sets no event
            await asyncio.sleep(0.01)
        assert tasks() <= before + 2  # one of them sleeps, until something is old
        fake.finish()
        assert jobs == [info.jobId for info in await asyncio.gather(*waits)]
        assert 1000 == fake.calls("drmaa_wait")

    play(scene)


@pytest.mark.parametrize("asked", ["the job", "any"])
def test_cancelled(fake: Fake, asked: str) -> None:
    """The record of a wait that was cancelled is the next one's, with asyncio or without."""

    async def scene(session: aio.Session) -> None:
        for ends in ("before", "at", "after"):
            job = await session.runJob(JobTemplate())
            word = job if asked == "the job" else ANY
            wait = asyncio.create_task(session.wait(word))
            await asyncio.sleep(0.05)
            if ends == "before":
                fake.finish(job)
                # The record comes, and the coroutine is not told yet.
                time.sleep(0.05)  # noqa: ASYNC251
            wait.cancel()
            if ends == "at":
                fake.finish(job)
            with pytest.raises(asyncio.CancelledError):
                await wait
            if ends == "after":
                later(fake.finish, job)
            assert job == (await session.wait(word)).jobId
        job = await session.runJob(JobTemplate())
        wait = asyncio.create_task(session.wait(job))
        await asyncio.sleep(0.05)
        wait.cancel()
        later(fake.finish, job)
        assert job == (await asyncio.get_running_loop().run_in_executor(
            None, Session.wait, job, LIMIT
        )).jobId  # fmt: skip

    play(scene)


def test_timeouts(fake: Fake) -> None:
    """A wait ends with its own timeout, a fraction of a second too, or with asyncio's."""

    async def scene(session: aio.Session) -> None:
        job = await session.runJob(JobTemplate())
        for word in (job, ANY):
            for timeout in (0, 0.1):
                begin = time.monotonic()
                with pytest.raises(drmaa_cffi.ExitTimeoutException):
                    await session.wait(word, timeout)
                assert timeout <= time.monotonic() - begin < timeout + 5
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(session.wait(word), 0.05)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(session.synchronize([job], dispose=True), 0.05)
        fake.finish(job)
        assert job == (await session.wait(job, 0)).jobId

    play(scene)


def test_as_completed_of_any(fake: Fake) -> None:
    """as_completed() refuses the word for one of many, where all are asked for."""

    async def scene(session: aio.Session) -> None:
        await session.runJob(JobTemplate())
        with pytest.raises(drmaa_cffi.InvalidArgumentException, match="JOB_IDS_SESSION_ALL"):
            await session.as_completed([ANY]).__anext__()
        fake.finish()

    play(scene)


def test_unknown_job(fake: Fake) -> None:
    """A job that there is not, or whose record was taken, is refused as ever."""

    async def scene(session: aio.Session) -> None:
        job = await session.runJob(JobTemplate())
        fake.finish(job)
        await session.wait(job)
        for word in ("4711", job, ANY):
            with pytest.raises(drmaa_cffi.InvalidJobException):
                await session.wait(word)
        with pytest.raises(drmaa_cffi.InvalidArgumentException):
            await session.wait(job, -2)
        with pytest.raises(drmaa_cffi.InvalidArgumentException):
            async for _ in session.as_completed(None):  # type: ignore[arg-type]
                pass

    play(scene)


def test_as_completed(fake: Fake) -> None:
    """as_completed() gives records in the order of the jobs' ends."""

    async def scene(session: aio.Session) -> None:
        jobs = await session.runBulkJobs(JobTemplate(), 1, 5, 1)
        order = [jobs[2], jobs[0], jobs[4]]
        fake.finish(order[0])
        seen = []
        async for info in session.as_completed(order):
            seen.append(info.jobId)
            if len(seen) < len(order):
                fake.finish(order[len(seen)])
        assert order == seen
        fake.finish()
        rest = {info.jobId async for info in session.as_completed(session.JOB_IDS_SESSION_ALL)}
        assert set(jobs) - set(order) == rest

    play(scene)


def test_as_completed_left(fake: Fake) -> None:
    """A loop that is left early leaves the other records to other waits."""

    async def scene(session: aio.Session) -> None:
        jobs = await session.runBulkJobs(JobTemplate(), 1, 3, 1)
        fake.finish()
        loop = session.as_completed(jobs)
        first = await loop.__anext__()
        await loop.aclose()  # type: ignore[attr-defined]
        others = {(await session.wait(ANY)).jobId for _ in range(2)}
        assert set(jobs) == {first.jobId, *others}

    play(scene)


def test_job_without_usage(fake: Fake) -> None:
    """A job without usage raises for wait(), and has a record for as_completed()."""

    async def scene(session: aio.Session) -> None:
        fake.gives_no_usage()
        first, second = [await session.runJob(JobTemplate()) for _ in range(2)]
        fake.finish()
        with pytest.raises(drmaa_cffi.NoResourceUsageException) as caught:
            await session.wait(first)
        assert caught.value.jobInfo is not None
        assert [second] == [info.jobId async for info in session.as_completed([second])]

    play(scene)


def test_exit_ends_waits(fake: Fake) -> None:
    """The session's exit ends the waits of coroutines with an exception."""

    async def scene(session: aio.Session) -> None:
        job = await session.runJob(JobTemplate())
        waits = [asyncio.create_task(session.wait(word)) for word in (job, ANY)]
        await asyncio.sleep(0.05)
        await session.exit()
        for wait in waits:
            with pytest.raises(drmaa_cffi.NoActiveSessionException):
                await wait

    play(scene)


def test_cluster_does_not_answer(fake: Fake) -> None:
    """A DRM that does not answer for a while delays waits, and ends none."""

    async def scene(session: aio.Session) -> None:
        fake.returns("drmaa_wait", drmaa_cffi.Errno.DRM_COMMUNICATION_FAILURE, first=1, last=2)
        job = await session.runJob(JobTemplate())
        fake.finish()
        assert job == (await session.wait(job)).jobId

    play(scene)


def test_futures_in_asyncio(fake: Fake) -> None:
    """An executor's futures can be awaited, beside the session's coroutines."""

    async def scene(session: aio.Session) -> None:
        executor = JobExecutor(Session)
        future = executor.submit(JobTemplate())
        own = await session.runJob(JobTemplate())
        later(fake.finish)
        info = await asyncio.wrap_future(future)
        assert future.job_id == info.jobId == (await session.wait(info.jobId)).jobId
        assert own == (await session.wait(ANY)).jobId
        executor.shutdown()

    play(scene)


def test_loop_is_closed(fake: Fake) -> None:
    """A record that comes when the loop is gone is kept for the next wait."""

    async def begin() -> str:
        session = aio.Session()
        await session.initialize()
        job = await session.runJob(JobTemplate())
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(session.wait(job), 0.05)
        return job

    job = asyncio.run(begin())
    later(fake.finish)
    assert job == Session.wait(job, LIMIT).jobId


def test_given_once(fake: Fake) -> None:
    """The record of a future's job is given by one wait, with asyncio or without, and no more."""

    async def scene(session: aio.Session) -> None:
        executor = JobExecutor(Session)
        call = asyncio.get_running_loop().run_in_executor
        for is_first_here in (True, False):
            future = executor.submit(JobTemplate())
            fake.finish(future.job_id)
            if is_first_here:
                await session.wait(future.job_id)
            else:
                await call(None, Session.wait, future.job_id)
            message = "was taken by an earlier wait"
            with pytest.raises(drmaa_cffi.InvalidJobException, match=message):
                await session.wait(future.job_id)
            with pytest.raises(drmaa_cffi.InvalidJobException, match=message):
                await call(None, Session.wait, future.job_id)
            with pytest.raises(drmaa_cffi.InvalidJobException, match=message):
                async for _ in session.as_completed([future.job_id]):
                    pass
            assert future.job_id == future.result(LIMIT).jobId
        executor.shutdown()

    play(scene)


@pytest.mark.parametrize("is_futures", [True, False], ids=["future", "job"])
def test_two_coroutines_for_one_job(fake: Fake, is_futures: bool) -> None:
    """Of coroutines that wait for the same job one gets its record."""

    async def scene(session: aio.Session) -> None:
        executor = JobExecutor(Session)
        job = (
            executor.submit(JobTemplate()).job_id if is_futures else Session.runJob(JobTemplate())
        )
        waits = [asyncio.create_task(session.wait(job)) for _ in range(5)]
        await asyncio.sleep(0.05)
        fake.finish(job)
        ends = await asyncio.gather(*waits, return_exceptions=True)
        assert [job] == [end.jobId for end in ends if isinstance(end, drmaa_cffi.JobInfo)]
        assert 4 == sum(isinstance(end, drmaa_cffi.InvalidJobException) for end in ends)
        executor.shutdown()

    play(scene)


def test_exit_ends_all_waits_for_one_job(fake: Fake) -> None:
    """What is no record is told to every coroutine that waits for the job."""

    async def scene(session: aio.Session) -> None:
        job = await session.runJob(JobTemplate())
        waits = [asyncio.create_task(session.wait(job)) for _ in range(3)]
        await asyncio.sleep(0.05)
        await session.exit()
        ends = await asyncio.gather(*waits, return_exceptions=True)
        assert [drmaa_cffi.NoActiveSessionException] * 3 == [type(end) for end in ends]

    play(scene)


def test_cancelled_wait_for_a_lost_job(fake: Fake) -> None:
    """That a job is lost, which its cancelled wait was not told, is no answer to other waits."""

    async def scene(session: aio.Session) -> None:
        lost = await session.runJob(JobTemplate())
        fake.returns("drmaa_wait", drmaa_cffi.Errno.INVALID_JOB)
        wait = asyncio.create_task(session.wait(lost))
        await asyncio.sleep(0.05)
        # It is given up, and the coroutine is not told yet.
        until(lambda: not waiting.waits.ledger.open_wants())
        wait.cancel()
        await asyncio.gather(wait, return_exceptions=True)
        fake.returns("drmaa_wait", 0)
        job = await session.runJob(JobTemplate())
        later(fake.finish, job)
        assert job == (await session.wait(ANY)).jobId

    play(scene)


@pytest.mark.parametrize("is_later", [False, True], ids=["no later job", "a later job"])
def test_dispose_of_all(fake: Fake, is_later: bool) -> None:
    """synchronize() drops the records of all jobs, but for those of later ones."""

    async def scene(session: aio.Session) -> None:
        await session.runBulkJobs(JobTemplate(), 1, 3, 1)
        every = session.JOB_IDS_SESSION_ALL
        wait = asyncio.create_task(session.synchronize(every, LIMIT, dispose=True))
        await asyncio.sleep(0.1)
        # By whom does not matter.
        jobs = [Session.runJob(JobTemplate())] if is_later else []
        fake.finish()
        await wait
        for job in jobs:
            assert job == (await session.wait(job, LIMIT)).jobId
        with pytest.raises(drmaa_cffi.InvalidJobException):
            await session.wait(ANY, 0)

    play(scene)
