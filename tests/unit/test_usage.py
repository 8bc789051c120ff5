"""Records of finished jobs say in numbers and words what the DRM's library says in its own."""

from __future__ import annotations

import pickle
import re
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drmaa_cffi import JobInfo, Usage

SUBMITTED = datetime(2026, 1, 31, 12, 0, 0, tzinfo=timezone.utc)
SECOND = timedelta(seconds=1)
STAMP = int(SUBMITTED.timestamp())
LATEST = datetime(5138, 11, 16, 9, 46, 39, tzinfo=timezone.utc)
NOTHING = Usage()

GRID_ENGINE = {
    "submission_time": f"{STAMP}.0000",
    "start_time": f"{STAMP + 1}.0000",
    "end_time": f"{STAMP + 4}.0000",
    "exit_status": "0.0000",
    "signal": "0.0000",
    "ru_wallclock": "3.0000",
    "ru_utime": "1.5000",
    "ru_stime": "0.2500",
    "ru_maxrss": "2048.0000",
    "cpu": "1.7500",
    "mem": "0.0123",
    "io": "0.0000",
    "maxvmem": "123456789.0000",
}
LOCAL = {
    "submission_time": f"{STAMP}.5000",
    "start_time": f"{STAMP + 1}.5000",
    "end_time": f"{STAMP + 4}.5000",
    "exit_status": "0.0000",
    "signal": "0.0000",
    "ru_wallclock": "2.7500",
    "ru_utime": "1.5000",
    "ru_stime": "0.2500",
    "ru_maxrss": "2048.0000",
    "cpu": "1.7500",
    "slots": "4.0000",
}
# What the libraries made with drmaa_utils give, and in which order.
SLURM = {
    "submission_time": str(STAMP),
    "start_time": "0",
    "end_time": "0",
    "cpu": "0",
    "mem": "0",
    "vmem": "0",
    "walltime": "0",
    "n_hosts": "0",
    "hosts": "(null)",
}
PBS = {
    "submission_time": str(STAMP),
    "start_time": str(STAMP + 1),
    "end_time": str(STAMP + 4),
    "cpu": "2",
    "mem": "2097152",
    "vmem": "123456789",
    "walltime": "3",
    "n_hosts": "0",
    "hosts": "(node1:ncpus=2:mem=1gb+node2:ncpus=1)+(node3:ncpus=4)",
}
LSF = {**PBS, "n_hosts": "3", "hosts": "node1 node1 node2"}
TORQUE = {**PBS, "hosts": "node1/0+node1/1+node2/0"}
CONDOR = {
    "run_bytes_sent": "0",
    "submission_time": str(STAMP),
    "start_time": str(STAMP + 1),
    "end_time": str(STAMP + 4),
}
TIMES = {"submitted": SUBMITTED, "started": SUBMITTED + SECOND, "ended": SUBMITTED + 4 * SECOND}


def record(
    exited: bool = True,
    signaled: bool = False,
    signal: str = "",
    core: bool = False,
    aborted: bool = False,
    status: int = 0,
    usage: Any = None,
) -> JobInfo:
    """Return a record."""
    return JobInfo("1", exited, signaled, signal, core, aborted, status, usage or {})


@pytest.mark.parametrize(
    ("entries", "usage"),
    [
        (
            GRID_ENGINE,
            NOTHING._replace(
                wallclock=3, cpu=1.75, user=1.5, system=0.25, max_rss=2048 * 1024,
                max_vmem=123456789, **TIMES,
            ),
        ),
        (
            LOCAL,
            NOTHING._replace(
                wallclock=2.75, cpu=1.75, user=1.5, system=0.25, max_rss=2048 * 1024, slots=4,
                **{name: time + SECOND / 2 for name, time in TIMES.items()},
            ),
        ),
        (SLURM, NOTHING._replace(submitted=SUBMITTED)),
        (
            PBS,
            NOTHING._replace(
                wallclock=3, cpu=2, max_rss=2048 * 1024, max_vmem=123456789, slots=7,
                hosts=("node1", "node2", "node3"), **TIMES,
            ),
        ),
        (
            TORQUE,
            NOTHING._replace(
                wallclock=3, cpu=2, max_rss=2048 * 1024, max_vmem=123456789, slots=3,
                hosts=("node1", "node2"), **TIMES,
            ),
        ),
        (
            LSF,
            NOTHING._replace(
                wallclock=3, cpu=2, max_rss=2048 * 1024, max_vmem=123456789, slots=3,
                hosts=("node1", "node2"), **TIMES,
            ),
        ),
        (CONDOR, NOTHING._replace(wallclock=3, **TIMES)),
        ({}, NOTHING),
    ],
    ids=["gridengine", "local", "slurm", "pbs", "torque", "lsf", "condor", "nothing"],
)  # fmt: skip
def test_usage(entries: dict[str, str], usage: Usage) -> None:
    """Each library's entries become seconds, bytes, times in UTC, slots and hosts."""
    assert usage == record(usage=entries).usage


@pytest.mark.parametrize(
    ("entries", "field", "value"),
    [
        ({"submission_time": f"{STAMP}123.0000"}, "submitted", SUBMITTED + 0.123 * SECOND),
        ({"submission_time": "0.0000"}, "submitted", None),
        ({"submission_time": "99999999999.0"}, "submitted", LATEST),
        ({"ru_wallclock": "3,5000"}, "wallclock", 3.5),
        ({"ru_wallclock": "0.0000"}, "wallclock", 0),
        ({"wallclock": "51.494"}, "wallclock", 51.494),
        ({"cpu": "0.0000", "ru_utime": "0.25", "ru_stime": "0.5"}, "cpu", 0.75),
        ({"cpu": "1.5e-05"}, "cpu", 1.5e-05),
        ({"maxrss": "4096.0000", "ru_maxrss": "1.0000"}, "max_rss", 4096),
        ({"maxrss": "0.0000", "ru_maxrss": "1.0000"}, "max_rss", 1024),
        ({"mem": "17.5000"}, "max_rss", None),
        ({"maxvmem": "0.0000"}, "max_vmem", None),
        ({"hosts": "node[01-04,7],login"}, "hosts", ("node[01-04,7]", "login")),
        ({"hosts": "one"}, "hosts", ("one",)),
        ({"hosts": "one"}, "slots", None),
        ({"hosts": "one/3"}, "slots", 1),
        ({"hosts": ""}, "hosts", None),
        ({"end_time": "5", "start_time": "9"}, "wallclock", None),
    ],
    ids=str,
)
def test_entries(entries: dict[str, str], field: str, value: object) -> None:
    """Units and forms of single entries are understood."""
    assert value == getattr(record(usage=entries).usage, field)


@pytest.mark.parametrize(
    "text",
    ["", "nan", "inf", "-1", "1e999", "9" * 400, "1_000", "0x10", "٣", "(null)", "1 2", "-0.0001"],
)
def test_rubbish(text: str) -> None:
    """What is not a number, or none that can be, counts as not told."""
    assert NOTHING == record(usage=dict.fromkeys({*GRID_ENGINE, *PBS} - {"hosts"}, text)).usage


NAMES = sorted({*GRID_ENGINE, *LOCAL, *PBS, "wallclock", "maxrss", "n_hosts"})


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(NAMES), st.text() | st.from_regex(r"\d{1,20}[.]?\d*")))
def test_any_entries(entries: dict[str, str]) -> None:
    """Whatever a library gives, a record can be looked at."""
    info = record(exited=False, aborted=True, usage=entries)
    assert len(NOTHING) == len(info.usage)
    assert re.match("aborted", info.describe())


def test_usage_is_apart() -> None:
    """The record is the eight fields it was: the numbers are made of its own dict at each look."""
    info = record(usage=dict(LOCAL))
    assert info.usage.slots == 4
    info.resourceUsage["slots"] = "5.0000"
    assert info.usage.slots == 5
    assert 8 == len(info) == len(info._asdict())
    assert info == pickle.loads(pickle.dumps(info))
    assert info.usage == pickle.loads(pickle.dumps(info.usage))
    with pytest.raises(AttributeError):
        info.usage.slots = 6  # type: ignore[misc]


@pytest.mark.parametrize(
    ("info", "ok", "words"),
    [
        (record(), True, "exited with 0"),
        (record(status=3), False, "exited with 3"),
        (record(signaled=True, signal="SIG72", status=200, usage=SLURM), False, "exited with 200"),
        (record(aborted=True, status=1), False, "exited with 1"),
        (record(False, True, "SIGKILL"), False, "killed by SIGKILL"),
        (record(False, True, "SIGSEGV", core=True), False, "killed by SIGSEGV (core dumped)"),
        (record(False, True), False, "killed by a signal"),
        (record(False, aborted=True), False, "aborted before it ran"),
        (record(False, aborted=True, usage=LOCAL), False, "aborted"),
        (record(False, True, "SIGKILL", aborted=True, usage=GRID_ENGINE), False, "aborted"),
        (
            record(False, aborted=True, usage={**GRID_ENGINE, "start_time": "0.0000"}),
            False,
            "aborted before it ran",
        ),
        (record(False, aborted=True, usage=SLURM), False, "aborted"),
        (record(False), False, "ended, and the DRM does not say how"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_outcome(info: JobInfo, ok: bool, words: str) -> None:
    """A record says whether the job was well, and in words how it ended."""
    assert (ok, words) == (info.ok, info.describe())
    assert info.ok is ok
