"""What a program may pass as a job id."""

from __future__ import annotations

import contextlib
import operator
import re
from typing import Iterable, Sequence, cast

from drmaa_cffi.errors import Errno, from_code, invalid_argument, shown

from .text import encode

_NUMBER = re.compile(r"\s*[+-]?([0-9]*)")
# Shorter ones that begin with another digit than 0 are numbers above 0 in any C type.
_SHORT = 9
# A bytearray is no id, and its elements are none.
_TEXTS = (str, bytes, bytearray, memoryview)
# No DRM counts so far, and int() takes its time for more.
_MOST_DIGITS = 100


def job_id_of(value: object) -> str:
    """Return a job id as text; an int is one, too.

    Raises:
        InvalidArgumentException: *value* is no job id.
        InvalidJobException: a library could take it for the number 0.
    """
    if type(value) is str:
        text = value
    elif isinstance(value, str):
        text = str.__str__(value)
    elif isinstance(value, bytes):
        text = value.decode("utf-8", "surrogateescape")
    else:
        text = _number(value)
    if not text:
        raise invalid_argument(f"{shown(value)} is not a job id: pass one that runJob() returned")
    if (len(text) > _SHORT or not "1" <= text[0]) and _could_be_zero(text):
        raise from_code(
            Errno.INVALID_JOB,
            "",
            f"{shown(text)} is not a job id: a library could read it as 0, which can mean all "
            "jobs; pass one that runJob() returned",
        )
    return text


def _number(value: object) -> str:
    """Return a whole number as text, NumPy's too; '' for what is none."""
    if isinstance(value, bool):
        return ""
    try:
        return str(operator.index(value))  # type: ignore[arg-type]
    except (TypeError, ValueError):  # the latter: Python writes out no more than 4300 digits
        return ""


def job_ids_of(value: object) -> Sequence[object]:
    """Return job ids as a list or tuple: a text is one id, and so is what can't be iterated.

    Whether each is one, job_id_of() tells.
    """
    one: Sequence[object] = (value,)
    if isinstance(value, (list, tuple)):
        return cast("Sequence[object]", value)
    with contextlib.suppress(TypeError):
        if not isinstance(value, _TEXTS):
            return tuple(cast("Iterable[object]", value))
    return one


def encode_job_id(value: object) -> bytes:
    """Return a job id as C gets it; the errors are those of job_id_of() and encode()."""
    # The look at each kind of id takes a third of a jobStatus(): most need none.
    if type(value) is str and len(value) <= _SHORT and value.isalnum() and value[0] != "0":
        return value.encode()
    return encode(job_id_of(value), "a job id")


def _could_be_zero(text: str) -> bool:
    """Whether C's atoi(), cut to 32 bits, makes 0 of a number.

    Grid Engine's library reads ids so, and there 0 stands for the jobs of all users: an
    administrator's control("0", "terminate") would end them all.
    """
    match = _NUMBER.match(text)
    digits = match.group(1) if match else ""
    if not digits:
        return text[0] in "+-"
    return len(digits) > _MOST_DIGITS or int(digits) % 2**32 == 0
