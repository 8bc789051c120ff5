"""The subcommands ``hold``, ``release``, ``suspend``, ``resume`` and ``terminate``."""

from __future__ import annotations

import sys

import click

from drmaa_cffi._binding import calls
from drmaa_cffi.const import JobControlAction, string_to_control_action

from .ids import STDIN_HELP, ids_argument, read_ids
from .output import PROGRAM, document, say, words_of
from .sessions import open_session, session_options

_HELP = {
    JobControlAction.HOLD: "Hold queued jobs, so that they do not start.",
    JobControlAction.RELEASE: "Release jobs that are on hold.",
    JobControlAction.SUSPEND: "Suspend running jobs.",
    JobControlAction.RESUME: "Resume suspended jobs.",
    JobControlAction.TERMINATE: "Terminate jobs.",
}
_RETURNS = (
    "The command returns when the DRM has taken the orders, which may be before they are carried "
    "out. The exit status is 1 if it did not take one of them."
)


def _command(action: JobControlAction) -> click.Command:
    """Return the subcommand for *action*."""

    @click.command(str(action), help=f"{_HELP[action]}\n\n{_RETURNS}", epilog=STDIN_HELP)
    @ids_argument
    @session_options
    def control(
        ids: tuple[str, ...], contact: str | None, *, engine: str | None, as_json: bool
    ) -> None:
        asked = read_ids(ids, contact, engine=engine)
        jobs: list[dict[str, str | None]] = []
        with open_session(asked.contact, engine=asked.engine):
            failed = calls.control_jobs(asked.ids, string_to_control_action(action))
            for place, job_id in enumerate(asked.ids):
                error = words_of(failed[place]) if place in failed else None
                if error is not None:
                    say(f"{PROGRAM}: job {job_id}: {error}")
                jobs.append({"job": job_id, "error": error})
        if as_json:
            document({"action": str(action), "jobs": jobs})
        sys.exit(any(job["error"] is not None for job in jobs))

    return control


COMMANDS = [
    _command(action)
    for action in (
        JobControlAction.HOLD,
        JobControlAction.RELEASE,
        JobControlAction.SUSPEND,
        JobControlAction.RESUME,
        JobControlAction.TERMINATE,
    )
]
