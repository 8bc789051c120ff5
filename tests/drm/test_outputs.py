"""What a job writes, read through its future while it runs and afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator

import pytest
from jobs import LONG, Gate, Jobs, until

from drmaa_cffi import JobExecutor, JobTemplate, Retry, Session


@pytest.fixture
def executor(session: Session) -> Iterator[JobExecutor]:
    """An executor in the open session; its jobs end with the test."""
    made = JobExecutor(session)
    yield made
    made.shutdown(cancel_futures=True)


def test_while_it_runs(executor: JobExecutor, jobs: Jobs, tmp_path: Path) -> None:
    """What was written so far is read, output and errors by themselves, and then the rest."""
    gate = Gate(tmp_path)
    paths = {"outputPath": f":{tmp_path}/out", "errorPath": f"here:{tmp_path}/err"}
    script = f"echo begun; echo oh >&2; {gate.shut} echo end"
    future = executor.submit(jobs.template(script, joinFiles=False, **paths))
    assert (tmp_path / "out", tmp_path / "err") == (future.output_path, future.error_path)
    until(lambda: (tmp_path / "err").exists() and future.error_output())
    assert ("begun\n", "oh\n") == (future.output(), future.error_output())
    gate.open()
    assert future.result(LONG).ok
    assert "begun\nend\n" == future.output()


def test_tasks_joined(executor: JobExecutor, jobs: Jobs, tmp_path: Path) -> None:
    """Each task of a bulk job has its own, with the index filled in; joined, both are one."""
    incr = JobTemplate.PARAMETRIC_INDEX
    template = jobs.template(
        "echo out; echo err >&2",
        workingDirectory=str(tmp_path),
        outputPath=f":{JobTemplate.WORKING_DIRECTORY}/out.{incr}",
    )
    futures = executor.submit_bulk(template, 3, 4)
    assert [tmp_path / "out.3", tmp_path / "out.4"] == [future.output_path for future in futures]
    assert futures[0].error_path == futures[0].output_path
    for future in futures:
        future.result(LONG)
        assert ["err", "out"] == sorted(future.output().split())


def test_in_folder(executor: JobExecutor, jobs: Jobs, tmp_path: Path) -> None:
    """In a folder the DRM names the file by the job's name and id; submit_all() too."""
    template = jobs.template("echo $0", "x", jobName="named", outputPath=f":{tmp_path}")
    futures = [executor.submit(template), *executor.submit_all([template, template])]
    futures += executor.submit_bulk(template, 2, 3)
    for future in futures:
        assert future.result(LONG).ok
        assert "script\n" == future.output(), future.output_path


def test_of_attempts(executor: JobExecutor, jobs: Jobs, tmp_path: Path) -> None:
    """A job that is tried again goes on in the same file."""
    template = jobs.template("echo tried; exit 1", outputPath=f":{tmp_path}/out")
    future = executor.submit(template, retry=Retry(times=1))
    assert 1 == future.result(LONG).exitStatus
    assert "tried\ntried\n" == future.output()


def test_unknown(executor: JobExecutor, jobs: Jobs) -> None:
    """What is not known, or not there, is an error of the file system's kind."""
    future = executor.attach(jobs.submit())
    assert future.output_path is None
    with pytest.raises(FileNotFoundError, match="not submitted by this executor"):
        future.output()
    held = jobs.template(outputPath=":/nowhere/out", jobSubmissionState="drmaa_hold")
    with pytest.raises(FileNotFoundError, match="/nowhere/out"):
        executor.submit(held).output()
