"""The native specification: the local engine's own options."""

from __future__ import annotations

import re
import shlex
from typing import Callable, NamedTuple

from drmaa_cffi.engine.core import codes, model

LEGAL = (
    "--slots N, --walltime [[H:]M:]S, --after ID[,ID...], --after-ok ID[,ID...], "
    "--max-running N, --priority N, --nice N, --tasks N, --memory BYTES, "
    "--memory-per-slot BYTES, "
    "--export ALL|NONE"
)
MOST_NUMBER = 1_000_000
#: As Slurm's.
MOST_PRIORITY = (1 << 32) - 1


class Native(NamedTuple):
    """The options of one job, with their defaults."""

    #: What each of its tasks takes.
    cpus: int = 1
    #: Of Slurm's, which one job may have many of; each has `cpus`.
    tasks: int = 1
    walltime: int = 0
    after: tuple[str, ...] = ()
    #: Those among them that must end well.
    after_ok: tuple[str, ...] = ()
    max_running: int = 0
    priority: int = 0
    nice: int = 0
    memory: int = 0
    memory_per_slot: int = 0
    export: bool = True

    @property
    def slots(self) -> int:
        """How many it takes."""
        return self.cpus * self.tasks

    @property
    def most_memory(self) -> int:
        """The most address space of each of its processes, in bytes; 0 for as much as it likes."""
        return self.memory or self.memory_per_slot * self.slots

    def text(self) -> str:
        """The specification that `parse` reads back as this."""
        words = [f"--slots={self.cpus} --nice={self.nice}"]
        if self.walltime:
            words.append(f"--walltime={self.walltime}")
        if self.after:
            words.append("--after=" + ",".join(self.after))
        if self.after_ok:
            words.append("--after-ok=" + ",".join(self.after_ok))
        if self.max_running:
            words.append(f"--max-running={self.max_running}")
        if self.priority:
            words.append(f"--priority={self.priority}")
        if self.memory:
            words.append(f"--memory={self.memory}")
        if self.tasks != 1:
            words.append(f"--tasks={self.tasks}")
        if self.memory_per_slot:
            words.append(f"--memory-per-slot={self.memory_per_slot}")
        if not self.export:
            words.append("--export=NONE")
        return " ".join(words)


def split(specification: str, *, ignoring: bool) -> list[str]:
    """The words of a native specification, the last one first.

    Raises:
        codes.Refusal: its quotes do not match; none, and no words, where that is passed over.
    """
    try:
        return shlex.split(specification)[::-1]
    except ValueError as error:
        if ignoring:
            return []
        raise codes.Refusal(
            codes.DENIED_BY_DRM, f"native specification '{specification}': {error}"
        ) from None


def refuse(option: str, value: str, legal: str) -> codes.Refusal:
    """What is wrong with an option's value."""
    return codes.Refusal(
        codes.DENIED_BY_DRM, f"native specification: {option} '{value}': must be {legal}"
    )


def _number(option: str, value: str, least: int, most: int) -> int:
    try:
        number = int(value)
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        raise refuse(option, value, f"a whole number from {least} to {most}")
    return number


def _slots(native: Native, value: str) -> Native:
    return native._replace(cpus=_number("--slots", value, 1, MOST_NUMBER))


def _walltime(native: Native, value: str) -> Native:
    seconds = 0
    if re.fullmatch(r"(\d{1,7}:){0,2}\d{1,9}", value, re.ASCII):
        for part in value.split(":"):
            seconds = seconds * 60 + int(part)
    if not seconds:
        raise refuse("--walltime", value, "seconds, M:S or H:M:S, and more than zero")
    return native._replace(walltime=seconds)


def _ids(option: str, value: str) -> tuple[str, ...]:
    ids = tuple(value.split(","))
    for job in ids:
        if model.parse_id(job) is None:
            raise refuse(option, job, "job ids such as 17 or 18.3, with commas between")
    return ids


def _after(native: Native, value: str) -> Native:
    return native._replace(after=native.after + _ids("--after", value))


def _after_ok(native: Native, value: str) -> Native:
    return native._replace(after_ok=native.after_ok + _ids("--after-ok", value))


def _max_running(native: Native, value: str) -> Native:
    return native._replace(max_running=_number("--max-running", value, 1, MOST_NUMBER))


def _priority(native: Native, value: str) -> Native:
    most = MOST_PRIORITY
    return native._replace(priority=_number("--priority", value, -most, most))


def _nice(native: Native, value: str) -> Native:
    return native._replace(nice=_number("--nice", value, -20, 19))


def _memory(native: Native, value: str) -> Native:
    return native._replace(memory=_number("--memory", value, 1 << 20, 1 << 60))


def _memory_per_slot(native: Native, value: str) -> Native:
    number = _number("--memory-per-slot", value, 1 << 20, 1 << 60)
    return native._replace(memory_per_slot=number)


def _tasks(native: Native, value: str) -> Native:
    return native._replace(tasks=_number("--tasks", value, 1, MOST_NUMBER))


def _export(native: Native, value: str) -> Native:
    if value not in ("ALL", "NONE"):
        raise refuse("--export", value, "ALL (the submitter's environment) or NONE")
    return native._replace(export=value == "ALL")


_OPTIONS: dict[str, Callable[[Native, str], Native]] = {
    "--slots": _slots,
    "--walltime": _walltime,
    "--after": _after,
    "--after-ok": _after_ok,
    "--max-running": _max_running,
    "--priority": _priority,
    "--nice": _nice,
    "--memory": _memory,
    "--memory-per-slot": _memory_per_slot,
    "--tasks": _tasks,
    "--export": _export,
}


OWN = frozenset(_OPTIONS)


def parse(*specifications: str, ignoring: bool = False) -> Native:
    """Reads native specifications, later ones over earlier ones.

    Options are `--name value` or `--name=value`.

    Args:
        specifications: the texts; empty ones say nothing.
        ignoring: pass over words that are not ours, and options of our names whose values are
            not (DRMAA_LOCAL_NATIVE=ignore): a cluster may have an option of the same name.

    Raises:
        codes.Refusal: an unknown option or a bad value, named, with the legal ones.
    """
    native = Native()
    for specification in specifications:
        if specification:
            native = _parse_one(native, specification, ignoring=ignoring)
    return native


def _parse_one(native: Native, specification: str, *, ignoring: bool) -> Native:
    words = split(specification, ignoring=ignoring)
    while words:
        word = words.pop()
        name, equals, value = word.partition("=")
        try:
            if not equals and name in _OPTIONS:
                value = _value_of(name, words)
            native = _set(native, word, name, value)
        except codes.Refusal:
            if not ignoring:
                raise
            continue
        if not equals:
            words.pop()
    return native


def _value_of(name: str, words: list[str]) -> str:
    if not words:
        raise codes.Refusal(
            codes.DENIED_BY_DRM,
            f"native specification: {name} needs a value; legal are {LEGAL}",
        )
    return words[-1]


def _set(native: Native, word: str, name: str, value: str) -> Native:
    option = _OPTIONS.get(name)
    if option is None:
        raise codes.Refusal(
            codes.DENIED_BY_DRM,
            f"native specification: '{word}' is not an option of the local engine; legal "
            f"are {LEGAL}",
        )
    return option(native, value)
