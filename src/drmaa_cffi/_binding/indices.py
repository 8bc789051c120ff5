"""The indices of bulk jobs, and other whole numbers, as programs pass them."""

from __future__ import annotations

import operator
from typing import Tuple

from drmaa_cffi.errors import invalid_argument, shown

_LARGEST_INT = 2**31 - 1

#: Begin, end and step of a bulk job.
Span = Tuple[int, int, int]


def index_of(value: int, what: str) -> int:
    """Return an index of bulk jobs, or their step."""
    try:
        number = operator.index(value)
    except Exception:  # noqa: BLE001 - the value's own, and as little a number
        number = 0
    if not 1 <= number <= _LARGEST_INT:
        raise invalid_argument(
            f"{what} can't be {shown(value)}: it is a whole number from 1 to {_LARGEST_INT}"
        )
    return number


def span_of(begin: int, end: int, step: int, names: str = "begin end step") -> Span:
    """Return the indices of a bulk job.

    Raises:
        InvalidArgumentException: one is not legal, or the last is below the first; it is called
            as in *names*.
    """
    name_of_begin, name_of_end, name_of_step = names.split()
    first, last = index_of(begin, name_of_begin), index_of(end, name_of_end)
    if last < first:
        raise invalid_argument(
            f"{name_of_end} {shown(end)} is below {name_of_begin} {shown(begin)}: it can't be less"
        )
    return first, last, index_of(step, name_of_step)
