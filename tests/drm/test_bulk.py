"""Bulk jobs: many jobs of one template, each with its index."""

from __future__ import annotations

import pytest
from drms import Drm
from jobs import LONG, Jobs, all_exit, nothing_left, outcome, until_state

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


def test_terminate_one(jobs: Jobs, session: Session) -> None:
    """One job of a bulk is terminated and the others are not."""
    one, two = session.runBulkJobs(jobs.template("exec sleep 600"), 1, 2, 1)
    until_state(one, JobState.RUNNING)
    until_state(two, JobState.RUNNING)
    session.control(one, JobControlAction.TERMINATE)
    assert session.wait(one, 60).wasAborted
    assert JobState.RUNNING == session.jobStatus(two)


@pytest.mark.parametrize(("begin", "end", "step"), [(5, 1, 1), (1, 5, 0), (0, 5, 1), (5, 1, -1)])
def test_st_bulk_invalid_range(
    jobs: Jobs, session: Session, begin: int, end: int, step: int
) -> None:
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


def bulk_on_hold(jobs: Jobs, action: JobControlAction, *, all_at_once: bool) -> None:
    """Check that *action* ends the hold of a bulk's jobs, all at once or one by one."""
    template = jobs.template(jobSubmissionState="drmaa_hold")
    ids = Session.runBulkJobs(template, 1, 4, 1)
    for job_id in ids:
        until_state(job_id, JobState.USER_ON_HOLD)
    for job_id in [Session.JOB_IDS_SESSION_ALL] if all_at_once else ids:
        Session.control(job_id, action)
    Session.synchronize([Session.JOB_IDS_SESSION_ALL], LONG)
    released = action == JobControlAction.RELEASE
    for job_id in ids:
        until_state(job_id, JobState.DONE if released else JobState.FAILED)
        info = outcome(job_id)
        assert (released, not released) == (info.ok, info.wasAborted)
    nothing_left()


def test_st_bulk_submit_in_hold_session_release(jobs: Jobs) -> None:
    """The jobs of a bulk on hold are released all at once."""
    bulk_on_hold(jobs, JobControlAction.RELEASE, all_at_once=True)


def test_st_bulk_submit_in_hold_single_release(jobs: Jobs) -> None:
    """Or one by one."""
    bulk_on_hold(jobs, JobControlAction.RELEASE, all_at_once=False)


def test_st_bulk_submit_in_hold_session_delete(jobs: Jobs) -> None:
    """The jobs of a bulk on hold are terminated all at once."""
    bulk_on_hold(jobs, JobControlAction.TERMINATE, all_at_once=True)


def test_st_bulk_submit_in_hold_single_delete(jobs: Jobs) -> None:
    """Or one by one."""
    bulk_on_hold(jobs, JobControlAction.TERMINATE, all_at_once=False)


def test_st_bulk_submit_wait(jobs: Jobs, session: Session) -> None:
    """Waits for any job give those of all bulks."""
    ids = []
    for begin, end, step in ((1, 4, 1), (2, 9, 3), (5, 5, 1)):
        ids += session.runBulkJobs(jobs.template(), begin, end, step)
    assert 8 == len(ids)
    all_exit(ids)
    nothing_left()


def test_st_bulk_singlesubmit_wait_individual(jobs: Jobs, session: Session) -> None:
    """Bulks and single jobs are waited for one by one."""
    ids = session.runBulkJobs(jobs.template(), 1, 3, 1)
    ids += session.runBulkJobs(jobs.template(), 1, 3, 2)
    ids += [jobs.submit(), jobs.submit("sleep 1")]
    assert [True] * 7 == [session.wait(job_id, LONG).ok for job_id in ids]
    nothing_left()


def test_st_get_num_jobids(jobs: Jobs, session: Session) -> None:
    """A bulk gives as many ids as it has jobs, each another."""
    ids = session.runBulkJobs(jobs.template(), 1, 5, 1)
    assert 5 == len(ids) == len(set(ids))
    session.synchronize(ids, LONG, dispose=True)
    nothing_left()


def test_st_bulk_submit_incrph(jobs: Jobs, session: Session) -> None:
    """The index and the working directory stand in the paths of output and errors."""
    working, index = JobTemplate.WORKING_DIRECTORY, JobTemplate.PARAMETRIC_INDEX
    template = jobs.template(
        "echo word; echo worse >&2",
        workingDirectory=jobs.folder,
        joinFiles=False,
        outputPath=f":{working}/out.{index}.txt",
        errorPath=f":{working}/error.{index}",
    )
    all_exit(session.runBulkJobs(template, 2, 6, 2))
    expected = {f"out.{task}.txt": "word\n" for task in (2, 4, 6)}
    expected.update({f"error.{task}": "worse\n" for task in (2, 4, 6)})
    assert expected == {file.name: file.read_text() for file in jobs.folder.iterdir()}
