"""Bulk jobs: many jobs of one template, each with its index."""

from __future__ import annotations

import pytest
from drms import Drm
from jobs import Jobs, until_state

from drmaa_cffi import InvalidArgumentException, JobControlAction, JobState, JobTemplate, Session


@pytest.mark.parametrize(
    ("begin", "end", "step", "indices"),
    [(1, 3, 1, [1, 2, 3]), (3, 10, 3, [3, 6, 9]), (5, 5, 1, [5]), (2, 5, 10, [2])],
)
def test_indices(
    drm: Drm, jobs: Jobs, session: Session, begin: int, end: int, step: int, indices: list[int]
) -> None:
    """There is a job for each index, which its environment and its output path have."""
    path = f"{jobs.folder}/{JobTemplate.PARAMETRIC_INDEX}.out"
    template = jobs.template(f"echo ${drm.index_variable}", outputPath=f":{path}")
    ids = session.runBulkJobs(template, begin, end, step)
    assert len(indices) == len(ids) == len(set(ids))
    session.synchronize(ids, 60)
    assert ids == [session.wait(job_id, 60).jobId for job_id in ids]
    assert {f"{index}.out": f"{index}\n" for index in indices} == {
        file.name: file.read_text() for file in jobs.folder.iterdir()
    }


def test_each_has_its_own_end(drm: Drm, jobs: Jobs, session: Session) -> None:
    """The jobs of a bulk are waited for one by one, in any order, each with its own status."""
    template = jobs.template(f"exit ${drm.index_variable}")
    ids = session.runBulkJobs(template, 1, 4, 1)
    statuses = [session.wait(job_id, 60).exitStatus for job_id in reversed(ids)]
    assert [4, 3, 2, 1] == statuses


def test_keyword_names(jobs: Jobs, session: Session) -> None:
    """The arguments have the standard's names."""
    template = jobs.template()
    ids = session.runBulkJobs(jobTemplate=template, beginIndex=1, endIndex=2, step=1)
    session.synchronize(jobIds=ids, timeout=60, dispose=True)


def test_index_in_input_path(jobs: Jobs, session: Session) -> None:
    """The index stands in the input's path, too."""
    for index in (1, 2):
        jobs.folder.joinpath(f"in.{index}").write_text(f"text {index}\n")
    index = JobTemplate.PARAMETRIC_INDEX
    template = jobs.template(
        "cat", inputPath=f":{jobs.folder}/in.{index}", outputPath=f":{jobs.folder}/out.{index}"
    )
    session.synchronize(session.runBulkJobs(template, 1, 2, 1), 60, dispose=True)
    texts = [jobs.folder.joinpath(f"out.{index}").read_text() for index in (1, 2)]
    assert ["text 1\n", "text 2\n"] == texts


def test_held(jobs: Jobs, session: Session) -> None:
    """A bulk submitted on hold waits until each job, or the session, is released."""
    template = jobs.template("exit 7", jobSubmissionState="drmaa_hold")
    one, two, three = session.runBulkJobs(template, 1, 3, 1)
    for job_id in (one, two, three):
        until_state(job_id, JobState.USER_ON_HOLD)
    session.control(one, JobControlAction.RELEASE)
    assert 7 == session.wait(one, 60).exitStatus
    assert JobState.USER_ON_HOLD == session.jobStatus(two)
    session.control(session.JOB_IDS_SESSION_ALL, JobControlAction.RELEASE)
    assert [7, 7] == [session.wait(job_id, 60).exitStatus for job_id in (two, three)]


def test_terminate_one(jobs: Jobs, session: Session) -> None:
    """One job of a bulk is terminated and the others are not."""
    one, two = session.runBulkJobs(jobs.template("exec sleep 600"), 1, 2, 1)
    until_state(one, JobState.RUNNING)
    until_state(two, JobState.RUNNING)
    session.control(one, JobControlAction.TERMINATE)
    assert session.wait(one, 60).wasAborted
    assert JobState.RUNNING == session.jobStatus(two)


@pytest.mark.parametrize(("begin", "end", "step"), [(5, 1, 1), (1, 5, 0), (0, 5, 1), (5, 1, -1)])
def test_no_such_indices(jobs: Jobs, session: Session, begin: int, end: int, step: int) -> None:
    """Indices that make no sense are refused before anything is submitted."""
    with pytest.raises(InvalidArgumentException, match=r"^code 4: "):
        session.runBulkJobs(jobs.template(), begin, end, step)
    session.synchronize([session.JOB_IDS_SESSION_ALL], session.TIMEOUT_NO_WAIT)


def test_thousand(jobs: Jobs, session: Session) -> None:
    """A bulk of a thousand gives as many ids, and can be deleted as one."""
    template = jobs.template(jobSubmissionState="drmaa_hold")
    ids = session.runBulkJobs(template, 1, 1000, 1)
    assert 1000 == len(set(ids))
    session.control(session.JOB_IDS_SESSION_ALL, JobControlAction.TERMINATE)
    session.synchronize(ids, 60, dispose=True)
