"""What is known of a finished job."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .causes import Cause
    from .template import JobTemplate
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

    @property
    def cause(self) -> Cause:
        """The member of Cause that says what ended the job, or kept it from running.

        It comes from the record alone. The local engine and the engine on Slurm report it. For
        other DRMs it is what the record shows, and ``explain()`` looks further.
        """
        from .causes import cause_of  # noqa: PLC0415 - few programs look at it

        return cause_of(self)

    @property
    def reason(self) -> str:
        """Why that was, in the words of the DRM's library; empty if it does not say."""
        return str((self.resourceUsage or {}).get("reason", ""))

    def describe(self) -> str:
        """Return in words how the job ended, such as ``exited with 3``, and why.

        The others are ``killed by SIGKILL``, ``killed by SIGSEGV (core dumped)``, ``aborted
        before it ran``, ``aborted``, and ``ended, and the DRM does not say how``. If the
        record has a reason, that follows a colon: ``aborted before it ran: command not found:
        nosuch``.
        """
        return f"{self._outcome()}: {self.reason}" if self.reason else self._outcome()

    def explain(self, template: JobTemplate | None = None, timeout: float = 20) -> str:
        """Return all that can be found out about the job's end, for people to read.

        To what describe() says, this adds what the DRM's accounting knows (Grid Engine's
        ``qacct`` or Slurm's ``sacct``, where this machine has it) and the last lines of the job's
        error file. That takes time. The text also says what can't be found out; no error is
        raised.

        Args:
            template: What the job was submitted with, to find its error file. You do not need
                it if the library reports the file, as the local engine's does.
            timeout: How many seconds to wait for the accounting of a job that has just ended:
                Grid Engine writes it every 15 seconds.

        C: drmaa_get_DRM_system; the rest does not use DRMAA.
        """
        from .explaining import explain  # noqa: PLC0415 - few programs ask

        return explain(self, template, timeout)

    def _outcome(self) -> str:
        # Slurm's library calls each exit over 128 a signal, too.
        if self.hasExited:
            return f"exited with {self.exitStatus}"
        # So does Grid Engine's a running job that was deleted, and the local engine's.
        if self.wasAborted:
            return "aborted before it ran" if self._never_ran() else "aborted"
        if self.hasSignal:
            core = " (core dumped)" if self.hasCoreDump else ""
            return f"killed by {self.terminatedSignal or 'a signal'}{core}"
        return "ended, and the DRM does not say how"

    def _never_ran(self) -> bool:
        from .causes import Cause, never_started  # noqa: PLC0415 - few programs ask

        return self.cause == Cause.NOT_STARTED or never_started(self)
