"""Many different jobs with one call: each has its own id, paths, control and end."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator

import pytest
from jobs import LONG, Jobs, until

from drmaa_cffi import (
    DrmaaException,
    InvalidArgumentException,
    InvalidJobTemplateException,
    JobExecutor,
    JobFuture,
    JobState,
    JobTemplate,
    Retry,
    Session,
)


@pytest.fixture
def executor(session: Session) -> Iterator[JobExecutor]:
    """An executor in the open session; its jobs end with the test."""
    made = JobExecutor(session)
    yield made
    made.shutdown(cancel_futures=True)


def template_of(jobs: Jobs, number: int, **attributes: object) -> JobTemplate:
    """A template with arguments, environment, name, folder and output of its own."""
    folder = jobs.folder / f"folder {number}"
    folder.mkdir()
    values = {
        "jobEnvironment": {"OWN": f"value\n{number}"},
        "jobName": f"job{number}",
        "workingDirectory": str(folder),
        "outputPath": f":{folder}/output",
        **attributes,
    }
    script = 'printf "%s,%s,%s,%s" "$1" "$OWN" "$PWD" "$(cat)"; exit $2'
    return jobs.template(script, f"'{number}\"", number, **values)


def test_each_its_own(executor: JobExecutor, jobs: Jobs) -> None:
    """Arguments, environment, folder, streams and exit status are each job's own."""
    source = jobs.folder / "input"
    source.write_text("in")
    templates = [template_of(jobs, number) for number in range(6)]
    templates[3].inputPath = f":{source}"
    templates.append(templates[4])
    futures = executor.submit_all(templates)
    assert 7 == len({future.job_id for future in futures})
    infos = [future.result(LONG) for future in futures]
    assert [0, 1, 2, 3, 4, 5, 4] == [info.exitStatus for info in infos]
    assert [future.job_id for future in futures] == [info.jobId for info in infos]
    for number in (0, 1, 2, 3, 5):
        folder = jobs.folder / f"folder {number}"
        wanted = f"'{number}\",value\n{number},{folder},{'in' if number == 3 else ''}"
        assert wanted == (folder / "output").read_text()


def test_control(executor: JobExecutor, jobs: Jobs) -> None:
    """One of them is released, one ended; the others do not notice."""
    templates = [template_of(jobs, n, jobSubmissionState="drmaa_hold") for n in range(4)]
    futures = executor.submit_all(templates)
    futures[1].release()
    assert 1 == futures[1].result(LONG).exitStatus
    futures[2].terminate()
    assert futures[2].result(LONG).wasAborted
    assert [JobState.USER_ON_HOLD] * 2 == [futures[at].status() for at in (0, 3)]
    futures[0].release()
    assert 0 == futures[0].result(LONG).exitStatus
    assert futures[3].cancel()


def test_refused(executor: JobExecutor, jobs: Jobs) -> None:
    """One that can't be submitted fails alone; where all fail, the call does."""
    nothing, deleted = JobTemplate(), jobs.template()
    deleted.delete()
    good, bad, gone = executor.submit_all([jobs.template(), nothing, deleted])
    assert good.result(LONG).ok
    assert isinstance(bad.exception(LONG), DrmaaException)
    assert isinstance(gone.exception(LONG), InvalidJobTemplateException)
    with pytest.raises(DrmaaException):
        executor.submit_all([nothing, nothing])
    with pytest.raises(InvalidArgumentException, match="3 is not a job template"):
        executor.submit_all([jobs.template(), 3])  # type: ignore[list-item]
    assert [] == executor.submit_all([])


def test_attempts_and_followers(executor: JobExecutor, jobs: Jobs, tmp_path: Path) -> None:
    """They follow others, and each is tried again by itself."""
    said = tmp_path / "said"
    first = executor.submit(jobs.template(f"sleep 2; echo first >> {said}"))
    line = f"echo $1 >> {said}; test $(grep -c $1 {said}) = 2"
    templates = [jobs.template(line, name) for name in ("a", "b")]
    futures = executor.submit_all(templates, after=[first], retry=Retry(times=2))
    assert [True, True] == [future.result(LONG).ok for future in futures]
    assert [2, 2] == [len(future.attempts) for future in futures]
    words = said.read_text().split()
    assert ("first", ["a", "a", "b", "b"]) == (words[0], sorted(words[1:]))


def test_most_at_once(session: Session, jobs: Jobs, tmp_path: Path) -> None:
    """With a cap no more of them are submitted than there is room for."""
    line = f"mkdir {tmp_path}/$1; sleep 1; rmdir {tmp_path}/$1"
    with JobExecutor(session, most_at_once=2) as executor:
        futures = executor.submit_all(jobs.template(line, f"run{number}") for number in range(5))
        most = 0

        def are_done() -> bool:
            nonlocal most
            most = max(most, len(list(tmp_path.glob("run*"))), len(submitted(futures)))
            return all(future.done() for future in futures)

        until(are_done)
    assert (2, [0] * 5) == (most, [future.result().exitStatus for future in futures])


def submitted(futures: list[JobFuture]) -> list[JobFuture]:
    """Which of them are with the DRM."""
    return [future for future in futures if future.job_id and not future.done()]
