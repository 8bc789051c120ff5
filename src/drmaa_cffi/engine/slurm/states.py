"""What Slurm's words for a job's state mean for DRMAA."""

from __future__ import annotations

from typing import NamedTuple

from drmaa_cffi.engine.core import codes

#: It waits, and may run again after a requeue.
_QUEUED = frozenset(
    ("PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT")
)
_RUNNING = frozenset(("RUNNING", "RESIZING", "SIGNALING", "STAGE_OUT", "COMPLETING"))
_SUSPENDED = frozenset(("SUSPENDED", "STOPPED"))
#: It ended by itself, and its status says how.
_ENDED = frozenset(("COMPLETED", "FAILED"))
#: Slurm, an administrator or its owner ended it, whatever its status says.
_ABORTED = frozenset(
    (
        "CANCELLED",
        "TIMEOUT",
        "OUT_OF_MEMORY",
        "NODE_FAIL",
        "PREEMPTED",
        "BOOT_FAIL",
        "DEADLINE",
        "REVOKED",
        "LAUNCH_FAILED",
        "RECONFIG_FAIL",
    )
)
_SYSTEM_HOLDS = frozenset(("JobHeldAdmin", "Dependency", "DependencyNeverSatisfied"))
#: What sacct makes of 4021, Slurm's own error number in place of a wait status: slurmstepd could
#: not open the script's output.
_SACCT_LAUNCH = 53


class Verdict(NamedTuple):
    """What a state says: `ended`: for good; `aborted`: not by itself."""

    ended: bool
    aborted: bool


def plain(state: str) -> str:
    """The state without what Slurm adds: `CANCELLED by 17`, `CANCELLED+`."""
    return state.partition(" ")[0].rstrip("+").upper()


def judge(state: str, reason: str, status: int | None) -> Verdict:
    """Whether a job in this state has ended; one that is not known here has not."""
    word = plain(state)
    if word in _ABORTED:
        return Verdict(ended=True, aborted=True)
    if word not in _ENDED:
        return Verdict(ended=False, aborted=False)
    # It says JobLaunchFailure of a batch script that was killed by a signal, too.
    unlaunched = reason == "JobLaunchFailure" and not (status or 0) & 0x7F
    return Verdict(ended=True, aborted=unlaunched or not_started(status))


def not_started(status: int | None) -> bool:
    """Whether it is no wait status, but says why the batch script could not be started."""
    # A process has a signal or an exit status, never both.
    return status is not None and (
        status == _SACCT_LAUNCH or (status & 0x7F != 0 and status >> 8 != 0)
    )


def drmaa_state(state: str, reason: str, status: int | None) -> int:
    """The DRMAA state, one of `codes.PS_...`; 0 for one that is not known here."""
    word = plain(state)
    if word in _QUEUED:
        if reason == "JobHeldUser" or word in ("REQUEUE_HOLD", "SPECIAL_EXIT"):
            return codes.PS_USER_ON_HOLD
        return codes.PS_SYSTEM_ON_HOLD if reason in _SYSTEM_HOLDS else codes.PS_QUEUED_ACTIVE
    if word in _RUNNING:
        return codes.PS_RUNNING
    if word in _SUSPENDED:
        return codes.PS_USER_SUSPENDED
    verdict = judge(state, reason, status)
    if not verdict.ended:
        return 0
    failed = verdict.aborted or (status or 0) & 0x7F
    return codes.PS_FAILED if failed else codes.PS_DONE
