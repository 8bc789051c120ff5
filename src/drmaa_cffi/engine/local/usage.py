"""The resource usage of an ended task, under Grid Engine's names, and its slots."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drmaa_cffi.engine.core import codes

if TYPE_CHECKING:
    from drmaa_cffi.engine.core import model

_MICRO = 1_000_000


def stat_of(task: model.Task) -> int:
    """The number that `drmaa_wait` gives and `drmaa_wifexited` and its kin read."""
    status = task.end.status if task.end is not None else 0
    return status | codes.STAT_ABORTED if task.aborted else status


def usage_of(task: model.Task) -> list[str]:
    """The entries `name=number`; none for a task that never ran."""
    end = task.end
    if end is None or not end.started:
        return []
    status = end.status
    user, system = end.utime / _MICRO, end.stime / _MICRO
    return [
        f"submission_time={task.job.submitted / _MICRO:.4f}",
        f"start_time={end.started / _MICRO:.4f}",
        f"end_time={end.ended / _MICRO:.4f}",
        f"exit_status={status >> 8 if status & 0x7F == 0 else 128 + (status & 0x7F)}.0000",
        f"signal={status & 0x7F}.0000",
        f"ru_wallclock={end.ran / _MICRO:.4f}",
        f"ru_utime={user:.4f}",
        f"ru_stime={system:.4f}",
        f"ru_maxrss={end.maxrss}.0000",
        f"ru_minflt={end.minflt}.0000",
        f"ru_majflt={end.majflt}.0000",
        f"ru_inblock={end.inblock}.0000",
        f"ru_oublock={end.oublock}.0000",
        f"ru_nvcsw={end.nvcsw}.0000",
        f"ru_nivcsw={end.nivcsw}.0000",
        f"cpu={user + system:.4f}",
        f"slots={task.job.spec.native.slots}.0000",
    ]
