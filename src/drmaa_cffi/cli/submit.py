"""The subcommand ``submit``."""

from __future__ import annotations

import shlex
from typing import Any

import click

from drmaa_cffi.session import Session

from .output import PROGRAM, data, document, say
from .sessions import is_local, open_session, session_options
from .templates import JobOptions, job_options

COMMAND_SETTINGS = {"allow_interspersed_args": False}


@click.command(context_settings=COMMAND_SETTINGS, options_metavar="[OPTIONS] [--]")
@job_options
@session_options
def submit(contact: str | None, *, local: bool, as_json: bool, **options: Any) -> None:
    """Submit a job, or one for each index, and write the ids.

    How to wait for them goes to standard error; with --json the ids, the session's contact and
    whether it is the local engine's are one object, which the other subcommands take on standard
    input.
    """
    with open_session(contact, local=local, keep=True):
        ids = JobOptions(**options).submit()
        contact = Session.contact
    if as_json:
        document({"contact": contact, "local": is_local(), "jobs": ids})
        return
    for job_id in ids:
        data(job_id)
    wait = how_to("wait", "--contact", contact, local=local)
    say(f"to wait for them: {wait} ID...")


def how_to(subcommand: str, *options: str, local: bool) -> str:
    """Return the command for jobs that were submitted, without their ids."""
    return shlex.join([PROGRAM, subcommand, *(["--local"] if local else []), *options])
