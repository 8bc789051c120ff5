"""The options by which a command reaches a session, and the session."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import Any, Callable, Generator, TypeVar

import click

from drmaa_cffi.library import LOCAL, PATH_VARIABLE, is_local_engine, load_library
from drmaa_cffi.session import Session

from . import restart

_Function = TypeVar("_Function", bound=Callable[..., Any])

CONTACT_VARIABLE = "DRMAA_CFFI_CONTACT"

json_option: Callable[[Any], Any] = click.option(
    "--json", "as_json", is_flag=True, help="Write JSON."
)
local_option: Callable[[Any], Any] = click.option(
    "--local", is_flag=True, help="Use the local engine: jobs run on this machine."
)
contact_option: Callable[[Any], Any] = click.option(
    "--contact",
    metavar="TEXT",
    envvar=CONTACT_VARIABLE,
    show_envvar=True,
    help="The session to use, by what `submit` told of it. Without it a new one is opened.",
)


def session_options(function: _Function) -> _Function:
    """Add --contact, --local and --json to a command."""
    decorated: _Function = contact_option(local_option(json_option(function)))
    return decorated


def choose_library(*, local: bool) -> None:
    """Load the library: the local engine's, or the one that is found."""
    if local:
        os.environ[PATH_VARIABLE] = LOCAL
    restart.load()


def is_local() -> bool:
    """Whether the library that is loaded is the local engine's."""
    return is_local_engine(load_library().path)


@contextmanager
def open_session(
    contact: str | None, *, local: bool, keep: bool = False
) -> Generator[Session, None, None]:
    """Open a session for the block.

    Args:
        contact: An earlier session's; None for a new session.
        local: Whether to use the local engine.
        keep: Whether somebody may come back to the session. Then it is not left by exit(), with
            which the DRM would forget the records of its jobs that have ended, but with the
            process.
    """
    choose_library(local=local)
    session = Session()
    session.initialize(contact)
    yield session
    # After an error the process ends, which is enough.
    if not keep and contact is None:
        session.exit()
