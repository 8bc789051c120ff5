"""Timeouts, as programs pass them, as C takes them, and as points in time."""

from __future__ import annotations

import math
import time

from drmaa_cffi.const import TIMEOUT_NO_WAIT, TIMEOUT_WAIT_FOREVER
from drmaa_cffi.errors import (
    DrmaaException,
    Errno,
    ExitTimeoutException,
    from_code,
    invalid_argument,
    shown,
)

# Some libraries keep seconds in an int.
_LARGEST_INT = 2**31 - 1
_FOREVER = math.inf


def seconds_of(timeout: float) -> int:
    """Return a timeout in whole seconds, as C takes it."""
    legal = (
        f"pass seconds, TIMEOUT_NO_WAIT ({TIMEOUT_NO_WAIT}) to only ask, or TIMEOUT_WAIT_FOREVER "
        f"({TIMEOUT_WAIT_FOREVER}) to wait without end"
    )
    try:
        if timeout in {TIMEOUT_WAIT_FOREVER, _FOREVER}:
            return TIMEOUT_WAIT_FOREVER
        if timeout >= 0:
            return math.ceil(min(timeout, _LARGEST_INT))  # 68 years
    except (TypeError, ArithmeticError):  # the latter: a Decimal that is not a number
        raise invalid_argument(f"{shown(timeout)} is no timeout: {legal}") from None
    raise invalid_argument(f"the timeout can't be {shown(timeout)}: {legal}")


def fraction_of(timeout: float) -> float:
    """Return a timeout in seconds, under the rules of Session.wait() but for the fractions."""
    whole = seconds_of(timeout)
    # The smaller one is what a float can hold.
    return math.inf if whole < 0 else float(min(timeout, whole))


def patience_of(timeout: float | None) -> float:
    """Return a timeout of the kind of concurrent.futures in seconds, which for None never end."""
    try:
        seconds = _FOREVER if timeout is None else float(min(timeout, _LARGEST_INT))
    except (TypeError, ValueError, ArithmeticError):
        seconds = math.nan
    if math.isnan(seconds):
        raise invalid_argument(
            f"the timeout can't be {shown(timeout)}: pass seconds, or None to wait without end"
        )
    return seconds


def deadline_of(timeout: int) -> float:
    """Return when a timeout in seconds, as C takes it, ends by the monotonic clock."""
    return _FOREVER if timeout < 0 else time.monotonic() + timeout


def timeout_until(deadline: float) -> int:
    """Return the timeout for C, in whole seconds, that ends at *deadline*."""
    return -1 if deadline == _FOREVER else max(0, math.ceil(deadline - time.monotonic()))


def timed_out(routine: str = "drmaa_wait") -> DrmaaException:
    """Make the exception for a wait that was too short."""
    return from_code(Errno.EXIT_TIMEOUT, routine, ExitTimeoutException.meaning)
