"""What ``doctor`` says of one thing that it has looked at."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class Verdict(Enum):
    """How bad it is."""

    OK = "ok"
    WARNING = "warning"
    FAILURE = "failure"


class Check(NamedTuple):
    """A thing that was looked at."""

    name: str
    verdict: Verdict
    said: str
    remedy: str = ""
