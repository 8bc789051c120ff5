"""The subcommand ``status``."""

from __future__ import annotations

import sys

import click

from drmaa_cffi.const import JobState
from drmaa_cffi.errors import DrmaaException
from drmaa_cffi.session import Session

from .failures import Failures, Why
from .ids import STDIN_HELP, ids_argument, read_ids
from .output import PROGRAM, data, document, say, words_of
from .sessions import is_local, open_session, session_options


@click.command(epilog=STDIN_HELP)
@ids_argument
@session_options
def status(
    ids: tuple[str, ...], contact: str | None, *, engine: str | None, as_json: bool
) -> None:
    """Print the states of jobs.

    A line for each: its id, and one of undetermined, queued_active, system_on_hold, user_on_hold,
    user_system_on_hold, running, system_suspended, user_suspended, user_system_suspended, done,
    failed. If the DRM says why a job has failed, waits in an error state or was started
    again, that is printed on standard error. The exit status is 1 if one of
    the jobs is not known.
    """
    asked = read_ids(ids, contact, engine=engine)
    jobs: list[dict[str, str | None]] = []
    failures = Failures()
    with open_session(asked.contact, engine=asked.engine):
        for job_id in asked.ids:
            state = error = None
            why = Why()
            try:
                state = str(Session.jobStatus(job_id))
            except DrmaaException as caught:
                error = words_of(caught)
                say(f"{PROGRAM}: job {job_id}: {error}")
            else:
                if state == JobState.FAILED or not is_local():
                    why = failures.why(job_id)
                if not as_json:
                    data(f"{job_id} {state}")
                    if why.reason:
                        say(f"{PROGRAM}: job {job_id}: {why.reason}")
            jobs.append({"job": job_id, "state": state, "error": error, **why._asdict()})
    if as_json:
        document({"jobs": jobs})
    sys.exit(any(job["error"] is not None for job in jobs))
