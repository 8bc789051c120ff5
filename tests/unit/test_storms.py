"""Storms of signals over futures, executors and coroutines: whenever a handler raises, all end."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import random
import signal
from typing import Callable, Iterator

import pytest
from fake import Fake
from moments import LIMIT
from test_signals import Alarm, Timer, elsewhere

from drmaa_cffi import JobExecutor, JobFuture, JobTemplate, Session, aio

SHORT = 0.002


@pytest.fixture
def timer() -> Iterator[Timer]:
    """A timer that is off in the end."""
    made = Timer()
    former = signal.signal(signal.SIGALRM, made.ring)
    yield made
    made.stop()
    signal.signal(signal.SIGALRM, former)


# A handler that raises in what Python does between two steps of the program is told of so.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    "signals", [100, pytest.param(10_000, marks=[pytest.mark.slow, pytest.mark.timeout(600)])]
)
@pytest.mark.parametrize(
    "executor", [{}, {"most_at_once": 10}], ids=["plain", "capped"], indirect=True
)
@pytest.mark.parametrize(
    "name", ["result", "exception", "done", "wait", "as_completed", "callback", "wait_started"]
)
def test_storm(
    fake: Fake,
    session: Session,
    executor: JobExecutor,
    template: JobTemplate,
    timer: Timer,
    name: str,
    signals: int,
) -> None:
    """After signals at any moment each future has its result, and the executor ends."""
    futures = [executor.submit(template) for _ in range(3)]
    chance = random.Random(7)
    job = session.runJob(template)
    calls: dict[str, Callable[[], object]] = {
        "result": lambda: futures[0].result(SHORT),
        "exception": lambda: futures[0].exception(SHORT),
        "done": lambda: [
            future.done() or future.cancelled() for _ in range(500) for future in futures
        ],
        "wait": lambda: concurrent.futures.wait(futures, SHORT),
        "as_completed": lambda: list(concurrent.futures.as_completed(futures, SHORT)),
        "callback": lambda: [futures[0].add_done_callback(id) for _ in range(5000)],
        "wait_started": lambda: executor.wait_started(futures, SHORT),
    }
    came = 0
    for number in range(signals * 3):
        if number % 10 == 0:
            futures.append(executor.submit(template))
            fake.finish(futures.pop(0).job_id)
        try:
            timer.start(chance.uniform(0.00005, 0.0015))
            with contextlib.suppress(concurrent.futures.TimeoutError):
                calls[name]()
            timer.stop()
        except Alarm:
            came += 1
        except RuntimeError as error:
            # A handler that raises inside threading.Condition.wait() leaves its lock released; the
            # end of the block then raises this in place of the handler's.
            if "release unlocked lock" not in str(error):
                raise
            came += 1
        if came >= signals:
            break
    assert came > signals / 10
    fake.finish(futures[0].job_id)
    assert futures[0].job_id == elsewhere(lambda: futures[0].result(LIMIT).jobId)
    fake.finish()
    for future in futures:
        assert future.job_id == elsewhere(lambda future=future: future.result(LIMIT).jobId)  # type: ignore[misc]
        assert future.job_id == future.result(LIMIT).jobId
    assert elsewhere(executor.shutdown) is None
    assert job == elsewhere(lambda: session.wait(job, LIMIT).jobId)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    "signals", [100, pytest.param(10_000, marks=[pytest.mark.slow, pytest.mark.timeout(600)])]
)
@pytest.mark.parametrize(
    "executor", [{}, {"most_at_once": 2}], ids=["plain", "capped"], indirect=True
)
def test_storm_of_cancels(
    fake: Fake, executor: JobExecutor, template: JobTemplate, timer: Timer, signals: int
) -> None:
    """After signals in the midst of cancel() the executor takes jobs, and ends them all."""
    chance = random.Random(7)
    for _ in range(signals):
        future = executor.submit(template)
        try:
            timer.start(chance.uniform(0.00001, 0.0005))
            future.cancel()
            timer.stop()
        except Alarm:
            pass
    last = elsewhere(lambda: executor.submit(template))
    assert isinstance(last, JobFuture)
    assert elsewhere(lambda: executor.shutdown(wait=False, cancel_futures=True)) is None
    assert last.cancelled()
    fake.finish()
    assert elsewhere(executor.shutdown) is None


@pytest.mark.parametrize(
    "signals", [100, pytest.param(10_000, marks=[pytest.mark.slow, pytest.mark.timeout(600)])]
)
def test_storm_in_a_loop(
    fake: Fake, session: Session, template: JobTemplate, signals: int
) -> None:
    """After signals that cancel a coroutine's wait at any moment no record is lost."""
    chance = random.Random(7)

    async def scene() -> None:
        loop = asyncio.get_running_loop()
        other, job = aio.Session(), ""
        for number in range(signals):
            if number % 10 == 0:
                job = await other.runJob(template)
            task = asyncio.ensure_future(other.wait(job))
            loop.add_signal_handler(signal.SIGALRM, task.cancel)
            signal.setitimer(signal.ITIMER_REAL, chance.uniform(0.00005, 0.0015))
            if number % 10 == 9:
                fake.finish(job)
            try:
                assert job == (await task).jobId
            except asyncio.CancelledError:
                if number % 10 == 9:
                    assert job == (await asyncio.wait_for(other.wait(job), LIMIT)).jobId

    asyncio.run(scene())
