"""What the command writes: data to stdout, messages to stderr, escape codes to terminals only."""

from __future__ import annotations

import json
import re
from typing import IO, Any

import click
from rich.console import Console

from drmaa_cffi.errors import LibraryNotFoundError

PROGRAM = "drmaa-cffi"
#: What helps where there is no library.
WITHOUT_LIBRARY = "without a cluster, --local runs jobs on this machine"


def console(stream: IO[str]) -> Console:
    """Return what writes to *stream*: with colours if it is a terminal, and NO_COLOR not set."""
    # Said outright: FORCE_COLOR and its like would have rich write escape codes into pipes.
    terminal = stream.isatty()
    return Console(
        file=stream,
        force_terminal=terminal,
        force_interactive=terminal,
        highlight=False,
        markup=False,
        emoji=False,
    )


def data(text: str) -> None:
    """Write a line of data."""
    click.echo(text)


def say(text: str) -> None:
    """Write a message."""
    click.echo(text, err=True)


def words_of(error: BaseException) -> str:
    """Return what an error says, without the number that means nothing to a shell."""
    text = re.sub(r"^code -?\d+: ", "", str(error))
    return f"{text}\n{WITHOUT_LIBRARY}" if isinstance(error, LibraryNotFoundError) else text


def document(value: object) -> None:
    """Write data as a JSON document."""
    click.echo(json.dumps(value, indent=2))


class Failure(click.ClickException):
    """Ends the command with a message.

    Args:
        text: The message.
        status: The exit status.
    """

    def __init__(self, text: str, status: int = 1) -> None:
        super().__init__(text)
        self.exit_code = status  # type: ignore[misc]  # click's classes have one each

    def show(self, file: IO[Any] | None = None) -> None:  # noqa: ARG002 - click's signature
        """Write the message."""
        say(f"{PROGRAM}: {self.message}")
