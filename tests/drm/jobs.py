"""Short words for what the tests do with jobs."""

from __future__ import annotations

import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Iterable, Iterator

import pytest

from drmaa_cffi import (
    InvalidJobException,
    JobControlAction,
    JobInfo,
    JobState,
    JobTemplate,
    NoActiveSessionException,
    NoResourceUsageException,
    Session,
)

# A long time for what is done at once; jobs that wait at a Gate take longer by themselves.
AT_ONCE = 20
# Longer than any job of a test should take on a busy DRM, in seconds.
LONG = 90


class Jobs:
    """Makes jobs of shell scripts in the open session; *folder* is for their files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def template(self, script: str = "exit 0", *args: object, **attributes: Any) -> JobTemplate:
        """Return a template of *script*; its output goes nowhere, if *attributes* don't say."""
        values = {
            "remoteCommand": "/bin/sh",
            "args": ["-c", script, "script", *args],
            "outputPath": ":/dev/null",
            "joinFiles": True,
            **attributes,
        }
        return JobTemplate(**values)

    def submit(self, script: str = "exit 0", *args: object, **attributes: Any) -> str:
        """Submit a job and return its id."""
        with self.template(script, *args, **attributes) as template:
            return Session.runJob(template)

    def run(self, script: str = "exit 0", *args: object, **attributes: Any) -> JobInfo:
        """Run a job and return its record."""
        return Session.wait(self.submit(script, *args, **attributes), LONG)

    def output(self, script: str, *args: object, **attributes: Any) -> str:
        """Run a job that must succeed and return what it wrote."""
        path = self.folder / f"output{time.monotonic_ns()}"
        info = self.run(script, *args, outputPath=f":{path}", **attributes)
        assert (True, 0) == (info.hasExited, info.exitStatus), info
        return path.read_bytes().decode("utf-8", "surrogateescape")


class Gate:
    """Keeps jobs until it is opened, however slow the machine: a script begins with *shut*.

    If a test fails to open it, it opens after some minutes.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "gate"
        self.shut = f"i=0; until [ -e {self.path} -o $((i += 1)) -gt 2000 ]; do sleep 0.1; done; "

    def open(self) -> None:
        """Let the jobs go on."""
        self.path.touch()


def until(condition: Callable[[], object], seconds: float = LONG) -> None:
    """Return when *condition* is true; fail if it is not after *seconds*."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "this took too long"
        time.sleep(0.05)


def until_state(job_id: str, *states: JobState) -> None:
    """Return when the job is in one of *states*."""
    seen = [Session.jobStatus(job_id)]

    def reached() -> bool:
        seen.append(Session.jobStatus(job_id))
        return seen[-1] in states

    try:
        until(reached)
    except AssertionError:
        raise AssertionError(f"job {job_id} came to {set(seen)}, not to {states}") from None


def is_still(path: Path) -> bool:
    """Whether nothing is written to *path* for most of a second."""
    before = path.stat().st_size
    time.sleep(0.8)
    return path.stat().st_size == before


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Fail if the block takes longer than *seconds*."""
    began = time.monotonic()
    yield
    took = time.monotonic() - began
    assert took < seconds, f"this took {took:.2f} s"


def outcome(job_id: str) -> JobInfo:
    """Wait for a job that may have left no usage, and return its record."""
    try:
        return Session.wait(job_id, LONG)
    except NoResourceUsageException as error:
        if error.jobInfo is None:
            raise
        return error.jobInfo


def all_exit(job_ids: Iterable[str]) -> None:
    """Wait for any job until each of these has come, once and with status 0."""
    expected = sorted(job_ids)
    infos = [Session.wait(Session.JOB_IDS_SESSION_ANY, LONG) for _ in expected]
    assert expected == sorted(info.jobId for info in infos)
    assert [] == [info for info in infos if not info.ok]


def nothing_left() -> None:
    """Check that there is no job of the session to wait for."""
    with pytest.raises(InvalidJobException, match=r"^code 18: "):
        Session.wait(Session.JOB_IDS_SESSION_ANY, Session.TIMEOUT_NO_WAIT)


def end_all_jobs() -> None:
    """Terminate the session's jobs and take their records, if there is a session."""
    try:
        Session.control(Session.JOB_IDS_SESSION_ALL, JobControlAction.TERMINATE)
        while True:
            outcome(Session.JOB_IDS_SESSION_ANY)
    except (InvalidJobException, NoActiveSessionException):
        return
