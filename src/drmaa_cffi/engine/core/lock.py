"""The lock by which one engine serves a folder, on whichever host: who has it, and lives.

The file `engine.lock` is locked as long as the engine runs, and says which process it is on which
host. Not every file system of several hosts has locks that hold on all of them. So an engine whose
folder another host may take over also changes the file's time every few seconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import time
from typing import TYPE_CHECKING, BinaryIO

from . import home as homes

if TYPE_CHECKING:
    from . import backend

_log = logging.getLogger(__name__)

NAME = "engine.lock"
_LOCK_SECONDS = 30
_LOOK_AGAIN_SECONDS = 0.02
_MOST_BYTES = 4096
#: How often an engine says that it lives, and when one that has not is taken for dead.
_BEAT_SECONDS = 4
_DEAD_SECONDS = 15
#: After this time it is, whatever the hosts' clocks say.
_LONG_AGO_SECONDS = 3600


class Lock:
    """The lock of a folder.

    Args:
        home: the folder.
        kind: of which back end the engine is.

    Raises:
        homes.HomeError: the folder cannot be written.
    """

    def __init__(self, home: homes.Home, kind: backend.Kind) -> None:
        self._home = home
        self._kind = kind
        self._host = homes.host_name()
        self._ours = b""
        try:
            self._file: int = os.open(NAME, os.O_RDWR | os.O_CREAT, 0o600, dir_fd=home.folder)
        except OSError as error:
            raise homes.HomeError(
                f"{home.title}'s folder '{home.path}' cannot be written: {error.strerror}; set "
                f"{home.variable} to the path of a folder of your own"
            ) from error

    def take(self) -> bool:
        """Becomes the one engine of the folder; False if another one on this host serves it.

        Raises:
            homes.HomeError: one on another host does, or one on this host hangs.
        """
        # Another one may be leaving, or just begun: then its end, or its socket, is yet to come.
        deadline = time.monotonic() + _LOCK_SECONDS
        while time.monotonic() < deadline:
            if self._try():
                self._outlive()
                return True
            link = self._home.connect(homes.SOCKET_NAME)
            if link is not None:
                link.close()
                return False
            self._check_host()
            time.sleep(_LOOK_AGAIN_SECONDS)
        raise homes.HomeError(
            f"another engine holds '{self._home.path}' and does not answer since {_LOCK_SECONDS} "
            "s; find its pid with fuser engine.lock there, and kill it if it hangs"
        )

    def _try(self) -> bool:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            raise homes.HomeError(
                f"the file system of {self._home.title}'s folder '{self._home.path}' has no locks "
                f"({error.strerror}): set {self._home.variable} to a folder on one that has"
            ) from error
        return True

    def _check_host(self) -> None:
        """Refuses where an engine on another host serves the folder."""
        elsewhere = _elsewhere(self._home)
        if elsewhere:
            raise homes.HomeError(
                f"{elsewhere}: use the session there. Once the last program there has ended, or "
                f"python -m drmaa_cffi.{self._kind.name} stop was run there, it can be taken up "
                "here"
            )

    def _outlive(self) -> None:
        """Waits until one on another host, which holds no lock that we see, is surely dead."""
        _, name = _holder(self._home)
        if self._kind.stays or name in ("", self._host):
            return
        if _lives(self._home, _DEAD_SECONDS):
            self._check_host()

    def sign(self) -> None:
        """Says that it is this process that has it."""
        self._ours = f"{os.getpid()} {self._host}\n".encode("utf-8", "surrogateescape")
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, self._ours, 0)
        os.fsync(self._file)

    async def keep(self) -> None:
        """Says that we live, for ever; ends this process if another one has taken the folder."""
        while not self._kind.stays:
            await asyncio.sleep(_BEAT_SECONDS)
            with contextlib.suppress(OSError):  # the folder may be gone, the jobs' ends are not
                if _read(self._home) != self._ours:
                    _log.error("another engine has taken over: %s", _read(self._home))
                    os._exit(1)
                os.utime(self._file)

    def release(self) -> None:
        """Leaves: whoever comes next need not wait."""
        with contextlib.suppress(OSError):
            os.ftruncate(self._file, 0)


def served_elsewhere(home: homes.Home, *, held: bool) -> str:
    """Which engine on another host serves the folder; empty if none does.

    Args:
        home: the folder.
        held: whether its lock is seen to be held. If not, the engine may still show that it lives.
    """
    said = _elsewhere(home)
    if said and not held:
        return _elsewhere(home) if _lives(home, 2 * _BEAT_SECONDS) else ""
    return said


def _elsewhere(home: homes.Home) -> str:
    try:
        pid, name = _holder(home)
    except FileNotFoundError:
        return ""
    if name in ("", homes.host_name()):
        return ""
    return f"{home.title} on host {name}, process {pid}, serves '{home.path}'"


def _lives(home: homes.Home, seconds: float) -> bool:
    """Whether an engine whose lock is not seen changes the file in that time."""
    before = _changed(home)
    end = time.monotonic() + seconds
    while time.time() < before + _LONG_AGO_SECONDS and time.monotonic() < end:
        time.sleep(_BEAT_SECONDS / 4)
        if _changed(home) != before:
            return True
    return False


def _changed(home: homes.Home) -> float:
    with _open(home) as file:
        return os.fstat(file.fileno()).st_mtime


def _holder(home: homes.Home) -> tuple[str, str]:
    """Process and host of the engine that has it, or had it when it was killed."""
    pid, _, name = os.fsdecode(_read(home)).rstrip("\n").partition(" ")
    return pid, name


def _read(home: homes.Home) -> bytes:
    # Opened anew, so that a network file system asks its server.
    with _open(home) as file:
        return os.read(file.fileno(), _MOST_BYTES)


def _open(home: homes.Home) -> BinaryIO:
    return os.fdopen(os.open(NAME, os.O_RDONLY, dir_fd=home.folder), "rb")
