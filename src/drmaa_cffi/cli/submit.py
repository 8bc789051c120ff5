"""The subcommand ``submit``."""

from __future__ import annotations

import shlex
from typing import Any

import click

from drmaa_cffi.session import Session

from .output import PROGRAM, data, document, say
from .sessions import engine_in_use, open_session, session_options
from .templates import JobOptions, job_options

COMMAND_SETTINGS = {"allow_interspersed_args": False}


@click.command(context_settings=COMMAND_SETTINGS, options_metavar="[OPTIONS] [--]")
@job_options
@session_options
def submit(contact: str | None, *, engine: str | None, as_json: bool, **options: Any) -> None:
    """Submit a job, or one for each index, and write the ids.

    How to wait for them goes to standard error; with --json the ids, the session's contact and
    which engine it is of are one object, which the other subcommands take on standard
    input.
    """
    with open_session(contact, engine=engine, keep=True):
        ids = JobOptions(**options).submit()
        contact = Session.contact
    if as_json:
        document({"contact": contact, "engine": engine_in_use(), "jobs": ids})
        return
    for job_id in ids:
        data(job_id)
    wait = how_to("wait", "--contact", contact, engine=engine)
    say(f"to wait for them: {wait} ID...")


def how_to(subcommand: str, *options: str, engine: str | None) -> str:
    """Return the command for jobs that were submitted, without their ids."""
    return shlex.join([PROGRAM, subcommand, *([f"--{engine}"] if engine else []), *options])
