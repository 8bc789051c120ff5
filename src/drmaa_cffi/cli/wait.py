"""The subcommand ``wait``."""

from __future__ import annotations

import sys

import click

from . import endings
from .follow import follow
from .ids import STDIN_HELP, ids_argument, read_ids
from .interrupts import Interrupts
from .output import data
from .sessions import open_session, session_options
from .watch import Ending, Watch


@click.command(epilog=STDIN_HELP)
@ids_argument
@session_options
def wait(ids: tuple[str, ...], contact: str | None, *, engine: str | None, as_json: bool) -> None:
    """Wait for jobs to end, and print how they ended.

    They must be jobs of the session that --contact names; a job can be waited for once. Ctrl-C
    asks whether to terminate them or to leave them running; twice terminates.

    The exit status is the job's; 128 and the signal's number if a signal ended it, 125 if it was
    aborted or there is no such job, 130 if it was left running. With several jobs it is the
    highest of theirs. SIGTERM and SIGHUP leave jobs running, too: 143 and 129.
    """
    asked = read_ids(ids, contact, engine=engine)

    def end(ending: Ending) -> None:
        if not as_json:
            data(endings.line(ending))

    with open_session(asked.contact, engine=asked.engine), Interrupts() as interrupts:
        watch = Watch(asked.ids, alone=False)
        follow(watch, interrupts, end)
    if as_json:
        endings.write(watch)
    sys.exit(endings.conclude(watch))
