"""The e-mail at a job's end."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from engines import Engine, run, until

from drmaa_cffi import Session


def test_email(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job's end is told by e-mail through sendmail, unless the template blocks it."""
    fake = tmp_path / "bin" / "sendmail"
    fake.parent.mkdir()
    fake.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/sent\ncat >> {tmp_path}/sent\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
    session = Session()
    session.initialize()
    run(session, "true", email=["a@example.org"], blockEmail=True)
    run(session, "exit 3", email=["a@example.org", "b@example.org"], jobName="told")
    sent = tmp_path / "sent"
    until(lambda: sent.exists() and "exit_status" in sent.read_text())
    text = sent.read_text()
    assert text.startswith("-i -- a@example.org b@example.org\nTo: a@example.org, b@example.org\n")
    assert "(told) exited with 3" in text
