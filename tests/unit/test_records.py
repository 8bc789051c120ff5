"""A finished job's record has all that the library tells, however it tells it."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from fake import Fake

import drmaa_cffi
from drmaa_cffi import JobInfo, Session
from drmaa_cffi.errors import Errno


def finished(fake: Fake, session: Session) -> JobInfo:
    """Return the record of a job that has finished."""
    with session.createJobTemplate() as template:
        job_id = session.runJob(template)
    fake.finish(job_id)
    return session.wait(job_id)


@pytest.mark.parametrize(
    ("end", "fields"),
    [
        ({"exited": 1, "status": 3}, (True, False, "", False, False, 3)),
        (
            {"signaled": 1, "signal": "SIGKILL"},
            (False, True, "SIGKILL", False, False, 0),
        ),
        (
            {"signaled": 1, "signal": "SIGSEGV", "core": 128},
            (False, True, "SIGSEGV", True, False, 0),
        ),
        ({"aborted": 1}, (False, False, "", False, True, 0)),
    ],
    ids=["exited", "killed", "core", "aborted"],
)
def test_job_info(fake: Fake, session: Session, end: dict[str, Any], fields: tuple[Any]) -> None:
    """A record has what the library tells, as str, bool and int, and can be unpacked."""
    fake.ends(**end)
    info = finished(fake, session)
    assert (*fields, {"cpu": "1.5000"}) == info[1:]
    for value in info[1:3] + info[4:6]:
        assert value is True or value is False
    _, exited, _, _, _, _, status, usage = info
    assert (exited, status, usage) == (info.hasExited, info.exitStatus, info.resourceUsage)


def test_questions_about_the_end(fake: Fake, session: Session) -> None:
    """wcoredump is asked only if the job did not exit, wtermsig only if it was signalled."""
    finished(fake, session)
    assert (0, 0) == (fake.calls("drmaa_wcoredump"), fake.calls("drmaa_wtermsig"))
    fake.ends(signaled=1, signal="SIGHUP")
    finished(fake, session)
    assert (1, 1) == (fake.calls("drmaa_wcoredump"), fake.calls("drmaa_wtermsig"))


def test_exit_status_of_a_killed_job(fake: Fake, session: Session) -> None:
    """What the library tells as the status of a job that did not exit is passed on, if it does."""
    fake.ends(signaled=1, signal="SIGKILL", status=137)
    info = finished(fake, session)
    assert (False, 137) == (info.hasExited, info.exitStatus)
    fake.returns("drmaa_wexitstatus", Errno.INVALID_ARGUMENT)
    info = finished(fake, session)
    assert ("SIGKILL", 0) == (info.terminatedSignal, info.exitStatus)


def test_job_info_is_plain(fake: Fake, session: Session) -> None:
    """A record is a namedtuple that pickles, with a plain dict that can be changed."""
    info = finished(fake, session)
    assert info == pickle.loads(pickle.dumps(info))
    assert info._replace(exitStatus=9).exitStatus == 9
    assert list(info._asdict()) == list(JobInfo._fields)
    assert 8 == len(JobInfo._fields)
    info.resourceUsage["mine"] = "1"
    assert type(info.resourceUsage) is dict


def test_usage(fake: Fake, session: Session) -> None:
    """Usage entries are split at the first '='; one without is kept with ''."""
    fake.lists("drmaa_wait", b"cpu=1.0", b"a=b=c", b"alone", b"empty=", b"utf8=\xc3\xa9\xff")
    assert {"cpu": "1.0", "a": "b=c", "alone": "", "empty": "", "utf8": "é\udcff"} == finished(
        fake, session
    ).resourceUsage


def test_no_usage_list(fake: Fake, session: Session) -> None:
    """A NULL list of usage is an empty one."""
    fake.lists("drmaa_wait")
    assert {} == finished(fake, session).resourceUsage


def test_endless_usage(fake: Fake, session: Session) -> None:
    """Usage that does not end is stopped; the record is in the exception."""
    fake.lists("drmaa_wait", b"a=" + b"b" * 100_000, endless=True)
    with pytest.raises(drmaa_cffi.InternalException, match="goes on after") as caught:
        finished(fake, session)
    assert caught.value.jobInfo is not None
    assert caught.value.jobInfo.hasExited


def test_no_rusage(fake: Fake, session: Session) -> None:
    """Code 24 carries the record of the job, which is reaped."""
    fake.ends(aborted=1)
    fake.gives_no_usage()
    with pytest.raises(drmaa_cffi.NoResourceUsageException) as caught:
        finished(fake, session)
    info = caught.value.jobInfo
    assert str(caught.value).startswith("code 24")
    assert info is not None
    assert (True, {}) == (info.wasAborted, info.resourceUsage)
    copy = pickle.loads(pickle.dumps(caught.value))
    assert info == copy.jobInfo
    with pytest.raises(drmaa_cffi.InvalidJobException):
        session.wait(info.jobId)


@pytest.mark.parametrize("routine", ["wifexited", "wexitstatus", "wifaborted", "wifsignaled"])
def test_end_that_cannot_be_told(fake: Fake, session: Session, routine: str) -> None:
    """If the library can't tell how a job ended, that is an error that carries the record."""
    fake.returns(f"drmaa_{routine}", Errno.INTERNAL_ERROR)
    with pytest.raises(drmaa_cffi.InternalException) as caught:
        finished(fake, session)
    assert caught.value.jobInfo is not None


def test_wait_without_id(fake: Fake, session: Session) -> None:
    """A library that does not tell which job finished leaves the id that was asked for."""
    fake.says("drmaa_wait", b"")
    assert finished(fake, session).jobId.isdigit()
