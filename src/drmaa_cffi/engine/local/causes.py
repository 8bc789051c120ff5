"""Why a task ended as it did: the usage entries `cause`, `reason` and `error_path`."""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from drmaa_cffi.engine.core import entries

from . import identity

if TYPE_CHECKING:
    from drmaa_cffi.engine.core import model

_log = logging.getLogger(__name__)

#: The limits that end a task, with their bits in its `warned`.
WALL_CLOCK, RUN_DURATION, DEADLINE = "hard wall-clock limit", "hard run duration limit", "deadline"
BITS = {WALL_CLOCK: 4, RUN_DURATION: 8, DEADLINE: 16}
#: What kept a task from running before there was a process for it.
TOO_LATE, NO_SLOTS, RUNNER_KILLED, REFUSED, NOT_AFTER = range(32, 37)
_BEFORE = {
    TOO_LATE: ("not_started", "its deadline came before it could start"),
    NO_SLOTS: ("not_started", "there are no longer as many slots as it needs"),
    RUNNER_KILLED: ("node_failed", "the engine's runner was killed, and the job with it"),
    NOT_AFTER: ("not_started", "job {number} has failed, and it was to run only after that"),
    REFUSED: ("not_started", "it could not be started: {error}"),
}
#: What its process could not do before the command ran, by the stage in the runner's report.
_STAGES = {
    1: "could not enter working directory",
    2: "could not write output file",
    3: "could not write error file",
    4: "could not read input file",
    5: "could not set the resource limits",
    6: "could not set the niceness",
}
_EXEC = {
    errno.EACCES: "no permission to execute {command}",
    errno.ENOEXEC: "cannot execute {command}: a script needs a first line such as #!/bin/sh",
}


class Why(NamedTuple):
    """What ended a task, in a word of `drmaa_cffi.Cause` and in a sentence's words."""

    cause: str
    reason: str


def why(task: model.Task, stage: int, reason: int) -> Why | None:
    """Why a task ended; None where its wait status says all.

    Args:
        task: the task.
        stage: what kept it from starting: one of the above, or of the runner's report; else 0.
        reason: an errno.
    """
    if stage:
        return _not_started(task, stage, reason)
    if task.terminated:
        return Why("terminated", "terminated by drmaa_control")
    times = task.job.spec.times
    for name, seconds in (
        (WALL_CLOCK, times.wall_hard),
        (RUN_DURATION, times.run_hard),
        (DEADLINE, None),
    ):
        if task.warned & BITS[name]:
            of = "" if seconds is None else f" of {seconds} s"
            return Why("wallclock_limit", f"{name}{of} reached")
    return None


def entries_of(task: model.Task, stage: int, reason: int, *, failed: bool) -> tuple[str, ...]:
    """The usage entries; none for a task that exited with 0, all by itself.

    What kept it from starting goes to the log, too.
    """
    said = why(task, stage, reason)
    made: list[str] = []
    if said is not None:
        made += entries.of_cause(said.cause, said.reason)
        if stage:
            _log.error("job %s: %s", task.id, said.reason)
    if failed or said is not None:
        files = identity.files_of(task)
        path = files.output if task.job.spec.join else files.error
        made += entries.of_error_path(path)
    return tuple(made)


def _not_started(task: model.Task, stage: int, number: int) -> Why:
    error = os.strerror(number)
    if stage in _BEFORE:
        cause, reason = _BEFORE[stage]
        return Why(cause, reason.format(error=error, number=number))
    if stage not in _STAGES:
        return Why("not_started", _not_executed(task, number))
    files = identity.files_of(task)
    paths = (files.directory, files.output, files.error, files.input)
    about = ""
    if stage <= len(paths):
        path = Path(os.fsdecode(paths[stage - 1]))
        name = {2: files.output_name, 3: files.error_name}.get(stage, b"")
        about = f" '{path / os.fsdecode(name) if name and path.is_dir() else path}'"
    return Why("not_started", f"{_STAGES[stage]}{about}: {error}")


def _not_executed(task: model.Task, reason: int) -> str:
    command = os.fsdecode(task.job.spec.command)
    if reason == errno.ENOENT:
        perhaps = " (or the interpreter in its first line)" if "/" in command else ""
        return f"command not found: {command}{perhaps}"
    words = _EXEC.get(reason, f"cannot execute {{command}}: {os.strerror(reason)}")
    return words.replace("{command}", command)
