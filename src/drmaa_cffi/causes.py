"""Why a job ended as it did, as far as its record tells."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .const import _Text

if TYPE_CHECKING:
    from .jobinfo import JobInfo

#: The usage entries by which the project's own libraries tell it.
CAUSE, REASON = "cause", "reason"


class Cause(_Text):
    """What ended a job, or kept it from running: JobInfo.cause. Each member is a str.

    C: the wait status of drmaa_wait, and its usage entry ``cause``.
    """

    #: It ended by itself, whatever its exit status.
    EXITED = "exited"
    #: A signal ended it, and nobody says why it was sent.
    SIGNALED = "signaled"
    #: It was ended by order, which came by drmaa_control or the DRM's own command.
    TERMINATED = "terminated"
    #: It had run for as long as it was allowed to.
    WALLCLOCK_LIMIT = "wallclock_limit"
    #: It wanted more memory than it was allowed to have.
    MEMORY_LIMIT = "memory_limit"
    #: Its machine, or what looks after the jobs there, failed.
    NODE_FAILED = "node_failed"
    #: It made way for a job of more importance.
    PREEMPTED = "preempted"
    #: Its command never ran.
    NOT_STARTED = "not_started"
    #: The DRM does not say.
    UNKNOWN = "unknown"


def cause_of(info: JobInfo) -> Cause:
    """Return what ended the job: what its library says, else what the record shows."""
    entries = info.resourceUsage or {}
    told = str(entries.get(CAUSE, ""))
    if told in _BY_TEXT:
        return _BY_TEXT[told]
    # In the order of describe(): Slurm's library calls each exit over 128 a signal, too.
    if info.hasExited:
        return Cause.EXITED
    if info.wasAborted:
        return _aborted(info)
    return Cause.SIGNALED if info.hasSignal else Cause.UNKNOWN


def _aborted(info: JobInfo) -> Cause:
    if never_started(info):
        return Cause.NOT_STARTED
    # drmaa_utils tells neither the start nor the order. Grid Engine aborts a job that exited
    # with 100, too; one that was deleted has a signal's status.
    exited = re.fullmatch(r"([0-9]|[1-9][0-9]|1[01][0-9]|12[0-7])(\.0*)?", _status(info))
    return Cause.UNKNOWN if _is_of_drmaa_utils(info) or exited else Cause.TERMINATED


def _status(info: JobInfo) -> str:
    return str((info.resourceUsage or {}).get("exit_status", ""))


def never_started(info: JobInfo) -> bool:
    """Whether the record of an aborted job tells that it never had a process."""
    # Where 0 is unknown, no start tells nothing.
    return not _is_of_drmaa_utils(info) and info.usage.started is None


def _is_of_drmaa_utils(info: JobInfo) -> bool:
    from .usage import is_of_drmaa_utils  # noqa: PLC0415 - few programs ask

    return is_of_drmaa_utils(info.resourceUsage or {})


_BY_TEXT = {str(cause): cause for cause in Cause}
