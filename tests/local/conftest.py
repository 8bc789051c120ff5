"""What the tests of the local engine share: an engine for each, and nothing left of it."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import Iterator

import pytest
from engines import Engine, until
from raw import Client, Start, connect

import drmaa_cffi


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """An engine's folder of this test; whatever runs for it ends with the test."""
    home = tmp_path / "engine"
    monkeypatch.setenv("DRMAA_LOCAL_HOME", str(home))
    monkeypatch.setenv("DRMAA_LOCAL_ENGINE", f"{sys.executable} -m drmaa_cffi.local engine")
    monkeypatch.setenv("DRMAA_LOCAL_SLOTS", "2")
    monkeypatch.setenv("DRMAA_LOCAL_GRACE", "0.5")
    monkeypatch.setenv("DRMAA_LOCAL_IDLE", "10")
    monkeypatch.setenv("HOME", str(tmp_path))
    of_test = Engine(home)
    yield of_test
    with contextlib.suppress(drmaa_cffi.DrmaaException):
        drmaa_cffi.Session().exit()
    of_test.stop()
    until(lambda: not of_test.processes(), what=f"the end of {of_test.processes()}")


@pytest.fixture
def session(engine: Engine) -> drmaa_cffi.Session:
    """An open session of the test's engine."""
    opened = drmaa_cffi.Session()
    opened.initialize()
    return opened


@pytest.fixture
def client_of(engine: Engine) -> Iterator[Start]:
    """Makes clients of the test's engine, which is started if there is none."""
    with contextlib.ExitStack() as at_end:

        def make(nonce: bytes = b"n" * 16, contact: str = "") -> Client:
            engine.command("engine")
            return Client(at_end.enter_context(connect(engine)), nonce, contact)

        yield make
