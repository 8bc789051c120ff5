"""Two users of one Grid Engine: what is another's can be looked at, and not be controlled."""

from __future__ import annotations

import os

import pytest

from drmaa_cffi import JobState, JobTemplate, Session
from programs import output, run

# Python may lie where only root can read: so it becomes another user when all is loaded.
PROGRAM = """
import os, sys
import encodings.idna
import drmaa_cffi
drmaa_cffi.load_library()
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
with drmaa_cffi.Session() as session:
    for operation in ("release", "suspend", "terminate"):
        try:
            session.control(sys.argv[1], operation)
        except drmaa_cffi.DrmaaException as error:
            print(type(error).__name__)
    print(session.jobStatus(sys.argv[1]))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_another_users_job() -> None:
    """Control of another user's job is an AuthorizationException, and the job stays as it is."""
    with Session() as session:
        template = JobTemplate(remoteCommand="/bin/true", jobSubmissionState="drmaa_hold")
        job_id = session.runJob(template)
        said = output(run(PROGRAM, job_id, HOME="/tmp")).split()
        assert [*["AuthorizationException"] * 3, JobState.USER_ON_HOLD] == said
        assert JobState.USER_ON_HOLD == session.jobStatus(job_id)
        session.control(job_id, "terminate")
