"""The record of an ended task: its usage under Grid Engine's names, its slots, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drmaa_cffi.engine.core import codes, model

from . import causes

if TYPE_CHECKING:
    from .runner_log import Report

_MICRO = 1_000_000


def end_of(task: model.Task, report: Report, *, aborted: bool) -> model.End:
    """The end of a task that the runner has reported."""
    stat = report.status | codes.STAT_ABORTED if aborted else report.status
    why = causes.entries_of(task, report.stage, report.reason, failed=stat != 0)
    return model.End(report.ended, stat, _measured(task, report) + why)


def end_without_start(task: model.Task, now: int, stage: int, reason: int) -> model.End:
    """The end of a task that was ended at `now`, in microseconds, and has not run.

    Args:
        task: the task.
        now: the time.
        stage: what kept it from starting, as `causes` knows it; 0 if it was terminated.
        reason: an errno.
    """
    return model.End(now, codes.STAT_ABORTED, causes.entries_of(task, stage, reason, failed=True))


def _measured(task: model.Task, report: Report) -> tuple[str, ...]:
    """The entries `name=number`; none for a task that never ran."""
    if not report.started:
        return ()
    status = report.status
    user, system = report.utime / _MICRO, report.stime / _MICRO
    return (
        f"submission_time={task.job.submitted / _MICRO:.4f}",
        f"start_time={report.started / _MICRO:.4f}",
        f"end_time={report.ended / _MICRO:.4f}",
        f"exit_status={status >> 8 if status & 0x7F == 0 else 128 + (status & 0x7F)}.0000",
        f"signal={status & 0x7F}.0000",
        f"ru_wallclock={report.ran / _MICRO:.4f}",
        f"ru_utime={user:.4f}",
        f"ru_stime={system:.4f}",
        f"ru_maxrss={report.maxrss}.0000",
        f"ru_minflt={report.minflt}.0000",
        f"ru_majflt={report.majflt}.0000",
        f"ru_inblock={report.inblock}.0000",
        f"ru_oublock={report.oublock}.0000",
        f"ru_nvcsw={report.nvcsw}.0000",
        f"ru_nivcsw={report.nivcsw}.0000",
        f"cpu={user + system:.4f}",
        f"slots={task.job.spec.native.slots}.0000",
    )
