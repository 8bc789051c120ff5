"""Where a DRM strays from DRMAA, or fills in what DRMAA leaves open: all of it in one table."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Optional

from drmaa_cffi import (
    Cause,
    DeniedByDrmException,
    DrmaaException,
    HoldInconsistentStateException,
    InvalidArgumentException,
    InvalidAttributeFormatException,
    InvalidAttributeValueException,
    InvalidContactStringException,
    InvalidJobException,
    JobState,
    NoResourceUsageException,
    ReleaseInconsistentStateException,
)

_Error = type[DrmaaException]
LIMITS = frozenset(
    {
        "hardWallclockTimeLimit",
        "softWallclockTimeLimit",
        "hardRunDurationLimit",
        "softRunDurationLimit",
    }
)


@dataclass(frozen=True)
class Drm:
    """The answers of a DRM; the defaults are the standard's. None for an error: there is none."""

    name: str
    # What cannot be set: InvalidArgumentException.
    refused: frozenset[str] = frozenset()
    # What reads as an error if it was never set; else it reads as the answer beside it.
    unset: _Error = InvalidAttributeValueException
    defaults: tuple[tuple[str, object], ...] = ()
    # Reading an attribute that there is not.
    unknown_attribute: _Error = InvalidArgumentException
    # A path without its colon, when it is set or when the job is submitted.
    path_without_colon: _Error = InvalidAttributeFormatException
    # A start time that is none, when it is set or when the job is submitted.
    no_time: _Error = InvalidAttributeFormatException
    # A contact of nobody's.
    bad_contact: _Error = InvalidContactStringException
    # A job id that the DRM would never give.
    malformed_id: _Error = InvalidJobException
    # Hold of a running job, release of a queued one that is not on hold.
    hold_running: Optional[_Error] = HoldInconsistentStateException
    release_unheld: Optional[_Error] = ReleaseInconsistentStateException
    # The status of a job whose start time is to come.
    before_start: JobState = JobState.QUEUED_ACTIVE
    # The wait for a job that was deleted before it began.
    deleted_before_start: Optional[_Error] = NoResourceUsageException
    # Why such a job ended, as far as its record tells.
    cause_of_deleted: Cause = Cause.NOT_STARTED
    # What the command tells of a job that could not begin, from its record or the accounting.
    no_command: str = "command not found: nosuch"
    no_permission: str = "no permission to execute ./noexec.sh"
    no_output: str = "could not write output file '/nonexistent/x': No such file or directory"
    no_folder: str = "could not enter working directory '/nonexistent': No such file or directory"
    # An argument with a line break; a job's name that the DRM does not take.
    line_break: Optional[_Error] = None
    bad_name: Optional[_Error] = None
    # A command that has its arguments in it.
    long_command: Optional[_Error] = None
    # The environment variable with a bulk job's index.
    index_variable: str = "TASK_ID"
    name_variable: str = "JOB_NAME"
    # A native option, a script and what it prints under the option.
    native_option: tuple[str, str, str] = ("", "", "")
    # Native options of jobs that others may overtake, if it has such.
    behind_others: str = ""
    # A native option that names a job, as jobName does, and which of the two wins.
    native_name: Optional[str] = None
    native_wins: bool = False
    # What this site calls resources, as its file says it.
    site: str = ""
    # What becomes of an option that no DRM knows.
    native_error: _Error = DeniedByDrmException
    # Entries of resourceUsage that a finished job has in any case, all of them numbers.
    usage: frozenset[str] = frozenset({"submission_time", "start_time", "end_time"})
    # Whether there are resources that it has no words for.
    wordless: bool = True
    # The shortest time limit, in seconds, and what the record says of a job that has reached it.
    shortest_limit: int = 1
    causes_of_limit: frozenset[Cause] = frozenset({Cause.SIGNALED, Cause.WALLCLOCK_LIMIT})
    # Whether the record has the memory that the job needed.
    tells_memory: bool = True
    # Signals whose job has exited, as far as its record tells, with 128 and the signal's number.
    silent_signals: frozenset[str] = frozenset()


_GRID_ENGINE = Drm(
    "gridengine",
    # Its library has no such attributes; the native specification does this (-l h_rt, -dl).
    refused=LIMITS | {"deadlineTime", "transferFiles"},
    # Its library does not tell an unknown attribute from an unset one.
    unknown_attribute=InvalidAttributeValueException,
    # Paths and times are first looked at by runJob(), which has no finer code.
    path_without_colon=InvalidArgumentException,
    no_time=DeniedByDrmException,
    bad_contact=InvalidArgumentException,
    malformed_id=InvalidArgumentException,
    # A hold can be set and taken off at any time; it counts when the job is queued again.
    hold_running=None,
    release_unheld=None,
    # It keeps the job back by a hold of its own.
    before_start=JobState.SYSTEM_ON_HOLD,
    no_command="failed 27: searching requested shell (the command, or the shell asked for, is ",
    no_permission="failed 27: searching requested shell (the command, or the shell asked for, is ",
    no_output="failed 26: opening input/output file, ",
    no_folder="failed 28: changing into working directory, ",
    # Its library cuts them there, so they are refused.
    line_break=InvalidArgumentException,
    bad_name=DeniedByDrmException,
    long_command=DeniedByDrmException,
    index_variable="SGE_TASK_ID",
    native_option=("-N by-option", 'echo "$JOB_NAME"', "by-option"),
    behind_others="-p -500",
    native_name="-N {}",
    site="[gridengine]\nslots = -pe smp {slots}\n",
    usage=frozenset(
        {
            "submission_time",
            "start_time",
            "end_time",
            "ru_wallclock",
            "ru_utime",
            "ru_stime",
            "ru_maxrss",
            "exit_status",
            "signal",
            "cpu",
            "mem",
            "maxvmem",
        }
    ),
)

# The library of the package's own engines tells the defaults of what was never set.
_DEFAULTS = (
    ("jobSubmissionState", "drmaa_active"),
    ("joinFiles", False),
    ("blockEmail", False),
)
_LOCAL = Drm(
    "local",
    native_option=("--nice 7", "nice", str(min(19, os.nice(0) + 7))),
    defaults=_DEFAULTS,
    # Its record says that it was aborted, and has no usage: no error is needed to tell.
    deleted_before_start=None,
    # Since it acts as Grid Engine.
    bad_name=DeniedByDrmException,
    cause_of_deleted=Cause.TERMINATED,
)

_SLURM = Drm(
    "slurm",
    # It copies no files.
    refused=frozenset({"transferFiles"}),
    native_option=("--comment=x --job-name=by-option", 'echo "$SLURM_JOB_NAME"', "by-option"),
    behind_others="--nice=10000",
    native_name="-J {}",
    # As with slurm-drmaa.
    native_wins=True,
    defaults=_DEFAULTS,
    # Its record says that it was aborted, as the local engine's does.
    deleted_before_start=None,
    cause_of_deleted=Cause.TERMINATED,
    wordless=False,
    # It counts in minutes, and looks twice a minute.
    shortest_limit=90,
    causes_of_limit=frozenset({Cause.WALLCLOCK_LIMIT}),
    # The batch script is sh, which cannot measure it; only the accounting knows.
    tells_memory=False,
    # dash says nothing of an interrupt; bash would.
    silent_signals=frozenset({"SIGINT"}),
)

DRMS = {drm.name: drm for drm in (_GRID_ENGINE, _LOCAL, _SLURM)}
