"""The options that describe a job, and the template that they make."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Optional, TypeVar

import click

from drmaa_cffi._template.chains import throttle_words
from drmaa_cffi.const import PLACEHOLDER_HD, PLACEHOLDER_WD, JobSubmissionState
from drmaa_cffi.errors import DrmaaException
from drmaa_cffi.resources import Resources
from drmaa_cffi.session import Session
from drmaa_cffi.template import JobTemplate

_Function = TypeVar("_Function", bound=Callable[..., Any])


def _indices(text: str) -> range:
    """Return the indices BEGIN[-END[:STEP]]."""
    match = re.fullmatch(r"([0-9]{1,10})(?:-([0-9]{1,10})(?::([0-9]{1,10}))?)?", text)
    begin, end, step = match.groups() if match else ("0", "0", "0")
    first, last, by = int(begin), int(end or begin), int(step or 1)
    if not (1 <= first <= last and by >= 1):
        raise click.BadParameter(
            f"{text!r} are no indices: use 5, 1-100, or 1-100:2 for each second of them"
        )
    return range(first, last + 1, by)


def _setting(text: str) -> tuple[str, str]:
    """Return an environment variable's name and value; NAME alone stands for what it is here."""
    name, equals, value = text.partition("=")
    if name and equals:
        return name, value
    if name not in os.environ:
        raise click.BadParameter(f"{text!r} is not set here: use NAME=VALUE")
    return name, os.environ[name]


def _resource(field: str) -> Callable[[str], str]:
    """Return what checks the text of a field of Resources."""

    def check(text: str) -> str:
        try:
            Resources(**{field: text})  # type: ignore[arg-type]  # it checks them
        except DrmaaException as error:
            raise click.BadParameter(re.sub(r"^code \d+: ", "", str(error))) from None
        return text

    return check


_OPTIONS = (
    click.option(
        "--array", type=_indices, metavar="BEGIN-END[:STEP]", help="Submit one job for each index."
    ),
    click.option("--name", help="The job's name."),
    click.option(
        "--wd",
        "directory",
        metavar="DIRECTORY",
        help="Where the job runs.  [default: the current directory]",
    ),
    click.option(
        "--env",
        "environment",
        type=_setting,
        multiple=True,
        metavar="NAME[=VALUE]",
        help="A variable for the job's environment; NAME alone passes on the one set here. "
        "Can be given more than once.",
    ),
    click.option("--input", metavar="FILE", help="The job's standard input."),
    click.option(
        "--output",
        metavar="FILE",
        help="Where its standard output goes; $drmaa_incr_ph$ stands for the index.",
    ),
    click.option("--error", metavar="FILE", help="Where its standard error goes."),
    click.option("--join", is_flag=True, help="Standard error goes to the output's file."),
    click.option("--native", metavar="OPTIONS", help="Options in the DRM's own language."),
    click.option("--slots", type=click.IntRange(min=1), metavar="N", help="How many slots."),
    click.option(
        "--memory", type=_resource("memory"), metavar="SIZE", help="How much memory, such as 8G."
    ),
    click.option(
        "--time",
        type=_resource("walltime"),
        metavar="TIME",
        help="The longest time it may run: H:M:S, M:S, or for instance 90s, 2h30m, 3d.",
    ),
    click.option(
        "--queue", type=_resource("queue"), metavar="NAME", help="The queue, or partition."
    ),
    click.option(
        "--after",
        multiple=True,
        metavar="ID",
        help="A job that must have ended before this one starts. Can be given more than once.",
    ),
    click.option(
        "--only-if-ok",
        is_flag=True,
        help="Run only if all of --after exit with 0; else end.",
    ),
    click.option(
        "--most-at-once",
        type=click.IntRange(min=1),
        metavar="N",
        help="How many of --array run at once.",
    ),
    click.option("--hold", is_flag=True, help="Hold the job until it is released."),
)


def job_options(function: _Function) -> _Function:
    """Add the options and the argument COMMAND to a command."""
    argument = click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
    function = argument(function)
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@dataclass(frozen=True)
class JobOptions:
    """What the options say; the fields are named as the options' parameters."""

    command: tuple[str, ...]
    array: Optional[range]
    name: Optional[str]
    directory: Optional[str]
    environment: tuple[tuple[str, str], ...]
    input: Optional[str]
    output: Optional[str]
    error: Optional[str]
    join: bool
    native: Optional[str]
    slots: Optional[int]
    memory: Optional[str]
    time: Optional[str]
    queue: Optional[str]
    after: tuple[str, ...]
    only_if_ok: bool
    most_at_once: Optional[int]
    hold: bool

    @property
    def folder(self) -> Path:
        """The job's directory."""
        return Path.cwd() / (self.directory or "")

    def submit(self) -> list[str]:
        """Submit the job, or jobs, and return the ids.

        Raises:
            DrmaaException: as Session.runJob() and runBulkJobs(), and of values.
        """
        with JobTemplate(**self._attributes()) as plain, self._chained(plain) as template:
            if self.array is None:
                return [Session.runJob(template)]
            indices = self.array
            return Session.runBulkJobs(template, indices[0], indices[-1], indices.step)

    def _chained(self, template: JobTemplate) -> JobTemplate:
        """Return a copy with what the DRM is told of other jobs and of the array."""
        from drmaa_cffi._futures.chains import Chain  # noqa: PLC0415 - seldom asked for

        if self.most_at_once is not None and self.array is not None:
            words = throttle_words(Session.drmsInfo, self.most_at_once)
            own = getattr(template, "nativeSpecification", "")
            template.nativeSpecification = f"{own} {words}" if own else words
        return Chain(self.after, only_if_ok=self.only_if_ok).copy(template)

    def _attributes(self) -> dict[str, object]:
        """Return the template's attributes; what is not said is not set."""
        wanted = Resources(self.slots, self.memory, self.time, self.queue)
        attributes: dict[str, object] = {
            "remoteCommand": self.command[0],
            "args": self.command[1:],
            "workingDirectory": self.folder,
            "jobName": self.name,
            "jobEnvironment": dict(self.environment),
            "inputPath": self._path(self.input),
            "outputPath": self._path(self.output),
            "errorPath": self._path(self.error),
            "joinFiles": self.join,
            "nativeSpecification": self.native,
            "resources": wanted if any(wanted) else None,
            "jobSubmissionState": JobSubmissionState.HOLD_STATE if self.hold else None,
        }
        return {name: value for name, value in attributes.items() if value}

    def _path(self, file: str | None) -> str | None:
        """Return a file as DRMAA wants it, ``[host]:path``; a path is one from the directory."""
        if not file or ":" in file.partition("/")[0]:
            return file
        if file.startswith((PLACEHOLDER_HD, PLACEHOLDER_WD)):
            return f":{file}"
        return f":{self.folder / file}"
