"""The options by which a command reaches a session, and the session."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import Any, Callable, Generator, TypeVar

import click

from drmaa_cffi.library import LOCAL, PATH_VARIABLE, SLURM, engine_of, load_library
from drmaa_cffi.session import Session

from . import restart

_Function = TypeVar("_Function", bound=Callable[..., Any])

CONTACT_VARIABLE = "DRMAA_CFFI_CONTACT"

json_option: Callable[[Any], Any] = click.option(
    "--json", "as_json", is_flag=True, help="Write JSON."
)
#: The engines of this package.
ENGINES = (LOCAL, SLURM)
local_option: Callable[[Any], Any] = click.option(
    "--local",
    "engine",
    flag_value=LOCAL,
    help="Use the local engine: jobs run on this machine.",
)
slurm_option: Callable[[Any], Any] = click.option(
    "--slurm",
    "engine",
    flag_value=SLURM,
    help="Use Slurm by its own commands, without a libdrmaa.",
)
contact_option: Callable[[Any], Any] = click.option(
    "--contact",
    metavar="TEXT",
    envvar=CONTACT_VARIABLE,
    show_envvar=True,
    help="The session to use: the contact that `submit` printed. Without it a new one is opened.",
)


def session_options(function: _Function) -> _Function:
    """Add --contact, --local, --slurm and --json to a command."""
    decorated: _Function = contact_option(local_option(slurm_option(json_option(function))))
    return decorated


def choose_library(*, engine: str | None) -> None:
    """Load the library: that of an engine of ours, or the one that is found."""
    if engine:
        os.environ[PATH_VARIABLE] = engine
    restart.load()


def engine_in_use() -> str | None:
    """Return which engine's library is loaded, `local` or `slurm`; None for a site's own."""
    return engine_of(load_library().path)


def is_local() -> bool:
    """Whether the library that is loaded is the local engine's."""
    return engine_in_use() == LOCAL


@contextmanager
def open_session(
    contact: str | None, *, engine: str | None, keep: bool = False
) -> Generator[Session, None, None]:
    """Open a session for the block.

    Args:
        contact: An earlier session's; None for a new session.
        engine: `local`, `slurm`, or None for the library that is found.
        keep: Whether somebody may come back to the session. Then it is not left by exit(), with
            which the DRM would forget the records of its jobs that have ended, but with the
            process.
    """
    choose_library(engine=engine)
    session = Session()
    session.initialize(contact)
    yield session
    # After an error the process ends, which is enough.
    if not keep and contact is None:
        session.exit()
