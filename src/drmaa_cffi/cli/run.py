"""The subcommand ``run``."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Any, Optional, Sequence

import click

from drmaa_cffi import explaining
from drmaa_cffi.causes import Cause
from drmaa_cffi.errors import DrmaaException
from drmaa_cffi.retry import Retry
from drmaa_cffi.session import Session

from . import endings
from .follow import follow
from .ids import in_short
from .interrupts import Interrupts
from .live import Live
from .output import PROGRAM, Failure, data, say, words_of
from .retrying import Again, retry_of, retry_options
from .sessions import open_session, session_options
from .submit import COMMAND_SETTINGS, how_to
from .tail import Tail, say_errors
from .templates import JobOptions, job_options
from .watch import Ending, Watch

#: How long to ask the accounting for a job that could not begin, in seconds.
_PATIENCE = 20


@click.command(context_settings=COMMAND_SETTINGS, options_metavar="[OPTIONS] [--]")
@job_options
@click.option("--tail", is_flag=True, help="Show what the job wrote, when it ends.")
@click.option("--follow", "live", is_flag=True, help="Show what the job writes, as it comes.")
@retry_options
@session_options
def run(
    contact: str | None,
    *,
    engine: str | None,
    as_json: bool,
    tail: bool,
    live: bool,
    retries: int | None,
    causes: Sequence[str],
    **options: Any,
) -> None:
    """Run a job, or one for each index: submit, wait, and print how it ended.

    Progress goes to standard error: a display on a terminal, plain lines elsewhere. The end of
    each job is a line on standard output; with --tail and --follow that has what the jobs wrote,
    and their ends go to standard error. If a job fails that was run alone, the last lines of its
    error file follow. Ctrl-C asks whether to terminate the jobs or to leave them running; twice
    terminates.

    With --retries a job that fails, or a task of --array, is submitted again; its output follows
    that of the attempts before it. The last attempt is what counts.

    The exit status is the job's; 128 and the signal's number if a signal ended it, 125 if it was
    aborted or could not be submitted, 130 if it was left running. With several jobs it is the
    highest of theirs. SIGTERM and SIGHUP leave jobs running, too: 143 and 129.
    """
    if live and as_json:
        raise click.UsageError("--follow and --json both write to standard output: use --tail")
    job, retry = JobOptions(**options), retry_of(retries, causes)
    try:
        with open_session(contact, engine=engine), Interrupts() as interrupts:
            watch, status = _run(
                job,
                interrupts,
                alone=contact is None,
                engine=engine,
                as_json=as_json,
                files=_files(job, tail=tail, live=live),
                retry=retry,
            )
    except DrmaaException as error:
        raise Failure(words_of(error), endings.ABORTED) from error
    if not as_json:
        # Without the session, and where Ctrl-C ends it: this may take 15 seconds.
        with suppress(KeyboardInterrupt):
            _say_why(watch)
    sys.exit(status)


def _files(job: JobOptions, *, tail: bool, live: bool) -> Optional[Tail]:
    """Return what shows the jobs' output."""
    if live:
        return Live(job)
    return Tail(job) if tail else None


def _run(
    job: JobOptions,
    interrupts: Interrupts,
    *,
    alone: bool,
    engine: str | None,
    as_json: bool,
    files: Optional[Tail],
    retry: Optional[Retry],
) -> tuple[Watch, int]:
    """Run the job in the open session; return what became of it, and the exit status."""
    try:
        options = files.options if files else job
        ids = options.submit()
    except BaseException:
        if files:
            files.remove()
        raise
    watch = Watch(ids, alone=alone)
    if retry is not None:
        watch.again = Again(options, retry, ids, files)
    try:
        _watch(watch, interrupts, files, as_json=as_json)
    except BaseException:
        # Such as Left, or the error that nobody reads the output any more.
        _leave(watch, files, engine=engine)
        raise
    if files:
        files.remove()
    _advise(job, watch)
    if not files and not as_json:
        _say_errors(job, watch)
    return watch, endings.conclude(watch)


def _watch(watch: Watch, interrupts: Interrupts, files: Optional[Tail], *, as_json: bool) -> None:
    """Wait for the submitted jobs, and tell what they did."""
    ids = watch.ids
    say(f"submitted {f'job {ids[0]}' if len(ids) == 1 else f'{len(ids)} jobs: {in_short(ids)}'}")
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

    follow(watch, interrupts, end, files if isinstance(files, Live) else None)
    if as_json:
        endings.write(watch, files.text if files else None)


def _leave(watch: Watch, files: Optional[Tail], *, engine: str | None) -> None:
    """Leave the jobs that have not ended; tell how to come back to them."""
    if not watch.unfinished:
        if files:
            files.remove()
        return
    kept = f"; their output is in {files.folder}" if files and files.folder else ""
    # There may be no terminal any more.
    with suppress(OSError):
        wait = how_to("wait", "--contact", Session.contact, engine=engine)
        say(f"to wait for them: {wait} ID...{kept}")
        say(f"to end them: {how_to('terminate', engine=engine)} ID...")


def _say_errors(job: JobOptions, watch: Watch) -> None:
    """Print the last that a job wrote before it failed, if it is the only one."""
    (ending, *others) = watch.endings.values()
    if not others and ending.info is not None and ending.info.hasExited and not ending.info.ok:
        say_errors(job, ending.job_id)


def _say_why(watch: Watch) -> None:
    """Print what the accounting says of a job that could not begin, if its record does not."""
    (ending, *others) = watch.endings.values()
    info = ending.info
    if others or watch.terminated or info is None:
        return
    if info.cause != Cause.NOT_STARTED or info.reason or not explaining.is_grid_engine():
        return
    say(f"{PROGRAM}: asking Grid Engine's accounting why, which may take 15 seconds")
    for line in explaining.ask_accounting(ending.job_id, _PATIENCE):
        say(f"{PROGRAM}: {line}")


def _advise(job: JobOptions, watch: Watch) -> None:
    """Tell what may be the matter, if jobs were aborted and not by their user."""
    if watch.terminated or not any(ending.aborted for ending in watch.endings.values()):
        return
    if not job.folder.is_dir():
        say(f"{PROGRAM}: the job's directory {job.folder} is missing, seen from here")
