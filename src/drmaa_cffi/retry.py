"""Jobs that are tried again: when, how often, and what is changed before."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Callable, Iterable, NamedTuple, Optional

from .causes import Cause
from .errors import invalid_argument, shown
from .jobinfo import JobInfo
from .template import JobTemplate

if TYPE_CHECKING:
    from typing_extensions import Self

#: Gives the template of the next attempt: it gets a copy of the last one's, which it can change
#: and return, and the last one's record.
Change = Callable[[JobTemplate, JobInfo], Optional[JobTemplate]]


class _Retry(NamedTuple):
    """The fields of Retry, which checks them."""

    times: int = 1
    on: frozenset[Cause] | None = None
    wait: float = 0
    change: Change | None = None


class Retry(_Retry):
    """Says when a job is tried again: for JobExecutor.submit().

    Args:
        times: How many times it is tried again at most, at least 0.
        on: The causes of an end that are worth it, as members of Cause or their names; with
            Cause.EXITED an exit status other than 0. None for all but Cause.TERMINATED.
        wait: How many seconds to wait before each further attempt.
        change: Called before each further attempt with a copy of the template and with the record
            of the last attempt; it can change the copy, or return another template. See
            more_memory() and more_time().

    Raises:
        InvalidArgumentException: a value is not legal.

    C: drmaa_run_job, called again.
    """

    __slots__ = ()

    def __new__(
        cls,
        times: int = 1,
        on: Iterable[Cause | str] | None = None,
        wait: float = 0,
        change: Change | None = None,
    ) -> Self:
        """Check the values."""
        if isinstance(times, bool) or not isinstance(times, int) or times < 0:
            raise invalid_argument(f"times can't be {shown(times)}: it is a whole number from 0")
        if isinstance(wait, bool) or not isinstance(wait, (int, float)):
            wait = math.nan
        if not 0 <= wait < math.inf:
            raise invalid_argument(f"wait can't be {shown(wait)}: it is seconds, at least 0")
        if change is not None and not callable(change):
            raise invalid_argument(
                f"change can't be {shown(change)}: pass a function of a template and a JobInfo"
            )
        return super().__new__(cls, times, None if on is None else _causes(on), wait, change)

    # The tuple's own would not check.
    def _replace(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, **changes: Any
    ) -> Self:
        """Return the same with *changes*."""
        return type(self)(**{**self._asdict(), **changes})

    def wants(self, info: JobInfo) -> bool:
        """Return whether a job that ended so is worth another attempt.

        Args:
            info: The job's record.

        C: none.
        """
        if info.ok:
            return False
        return info.cause != Cause.TERMINATED if self.on is None else info.cause in self.on


def _causes(values: Iterable[Cause | str]) -> frozenset[Cause]:
    names = [values] if isinstance(values, str) else values
    try:
        return frozenset(Cause(name) for name in names)
    except (TypeError, ValueError):
        legal = ", ".join(str(cause) for cause in Cause)
        raise invalid_argument(
            f"on can't be {shown(values)}: it is a set of members of Cause: {legal}"
        ) from None


def more_memory(template: JobTemplate, info: JobInfo) -> JobTemplate:
    """Ask for twice the memory: for Retry.change.

    Args:
        template: The next attempt's template; its resources have a memory.
        info: The record of the last attempt.

    Raises:
        InvalidArgumentException: the template's resources name no memory.

    C: the attribute drmaa_native_specification.
    """
    return _double(template, info, "memory")


def more_time(template: JobTemplate, info: JobInfo) -> JobTemplate:
    """Do the same as more_memory() with the walltime.

    C: the attribute drmaa_native_specification.
    """
    return _double(template, info, "walltime")


def _double(template: JobTemplate, info: JobInfo, field: str) -> JobTemplate:
    resources = template.resources
    value = getattr(resources, field, None)
    if resources is None or value is None:
        raise invalid_argument(
            f"job {info.jobId} can't be tried again with more: its template's resources name no "
            f"{field}"
        )
    template.resources = resources._replace(**{field: 2 * value})
    return template
