"""What the tests on a real DRM share: a session that leaves no job behind."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Iterator

import pytest
from drms import DRMS, Drm
from jobs import Jobs, end_all_jobs

import drmaa_cffi
from drmaa_cffi import Session


@pytest.fixture
def drm(request: pytest.FixtureRequest) -> Drm:
    """What the DRM of this run does differently from others."""
    return DRMS[request.config.getoption("--drm")]


@pytest.fixture
def session() -> Iterator[Session]:
    """An open session; at its end its jobs are ended and their records taken."""
    opened = Session()
    opened.initialize()
    try:
        yield opened
    finally:
        with contextlib.ExitStack() as stack:
            stack.enter_context(contextlib.suppress(drmaa_cffi.NoActiveSessionException))
            stack.callback(opened.exit)  # the test may have
            end_all_jobs()


@pytest.fixture
def jobs(session: Session, tmp_path: Path) -> Jobs:
    """What makes jobs in an open session."""
    return Jobs(tmp_path)


@pytest.fixture
def sleeper(jobs: Jobs) -> str:
    """The id of a job that sleeps for ten minutes, if nobody ends it."""
    return jobs.submit("exec sleep 600")
