"""DRMAA's numbers as the engine uses them: errors, states, actions; the same as in drmaa.h."""

from __future__ import annotations

from typing import Final

SUCCESS: Final = 0
INTERNAL_ERROR: Final = 1
DRM_COMMUNICATION_FAILURE: Final = 2
AUTH_FAILURE: Final = 3
INVALID_ARGUMENT: Final = 4
NO_ACTIVE_SESSION: Final = 5
INVALID_CONTACT_STRING: Final = 7
DRMS_INIT_FAILED: Final = 10
TRY_LATER: Final = 16
DENIED_BY_DRM: Final = 17
INVALID_JOB: Final = 18
RESUME_INCONSISTENT_STATE: Final = 19
SUSPEND_INCONSISTENT_STATE: Final = 20
HOLD_INCONSISTENT_STATE: Final = 21
RELEASE_INCONSISTENT_STATE: Final = 22
EXIT_TIMEOUT: Final = 23

PS_UNDETERMINED: Final = 0x00
PS_QUEUED_ACTIVE: Final = 0x10
PS_SYSTEM_ON_HOLD: Final = 0x11
PS_USER_ON_HOLD: Final = 0x12
PS_USER_SYSTEM_ON_HOLD: Final = 0x13
PS_RUNNING: Final = 0x20
PS_USER_SUSPENDED: Final = 0x22
PS_DONE: Final = 0x30
PS_FAILED: Final = 0x40

SUSPEND: Final = 0
RESUME: Final = 1
HOLD: Final = 2
RELEASE: Final = 3
TERMINATE: Final = 4

#: Above the 16 bits of a wait status: the job never ran, or was terminated (endings.h).
STAT_ABORTED: Final = 0x10000
#: Nobody can tell how, or whether, it ended: its wait is answered with an error.
STAT_LOST: Final = 0x20000


class Refusal(Exception):
    """A request that cannot be done: becomes an answer with `code` and the words.

    Args:
        code: a DRMAA error number.
        words: what was wrong, what is legal and what to do.
    """

    def __init__(self, code: int, words: str) -> None:
        super().__init__(words)
        self.code = code
        self.words = words


_RULES = {
    SUSPEND: (SUSPEND_INCONSISTENT_STATE, "only a running job can be suspended"),
    RESUME: (RESUME_INCONSISTENT_STATE, "only a suspended job can be resumed"),
    HOLD: (HOLD_INCONSISTENT_STATE, "only a queued job that is not held can be held"),
    RELEASE: (RELEASE_INCONSISTENT_STATE, "only a held job can be released"),
    TERMINATE: (INVALID_JOB, "only a job that has not ended can be terminated"),
}


def inapplicable(action: int, why: str = "this applies to no job of the session now") -> Refusal:
    """The refusal of an action of `drmaa_control` that does not apply: why, and what it is for."""
    code, rule = _RULES[action]
    return Refusal(code, f"{why}: {rule}")
