"""The records that batch scripts leave in a folder: who has started, who has ended and how."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import re
import signal
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

_log = logging.getLogger(__name__)

_MICRO = 1_000_000
_MOST_BYTES = 1 << 16
_NAME = re.compile(r"([0-9a-f]+)\.(\d+)\.(\d+)\.(run|end)", re.ASCII)
_TIME = re.compile(r"(?:(\d+)h)?(\d+)m([\d.,]+)s", re.ASCII)
_OF_BASH = re.compile(r"\[1\]\S*\s+(?!\s|Done|Exit|Running|Stopped)")
_TERMINATED = "got TERM"
#: Beside strerror()'s words, those of dash.
_REASONS = {os.strerror(code): code for code in errno.errorcode} | {
    "No such file": errno.ENOENT,
    "Directory nonexistent": errno.ENOENT,
}


class Name(NamedTuple):
    """Whose record it is: the token of its submission, its index, how often it was requeued."""

    token: str
    task: int
    restart: int


class Record(NamedTuple):
    """How a command ended; times in microseconds.

    `status` is a wait status; `terminated`: the script had a SIGTERM, as at a cancellation or a
    time limit. `stage` is not 0 where the command was not started, and `reason` an errno then.
    """

    name: Name
    job: int
    host: str
    started: int
    ended: int
    status: int
    terminated: bool
    stage: int
    reason: int
    utime: int
    stime: int


class Seen(NamedTuple):
    """What is in the folder."""

    running: set[Name]
    ended: set[Name]


def look(folder: Path) -> Seen:
    """Whose records there are.

    Raises:
        OSError: the folder cannot be read.
    """
    seen = Seen(set(), set())
    # Opening it anew makes NFS ask the server.
    with os.scandir(folder) as entries:
        for entry in entries:
            match = _NAME.fullmatch(entry.name)
            if match:
                name = Name(match[1], int(match[2]), int(match[3]))
                (seen.ended if match[4] == "end" else seen.running).add(name)
    return seen


def read(folder: Path, name: Name) -> Record | None:
    """The record of an end; None if it is not whole, as where the disk was full.

    Raises:
        OSError: it cannot be read.
    """
    path = folder / f"{name.token}.{name.task}.{name.restart}.end"
    with path.open("rb") as file:
        text = file.read(_MOST_BYTES).decode("utf-8", "replace")
    return parse(name, text)


class Found(NamedTuple):
    """What a look into the folder has found."""

    seen: Seen
    records: list[Record]
    broken: list[Name]


def collect(folder: Path, known: frozenset[Name]) -> Found:
    """Reads what has ended, but for what is known; to be called in a thread.

    Raises:
        OSError: the folder cannot be read, or made anew.
    """
    try:
        seen = look(folder)
    except FileNotFoundError:
        # Somebody has removed it: what is still to come has a place again.
        _log.error("the folder %s is gone, and is made anew", folder)
        folder.mkdir(mode=0o700, parents=True)
        seen = Seen(set(), set())
    found = Found(seen, [], [])
    for name in seen.ended - known:
        try:
            record = read(folder, name)
        except OSError:  # the next look will tell
            continue
        if record is None:
            found.broken.append(name)
        else:
            found.records.append(record)
    return found


def remove(folder: Path, names: Iterable[Name]) -> None:
    """Removes records that are stored elsewhere, or of no use."""
    for token, task, restart in names:
        for kind in ("end", "run"):
            with contextlib.suppress(OSError):  # `sweep` tries it again
                (folder / f"{token}.{task}.{restart}.{kind}").unlink()


def sweep(folder: Path, tokens: Collection[str], before: float) -> None:
    """Removes what is older than `before`, in seconds since 1970, and has none of the tokens."""
    with os.scandir(folder) as entries:
        for entry in entries:
            match = _NAME.fullmatch(entry.name)
            if match and match[1] not in tokens:
                with contextlib.suppress(OSError):
                    if entry.stat().st_mtime < before:
                        (folder / entry.name).unlink()


def parse(name: Name, text: str) -> Record | None:
    """The record in a text; None if it is not whole."""
    # A trap runs between any two commands of the script.
    told = text.splitlines()
    lines = [line for line in told if line != _TERMINATED]
    try:
        first = next(line for line in lines if line.startswith("start ")).split()
        at = max(at for at, line in enumerate(lines) if line.startswith("end "))
        last = lines[at].split()
        _, utime, stime = lines[at + 1], *map(_microseconds, lines[at + 2].split())
        if lines[at + 3] != "done":
            return None
        started, job, host = _time(first[1]), int(first[2]), first[3]
        code, ended = int(last[1]), _time(last[2])
    except (StopIteration, ValueError, IndexError):
        return None
    said = lines[lines.index(" ".join(first)) + 1 : at]
    stage = reason = 0
    if said and said[-1].startswith("fail "):
        stage = int(said[-1].split()[1])
        reason = _REASONS.get(said[-2].rpartition(": ")[2], errno.EIO) if said[1:] else errno.EIO
    return Record(
        name,
        job,
        host,
        started,
        max(ended, started),
        _status_of(code, said),
        len(lines) < len(told),
        stage,
        reason,
        utime,
        stime,
    )


def _status_of(code: int, said: list[str]) -> int:
    """The wait status behind sh's number, which is 128 + N for the signal N and for exit(128 + N).

    dash says "Killed"; bash "[1]+  Killed ...", and "[1]+  Done(137) ..." of an exit status.
    """
    number = code - 128
    if not 0 < number < signal.NSIG:
        return code << 8
    words = signal.strsignal(number) or f"Unknown signal {number}"
    for line in said:
        if _OF_BASH.match(line) or words in line:
            return number | (0x80 if "core dumped" in line else 0)
    return code << 8


def _time(text: str) -> int:
    """Microseconds in `date +%s.%N`; dates of busybox have no nanoseconds."""
    seconds, _, fraction = text.partition(".")
    return int(seconds) * _MICRO + (int(fraction[:6]) if fraction.isdecimal() else 0)


def _microseconds(text: str) -> int:
    """What `times` prints: 0m1.25s."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError(text)
    seconds = float(match[3].replace(",", "."))
    return int((int(match[1] or 0) * 3600 + int(match[2]) * 60 + seconds) * _MICRO)
