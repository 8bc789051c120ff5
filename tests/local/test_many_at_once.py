"""Orders for many jobs at once."""

from __future__ import annotations

from concurrent.futures import CancelledError
from pathlib import Path

import pytest
from engines import Engine, submit

from drmaa_cffi import (
    InvalidJobException,
    JobExecutor,
    JobTemplate,
    ReleaseInconsistentStateException,
    Retry,
    Session,
)


def test_none_starts(engine: Engine, session: Session, tmp_path: Path) -> None:
    """Of a list of jobs that is terminated none starts because another one ends."""
    ids = [submit(session, f"touch {tmp_path}/started.$JOB_ID; sleep 60") for _ in range(100)]
    session.control(ids, "terminate")
    assert all(session.wait(job_id, 60).wasAborted for job_id in ids)
    started = {path.suffix[1:] for path in tmp_path.glob("started.*")}
    assert started <= set(ids[:2])


def test_each_for_itself(engine: Engine, session: Session) -> None:
    """What does not apply to one job of a list is done to the others; the first error is told."""
    held = [submit(session, "true", jobSubmissionState="drmaa_hold") for _ in range(3)]
    with pytest.raises(InvalidJobException, match="'987654321'"):
        session.control((held[0], "987654321", "0", held[1]), "release")
    with pytest.raises(ReleaseInconsistentStateException, match=f"job {held[0]} is"):
        session.control(iter(held), "release")
    assert [0, 0, 0] == [session.wait(job_id, 60).exitStatus for job_id in held]


def test_shutdown(engine: Engine, session: Session) -> None:
    """Futures of ended jobs keep their results; all others are cancelled, retried ones too."""
    executor = JobExecutor(session)
    values = {"remoteCommand": "/bin/sh", "outputPath": ":/dev/null", "joinFiles": True}
    with JobTemplate(args=["-c", "exit 3"], **values) as quick:
        done = executor.submit(quick)
        assert 3 == done.result(60).exitStatus
    with JobTemplate(args=["-c", "sleep 60"], **values) as slow:
        futures = [*executor.submit_bulk(slow, 1, 50), executor.submit(slow, retry=Retry(3))]
    executor.shutdown(cancel_futures=True)
    assert 3 == done.result().exitStatus
    for future in futures:
        with pytest.raises(CancelledError):
            future.result()
    assert {} == engine.counts()
