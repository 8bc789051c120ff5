"""Job ids: as arguments, or from standard input."""

from __future__ import annotations

import json
import sys
from typing import Any, Callable, Iterable, NamedTuple, TypeVar, cast

import click

from . import restart
from .output import PROGRAM
from .sessions import ENGINES

_Function = TypeVar("_Function", bound=Callable[..., Any])

_MOST_DIGITS = 12
STDIN_HELP = (
    "Without ids, they are read from standard input: words, or what `submit --json` wrote, which "
    "names the session, too, and its engine."
)


class Ids(NamedTuple):
    """The ids that a command is for."""

    ids: list[str]
    #: The session's contact, where it was given or came with the ids.
    contact: str | None
    #: The engine whose jobs they are, `local` or `slurm`, as was said or came with the ids.
    engine: str | None


def in_short(ids: Iterable[str]) -> str:
    """Return ids as a line: tasks of one job that follow each other as a range, ``39.7-200``."""
    parts: list[str] = []
    job, first, last = "", 0, 0

    def close() -> None:
        if job:
            parts.append(f"{job}.{first}" if first == last else f"{job}.{first}-{last}")

    for job_id in ids:
        number, _, task = job_id.partition(".")
        index = int(task) if task.isdecimal() and len(task) < _MOST_DIGITS else None
        if index is not None and number == job and index == last + 1:
            last = index
            continue
        close()
        job = ""
        if index is None:
            parts.append(job_id)
        else:
            job, first, last = number, index, index
    close()
    return " ".join(parts)


def ids_argument(function: _Function) -> _Function:
    """Add the argument IDS to a command."""
    return click.argument("ids", nargs=-1, metavar="[ID]...")(function)


def read_ids(ids: tuple[str, ...], contact: str | None, *, engine: str | None) -> Ids:
    """Return the ids that were given, or that are on standard input.

    Raises:
        click.UsageError: there are none.
    """
    if ids and ids != ("-",):
        return Ids(list(ids), contact, engine)
    if not ids and sys.stdin.isatty():
        raise click.UsageError(
            "give the ids of jobs, or write them to standard input, as in "
            f"`{PROGRAM} submit --json -- COMMAND | {PROGRAM} wait`"
        )
    text = restart.read_input()
    is_json = text.lstrip().startswith("{")
    found = _from_json(text) if is_json else Ids(text.split(), None, engine=None)
    if not found.ids:
        raise click.UsageError("there are no job ids on standard input")
    contact = found.contact if contact is None else contact
    return Ids(found.ids, contact, engine or found.engine)


def _from_json(text: str) -> Ids:
    try:
        value = json.loads(text)
        jobs = cast("list[str | dict[str, str]]", value["jobs"])
        ids = [job if isinstance(job, str) else job["job"] for job in jobs]
        engine = value.get("engine")
        return Ids(
            [str(job_id) for job_id in ids],
            value.get("contact"),
            engine if engine in ENGINES else None,
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        raise click.UsageError(
            'standard input is neither words nor a JSON object with "jobs", a list of ids'
        ) from None
