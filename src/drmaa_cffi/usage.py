"""A finished job's use of resources in numbers, whatever the DRM's library calls them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Mapping, NamedTuple

if TYPE_CHECKING:
    from datetime import datetime

_NUMBER = re.compile(r"\d+(?:[.,]\d*)?(?:[eE][+-]?\d+)?", re.ASCII)
# No second of the next three thousand years is as large; milliseconds are.
_NO_SECONDS = 1e11


class Usage(NamedTuple):
    """What a finished job used, as JobInfo.usage gives it; None where the DRM does not say.

    C: the usage of drmaa_wait.
    """

    #: Seconds from its start to its end.
    wallclock: float | None = None
    #: Seconds of processor time, of all its processors.
    cpu: float | None = None
    #: The part of them in the program itself.
    user: float | None = None
    #: The part of them in the kernel.
    system: float | None = None
    #: The most memory that it had at once, in bytes.
    max_rss: int | None = None
    #: The most address space that it had at once, in bytes.
    max_vmem: int | None = None
    #: When it was submitted, in UTC.
    submitted: datetime | None = None
    #: When it began to run, in UTC.
    started: datetime | None = None
    #: When it ended, in UTC.
    ended: datetime | None = None
    #: How many slots, that is processors, it held.
    slots: int | None = None
    #: The hosts that it ran on.
    hosts: tuple[str, ...] | None = None


class _Names(NamedTuple):
    """What a family of libraries calls the entries; each with its unit, in seconds or bytes."""

    wallclock: dict[str, int]
    cpu: dict[str, int]
    max_rss: dict[str, int]
    max_vmem: dict[str, int]
    #: Whether 0 may stand for what the library does not know.
    zero_is_unknown: bool


_GRID_ENGINE = _Names(
    wallclock={"ru_wallclock": 1, "wallclock": 1},
    cpu={"cpu": 1},
    max_rss={"maxrss": 1, "ru_maxrss": 1024},
    max_vmem={"maxvmem": 1},
    zero_is_unknown=False,
)

# The libraries made with drmaa_utils, for Slurm, PBS and LSF: whole numbers, 0 before it is known.
# Their 'mem' is in bytes; Grid Engine's is another thing, gigabytes times seconds.
_DRMAA_UTILS = _Names(
    wallclock={"walltime": 1},
    cpu={"cpu": 1},
    max_rss={"mem": 1},
    max_vmem={"vmem": 1},
    zero_is_unknown=True,
)


def is_of_drmaa_utils(entries: Mapping[str, str]) -> bool:
    """Whether *entries* come from a library that is made with drmaa_utils."""
    return "walltime" in entries


def usage_of(entries: Mapping[str, str]) -> Usage:
    """Return a job's use of resources.

    Args:
        entries: JobInfo.resourceUsage. What is not a number, or is impossible, counts as missing.
    """
    names = _DRMAA_UTILS if is_of_drmaa_utils(entries) else _GRID_ENGINE

    def seconds(units: dict[str, int]) -> float | None:
        number = _first(entries, units)
        return None if number == 0 and names.zero_is_unknown else number

    def memory(units: dict[str, int]) -> int | None:
        return int(_first(entries, units) or 0) or None  # no job has none: 0 is not measured

    user, system = seconds({"ru_utime": 1}), seconds({"ru_stime": 1})
    cpu = seconds(names.cpu)
    if not cpu and user is not None and system is not None:
        cpu = user + system  # Grid Engine may have ended a short job before it looked
    started, ended = _time(entries, "start_time"), _time(entries, "end_time")
    wallclock = seconds(names.wallclock)
    if wallclock is None and started is not None and ended is not None and started <= ended:
        wallclock = (ended - started).total_seconds()
    hosts = _hosts(entries)
    return Usage(
        wallclock,
        cpu,
        user,
        system,
        memory(names.max_rss),
        memory(names.max_vmem),
        _time(entries, "submission_time"),
        started,
        ended,
        int(_number(entries, "slots") or 0) or _slots(hosts),
        tuple(dict.fromkeys(re.split("[/:]", host)[0] for host in hosts)) or None,
    )


def _number(entries: Mapping[str, str], name: str) -> float | None:
    """Return an entry, if it is a finite number that is not negative."""
    text = str(entries.get(name, "")).strip()
    if not _NUMBER.fullmatch(text):
        return None
    number = float(text.replace(",", "."))  # printf follows the program's locale
    return number if number != float("inf") else None


def _first(entries: Mapping[str, str], units: dict[str, int]) -> float | None:
    """Return the first entry that is there and not 0; 0 if all that are there are."""
    found = None
    for name, unit in units.items():
        number = _number(entries, name)
        if number is not None:
            found = number * unit
            if found:
                break
    return found


def _time(entries: Mapping[str, str], name: str) -> datetime | None:
    """Return a time; newer Grid Engines count milliseconds, and 0 is never."""
    number = _number(entries, name)
    if not number:
        return None
    from datetime import datetime, timezone  # noqa: PLC0415 - few programs need it

    if number >= _NO_SECONDS:
        number /= 1000
    try:
        return datetime.fromtimestamp(number, timezone.utc)
    except (OverflowError, ValueError, OSError):
        return None


def _hosts(entries: Mapping[str, str]) -> list[str]:
    """Return the hosts as the library names them, one by one.

    LSF's are ``a a b``, Torque's ``a/0+a/1+b/0``, PBS Pro's ``(a:ncpus=2)+(b:ncpus=1)``, and
    Slurm's may be ``node[01-04],login``.
    """
    text = str(entries.get("hosts", ""))
    return [] if text == "(null)" else re.findall(r"(?:[^\s+,()\[]|\[[^\]]*\]?)+", text)


def _slots(hosts: list[str]) -> int | None:
    """Return the number of slots, where the names of hosts tell: one each, or how many."""
    numbers = re.findall(r":ncpus=(\d{1,9})\b", " ".join(hosts), re.ASCII)
    if numbers and len(numbers) == len(hosts):
        return sum(map(int, numbers))
    each = len(set(hosts)) < len(hosts) or all(re.fullmatch(r"[^/]+/\d+", h) for h in hosts)
    return len(hosts) if hosts and each else None
