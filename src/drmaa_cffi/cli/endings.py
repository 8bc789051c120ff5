"""The end of a job: in words, as JSON, and as an exit status."""

from __future__ import annotations

import signal
from datetime import datetime
from typing import Callable

from drmaa_cffi.causes import Cause
from drmaa_cffi.jobinfo import JobInfo

from .output import document, say
from .watch import Ending, Watch, summary

#: The exit status for a job without one: aborted, lost, or never submitted.
ABORTED = 125
_SIGNALLED = 128
_MEBI = 2**20


def conclude(watch: Watch) -> int:
    """Sum up what became of several jobs; return the exit status: the highest of theirs."""
    if len(watch.endings) > 1:
        say(summary(watch))
    return max(_status(ending.info) for ending in watch.endings.values())


def write(watch: Watch, output_of: Callable[[Ending], str] | None = None) -> None:
    """Write the ends as JSON, in the order of the jobs; *output_of* tells what a job wrote."""
    ended = [watch.endings[job_id] for job_id in watch.states]
    jobs = [_as_json(ending) for ending in ended]
    if output_of is not None:
        for job, ending in zip(jobs, ended):
            job["output"] = output_of(ending)
    document({"jobs": jobs})


def _status(info: JobInfo | None) -> int:
    """Return a job's exit status, or 128 and the signal's number, or ABORTED."""
    # In the order of JobInfo.describe().
    if info is None:
        return ABORTED
    if info.hasExited:
        return info.exitStatus
    if info.wasAborted or not info.hasSignal:
        return ABORTED
    try:
        return _SIGNALLED + signal.Signals[info.terminatedSignal]
    except KeyError:
        return _SIGNALLED


def line(ending: Ending) -> str:
    """Return the end in words, with what the job used."""
    if ending.info is None:
        return f"job {ending.job_id} is lost: {ending.lost}"
    used = "" if ending.info.cause == Cause.NOT_STARTED else _used(ending.info)
    return f"job {ending.job_id} {ending.info.describe()}{f' ({used})' if used else ''}"


def _used(info: JobInfo) -> str:
    usage = info.usage
    parts: list[str] = []
    if usage.wallclock is not None:
        parts.append(f"wallclock {usage.wallclock:.2f} s")
    if usage.cpu is not None:
        parts.append(f"cpu {usage.cpu:.2f} s")
    if usage.max_rss is not None:
        parts.append(f"memory {usage.max_rss / _MEBI:.1f} MiB")
    if usage.hosts:
        parts.append(f"on {' '.join(usage.hosts)}")
    return ", ".join(parts)


def _as_json(ending: Ending) -> dict[str, object]:
    """Return the end as it is written in JSON."""
    info = ending.info
    if info is None:
        return {"job": ending.job_id, "outcome": "lost", "ok": False, "error": ending.lost}
    usage = {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in info.usage._asdict().items()
    }
    return {
        "job": ending.job_id,
        "outcome": info.describe(),
        "ok": info.ok,
        "cause": str(info.cause),
        "reason": info.reason,
        "exit_status": info.exitStatus if info.hasExited else None,
        "signal": info.terminatedSignal or None,
        "core_dump": info.hasCoreDump,
        "aborted": info.wasAborted,
        "usage": usage,
        "resource_usage": info.resourceUsage,
    }
