"""The subcommand ``run``."""

from __future__ import annotations

import sys
from typing import Any

import click

from drmaa_cffi.errors import DrmaaException
from drmaa_cffi.session import Session

from . import endings
from .follow import Left, follow
from .interrupts import Interrupts
from .output import PROGRAM, Failure, data, say
from .sessions import is_local, open_session, session_options
from .submit import COMMAND_SETTINGS, how_to_wait
from .tail import Tail
from .templates import JobOptions, job_options
from .watch import Ending, Watch


@click.command(context_settings=COMMAND_SETTINGS, options_metavar="[OPTIONS] [--]")
@job_options
@click.option("--tail", is_flag=True, help="Show what the job wrote, when it ends.")
@session_options
def run(contact: str | None, *, local: bool, as_json: bool, tail: bool, **options: Any) -> None:
    """Run a job, or one for each index: submit, wait, and tell how it ended.

    Progress goes to standard error: a display on a terminal, plain lines elsewhere. The end of
    each job is a line on standard output; with --tail that has what the jobs wrote, and their ends
    go to standard error. Ctrl-C asks whether to terminate them or to leave them running; twice
    terminates.

    The exit status is the job's; 128 and the signal's number if a signal ended it, 125 if it was
    aborted or could not be submitted, 130 if it was left running. With several jobs it is the
    highest of theirs.
    """
    try:
        with open_session(contact, local=local), Interrupts() as interrupts:
            status = _run(
                JobOptions(**options),
                interrupts,
                alone=contact is None,
                local=local,
                as_json=as_json,
                tail=tail,
            )
    except DrmaaException as error:
        raise Failure(str(error), endings.ABORTED) from error
    sys.exit(status)


def _run(
    job: JobOptions,
    interrupts: Interrupts,
    *,
    alone: bool,
    local: bool,
    as_json: bool,
    tail: bool,
) -> int:
    """Run the job in the open session; return the exit status."""
    files = Tail(job) if tail else None
    try:
        ids = (files.options if files else job).submit()
    except BaseException:
        if files:
            files.remove()
        raise
    say(f"submitted {f'job {ids[0]}' if len(ids) == 1 else f'{len(ids)} jobs: {ids[0]}...'}")
    if files:
        files.submitted(ids)

    def end(ending: Ending) -> None:
        if as_json:
            return
        if files is None:
            data(endings.line(ending))
            return
        files.show(ending)
        say(endings.line(ending))

    watch = Watch(ids, alone=alone)
    try:
        follow(watch, interrupts, end)
    except Left:
        kept = f"; their output is in {files.folder}" if files and files.folder else ""
        say(f"to wait for them: {how_to_wait(Session.contact, local=local)} ID...{kept}")
        raise
    if as_json:
        endings.write(watch, files.text if files else None)
    if files:
        files.remove()
    _advise(job, watch)
    return endings.conclude(watch)


def _advise(job: JobOptions, watch: Watch) -> None:
    """Tell what may be the matter, if jobs were aborted and not by their user."""
    if watch.terminated or not any(ending.aborted for ending in watch.endings.values()):
        return
    if not job.folder.is_dir():
        say(f"{PROGRAM}: the job's directory {job.folder} is missing, seen from here")
    if is_local():
        say(f"{PROGRAM}: `{PROGRAM} local log` may tell why")
