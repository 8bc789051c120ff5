"""What slurm-drmaa executes, cuts or gets wrong is refused, rounded up, or called unknown."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Callable

import pytest
from fake import Fake, in_c

import drmaa_cffi
from drmaa_cffi import (
    Cause,
    JobExecutor,
    JobFailedError,
    JobInfo,
    JobState,
    JobTemplate,
    Session,
    aio,
)
from drmaa_cffi._binding import calls

# As drmaa_job_ps has it.
FAILED = b"64"


class Named:
    """What a path is by __fspath__ alone."""

    def __fspath__(self) -> str:
        """Return its text."""
        return "it's"


@pytest.fixture
def slurm_drmaa(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """The fake, which says that it is slurm-drmaa."""
    # As in a new process: a library is asked for its name once.
    monkeypatch.setattr(calls, "_first_names", [])
    monkeypatch.setattr(calls, "_is_slurm_drmaa", False)
    fake.says("drmaa_get_DRM_system", b"SLURM 22.05.8")
    return fake


@pytest.mark.parametrize("value", ["it's", b"'; touch x", "'", Path("it's"), Named()])
def test_quotes_in_arguments(
    slurm_drmaa: Fake, session: Session, template: JobTemplate, value: object
) -> None:
    """An argument with a single quote is refused by its index, with the remedy."""
    for many in (["a", value], ("a", value), iter(["a", value])):
        with pytest.raises(drmaa_cffi.InvalidArgumentException, match=r"args\[1\] can't be") as e:
            template.args = many
        assert "DRMAA_LIBRARY_PATH=slurm" in str(e.value)
    with pytest.raises(drmaa_cffi.InvalidArgumentException, match=r"args\[0\]"):
        template.args = value
    assert [] == template.args


def test_other_arguments(slurm_drmaa: Fake, session: Session, template: JobTemplate) -> None:
    """All others reach the library as they are."""
    values = ['a "b" $c `d` \\e;\n', 3, b"\xff", Path("d e"), "", "\u00e9"]
    template.args = values
    assert ['a "b" $c `d` \\e;\n', "3", "\udcff", "d e", "", "\u00e9"] == template.args
    with pytest.raises(drmaa_cffi.InvalidArgumentException, match="args can't be 3"):
        template.args = 3  # type: ignore[assignment]


@pytest.mark.parametrize(
    "value",
    [
        "python x.py", "/a\tb", "a\nb", "it's", 'a"b', "a\\b", "a`b`", "a$b", "$HOME/x", "a&",
        "a|b", "a;b", "a<b", "a>b", "(a)", "a*", "a?", "[a]", "{a,b}", "~/x", "#a", "A=b", b"a b",
        Path("a b"), Named(), "$drmaa_hd_ph$/a b", "$drmaa_incr_ph$",
    ],
)  # fmt: skip
def test_commands(
    slurm_drmaa: Fake, session: Session, template: JobTemplate, value: object
) -> None:
    """A command that a shell would take apart is refused, with the remedy."""
    with pytest.raises(drmaa_cffi.InvalidArgumentException, match="remoteCommand can't be") as e:
        template.remoteCommand = value
    assert "DRMAA_LIBRARY_PATH=slurm" in str(e.value)
    with pytest.raises(drmaa_cffi.InvalidArgumentException, match="remoteCommand can't be"):
        JobTemplate(remoteCommand=value)


@pytest.mark.parametrize(
    "value", ["/bin/a-b_c.d+e,f:g@h%i=j~k#l^m!n", "$drmaa_hd_ph$/x", "$drmaa_wd_ph$/x", "\u00e9"]
)
def test_plain_commands(
    slurm_drmaa: Fake, session: Session, template: JobTemplate, value: str
) -> None:
    """A command that a shell leaves as it is reaches the library."""
    template.remoteCommand = value
    assert value == template.copy().remoteCommand


@pytest.mark.parametrize(
    "name",
    ["hardWallclockTimeLimit", "softWallclockTimeLimit", "hardRunDurationLimit",
     "softRunDurationLimit"],
)  # fmt: skip
def test_limits(slurm_drmaa: Fake, session: Session, template: JobTemplate, name: str) -> None:
    """A time limit is rounded up to the minutes that the library counts in."""
    for value, minutes in ((1, 1), (60, 1), (61, 2), ("1:00:01", 61), (0, 0), (89999.5, 1500)):
        setattr(template, name, value)
        assert minutes * 60 == getattr(template, name)
        assert in_c(template, name).endswith(":00")
    with pytest.raises(drmaa_cffi.InvalidAttributeFormatException):
        setattr(template, name, "soon")


def test_elsewhere(fake: Fake, template: JobTemplate) -> None:
    """Other libraries, the engine on Slurm too, get it all as it is."""
    fake.says("drmaa_get_DRM_system", b"Slurm by drmaa-cffi 0.1")
    template.remoteCommand = "a b"
    template.args = ["it's"]
    template.hardWallclockTimeLimit = 30
    assert ("a b", ["it's"], 30) == (
        template.remoteCommand,
        template.args,
        template.hardWallclockTimeLimit,
    )


def by_id(job_id: str) -> JobInfo:
    """Wait for a job."""
    return Session.wait(job_id, 10)


def by_any(_job_id: str) -> JobInfo:
    """Wait for any job."""
    return Session.wait(Session.JOB_IDS_SESSION_ANY, 10)


def after_synchronize(job_id: str) -> JobInfo:
    """Wait for a job that has ended."""
    Session.synchronize([job_id], 10)
    return Session.wait(job_id, Session.TIMEOUT_NO_WAIT)


def by_coroutine(job_id: str) -> JobInfo:
    """Wait for a job in a coroutine."""

    async def wait() -> JobInfo:
        return await aio.Session().wait(job_id, 10)

    return asyncio.run(wait())


WAYS = (by_id, by_any, after_synchronize, by_coroutine)


@pytest.mark.parametrize("wait", WAYS)
def test_false_success(
    slurm_drmaa: Fake, session: Session, template: JobTemplate, wait: Callable[[str], JobInfo]
) -> None:
    """A job that exited with 0, and failed, says jobStatus: its end is called unknown."""
    slurm_drmaa.ends(exited=1, status=0)
    slurm_drmaa.says("drmaa_job_ps", FAILED)
    job_id = session.runJob(template)
    slurm_drmaa.finish()
    info = wait(job_id)
    assert (job_id, False, False, False, False) == (
        info.jobId,
        info.hasExited,
        info.hasSignal,
        info.wasAborted,
        info.ok,
    )
    assert info.exitStatus
    assert Cause.UNKNOWN is info.cause
    assert info.describe().startswith("ended, and the DRM does not say how: slurm-drmaa says")
    assert "DRMAA_LIBRARY_PATH=slurm" in info.reason
    assert 1 == slurm_drmaa.calls("drmaa_job_ps")


@pytest.mark.parametrize("wait", WAYS)
def test_the_lie_itself(
    fake: Fake, session: Session, template: JobTemplate, wait: Callable[[str], JobInfo]
) -> None:
    """Of another DRM's library the same is believed, and it is not asked for more."""
    fake.ends(exited=1, status=0)
    fake.says("drmaa_job_ps", FAILED)
    job_id = session.runJob(template)
    fake.finish()
    assert wait(job_id).ok
    assert 0 == fake.calls("drmaa_job_ps")
    assert JobState.FAILED == session.jobStatus(job_id)


def test_futures(slurm_drmaa: Fake, session: Session, template: JobTemplate) -> None:
    """A future that checks fails."""
    slurm_drmaa.ends(exited=1, status=0)
    slurm_drmaa.says("drmaa_job_ps", FAILED)
    with JobExecutor(session) as executor:
        future = executor.submit(template, check=True)
        slurm_drmaa.finish()
        with pytest.raises(JobFailedError, match="slurm-drmaa says that it exited with 0"):
            future.result(timeout=10)


@pytest.mark.parametrize(
    ("state", "code"), [(b"48", 0), (b"0", 0), (FAILED, 2), (FAILED, 18)], ids=str
)
def test_true_success(
    slurm_drmaa: Fake, session: Session, template: JobTemplate, state: bytes, code: int
) -> None:
    """Where jobStatus says nothing else, or does not answer, the end stays what it is."""
    slurm_drmaa.ends(exited=1, status=0)
    slurm_drmaa.says("drmaa_job_ps", state)
    slurm_drmaa.returns("drmaa_job_ps", code)
    job_id = session.runJob(template)
    slurm_drmaa.finish()
    info = session.wait(job_id, 10)
    assert (True, 0, "") == (info.ok, info.exitStatus, info.reason)
    assert 1 == slurm_drmaa.calls("drmaa_job_ps")


@pytest.mark.parametrize(
    "end",
    [
        {"exited": 1, "status": 3},
        {"signaled": 1, "signal": "SIGKILL"},
        {"exited": 0, "aborted": 1},
        {"exited": 1, "aborted": 1},
    ],
    ids=str,
)
def test_other_ends(
    slurm_drmaa: Fake, session: Session, template: JobTemplate, end: dict[str, object]
) -> None:
    """Other ends are never asked for again."""
    slurm_drmaa.ends(**end)  # type: ignore[arg-type]
    slurm_drmaa.says("drmaa_job_ps", FAILED)
    job_id = session.runJob(template)
    slurm_drmaa.finish()
    info = session.wait(job_id, 10)
    assert (bool(end.get("exited")), "") == (info.hasExited, info.reason)
    assert 0 == slurm_drmaa.calls("drmaa_job_ps")
