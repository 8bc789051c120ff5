"""Times of day as DRMAA writes them, brought to local time where they have an offset from UTC.

Grid Engine's library misreads an offset, and one east of Greenwich ends the whole process there.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from drmaa_cffi.errors import Errno, from_code, shown

if TYPE_CHECKING:
    from datetime import datetime

_OFFSET = re.compile(r":[0-9]+\s*([+-])\s*([0-9]+):([0-9]+)\s*$")
_TIME = re.compile(
    r"\s*(?:(?:(?:(?P<century>\d\d)?(?P<year>\d\d)/)?(?P<month>\d\d)/)?(?P<day>\d\d)\s+)?"
    r"(?P<hour>\d\d?):(?P<minute>\d\d)(?::(?P<second>\d\d))?"
    r"\s*(?P<sign>[+-])(?P<hours>\d\d):(?P<minutes>\d\d)\s*",
    re.ASCII,
)


_UNITS = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))
_WITH_UNITS = re.compile(
    r"\s*" + "".join(rf"(?:(\d{{1,9}})\s*{unit}\s*)?" for unit, _ in _UNITS),
    re.ASCII | re.IGNORECASE,
)
# Slurm's forms with days: the first number behind them is hours.
_WITH_DAYS = re.compile(r"\s*(\d{1,6})-(\d{1,4})(?::(\d{1,4})(?::(\d{1,4}))?)?\s*", re.ASCII)


def duration(text: str) -> int | None:
    """Return the seconds that ``2h30m``, ``3d`` or Slurm's ``1-12:30`` stand for; None if neither.

    C: no routine; native specifications have such times.
    """
    match = _WITH_DAYS.fullmatch(text) or _WITH_UNITS.fullmatch(text)
    if match is None or not any(match.groups()):
        return None
    return sum(int(count or 0) * size for count, (_, size) in zip(match.groups(), _UNITS))


class TimeConverter:
    """Translates a time: one with an offset from UTC to local time, others not at all.

    C: the attribute drmaa_start_time.
    """

    @staticmethod
    def to_drmaa(value: object) -> object:
        """Return *value*, as ``CCYY/MM/DD hh:mm:ss`` in local time if it has an offset.

        Raises:
            InvalidAttributeFormatException: it has an offset, and is not written as
                ``[[[[CC]YY/]MM/]DD] hh:mm[:ss] {-|+}UU:uu``.
        """
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        if not isinstance(text, str) or not _OFFSET.search(text):
            return value
        match = _TIME.fullmatch(text)
        try:
            if match is None:
                raise ValueError
            return _next(match.groupdict()).astimezone().strftime("%Y/%m/%d %H:%M:%S")
        except (ValueError, OverflowError):
            raise from_code(
                Errno.INVALID_ATTRIBUTE_FORMAT,
                "",
                f"{shown(value)} is not a time: write [[[[CC]YY/]MM/]DD] hh:mm[:ss] "
                "[{{-|+}}UU:uu], as in '2027/01/31 20:30:00 +01:00'",
            ) from None

    @staticmethod
    def from_drmaa(value: bytes) -> str:
        """Return the library's text."""
        return value.decode("utf-8", "surrogateescape")


def _next(parts: dict[str, str | None]) -> datetime:
    """Return the next time that a partial time stands for.

    Raises:
        ValueError: there is none.
    """
    from datetime import datetime, timedelta, timezone  # noqa: PLC0415 - few programs need it

    number = {name: int(text) for name, text in parts.items() if text and text.isdigit()}
    offset = timedelta(hours=number["hours"], minutes=number["minutes"])
    now = datetime.now(timezone(-offset if parts["sign"] == "-" else offset))
    time = now.replace(
        hour=number["hour"], minute=number["minute"], second=number.get("second", 0), microsecond=0
    )
    if "year" in number:
        year = number.get("century", now.year // 100) * 100 + number["year"]
        return time.replace(year=year, month=number["month"], day=number["day"])
    # Days ahead enough to meet a 29th of February.
    for days in range(9 * 366):
        found = time + timedelta(days=days)
        if (
            found >= now
            and found.day == number.get("day", found.day)
            and found.month == number.get("month", found.month)
        ):
            return found
    raise ValueError
