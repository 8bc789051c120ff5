"""Changes of status, and starts, are asked for in one sweep for all who want to know."""

from __future__ import annotations

import logging
import sys
import time

import pytest
from fake import Fake
from moments import LIMIT, later, until

import drmaa_cffi
from drmaa_cffi import JobExecutor, JobFuture, JobState, JobTemplate, Session

ANY = Session.JOB_IDS_SESSION_ANY


@pytest.mark.parametrize("interval", [0, -1, float("nan"), float("inf"), True, None, "1"])
def test_bad_interval(session: Session, interval: float) -> None:
    """An interval that is not a number above 0 is refused with its value."""
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


def test_on_status_exits(
    fake: Fake, executor: JobExecutor, template: JobTemplate, caplog: pytest.LogCaptureFixture
) -> None:
    """So is one that would end the program, and others are told."""
    seen: list[JobState] = []
    executor.submit(template, on_status=lambda *_: sys.exit("enough"))
    executor.submit(template, on_status=lambda _, state: seen.append(state))
    until(lambda: seen)
    assert "enough" in caplog.text
    fake.finish()
    executor.shutdown()


@pytest.mark.parametrize("futures", [["1"], 5, [None], {"1": 2}, "alone"])
def test_wait_started_for_no_futures(
    fake: Fake, executor: JobExecutor, template: JobTemplate, futures: object
) -> None:
    """Anything but futures is refused, and status events go on."""
    seen: list[JobState] = []
    future = executor.submit(template, on_status=lambda _, state: seen.append(state))
    with pytest.raises(drmaa_cffi.InvalidArgumentException, match="pass futures of an executor"):
        executor.wait_started(future if futures == "alone" else futures)  # type: ignore[arg-type]
    fake.finish()
    until(lambda: JobState.DONE in seen)


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
