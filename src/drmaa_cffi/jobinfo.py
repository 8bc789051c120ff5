"""What is known of a finished job."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .usage import Usage


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

    @property
    def usage(self) -> Usage:
        """The job's use of resources in numbers, made of ``resourceUsage`` at each look."""
        from .usage import usage_of  # noqa: PLC0415 - few programs look at it

        return usage_of(self.resourceUsage or {})

    @property
    def ok(self) -> bool:
        """True if the job exited with 0, and was neither aborted nor ended by a signal."""
        exited_only = self.hasExited and not self.hasSignal and not self.wasAborted
        return exited_only and self.exitStatus == 0

    def describe(self) -> str:
        """Return in words how the job ended, such as ``exited with 3``.

        The others are ``killed by SIGKILL``, ``killed by SIGSEGV (core dumped)``, ``aborted
        before it ran``, ``aborted``, and ``ended, and the DRM does not tell how``.
        """
        # Slurm's library calls each exit over 128 a signal, too.
        if self.hasExited:
            return f"exited with {self.exitStatus}"
        # So does Grid Engine's a running job that was deleted, and the local engine's.
        if self.wasAborted:
            return "aborted" if self._may_have_run() else "aborted before it ran"
        if self.hasSignal:
            core = " (core dumped)" if self.hasCoreDump else ""
            return f"killed by {self.terminatedSignal or 'a signal'}{core}"
        return "ended, and the DRM does not tell how"

    def _may_have_run(self) -> bool:
        from .usage import is_of_drmaa_utils  # noqa: PLC0415 - few programs ask

        entries = self.resourceUsage or {}
        # Where 0 is unknown, no start tells nothing.
        return is_of_drmaa_utils(entries) or self.usage.started is not None
