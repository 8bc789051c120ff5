"""Whatever a program passes to asyncio's session, it gets a value or a documented exception."""

from __future__ import annotations

import asyncio
import contextlib
import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from fake import Fake
from hypothesis import given
from test_hostile_arguments import HUGE, LARGE, Silent, anything, hostile, scalars

import drmaa_cffi
from drmaa_cffi import DrmaaException, JobTemplate, Session, aio


class Number:
    """A number as NumPy's are: none of Python's own."""

    def __init__(self, value: float) -> None:
        self.value = value

    def __hash__(self) -> int:
        return hash(self.value)

    def __eq__(self, other: object) -> bool:
        return self.value == other

    def __lt__(self, other: float) -> bool:
        return self.value < other

    def __ge__(self, other: float) -> bool:
        return self.value >= other

    def __gt__(self, other: float) -> bool:
        return self.value > other

    def __float__(self) -> float:
        return float(self.value)


async def _completed(value: Any) -> list[str]:
    return [info.jobId async for info in aio.Session().as_completed(value)]


CALLS = {
    "initialize": aio.Session().initialize,
    "control": lambda value: aio.Session().control(value, "hold"),
    "control operation": lambda value: aio.Session().control("1", value),
    "jobStatus": aio.Session().jobStatus,
    "wait": lambda value: aio.Session().wait(value, 0),
    "wait timeout": lambda value: aio.Session().wait("77777", value),
    "as_completed": _completed,
    "synchronize": lambda value: aio.Session().synchronize(value, 0),
    "synchronize timeout": lambda value: aio.Session().synchronize([], value),
    "synchronize dispose": lambda value: aio.Session().synchronize([], 0, value),
    "runJob": aio.Session().runJob,
    "deleteJobTemplate": aio.Session().deleteJobTemplate,
}


@pytest.mark.parametrize("name", CALLS)
@hostile
@given(value=anything)
def test_call(fake: Fake, session: Session, name: str, value: Any) -> None:
    """Each call refuses what it can't take by a documented exception."""
    with contextlib.suppress(DrmaaException):
        asyncio.run(CALLS[name](value))
    # Nothing was harmed by it.
    assert "fake" == session.contact


@hostile
@given(begin=scalars, end=scalars, step=scalars)
def test_bulk(session: Session, begin: Any, end: Any, step: Any) -> None:
    """Bulk jobs with any indices."""
    with contextlib.suppress(DrmaaException), JobTemplate() as template:
        asyncio.run(aio.Session().runBulkJobs(template, begin, end, step))


@hostile
@given(value=anything)
def test_timeout(fake: Fake, session: Session, value: Any) -> None:
    """A timeout of a job that has ended is legal here if it is so without asyncio."""
    with pytest.raises(DrmaaException) as expected:
        Session.wait("77777", value)
    with pytest.raises(type(expected.value)):
        asyncio.run(aio.Session().wait("77777", value))


@pytest.mark.parametrize("value", [HUGE, Silent(), "x" * LARGE], ids=["huge", "silent", "long"])
@pytest.mark.parametrize("name", [name for name in CALLS if name != "synchronize dispose"])
def test_value_in_message(session: Session, name: str, value: Any) -> None:
    """What cannot be shown, or is too long, neither spoils the error's message nor fills it."""
    message = ""
    try:
        asyncio.run(CALLS[name](value))
    except DrmaaException as error:
        message = str(error)
    assert len(message) < 500


@pytest.mark.parametrize(
    "value",
    [10**400, Fraction(HUGE), Decimal("1E+9999"), Decimal("Infinity"), math.inf, 1e308, Number(9)],
    ids=lambda value: type(value).__name__,
)
def test_long_timeout(fake: Fake, session: Session, value: Any) -> None:
    """A timeout may be longer than anything, and of any kind of numbers."""
    job = Session.runJob(JobTemplate())
    fake.finish(job)
    assert job == asyncio.run(aio.Session().wait(job, value)).jobId


@pytest.mark.parametrize(
    "kind", [float, Decimal, Fraction, Number], ids=lambda kind: kind.__name__
)
def test_short_timeout(fake: Fake, session: Session, kind: Any) -> None:
    """A timeout of a fraction of a second may be of any kind of numbers."""
    job = Session.runJob(JobTemplate())
    with pytest.raises(drmaa_cffi.ExitTimeoutException):
        asyncio.run(aio.Session().wait(job, kind(0.125)))


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("sNaN"), math.nan, "1", None, -2, [1]])
def test_no_timeout(fake: Fake, session: Session, value: Any) -> None:
    """What is not a number of seconds is refused."""
    job = Session.runJob(JobTemplate())
    with pytest.raises(drmaa_cffi.InvalidArgumentException):
        asyncio.run(aio.Session().wait(job, value))
