"""The names of jobs that are refused before submission are those that the master refuses."""

from __future__ import annotations

from typing import Iterator

import pytest

import drmaa_cffi
from drmaa_cffi import JobTemplate, Session

# They change nothing of a template's name, but have the master asked.
ASKING = "-b y"


@pytest.fixture(scope="module", autouse=True)
def session() -> Iterator[None]:
    """One session for all."""
    with Session():
        yield


def diagnosis(native: str, **values: str) -> str:
    """Submit a job that is to be refused, and return what the master says."""
    with JobTemplate(nativeSpecification=native, **values) as template:
        with pytest.raises(drmaa_cffi.DeniedByDrmException, match="on Grid Engine: it ") as caught:
            Session.runJob(template)
        return caught.value.diagnosis


@pytest.mark.parametrize(
    "values",
    [
        *({"jobName": f"a{letter}b"} for letter in " \t\n\x01\x7fä\u00a0\u65e5"),
        {"jobName": " ab"},
        {"jobName": "ab "},
        {"remoteCommand": "python x.py"},
        {"remoteCommand": "/usr/bin/python x.py"},
        {"remoteCommand": "/bin/sh -c 'a/b c'"},
        {"remoteCommand": "/bin/ä"},
    ],
    ids=ascii,
)
def test_refused(values: dict[str, str]) -> None:
    """What is refused here is refused there."""
    values = {"remoteCommand": "/bin/true", **values}
    assert diagnosis(ASKING, **values)
    assert not diagnosis("", **values)


@pytest.mark.parametrize(
    "values",
    [
        {"jobName": "!\"#$%&'()+,-.;<=>[]^_`{|}~"},
        {"remoteCommand": "python x.py", "nativeSpecification": "-N named"},
        {"remoteCommand": "python /nosuch/x.py"},
        {"remoteCommand": "/no such/x.py"},
    ],
    ids=ascii,
)
def test_taken(values: dict[str, str]) -> None:
    """What the master takes is not refused."""
    values = {"remoteCommand": "/bin/true", "outputPath": ":/dev/null", **values}
    with JobTemplate(joinFiles=True, jobSubmissionState="drmaa_hold", **values) as template:
        job_id = Session.runJob(template)
    Session.control(job_id, drmaa_cffi.JobControlAction.TERMINATE)
    with pytest.raises(drmaa_cffi.NoResourceUsageException):
        Session.wait(job_id, 60)
