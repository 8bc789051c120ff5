"""What a job needs, on the local engine."""

from __future__ import annotations

import pytest
from engines import Engine

import drmaa_cffi
from drmaa_cffi import JobTemplate, Resources, Session


def test_slots(engine: Engine, session: Session) -> None:
    """A job gets the slots that its resources ask for, and its usage tells them."""
    with JobTemplate(
        remoteCommand="/bin/true", outputPath=":/dev/null", resources=Resources(slots=2)
    ) as template:
        info = session.wait(session.runJob(template), 30)
    assert (True, 2) == (info.ok, info.usage.slots)


def test_too_many_slots(engine: Engine, session: Session) -> None:
    """More slots than there are, are refused when the job is submitted."""
    template = JobTemplate(remoteCommand="/bin/true", resources=Resources(slots=3))
    with pytest.raises(drmaa_cffi.DeniedByDrmException, match="the engine has 2"):
        session.runJob(template)
