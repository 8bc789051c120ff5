"""A cap on the jobs that are submitted, and a DRM that takes no more for now."""

from __future__ import annotations

import concurrent.futures
from typing import Iterator

import pytest
from fake import Fake
from moments import LIMIT, until

from drmaa_cffi import (
    Cause,
    DeniedByDrmException,
    DrmCommunicationException,
    Errno,
    InternalException,
    InvalidArgumentException,
    JobExecutor,
    JobFuture,
    JobInfo,
    JobTemplate,
    Resources,
    Retry,
    Session,
    more_memory,
    more_time,
)


@pytest.fixture
def capped(fake: Fake, session: Session, monkeypatch: pytest.MonkeyPatch) -> Iterator[JobExecutor]:
    """An executor with four jobs at once; it is quick to ask again."""
    monkeypatch.setattr("drmaa_cffi._futures.submitter._SOONEST", 0.05)
    made = JobExecutor(session, most_at_once=4)
    yield made
    fake.returns("drmaa_run_job", 0)
    fake.finish()
    made.shutdown(cancel_futures=True)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (Errno.TRY_LATER, b"busy"),
        (Errno.DENIED_BY_DRM, b"job rejected: Only 10 jobs are allowed per user (current: 10)"),
        (
            Errno.DENIED_BY_DRM,
            b"Job violates accounting/QOS policy (job submit limit, user's size",
        ),
    ],
)
def test_busy(
    fake: Fake, capped: JobExecutor, template: JobTemplate, code: Errno, words: bytes
) -> None:
    """A DRM that takes no more for now is asked again, at growing intervals, till it does."""
    fake.diagnoses(words)
    fake.returns("drmaa_run_job", code, last=3)
    future = capped.submit(template)
    assert "" == future.job_id
    until(lambda: future.job_id)
    assert 4 == fake.calls("drmaa_run_job")
    fake.finish(future.job_id)
    assert future.result(LIMIT).ok


@pytest.mark.parametrize("code", [Errno.DENIED_BY_DRM, Errno.INTERNAL_ERROR])
def test_refused(fake: Fake, capped: JobExecutor, template: JobTemplate, code: Errno) -> None:
    """Other refusals are errors, of submit() or of a future that was given out."""
    first = [capped.submit(template) for _ in range(4)]
    waiting = capped.submit(template)
    fake.diagnoses(b"no such queue")
    fake.returns("drmaa_run_job", code)
    fake.finish(first[0].job_id)
    error = waiting.exception(LIMIT)
    assert isinstance(error, (DeniedByDrmException, InternalException))
    with pytest.raises(type(error), match="no such queue"):
        capped.submit(template)
    assert {} == {f: f.status() for f in first[1:] if f.done()}


def test_cap(fake: Fake, capped: JobExecutor, template: JobTemplate) -> None:
    """As one job ends the next is submitted; of a bulk job, as many as there is room for."""
    singles = [capped.submit(template) for _ in range(5)]
    tasks = capped.submit_bulk(template, 1, 9, 2)
    assert 4 == fake.calls("drmaa_run_job")
    fake.finish(singles[0].job_id)
    until(lambda: singles[4].job_id)
    assert 0 == fake.calls("drmaa_run_bulk_jobs")
    for future in singles[1:]:
        fake.finish(future.job_id)
    until(lambda: sum(bool(task.job_id) for task in tasks) == 4)
    for task in tasks[:4]:
        fake.finish(task.job_id)
    until(lambda: tasks[4].job_id)
    fake.finish()
    done, _ = concurrent.futures.wait([*singles, *tasks], LIMIT)
    assert 10 == len(done)
    assert fake.calls("drmaa_run_bulk_jobs") <= 5


def test_what_more_is(fake: Fake, template: JobTemplate) -> None:
    """more_memory() and more_time() ask for twice as much, where there was any."""
    info = JobInfo("1", True, False, "", False, False, 1, {})
    for change, field in ((more_memory, "memory"), (more_time, "walltime")):
        with pytest.raises(InvalidArgumentException, match=f"resources name no {field}"):
            change(template, info)
    fake.says("drmaa_get_DRM_system", b"SLURM 22.05")
    template.resources = Resources(memory="1G", walltime=60)
    assert Resources(memory="2G", walltime=60) == more_memory(template, info).resources
    assert Resources(memory="2G", walltime=120) == more_time(template, info).resources


def test_worth_another_try() -> None:
    """A good job is not; of others all but terminated ones are, or those that were named."""

    def ended(status: int, **usage: str) -> JobInfo:
        return JobInfo("1", True, False, "", False, False, status, usage)

    good, bad = ended(0), ended(1)
    terminated, lost = ended(1, cause="terminated"), ended(1, cause="node_failed")
    infos = (good, bad, terminated, lost)
    assert [False, True, False, True] == [Retry().wants(info) for info in infos]
    named = Retry(on={Cause.NODE_FAILED, "terminated"})
    assert [False, False, True, True] == [named.wants(info) for info in infos]
    assert [False, True, False, False] == [Retry(on=[Cause.EXITED]).wants(i) for i in infos]


def test_cancel_while_it_fails(
    fake: Fake, capped: JobExecutor, template: JobTemplate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A future cancelled in the moment in which its job is refused has the error."""
    first, *_, future = capped.submit_all([template] * 5)
    told: list[bool] = []

    def set_exception(error: BaseException | None) -> None:
        told.append(future.cancel())
        JobFuture.set_exception(future, error)

    monkeypatch.setattr(future, "set_exception", set_exception)
    fake.returns("drmaa_run_job", Errno.DENIED_BY_DRM)
    fake.finish(first.job_id)
    assert isinstance(future.exception(LIMIT), DeniedByDrmException)
    assert [False] == told
    fake.returns("drmaa_run_job", 0)
    last = capped.submit(template)
    fake.finish()
    assert last.result(LIMIT).ok


def test_many_refused_for_now(fake: Fake, capped: JobExecutor, template: JobTemplate) -> None:
    """Those of many that the DRM does not take now are tried later, fewer at once."""
    fake.diagnoses(b"Job violates accounting/QOS policy (job submit limit)")
    fake.returns("drmaa_run_job", Errno.DENIED_BY_DRM, last=3)
    futures = capped.submit_all([template] * 4)
    until(lambda: all(future.job_id for future in futures))
    assert 7 == fake.calls("drmaa_run_job")
    fake.finish()
    assert [True] * 4 == [future.result(LIMIT).ok for future in futures]


def test_many_without_drm(fake: Fake, session: Session, template: JobTemplate) -> None:
    """Where the DRM can't be reached it is not asked for each of many jobs."""
    fake.returns("drmaa_run_job", Errno.DRM_COMMUNICATION_FAILURE)
    with JobExecutor(session) as executor, pytest.raises(DrmCommunicationException):
        executor.submit_all([template] * 3)
    assert 1 == fake.calls("drmaa_run_job")
