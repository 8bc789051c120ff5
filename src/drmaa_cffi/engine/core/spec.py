"""What a job is to do: the template's attributes as they arrive, checked and ready to start."""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

from . import model

_REMOTE_COMMAND, _JS_STATE, WD, _JOB_CATEGORY, _NATIVE, _BLOCK_EMAIL = range(6)
JOB_NAME, INPUT, OUTPUT, ERROR, JOIN = range(7, 12)
_ARGV, ENV, _EMAIL = range(32, 35)
_FIELD = struct.Struct("=BI")
TIMES = struct.Struct("=6q")

#: Of a submission with its context: Linux gives a command 6 MiB of words and environment.
MOST_BYTES = 8 << 20

#: Linux has 16 kinds of resource limits.
_MOST_LIMITS = 16

HOME_PLACEHOLDER = b"$drmaa_hd_ph$"
DIRECTORY_PLACEHOLDER = b"$drmaa_wd_ph$"
INDEX_PLACEHOLDER = model.INDEX_PLACEHOLDER.encode()


class Times(NamedTuple):
    """When a job may run and how long; seconds, -1 where nothing is asked."""

    start: int
    deadline: int
    wall_hard: int
    wall_soft: int
    run_hard: int
    run_soft: int


class Context(NamedTuple):
    """What a job takes over from its submitter: sent by the client, kept once for many jobs."""

    number: int
    umask: int
    home: bytes
    limits: bytes
    environment: bytes
    #: Niceness, class of input and output, CPUs, for a back end on this machine; empty in those of
    #: older databases.
    placement: bytes
    #: All of it, as it came: the store keeps this.
    data: bytes


def parse_context(number: int, data: bytes) -> Context:
    """Reads the payload of a CONTEXT frame.

    Raises:
        ValueError, struct.error: it is not one.
    """
    umask, size = struct.unpack_from("=II", data)
    home = data[8 : 8 + size]
    at = 8 + size
    (count,) = struct.unpack_from("=I", data, at)
    limits = data[at : at + 4 + 16 * count]
    at += 4 + 16 * count
    (size,) = struct.unpack_from("=I", data, at)
    environment, placement = data[at + 4 : at + 4 + size], data[at + 4 + size :]
    if placement and len(placement) != 12 + struct.unpack_from("=I", placement, 8)[0]:
        raise ValueError("a context of the wrong size")
    if len(environment) != size or count > _MOST_LIMITS:
        raise ValueError("a context of the wrong size")
    if b"\0" in home or (environment and not environment.endswith(b"\0")):
        raise ValueError("a context with a NUL too many or too few")
    return Context(number, umask & 0o777, home, limits, environment, placement, data)


def soft_limits_of(context: Context) -> tuple[int, ...]:
    """The submitter's soft resource limits, by their numbers; -1 for none."""
    (count,) = struct.unpack_from("=I", context.limits)
    return struct.unpack_from(f"={2 * count}q", context.limits, 4)[::2]


class JobSpec:
    """The attributes of one submission.

    Args:
        times: the times and limits.
        fields: the other attributes as the client sent them; kept as they are by the store.

    `native` is what the back end makes of `category` and `native_words`.

    Raises:
        ValueError, struct.error: the fields are rubbish.
    """

    __slots__ = (
        "arguments",
        "block_email",
        "category",
        "command",
        "directory",
        "emails",
        "error",
        "fields",
        "held",
        "input",
        "is_named",
        "join",
        "limited",
        "name",
        "native",
        "native_words",
        "output",
        "settings",
        "times",
    )

    def __init__(self, times: Times, fields: bytes) -> None:
        self._take(times)
        self._read(fields)
        self.native: Any = None

    def add(self, fields: bytes) -> None:
        """Takes more attributes, such as its native specification names; those it has stay."""
        self._read(self.fields + fields)

    def _read(self, fields: bytes) -> None:
        self.fields: bytes = fields
        values: dict[int, list[bytes]] = {}
        at, end = 0, len(fields)
        while at < end:
            field, size = _FIELD.unpack_from(fields, at)
            at += _FIELD.size
            value = fields[at : at + size]
            if len(value) != size or b"\0" in value:
                raise ValueError("a field of the wrong size, or with a NUL")
            at += size
            values.setdefault(field, []).append(value)

        def text(field: int, default: bytes = b"") -> bytes:
            return values[field][0] if field in values else default

        self.command: bytes = text(_REMOTE_COMMAND)
        if not self.command:
            raise ValueError("no command")
        self.arguments: list[bytes] = values.get(_ARGV, [])
        self.settings: list[bytes] = [
            entry if b"=" in entry else entry + b"=" for entry in values.get(ENV, [])
        ]
        self.emails: list[bytes] = values.get(_EMAIL, [])
        self.block_email: bool = text(_BLOCK_EMAIL) == b"1"
        self.held: bool = text(_JS_STATE) == b"drmaa_hold"
        self.join: bool = text(JOIN) == b"y"
        self.is_named: bool = JOB_NAME in values
        self.name: bytes = (
            text(JOB_NAME) or self.command.rstrip(b"/").rpartition(b"/")[2] or b"job"
        )
        self.directory: bytes = text(WD, HOME_PLACEHOLDER)
        self.input: bytes = _without_host(text(INPUT))
        self.output: bytes = _without_host(text(OUTPUT))
        self.error: bytes = _without_host(text(ERROR))
        self.category: str = text(_JOB_CATEGORY).decode("utf-8", "surrogateescape")
        self.native_words: str = text(_NATIVE).decode("utf-8", "surrogateescape")

    def _take(self, times: Times) -> None:
        self.times: Times = times
        self.limited: bool = any(value >= 0 for value in times[1:])

    def limit(self, seconds: int) -> None:
        """Ends it by the wall clock: what its native specification says."""
        self._take(self.times._replace(wall_hard=seconds))


def _without_host(path: bytes) -> bytes:
    """The path in `[host]:path`: there is one machine, so every host is this one."""
    return path.partition(b":")[2]


class Files(NamedTuple):
    """Where a task runs and what its streams are; the names are for paths that are folders."""

    directory: bytes
    input: bytes
    output: bytes
    error: bytes
    output_name: bytes
    error_name: bytes


def files_of(spec: JobSpec, context: Context, number: bytes, index: bytes | None) -> Files:
    """The absolute paths of a task, with defaults and placeholders filled in.

    Args:
        spec: the job's attributes.
        context: where it was submitted.
        number: its job's number in the names of its files.
        index: its own index there; None of a single job.
    """
    home = context.home or b"/"

    def fill(path: bytes, directory: bytes) -> bytes:
        if index is not None:
            path = path.replace(INDEX_PLACEHOLDER, index)
        if path.startswith(HOME_PLACEHOLDER):
            return home + b"/" + path[len(HOME_PLACEHOLDER) :].lstrip(b"/")
        if path.startswith(DIRECTORY_PLACEHOLDER):
            return directory + b"/" + path[len(DIRECTORY_PLACEHOLDER) :].lstrip(b"/")
        if path.startswith(b"~/"):
            return home + path[1:]
        return path if path.startswith(b"/") else directory + b"/" + path

    directory = fill(spec.directory, home).rstrip(b"/") or b"/"
    tail = number if index is None else number + b"." + index
    output_name = spec.name + b".o" + tail
    error_name = spec.name + b".e" + tail
    return Files(
        directory,
        fill(spec.input, directory) if spec.input else b"/dev/null",
        fill(spec.output or output_name, directory),
        fill(spec.error or error_name, directory),
        output_name,
        error_name,
    )
