"""Jobs end in every way they can, and their records say so."""

from __future__ import annotations

import pickle
from datetime import datetime, timedelta, timezone

import pytest
from drms import Drm
from jobs import Jobs, outcome, until_state

from drmaa_cffi import InvalidJobException, JobControlAction, JobInfo, JobState, Session

SIGNALS = ("SIGHUP", "SIGINT", "SIGKILL", "SIGTERM", "SIGUSR1", "SIGUSR2", "SIGALRM")


def test_exit_status(jobs: Jobs, session: Session) -> None:
    """A job's exit status comes back as it was, also where it looks like a signal's."""
    statuses = [0, 1, 3, 127, 128, 137, 200, 255]
    ids = [jobs.submit('exit "$1"', status) for status in statuses]
    infos = [session.wait(job_id, 60) for job_id in ids]
    assert statuses == [info.exitStatus for info in infos]
    assert [(True, False, "", False, False)] * len(ids) == [
        (i.hasExited, i.hasSignal, i.terminatedSignal, i.hasCoreDump, i.wasAborted) for i in infos
    ]
    assert ids == [info.jobId for info in infos]


def test_signals(jobs: Jobs, session: Session) -> None:
    """A job that a signal ends has the signal's name, and no exit."""
    ids = [jobs.submit('kill -"$1" $$', name[3:]) for name in SIGNALS]
    infos = [session.wait(job_id, 60) for job_id in ids]
    assert list(SIGNALS) == [info.terminatedSignal for info in infos]
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


def test_deleted_while_held(drm: Drm, jobs: Jobs, session: Session) -> None:
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
    assert (job_id, True, False, False, {}) == (
        info.jobId, info.wasAborted, info.hasExited, info.hasSignal, info.resourceUsage
    )  # fmt: skip
    with pytest.raises(InvalidJobException):
        session.wait(job_id, 60)


@pytest.mark.parametrize(
    "attribute",
    ["remoteCommand", "workingDirectory", "inputPath", "outputPath"],
)
def test_cannot_start(jobs: Jobs, session: Session, attribute: str) -> None:
    """A job whose command, directory, input or output is not there fails and is aborted."""
    colon = ":" if attribute.endswith("Path") else ""
    job_id = jobs.submit(**{attribute: f"{colon}{jobs.folder}/missing/file"})
    session.synchronize(job_id, 60)
    until_state(job_id, JobState.FAILED)
    info = session.wait(job_id, 60)
    assert (True, False) == (info.wasAborted, info.hasExited)


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


def test_usage(drm: Drm, jobs: Jobs) -> None:
    """A record has the DRM's usage by name, as text of numbers."""
    usage = jobs.run("sleep 1").resourceUsage
    assert drm.usage <= usage.keys()
    assert all(type(text) is str for text in usage.values())
    assert float(usage["submission_time"]) <= float(usage["start_time"])
    assert 1 <= float(usage["end_time"]) - float(usage["start_time"]) < 60


def test_usage_in_numbers(jobs: Jobs) -> None:
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
    assert usage.max_rss is not None
    assert 500_000 < usage.max_rss < 100_000_000


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
    ] == [(info.ok, info.describe()) for info in infos]
    assert outcome(lost).describe().startswith("aborted")


def test_record_is_taken_once(jobs: Jobs, session: Session) -> None:
    """Of a job that was waited for, nothing is left."""
    info = jobs.run()
    with pytest.raises(InvalidJobException, match=r"^code 18: "):
        session.wait(info.jobId, 60)
    with pytest.raises(InvalidJobException):
        session.jobStatus(info.jobId)
