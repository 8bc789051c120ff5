"""A start time with an offset from UTC reaches C as local time."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from typing import Iterator

import pytest

import drmaa_cffi
from drmaa_cffi import JobTemplate


@pytest.fixture(params=["UTC0", "CET-1CEST,M3.5.0,M10.5.0", "PST8"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This machine in one zone after the other."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def as_time(text: str) -> datetime:
    """Return the time that a full local time stands for."""
    return datetime.strptime(text, "%Y/%m/%d %H:%M:%S").astimezone()


@pytest.mark.usefixtures("zone")
@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("2030/01/31 20:30:15 +01:00", "2030-01-31T20:30:15+01:00"),
        ("2030/07/31 20:30 -05:30", "2030-07-31T20:30:00-05:30"),
        ("30/12/31 23:59:59 -12:00", "2030-12-31T23:59:59-12:00"),
        ("2030/01/31 20:30+00:00", "2030-01-31T20:30:00+00:00"),
    ],
)
def test_full_time(template: JobTemplate, given: str, meant: str) -> None:
    """A full time stands for the same moment."""
    template.startTime = given
    assert datetime.fromisoformat(meant) == as_time(template.startTime)


@pytest.mark.usefixtures("zone")
@pytest.mark.parametrize("offset", ["+14:00", "+02:00", "-00:30", "-11:00"])
def test_partial_time(template: JobTemplate, offset: str) -> None:
    """A partial time stands for the next moment that fits it, there."""
    sign = -1 if offset[0] == "-" else 1
    delta = sign * timedelta(hours=int(offset[1:3]), minutes=int(offset[4:]))
    now = datetime.now(timezone(delta))
    for hour in ("00:00", "12:00", "23:59"):
        template.startTime = f"{hour} {offset}"
        found = as_time(template.startTime).astimezone(timezone(delta))
        assert f"{found:%H:%M}" == hour
        assert now <= found + timedelta(seconds=60) <= now + timedelta(days=1, seconds=120)
        template.startTime = f"31 {hour} {offset}"
        found = as_time(template.startTime).astimezone(timezone(delta))
        assert f"31 {hour}" == f"{found:%d %H:%M}"
        template.startTime = f"02/29 {hour} {offset}"
        found = as_time(template.startTime).astimezone(timezone(delta))
        assert f"02/29 {hour}" == f"{found:%m/%d %H:%M}"


@pytest.mark.parametrize("given", ["20:30", "2030/01/31 20:30:00", "noon", "", "20:30 Z", 5])
def test_other_times(template: JobTemplate, given: object) -> None:
    """A time without an offset, or what is none, is the library's to judge."""
    template.startTime = given
    assert str(given) == template.startTime


@pytest.mark.parametrize(
    "given",
    [
        "25:00 +01:00",
        "20:30 +1:00",
        "2030/13/01 20:30 +01:00",
        "02/30 20:30 +01:00",
        "20:30 +99:00",
        "x 20:30 +01:00",
        "20:30 + 01:00",
        b"20:60 -01:00",
        "9999/12/31 23:59 -23:59",
    ],
)
def test_bad_offset(template: JobTemplate, given: str) -> None:
    """What has an offset and is not a time is refused with how to write one."""
    with pytest.raises(drmaa_cffi.InvalidAttributeFormatException, match="^code 13: .*hh:mm"):
        template.startTime = given
