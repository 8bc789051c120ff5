"""Loading the library, with a way round the static TLS trap: the command starts itself again.

A process can't be given more static thread-local storage once it runs; one that starts with
GLIBC_TUNABLES set has it. Nothing has been printed or submitted when the library is loaded, and
what was read is put back, so the command can begin anew without anybody noticing.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Mapping, NoReturn

from drmaa_cffi.errors import LibraryLoadError
from drmaa_cffi.library import STATIC_TLS_ERROR, STATIC_TLS_TUNABLE, Library, load_library

TUNABLES = "GLIBC_TUNABLES"
# Holds the value of TUNABLES before the restart.
_GUARD = "DRMAA_CFFI_RESTARTED"

_restarted = False
# What was read from standard input.
_input: bytes | None = None


def settle() -> None:
    """After a restart, make the environment what it was: jobs may inherit it."""
    global _restarted  # noqa: PLW0603 - it is a fact of the process
    before = os.environ.pop(_GUARD, None)
    if before is None:
        return
    _restarted = True
    if before:
        os.environ[TUNABLES] = before
    else:
        os.environ.pop(TUNABLES, None)


def read_input() -> str:
    """Return what is on standard input; after a restart it can be read again.

    It has to be read first: it may tell which library to load.
    """
    global _input  # noqa: PLW0603 - it is a fact of the process
    _input = read = sys.stdin.buffer.read()
    return read.decode(errors="replace")


def with_room(environ: Mapping[str, str]) -> dict[str, str]:
    """Return *environ* with room for libraries that use static thread-local storage."""
    tunables = [text for text in (environ.get(TUNABLES), STATIC_TLS_TUNABLE) if text]
    return {**environ, TUNABLES: ":".join(tunables)}


def load() -> Library:
    """Load the library as load_library() does; start the process again if that is what helps.

    Raises:
        LibraryNotFoundError, LibraryLoadError: as load_library().
    """
    try:
        return load_library()
    except LibraryLoadError as error:
        if _restarted or STATIC_TLS_ERROR not in str(error):
            raise
        _restart()


def _restart() -> NoReturn:
    # sys.argv lacks Python's own options and, for a module, its name.
    words = Path("/proc/self/cmdline").read_bytes().split(b"\0")[1:-1]
    environ = {**with_room(os.environ), _GUARD: os.environ.get(TUNABLES, "")}
    sys.stdout.flush()
    sys.stderr.flush()
    if _input is not None:
        # A pipe would hold no more than its buffer.
        file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - the next process has it
        file.write(_input)
        file.seek(0)
        os.dup2(file.fileno(), sys.stdin.fileno())
    os.execve(sys.executable, [os.fsencode(sys.executable), *words], environ)  # noqa: S606
