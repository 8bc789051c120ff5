"""Jobs end in every way they can, and their records say so."""

from __future__ import annotations

import pickle
from datetime import datetime, timedelta, timezone

import pytest
from drms import Drm
from jobs import LONG, Jobs, nothing_left, outcome, until_state

from drmaa_cffi import Cause, InvalidJobException, JobControlAction, JobInfo, JobState, Session

SIGNALS = (
    *("SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGABRT", "SIGFPE"),
    *("SIGKILL", "SIGUSR1", "SIGSEGV", "SIGUSR2", "SIGALRM", "SIGTERM"),
)


def test_st_exit_status(drm: Drm, jobs: Jobs, session: Session) -> None:
    """Every exit status comes back as it was, also where it looks like a signal's."""
    statuses = list(range(256))
    script = f"exit $((${drm.index_variable} - 1))"
    template = jobs.template(script, nativeSpecification=drm.behind_others)
    ids = session.runBulkJobs(template, 1, len(statuses), 1)
    session.synchronize(ids, 3 * LONG)
    infos = [session.wait(job_id, LONG) for job_id in ids]
    assert statuses == [info.exitStatus for info in infos]
    assert [(True, False, "", False, False)] * len(ids) == [
        (i.hasExited, i.hasSignal, i.terminatedSignal, i.hasCoreDump, i.wasAborted) for i in infos
    ]
    assert ids == [info.jobId for info in infos]


def test_st_submit_kill_sig(drm: Drm, jobs: Jobs, session: Session) -> None:
    """A job that a signal ends has the signal's name, and no exit."""
    names = [name for name in SIGNALS if name not in drm.silent_signals]
    ids = [jobs.submit('ulimit -c 0; kill -"$1" $$', name[3:]) for name in names]
    infos = [session.wait(job_id, 60) for job_id in ids]
    assert names == [info.terminatedSignal for info in infos]
    assert [(False, True, False, False)] * len(ids) == [
        (i.hasExited, i.hasSignal, i.hasCoreDump, i.wasAborted) for i in infos
    ]


def test_core_dump(jobs: Jobs) -> None:
    """A job that a signal ends with a core dump says that there is one."""
    info = jobs.run('ulimit -c "$(ulimit -H -c)"; kill -SEGV $$', workingDirectory=jobs.folder)
    assert ("SIGSEGV", True) == (info.terminatedSignal, info.hasCoreDump)
    assert (False, True, False) == (info.hasExited, info.hasSignal, info.wasAborted)


def test_terminated_while_running(session: Session, sleeper: str) -> None:
    """A job that is terminated while it runs was aborted and has not exited."""
    until_state(sleeper, JobState.RUNNING)
    session.control(sleeper, JobControlAction.TERMINATE)
    info = outcome(sleeper)
    assert (sleeper, True, False) == (info.jobId, info.wasAborted, info.hasExited)


def test_st_submit_in_hold_delete(drm: Drm, jobs: Jobs, session: Session) -> None:
    """A job that is deleted while it is held was aborted; an error of code 24 carries this."""
    job_id = jobs.submit(jobSubmissionState="drmaa_hold")
    until_state(job_id, JobState.USER_ON_HOLD)
    session.control(job_id, JobControlAction.TERMINATE)
    if drm.deleted_before_start is None:
        info = session.wait(job_id, 60)
    else:
        with pytest.raises(drm.deleted_before_start, match=r"^code 24: ") as caught:
            session.wait(job_id, 60)
        assert caught.value.jobInfo is not None
        info = caught.value.jobInfo
    assert (job_id, True, False, False) == (
        info.jobId, info.wasAborted, info.hasExited, info.hasSignal
    )  # fmt: skip
    assert info.resourceUsage.keys() <= {"cause", "reason", "error_path"}
    assert drm.cause_of_deleted == info.cause
    with pytest.raises(InvalidJobException):
        session.wait(job_id, 60)


def fails_to_start(jobs: Jobs, **attributes: object) -> None:
    """Check that a job that cannot start fails, and that its record says that it was aborted."""
    job_id = jobs.submit(**attributes)
    Session.synchronize(job_id, 60)
    until_state(job_id, JobState.FAILED)
    info = Session.wait(job_id, 60)
    assert (True, False) == (info.wasAborted, info.hasExited)
    nothing_left()


def test_st_submit_no_run_wait(jobs: Jobs) -> None:
    """A job whose command is not there ends all the same."""
    fails_to_start(jobs, remoteCommand=f"{jobs.folder}/missing")


def test_working_directory_failure(jobs: Jobs) -> None:
    """A job whose working directory is not there fails."""
    fails_to_start(jobs, workingDirectory=f"{jobs.folder}/missing")


def test_st_input_file_failure(jobs: Jobs) -> None:
    """A job whose input is not there fails."""
    fails_to_start(jobs, inputPath=f":{jobs.folder}/missing/file")


def test_st_output_file_failure(jobs: Jobs) -> None:
    """A job whose output can't be made fails."""
    fails_to_start(jobs, outputPath=f":{jobs.folder}/missing/file")


def test_st_error_file_failure(jobs: Jobs) -> None:
    """A job whose error file can't be made fails."""
    fails_to_start(jobs, errorPath=f":{jobs.folder}/missing/file", joinFiles=False)


def test_record_is_a_named_tuple(jobs: Jobs) -> None:
    """A record unpacks into eight fields of plain types, pickles, and can be changed."""
    info = jobs.run("exit 3")
    job_id, exited, signaled, signal, core, aborted, status, usage = info
    assert (True, False, "", False, False, 3) == (exited, signaled, signal, core, aborted, status)
    assert exited is True
    assert [str, bool, bool, str, bool, bool, int, dict] == [type(field) for field in info]
    assert info == pickle.loads(pickle.dumps(info))
    assert job_id == info._asdict()["jobId"]
    assert JobInfo(*info[:6], 4, usage) == info._replace(exitStatus=4)
    info.resourceUsage["mine"] = "1"
    assert "1" == usage["mine"]


def test_st_usage_check(drm: Drm, jobs: Jobs) -> None:
    """A record has the DRM's usage by name, as text of numbers."""
    usage = jobs.run("sleep 1").resourceUsage
    assert drm.usage <= usage.keys()
    assert all(type(text) is str for text in usage.values())
    assert float(usage["submission_time"]) <= float(usage["start_time"])
    assert 1 <= float(usage["end_time"]) - float(usage["start_time"]) < 60


def test_usage_in_numbers(drm: Drm, jobs: Jobs) -> None:
    """A record has the job's usage in seconds, bytes and times, whatever the DRM calls them."""
    before = datetime.now(timezone.utc).replace(microsecond=0)
    usage = jobs.run("sleep 1; i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done").usage
    assert usage.submitted is not None
    assert usage.started is not None
    assert usage.ended is not None
    assert before <= usage.submitted <= usage.started < usage.ended
    assert usage.ended <= datetime.now(timezone.utc) + timedelta(seconds=1)
    assert usage.wallclock is not None
    assert 1 <= usage.wallclock < 60
    assert usage.cpu is not None
    assert 0 < usage.cpu < usage.wallclock
    assert drm.tells_memory == (usage.max_rss is not None)
    assert usage.max_rss is None or 500_000 < usage.max_rss < 100_000_000


def test_outcomes_in_words(drm: Drm, jobs: Jobs, session: Session) -> None:
    """A record says in words how the job ended, and whether that was well."""
    running, held = jobs.submit("exec sleep 600"), jobs.submit(jobSubmissionState="drmaa_hold")
    lost = jobs.submit(workingDirectory=f"{jobs.folder}/missing")
    infos = [jobs.run("exit 0"), jobs.run("exit 3"), jobs.run("kill -KILL $$")]
    until_state(running, JobState.RUNNING)
    for job_id in (running, held):
        session.control(job_id, JobControlAction.TERMINATE)
    infos += [outcome(job_id) for job_id in (running, held)]
    assert [
        (True, "exited with 0"),
        (False, "exited with 3"),
        (False, "killed by SIGKILL"),
        (False, "aborted"),
        (False, "aborted before it ran"),
    ] == [(info.ok, info.describe().partition(":")[0]) for info in infos]
    infos.append(outcome(lost))
    assert infos[-1].describe().startswith("aborted before it ran")
    assert [
        Cause.EXITED,
        Cause.EXITED,
        Cause.SIGNALED,
        Cause.TERMINATED,
        drm.cause_of_deleted,
        Cause.NOT_STARTED,
    ] == [info.cause for info in infos]


def test_explain(jobs: Jobs) -> None:
    """A record explains itself with the end of the error file, which the template names."""
    with jobs.template(
        "echo first; echo sorry; exit 3",
        outputPath=f":{jobs.folder}/out",
        workingDirectory=jobs.folder,
    ) as template:
        info = Session.wait(Session.runJob(template), LONG)
        told = info.explain(template)
    assert told.startswith(f"job {info.jobId} exited with 3\ncause: exited\n")
    assert told.endswith(f"the last of its error file {jobs.folder}/out:\n  first\n  sorry")


def test_st_wait_twice(jobs: Jobs, session: Session) -> None:
    """Of a job that was waited for, nothing is left."""
    info = jobs.run()
    with pytest.raises(InvalidJobException, match=r"^code 18: "):
        session.wait(info.jobId, 60)
    with pytest.raises(InvalidJobException):
        session.jobStatus(info.jobId)
