"""The time limits of a template take times in every form that users have."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from fake import Fake, in_c

import drmaa_cffi
from drmaa_cffi import JobTemplate

LIMITS = (
    "hardWallclockTimeLimit",
    "softWallclockTimeLimit",
    "hardRunDurationLimit",
    "softRunDurationLimit",
)


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize(
    ("value", "c_text", "seconds"),
    [
        (60, "00:01:00", 60),
        (0, "00:00:00", 0),
        (59.2, "00:01:00", 60),
        (timedelta(days=5, seconds=1), "120:00:01", 432001),
        ("1:2:3", "01:02:03", 3723),
        ("90:00", "01:30:00", 5400),
        (b"45", "00:00:45", 45),
        (2**31, "596523:14:08", 2**31),
        (Fraction(119, 2), "00:01:00", 60),
        (Decimal("59.2"), "00:01:00", 60),
    ],
    ids=str,
)
def test_limit(template: JobTemplate, name: str, value: object, c_text: str, seconds: int) -> None:
    """Limits take seconds, a timedelta or text; they are HH:MM:SS in C and seconds when read."""
    setattr(template, name, value)
    assert (c_text, seconds) == (in_c(template, name), getattr(template, name))


@pytest.mark.parametrize(
    "value",
    ["soon", "1:2:3:4", "-5", -5, True, float("nan"), float("inf"), "", [60], "1.5", "٣"],
    ids=repr,
)
def test_bad_limit(template: JobTemplate, value: object) -> None:
    """What is not a time is refused with what would be."""
    with pytest.raises(drmaa_cffi.InvalidAttributeFormatException, match="code 13: .*timedelta"):
        template.hardWallclockTimeLimit = value


@pytest.mark.parametrize("name", LIMITS)
def test_unset_limit(fake: Fake, template: JobTemplate, name: str) -> None:
    """Of a limit that was never set the library's '' is passed on, too."""
    fake.says("drmaa_get_attribute", b"")
    assert "" == getattr(template, name)
