"""Unit tests run on the scripted fake libdrmaa, and leave no C object behind."""

from __future__ import annotations

import contextlib
import gc
from pathlib import Path
from typing import Iterator

import pytest
from fake import SOURCES, Fake, compile_library

import drmaa_cffi
from drmaa_cffi import JobExecutor, JobTemplate, Session
from drmaa_cffi._template import drms


@pytest.fixture(scope="session")
def fake_library(tmp_path_factory: pytest.TempPathFactory) -> Fake:
    """The compiled fake, loaded as this process's libdrmaa."""
    path = tmp_path_factory.mktemp("fake") / "libdrmaa.so"
    compile_library(path, *SOURCES)
    drmaa_cffi.load_library(path)
    return Fake(path)


@pytest.fixture
def library(fake_library: Fake) -> str:
    """The path of the fake libdrmaa."""
    return str(fake_library.path)


@pytest.fixture
def fake(fake_library: Fake) -> Iterator[Fake]:
    """The fake, honest at the test's start; no session and no object is left at its end."""
    fake_library.reset()
    yield fake_library
    fake_library.reset()
    fake_library.finish()
    with contextlib.suppress(drmaa_cffi.NoActiveSessionException):
        Session.exit()
    gc.collect()
    assert {} == fake_library.live()


@pytest.fixture
def session(fake: Fake) -> Session:
    """An open session on the fake; it is closed after the test."""
    opened = Session()
    opened.initialize()
    return opened


@pytest.fixture
def template(session: Session) -> JobTemplate:
    """A template in an open session."""
    return session.createJobTemplate()


@pytest.fixture(autouse=True)
def no_site(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine's own words don't count."""
    monkeypatch.setenv(drms.VARIABLE, "")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The site's file."""
    path = tmp_path / "resources.ini"
    monkeypatch.setenv(drms.VARIABLE, str(path))
    return path


@pytest.fixture
def executor(
    fake: Fake, session: Session, request: pytest.FixtureRequest
) -> Iterator[JobExecutor]:
    """An executor in the open session; its jobs end with the test."""
    made = JobExecutor(session, status_interval=0.05, **getattr(request, "param", {}))
    yield made
    fake.returns("drmaa_wait", 0)
    fake.finish()
    made.shutdown()
