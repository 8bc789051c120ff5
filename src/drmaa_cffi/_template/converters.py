"""How a scalar attribute's value is written in C: a flag, a time limit."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Protocol

from drmaa_cffi.errors import Errno, from_code, invalid_argument, shown

if TYPE_CHECKING:
    from datetime import timedelta

# No limit is as long: 30 million years of seconds.
_ENDLESS = 10**15


class Converter(Protocol):
    """Translates a scalar attribute's value between Python and C.

    C: drmaa_set_attribute, drmaa_get_attribute.
    """

    def to_drmaa(self, value: Any) -> object:
        """Return *value* as the library wants it: as text, or what str() makes text of."""
        ...

    def from_drmaa(self, value: bytes) -> Any:
        """Return the library's *value* as Python wants it."""
        ...


class BoolConverter:
    """Translates a flag: any truth value on the way in, a bool on the way out.

    C: the attributes drmaa_block_email, drmaa_join_files.
    """

    def __init__(self, true: str | bytes = b"y", false: str | bytes = b"n") -> None:
        self.true: bytes = true.encode() if isinstance(true, str) else true
        self.false: bytes = false.encode() if isinstance(false, str) else false

    def to_drmaa(self, value: object) -> bytes:
        """Return the library's word for *value*'s truth."""
        try:
            return self.true if value else self.false
        except Exception as error:  # a NumPy array of several flags
            raise invalid_argument(f"{shown(value)} is neither true nor false") from error

    def from_drmaa(self, value: bytes) -> bool:
        """Return True if *value* is the library's word for true."""
        return value == self.true


class IntConverter:
    """Translates a time limit: seconds in many forms on the way in, an int on the way out.

    C: the attributes drmaa_{wct,duration}_{hlimit,slimit}.
    """

    @staticmethod
    def to_drmaa(value: float | timedelta | str | bytes) -> str:
        """Return *value* as HH:MM:SS.

        Args:
            value: Seconds (fractions are rounded up), a timedelta, or ``[[h:]m:]s`` text.

        Raises:
            InvalidAttributeFormatException: it is none of these, negative or without end.
        """
        if isinstance(value, (str, bytes)):
            seconds = IntConverter.from_drmaa(value)
        else:
            seconds = _whole_seconds(value)
        return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"

    @staticmethod
    def from_drmaa(value: str | bytes) -> int:
        """Return the seconds that ``[[h:]m:]s`` text stands for.

        Raises:
            InvalidAttributeFormatException: it is not written so.
        """
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        if not re.fullmatch(r"\s*(\d{1,12}:){0,2}\d{1,12}\s*", text, re.ASCII):
            raise _bad_format(value)
        seconds = 0
        for part in text.split(":"):
            seconds = seconds * 60 + int(part)
        return seconds


def _whole_seconds(value: Any) -> int:
    """Return a timedelta, or a number of any kind (NumPy's, too), rounded up."""
    try:
        number = value.total_seconds() if hasattr(value, "total_seconds") else value
        if not isinstance(number, bool) and 0 <= number < _ENDLESS:
            seconds: int = math.ceil(number)
            return seconds
    except (TypeError, ValueError, ArithmeticError):  # no number, or a Decimal that is none
        pass
    raise _bad_format(value)


def _bad_format(value: object) -> Exception:
    legal = "pass seconds as an int, a timedelta, or text as [[hours:]minutes:]seconds"
    return from_code(
        Errno.INVALID_ATTRIBUTE_FORMAT, "", f"{shown(value)} is not a time limit: {legal}"
    )
