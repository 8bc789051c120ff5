"""Why a task ended as it did: the usage entries `cause`, `reason`, `error_path`, `slurm_...`."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from drmaa_cffi.engine.core import codes, entries, model, spec

from . import script

if TYPE_CHECKING:
    from . import ends

#: By Slurm's state: a word of `drmaa_cffi.Cause`, and what to say of it.
_OF_STATE = {
    "TIMEOUT": ("wallclock_limit", "its time limit was reached"),
    "DEADLINE": ("wallclock_limit", "its deadline came"),
    "OUT_OF_MEMORY": ("memory_limit", "it wanted more memory than it was given"),
    "NODE_FAIL": ("node_failed", "its node failed"),
    "BOOT_FAIL": ("node_failed", "its node could not be booted"),
    "RECONFIG_FAIL": ("node_failed", "its node could not be configured"),
    "PREEMPTED": ("preempted", "it made way for another job"),
    "LAUNCH_FAILED": ("not_started", "Slurm could not launch it"),
    "REVOKED": ("terminated", "another cluster of the federation runs it"),
    "CANCELLED": ("terminated", "cancelled, by scancel or by Slurm"),
}
_STAGES = {
    script.DIRECTORY: "could not enter working directory",
    script.OUTPUT: "could not write output file",
    script.ERROR: "could not write error file",
    script.INPUT: "could not read input file",
}


def entries_of(
    task: model.Task,
    state: str,
    reason: str,
    *,
    stat: int,
    record: ends.Record | None = None,
) -> tuple[str, ...]:
    """The usage entries; no cause for a task that ended all by itself.

    Args:
        task: the task.
        state: Slurm's word for its state, "" where Slurm was not asked.
        reason: Slurm's word for why it is in that state, or "".
        stat: what the wait gives.
        record: what the task has left.
    """
    why: tuple[str, str] | None = None
    if record is not None and record.stage:
        why = ("not_started", _not_started(task, record))
    elif task.terminated and stat & codes.STAT_ABORTED:
        why = ("terminated", "terminated by drmaa_control")
    elif stat & codes.STAT_ABORTED and reason == "DependencyNeverSatisfied":
        why = ("not_started", f"a job that it was to follow has failed ({reason})")
    elif stat & codes.STAT_ABORTED:
        cause, words = _OF_STATE.get(state, ("not_started", "Slurm could not start it"))
        why = (cause, f"{words} ({reason})" if reason else words)
    made: list[str] = []
    if why is not None:
        made += entries.of_cause(*why)
    if stat:
        made += entries.of_error_path(_error_path(task))
    return tuple(made)


def slurms_words(state: str, reason: str) -> tuple[str, ...]:
    """Slurm's own words, as usage entries."""
    return (
        f"slurm_state={state}",
        *((f"slurm_reason={entries.one_line(reason)}",) if reason else ()),
    )


def _not_started(task: model.Task, record: ends.Record) -> str:
    error = os.strerror(record.reason)
    if record.stage not in _STAGES:
        command = os.fsdecode(task.job.spec.command)
        if record.reason == errno.ENOENT:
            return f"command not found: {command}"
        return f"no permission to execute {command}"
    files = files_of(task)
    path = (files.directory, files.output, files.error, files.input)[record.stage - 1]
    return f"{_STAGES[record.stage]} '{os.fsdecode(path)}': {error}"


def _error_path(task: model.Task) -> bytes:
    files = files_of(task)
    return files.output if task.job.spec.join else files.error


def files_of(task: model.Task) -> spec.Files:
    """The paths of a task that has its id."""
    job = task.job
    # The id of a single job may be that of an array's task.
    number, _, index = task.id.partition("_") if job.step else (task.id, "", "")
    return spec.files_of(
        job.spec, job.context, number.encode(), index.encode() if job.step else None
    )
