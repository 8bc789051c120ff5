"""What is known of a finished job."""

from __future__ import annotations

from typing import NamedTuple


class JobInfo(NamedTuple):
    """The record of a finished job, as Session.wait() returns it.

    C: drmaa_wait, drmaa_wifexited, drmaa_wexitstatus, drmaa_wifsignaled, drmaa_wtermsig,
    drmaa_wcoredump, drmaa_wifaborted.
    """

    #: The job's id; the one that finished, where any was waited for.
    jobId: str
    #: True if the job ended by itself, so that exitStatus tells how.
    hasExited: bool
    #: True if a signal ended the job.
    hasSignal: bool
    #: The name of that signal, such as ``SIGKILL``; else empty.
    terminatedSignal: str
    #: True if the job left a core dump.
    hasCoreDump: bool
    #: True if the job ended before it ran, or was deleted.
    wasAborted: bool
    #: The exit status, 0 to 255, if hasExited; else what the library tells, often 0.
    exitStatus: int
    #: What the DRM tells of the job's use of resources, in its own names and units.
    resourceUsage: dict[str, str]
