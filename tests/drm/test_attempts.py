"""Jobs that follow others, that are tried again, and that wait for room."""

from __future__ import annotations

import concurrent.futures
import time
from pathlib import Path
from typing import Iterator

import pytest
from drms import Drm
from jobs import AT_ONCE, LONG, Gate, Jobs, until, until_state

from drmaa_cffi import (
    Cause,
    IllegalStateException,
    InvalidArgumentException,
    InvalidJobException,
    JobExecutor,
    JobFailedError,
    JobInfo,
    JobState,
    JobTemplate,
    Retry,
    Session,
    UnsupportedAttributeException,
)


@pytest.fixture
def executor(session: Session) -> Iterator[JobExecutor]:
    """An executor in the open session; its jobs end with the test."""
    made = JobExecutor(session, status_interval=0.2)
    yield made
    made.shutdown(cancel_futures=True)


@pytest.fixture
def narrow(session: Session) -> Iterator[JobExecutor]:
    """An executor with two jobs at once."""
    made = JobExecutor(session, most_at_once=2)
    yield made
    made.shutdown(cancel_futures=True)


def test_after(executor: JobExecutor, jobs: Jobs, tmp_path: Path) -> None:
    """A job starts when those before it have ended, however they did."""
    said = tmp_path / "said"
    gate = Gate(tmp_path)
    first = executor.submit(jobs.template(f"{gate.shut} echo 1 >> {said}; exit 3"))
    second = executor.submit(jobs.template(f"echo 2 >> {said}"), after=[first])
    third = executor.submit_bulk(
        jobs.template(f"echo 3 >> {said}"), 1, 2, after=[second.job_id, first]
    )
    until_state(first.job_id, JobState.RUNNING)
    assert [False] * 3 == [future.done() for future in (second, *third)]
    gate.open()
    assert [0, 0, 0] == [future.result(LONG).exitStatus for future in (second, *third)]
    assert ["1", "2", "3", "3"] == said.read_text().split()
    assert executor.submit(jobs.template(), after=first).result(LONG).ok


def test_only_if_ok(executor: JobExecutor, jobs: Jobs, drm: Drm, tmp_path: Path) -> None:
    """A job that is to run only after good ones runs, or ends and says why."""
    if drm.name == "gridengine":
        with pytest.raises(UnsupportedAttributeException, match="Grid Engine .* only_if_ok"):
            executor.submit(jobs.template(), after=["1"], only_if_ok=True)
        return
    good = executor.submit(jobs.template("sleep 1"))
    assert executor.submit(jobs.template(), after=[good], only_if_ok=True).result(LONG).ok
    bad = executor.submit(jobs.template("sleep 1; exit 2"))
    behind = [
        executor.submit(jobs.template(f"touch {tmp_path}/ran"), after=[bad, good], only_if_ok=True)
    ]
    bad.result(LONG)
    behind.append(
        executor.submit(jobs.template(f"touch {tmp_path}/ran"), after=[bad], only_if_ok=True)
    )
    infos = [future.result(LONG) for future in behind]
    assert [Cause.NOT_STARTED] * 2 == [info.cause for info in infos], infos
    assert all(info.wasAborted and info.reason for info in infos), infos
    assert not (tmp_path / "ran").exists()


def test_after_one_that_is_tried_again(executor: JobExecutor, jobs: Jobs, tmp_path: Path) -> None:
    """A job waits for the last attempt of the one before it."""
    fails_once = f"test -e {tmp_path}/tried || {{ touch {tmp_path}/tried; exit 1; }}"
    first = executor.submit(jobs.template(f"{fails_once}; touch {tmp_path}/done"), retry=Retry())
    second = executor.submit(jobs.template(f"test -e {tmp_path}/done"), after=[first])
    assert second.result(LONG).ok
    assert first.done()


def test_retry(executor: JobExecutor, jobs: Jobs, tmp_path: Path) -> None:
    """A job is tried again as often as was said, with a changed template."""

    def change(template: JobTemplate, info: JobInfo) -> None:
        template.args = [*template.args[:-1], str(info.exitStatus)]

    with jobs.template("exit $(($1 + 1))", "4") as template:
        future = executor.submit(template, retry=Retry(times=2, change=change), check=True)
    with pytest.raises(JobFailedError, match="exited with 7"):
        future.result(LONG)
    assert [5, 6, 7] == [info.exitStatus for info in future.attempts]
    ids = [info.jobId for info in future.attempts]
    assert (3, future.job_id) == (len(set(ids)), ids[-1])
    assert JobState.DONE == future.status()


def test_no_retry(executor: JobExecutor, jobs: Jobs) -> None:
    """A good job is not tried again, nor one that ended otherwise than was said."""
    good = executor.submit(jobs.template(), retry=Retry(3))
    other = executor.submit(jobs.template("exit 1"), retry=Retry(3, on=["node_failed"]))
    assert [0, 1] == [future.result(LONG).exitStatus for future in (good, other)]
    assert [1, 1] == [len(future.attempts) for future in (good, other)]
    plain = executor.submit(jobs.template("exit 1"))
    assert [plain.result(LONG)] == plain.attempts


def test_retry_of_a_task(executor: JobExecutor, jobs: Jobs, drm: Drm, tmp_path: Path) -> None:
    """A task of a bulk job is tried again with its index, by itself."""
    tried = f"{tmp_path}/tried.${drm.index_variable}"
    script = f"echo >> {tried}; test $(wc -l < {tried}) -ge ${drm.index_variable}"
    with jobs.template(script) as template:
        futures = executor.submit_bulk(template, 1, 3, retry=Retry(2, wait=0.1))
    assert [True] * 3 == [future.result(LONG).ok for future in futures]
    assert [1, 2, 3] == [len(future.attempts) for future in futures]


def test_cancelled_is_not_tried_again(executor: JobExecutor, jobs: Jobs, tmp_path: Path) -> None:
    """After cancel() there is no further attempt, whether one runs or the next is to come."""
    running = executor.submit(jobs.template("exec sleep 600"), retry=Retry(3))
    waiting = executor.submit(jobs.template("exit 1"), retry=Retry(3, wait=600))
    until(lambda: waiting.attempts)
    with pytest.raises(InvalidJobException, match="waits in the program"):
        waiting.suspend()
    assert JobState.QUEUED_ACTIVE == waiting.status()
    until_state(running.job_id, JobState.RUNNING)
    assert [True, True] == [future.cancel() for future in (running, waiting)]
    for future in concurrent.futures.as_completed([running, waiting], LONG):
        with pytest.raises(concurrent.futures.CancelledError):
            future.result()
    assert [0, 1] == [len(future.attempts) for future in (running, waiting)]


def test_terminated_is_not_tried_again(executor: JobExecutor, jobs: Jobs) -> None:
    """Nor after terminate(), which leaves the future its result."""
    future = executor.submit(jobs.template("exec sleep 600"), retry=Retry(3))
    until_state(future.job_id, JobState.RUNNING)
    future.terminate()
    assert not future.result(LONG).ok
    assert 1 == len(future.attempts)


def test_change_that_fails(executor: JobExecutor, jobs: Jobs) -> None:
    """What the function raises that is to change the template is the future's exception."""

    def change(template: JobTemplate, info: JobInfo) -> None:
        raise LookupError(info.exitStatus)

    future = executor.submit(jobs.template("exit 9"), retry=Retry(change=change))
    assert "9" == str(future.exception(LONG))


def test_most_at_once(narrow: JobExecutor, jobs: Jobs, tmp_path: Path) -> None:
    """No more jobs are submitted at once than was said; all of them run."""
    gate = Gate(tmp_path)
    with jobs.template(gate.shut) as template:
        futures = [narrow.submit(template) for _ in range(3)]
        futures += narrow.submit_bulk(template, 1, 3)
    assert [True, True] + [False] * 4 == [bool(future.job_id) for future in futures]
    assert JobState.QUEUED_ACTIVE == futures[-1].status()
    # One is cancelled that the DRM has never seen.
    assert futures.pop(2).cancel()
    gate.open()
    assert {0} == {future.result(LONG).exitStatus for future in futures}


def test_most_at_once_counts(session: Session, jobs: Jobs, tmp_path: Path) -> None:
    """The executor's end waits for jobs that had still to be submitted; never were too many."""
    script = f"echo b >> {tmp_path}/log; sleep 0.2; echo e >> {tmp_path}/log"
    with JobExecutor(session, most_at_once=2) as executor, jobs.template(script) as template:
        for _ in range(6):
            executor.submit(template)
    runs = most = 0
    for line in (tmp_path / "log").read_text().split():
        runs += 1 if line == "b" else -1
        most = max(most, runs)
    assert (0, True) == (runs, most <= 2)
    assert 12 == len((tmp_path / "log").read_text().split())


def test_callback(narrow: JobExecutor, jobs: Jobs) -> None:
    """A callback can't wait for a job that the thread it runs in would submit."""
    errors: list[BaseException] = []
    sleepers = [narrow.submit(jobs.template("exec sleep 600")) for _ in range(2)]
    waiting = narrow.submit(jobs.template())

    def wait(_: object) -> None:
        try:
            waiting.result(AT_ONCE)
        except IllegalStateException as error:
            errors.append(error)

    last = narrow.submit(jobs.template("exit 1"), retry=Retry(1))
    last.add_done_callback(wait)
    began = time.monotonic()
    sleepers[0].cancel()
    assert not last.result(LONG).ok
    until(lambda: errors or waiting.done())
    assert time.monotonic() - began < LONG


def test_misuse(executor: JobExecutor, session: Session, jobs: Jobs) -> None:
    """What is not legal is refused with what is."""
    template = jobs.template()
    with pytest.raises(InvalidArgumentException, match="pass futures of an executor or job ids"):
        executor.submit(template, after=3.5)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentException, match="only_if_ok needs jobs"):
        executor.submit(template, only_if_ok=True)
    with pytest.raises(InvalidArgumentException, match=r"pass drmaa_cffi.Retry"):
        executor.submit(template, retry=3)  # type: ignore[arg-type]
    for values in ({"times": -1}, {"wait": "x"}, {"on": {"bad luck"}}, {"change": 3}):
        with pytest.raises(InvalidArgumentException, match=f"{next(iter(values))} can't be"):
            Retry(**values)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgumentException, match="most_at_once can't be 0"):
        JobExecutor(session, most_at_once=0)
