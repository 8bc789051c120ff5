"""The runner's log: what a runner that is gone has left of the jobs it ran."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from drmaa_cffi.engine.core import home as homes

_log = logging.getLogger(__name__)

_NAME = "runner.log"


class Report(NamedTuple):
    """How a task ended; times in microseconds, 0 where it never ran. The runner's E line."""

    started: int
    ended: int
    ran: int
    status: int
    stage: int
    reason: int
    utime: int
    stime: int
    maxrss: int
    minflt: int
    majflt: int
    inblock: int
    oublock: int
    nvcsw: int
    nivcsw: int


def parse_end(words: list[bytes]) -> tuple[int, int, Report]:
    """Reads the fields of an E line."""
    numbers = list(map(int, words))
    return numbers[0], numbers[1], Report(*numbers[2:])


def read_log(
    home: homes.Home,
) -> tuple[dict[tuple[int, int], int], list[tuple[int, int, Report]]]:
    """What a runner that is gone has left: the tasks it started, with their pids, and the ends.

    A pid is 0 if the runner was killed just when it started that task.
    """
    started: dict[tuple[int, int], int] = {}
    ended: list[tuple[int, int, Report]] = []
    try:
        data = (home.path / _NAME).read_bytes()
    except FileNotFoundError:
        return started, ended
    lines = data.split(b"\n")
    # What follows the last line's end was cut off by a power cut.
    for line in lines[:-1]:
        kind, _, rest = line.partition(b" ")
        words = rest.split()
        try:
            if kind == b"I":
                started[int(words[0]), int(words[1])] = 0
            elif kind == b"S":
                started[int(words[0]), int(words[1])] = int(words[2])
            elif kind == b"N":
                started.pop((int(words[0]), int(words[1])), None)
            elif kind == b"E":
                ended.append(parse_end(words))
        except (ValueError, IndexError, TypeError):
            _log.warning("runner.log: a line makes no sense and is passed over: %r", line)
    return started, ended
