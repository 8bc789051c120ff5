"""Job ids: as arguments, or from standard input."""

from __future__ import annotations

import json
import sys
from typing import Any, Callable, NamedTuple, TypeVar, cast

import click

from . import restart
from .output import PROGRAM

_Function = TypeVar("_Function", bound=Callable[..., Any])

STDIN_HELP = (
    "Without ids, they are read from standard input: words, or what `submit --json` wrote, which "
    "tells the session, too, and whether it is the local engine's."
)


class Ids(NamedTuple):
    """The ids that a command is for."""

    ids: list[str]
    #: The session's contact, where it came with the ids.
    contact: str | None
    #: Whether it came with the ids that they are jobs of the local engine.
    local: bool = False


def ids_argument(function: _Function) -> _Function:
    """Add the argument IDS to a command."""
    return click.argument("ids", nargs=-1, metavar="[ID]...")(function)


def read_ids(ids: tuple[str, ...], contact: str | None) -> Ids:
    """Return the ids that were given, or that are on standard input.

    Raises:
        click.UsageError: there are none.
    """
    if ids and ids != ("-",):
        return Ids(list(ids), contact)
    if not ids and sys.stdin.isatty():
        raise click.UsageError(
            "give the ids of jobs, or write them to standard input, as in "
            f"`{PROGRAM} submit --json -- COMMAND | {PROGRAM} wait`"
        )
    text = restart.read_input()
    found = _from_json(text) if text.lstrip().startswith("{") else Ids(text.split(), None)
    if not found.ids:
        raise click.UsageError("there are no job ids on standard input")
    return found if contact is None else found._replace(contact=contact)


def _from_json(text: str) -> Ids:
    try:
        value = json.loads(text)
        jobs = cast("list[str | dict[str, str]]", value["jobs"])
        ids = [job if isinstance(job, str) else job["job"] for job in jobs]
        local = value.get("local") is True
        return Ids([str(job_id) for job_id in ids], value.get("contact"), local)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise click.UsageError(
            'standard input is neither words nor a JSON object with "jobs", a list of ids'
        ) from None
