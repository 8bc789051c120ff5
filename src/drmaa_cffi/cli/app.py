"""The group of all subcommands."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

import click

from drmaa_cffi.errors import DrmaaException

from . import control, doctor, engines, logs, manual, restart, run, status, submit, wait
from .output import PROGRAM, Failure, say, words_of


class _Group(click.Group):
    """A group whose commands end with the library's own words where a call of it fails."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the subcommands in the order in which one needs them."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the subcommand."""
        try:
            return super().invoke(ctx)
        except DrmaaException as error:
            raise Failure(words_of(error)) from error


@click.group(
    cls=_Group,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(version(PROGRAM), prog_name=PROGRAM)
def app() -> None:
    """Run jobs on a cluster, control them, and find out why it does not work.

    Data goes to stdout, messages go to stderr. Only terminals get escape codes.
    NO_COLOR in the environment turns colours off.
    """


for _command in (
    run.run,
    submit.submit,
    status.status,
    wait.wait,
    logs.logs,
    *control.COMMANDS,
    doctor.doctor,
    engines.local,
    engines.slurm,
    manual.completion,
    manual.man,
):
    app.add_command(_command)


def run_app() -> NoReturn:
    """Run the command with the process's arguments, and end the process with its exit status."""
    _open_streams()
    restart.settle()
    try:
        app(prog_name=PROGRAM)
    except OSError as error:
        # Most likely standard output can't be written. click deals with a reader that left early.
        what = str(error) if error.filename else f"the output can't be written: {error.strerror}"
        with suppress(OSError):
            say(f"{PROGRAM}: {what}")
        sys.exit(1)
    finally:
        _flush()
    raise AssertionError  # click has ended the process


def _open_streams() -> None:
    """Let nothing else, such as a connection of the library's, come where a stream was closed."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115


def _flush() -> None:
    """Write what is left to be written, or drop it."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            # Python would try it again at its end, and complain in its own words.
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
