"""Event loops that are stopped, closed or forgotten lose no job's record."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from typing import Iterator

import pytest
from fake import Fake
from moments import LIMIT, later

import drmaa_cffi
from drmaa_cffi import JobTemplate, Session, aio
from drmaa_cffi._waiting import waiting

ANY = Session.JOB_IDS_SESSION_ANY
# Where a loop is closed too early asyncio says so.
pytestmark = [
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def loop(fake: Fake, session: Session) -> Iterator[asyncio.AbstractEventLoop]:
    """A loop that is not asyncio.run()'s, which would end all that is open in it."""
    made = asyncio.new_event_loop()
    yield made
    made.close()


def run_for_a_moment(loop: asyncio.AbstractEventLoop) -> None:
    """Let what is in the loop go on until it waits."""
    loop.run_until_complete(asyncio.sleep(0.05))


def rest(number: int) -> set[str]:
    """Return the jobs whose records other waits get."""
    return {Session.wait(ANY, LIMIT).jobId for _ in range(number)}


@pytest.mark.parametrize("end", ["cancelled and forgotten", "forgotten", "kept"])
@pytest.mark.parametrize("comes", ["before the close", "after the close"])
@pytest.mark.parametrize("words", ["id, id", "id, any", "any, id", "any, any"])
def test_stopped_loop(
    fake: Fake, loop: asyncio.AbstractEventLoop, words: str, comes: str, end: str
) -> None:
    """The record of a wait whose loop was stopped for good goes to the next wait, once."""
    job = Session.runJob(JobTemplate())
    asked, again = (job if word == "id" else ANY for word in words.split(", "))
    task = loop.create_task(aio.Session().wait(asked))
    run_for_a_moment(loop)
    if comes == "before the close":
        fake.finish(job)
        # The record comes, and the loop is not there to hear of it.
        time.sleep(0.1)
    if end == "cancelled and forgotten":
        task.cancel()
    loop.close()
    if end != "kept":
        del task
        gc.collect()
    if comes == "after the close":
        later(fake.finish, job, seconds=0.1)
    assert job == Session.wait(again, LIMIT).jobId
    task = None
    gc.collect()
    time.sleep(0.05)
    with pytest.raises(drmaa_cffi.InvalidJobException):
        Session.wait(again, 0)


def test_stopped_loop_goes_on(fake: Fake, loop: asyncio.AbstractEventLoop) -> None:
    """The record of a wait whose loop was stopped is still there when the loop goes on."""
    session = aio.Session()
    jobs = [Session.runJob(JobTemplate()) for _ in range(2)]
    waits = [loop.create_task(session.wait(word)) for word in (jobs[0], ANY)]
    run_for_a_moment(loop)
    fake.finish()
    time.sleep(0.1)
    infos = loop.run_until_complete(asyncio.gather(*waits))
    assert jobs == [info.jobId for info in infos]


@pytest.mark.parametrize("ends", ["before the break", "before the close", "after the close"])
def test_broken_off_as_completed(fake: Fake, loop: asyncio.AbstractEventLoop, ends: str) -> None:
    """A loop over as_completed() that was left leaves the others, if its end was not awaited."""
    jobs = Session.runBulkJobs(JobTemplate(), 1, 5, 1)
    seen: set[str] = set()

    async def first() -> None:
        async for info in aio.Session().as_completed(jobs):
            seen.add(info.jobId)
            if ends == "before the break":
                fake.finish()
                await asyncio.sleep(0.1)
            break

    fake.finish(jobs[0])
    loop.run_until_complete(first())
    if ends == "before the close":
        fake.finish()
        time.sleep(0.1)
    loop.close()
    gc.collect()
    if ends == "after the close":
        later(fake.finish, seconds=0.1)
    assert {jobs[0]} == seen
    assert set(jobs[1:]) == rest(4)
    with pytest.raises(drmaa_cffi.InvalidJobException):
        Session.wait(ANY, 0)


def test_end_under_a_lock(fake: Fake, loop: asyncio.AbstractEventLoop) -> None:
    """A wait that dies while a thread is busy with records does not wait for that thread."""
    jobs = [Session.runJob(JobTemplate()) for _ in range(2)]
    session = aio.Session()
    waits = [loop.create_task(session.wait(word)) for word in (jobs[0], ANY)]
    run_for_a_moment(loop)
    fake.finish()
    time.sleep(0.1)
    held, free = threading.Event(), threading.Event()
    records = waiting.waits.ledger

    def hold() -> None:
        with records.changed:
            held.set()
            free.wait(LIMIT)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(LIMIT)
    begin = time.monotonic()
    loop.close()
    del waits[:]
    gc.collect()
    assert time.monotonic() - begin < LIMIT / 2
    free.set()
    holder.join()
    assert set(jobs) == rest(2)


@pytest.mark.parametrize("word", ["id", "any"])
def test_session_of_before(fake: Fake, loop: asyncio.AbstractEventLoop, word: str) -> None:
    """What a forgotten wait had in hand is worth nothing in the next session."""
    job = Session.runJob(JobTemplate())
    task = loop.create_task(aio.Session().wait(job if word == "id" else ANY))
    run_for_a_moment(loop)
    fake.finish()
    time.sleep(0.1)
    Session.exit()
    Session.initialize()
    loop.close()
    task = None  # noqa: F841 - forgotten
    gc.collect()
    time.sleep(0.1)
    with pytest.raises(drmaa_cffi.InvalidJobException):
        Session.wait(ANY, 0)


@pytest.mark.filterwarnings("ignore:unclosed event loop:ResourceWarning")
@pytest.mark.parametrize("word", ["id", "any"])
def test_forgotten_loop(fake: Fake, session: Session, word: str) -> None:
    """A loop that is neither closed nor run again leaves its records to others when it dies."""
    job = Session.runJob(JobTemplate())
    loop = asyncio.new_event_loop()
    task = loop.create_task(aio.Session().wait(job if word == "id" else ANY))
    run_for_a_moment(loop)
    fake.finish()
    time.sleep(0.1)
    del loop, task
    gc.collect()
    assert {job} == rest(1)
