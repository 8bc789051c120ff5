"""The engine's folder and settings: where they are, and whether the folder is safe to use."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import socket
import stat
from pathlib import Path
from typing import NamedTuple

SOCKET_NAME = "engine.sock"
RUNNER_SOCKET_NAME = "runner.sock"
#: The longest path a Unix socket's address holds, without its NUL.
_MOST_SOCKET_PATH = 107
#: The longest path of the folder: SQLite takes 512 bytes at most, with its own suffix.
_MOST_PATH = 512 - len("/engine.db-journal")


class HomeError(Exception):
    """The folder cannot be used; the words say why and what to do."""


class SettingError(Exception):
    """An environment variable's value is not legal; the words name it."""


class Settings(NamedTuple):
    """What the environment says about the engine, read when it starts."""

    idle: float
    keep_days: float
    #: Whether it stays in the session of processes that starts it, and ends with its last program.
    inside: bool

    @classmethod
    def read(cls, drm: str) -> Settings:
        """Reads DRMAA_LOCAL_IDLE and _KEEP_DAYS, or their like of another DRM, and DRMAA_ENGINE.

        Raises:
            SettingError: a value is not legal.
        """
        where = os.environ.get("DRMAA_ENGINE", "")
        if where not in ("", "inside"):
            raise SettingError(f"DRMAA_ENGINE='{where}': must be 'inside', or not set")
        idle = read_number(f"{_prefix(drm)}IDLE", 60, 0, 1e8)
        return cls(
            idle=0 if where else idle,
            keep_days=read_number(f"{_prefix(drm)}KEEP_DAYS", 7, 0, 1e6),
            inside=where == "inside",
        )


def _prefix(drm: str) -> str:
    return f"DRMAA_{drm.upper()}_"


def title_of(drm: str) -> str:
    """What messages call the engine of a back end."""
    return f"the {drm if drm == 'local' else drm.capitalize()} engine"


def read_number(
    name: str, default: float, least: float, most: float, *, whole: bool = False
) -> float:
    """The number in an environment variable, or the default.

    Raises:
        SettingError: it is not one, or out of its range.
    """
    text = os.environ.get(name, "")
    if not text:
        return default
    try:
        value = int(text) if whole else float(text)
    except ValueError:
        value = least - 1
    if not least <= value <= most:
        kind = "a whole number" if whole else "a number"
        raise SettingError(f"{name}='{text}': must be {kind} from {least:g} to {most:g}")
    return value


def find_home(drm: str) -> Path:
    """The folder's absolute path; `engine/_c/home.c` finds the same one by the same rules.

    Raises:
        HomeError: DRMAA_LOCAL_HOME is a relative path, and there is no working directory.
    """
    variable = f"{_prefix(drm)}HOME"
    given = os.environ.get(variable, "")
    if given.startswith("/"):
        return Path(given)
    if given:
        try:
            return Path.cwd() / given
        except OSError as error:
            raise HomeError(
                f"{title_of(drm)}'s folder '{given}' cannot be found from the working directory, "
                f"which is gone or closed to you ({error.strerror}): set {variable} to an "
                "absolute path, or go to another directory"
            ) from error
    host = host_name()
    state = os.environ.get("XDG_STATE_HOME", "")
    if state.startswith("/"):
        return Path(state) / f"drmaa-{drm}" / host
    user = os.environ.get("HOME", "")
    if not user.startswith("/"):
        user = pwd.getpwuid(os.geteuid()).pw_dir
    return Path(user) / ".local" / "state" / f"drmaa-{drm}" / host


def host_name() -> str:
    """This host's name, as the folder is called by default."""
    return socket.gethostname() or "localhost"


def _open(path: Path, *, make: bool) -> int:
    """Opens the folder; makes it, and those above it, as `engine/_c/home.c` does."""
    try:
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        if not make:
            raise
    for folder in (*reversed(path.parents), path):
        try:
            folder.mkdir(mode=0o700)
        except OSError:
            # It is there, or it cannot be made, which the next or the last one shows.
            if folder == path and not folder.is_dir():
                raise
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY)


class Home:
    """The folder, open and checked.

    Args:
        path: its path.
        drm: whose engine's folder it is.
        make: make it, and those above it, if it is missing.

    Raises:
        HomeError: it cannot be made or opened, has too long a path, belongs to somebody else, or
            lets others in.
    """

    def __init__(self, path: Path, drm: str, *, make: bool = True) -> None:
        self.path = path
        self.drm = drm
        #: In messages: whose folder it is, and the variable that names another one.
        self.title: str = title_of(drm)
        self.variable: str = f"{_prefix(drm)}HOME"
        length = len(os.fsencode(os.path.realpath(path)))
        if length > _MOST_PATH:
            raise HomeError(
                f"{self.title}'s folder '{path}' has a path of {length} bytes, and SQLite "
                f"takes {_MOST_PATH} at most: set {self.variable} to a shorter one"
            )
        try:
            self.folder: int = _open(path, make=make)
        except OSError as error:
            raise HomeError(
                f"{self.title}'s folder '{path}' cannot be made or opened: {error.strerror}; "
                f"set {self.variable} to the path of a folder of your own"
            ) from error
        facts = os.fstat(self.folder)
        if facts.st_uid != os.geteuid():
            raise HomeError(
                f"{self.title}'s folder '{path}' belongs to user {facts.st_uid}, not to you "
                f"({os.geteuid()}): set {self.variable} to the path of a folder of your own"
            )
        if stat.S_IMODE(facts.st_mode) & 0o077:
            raise HomeError(
                f"{self.title}'s folder '{path}' has mode {stat.S_IMODE(facts.st_mode):04o}, "
                "so that others could reach your jobs: run chmod 700 on it"
            )

    def address(self, name: str) -> str:
        """Where a socket of that name can be bound or connected.

        A path that is too long for a socket is replaced by the open folder's name in /proc.
        """
        path = str(self.path / name)
        if len(os.fsencode(path)) <= _MOST_SOCKET_PATH:
            return path
        if not Path("/proc/self/fd").exists():
            raise HomeError(
                f"the path '{path}' is too long for a socket ({_MOST_SOCKET_PATH} bytes at most) "
                f"where there is no /proc: set {self.variable} to a shorter one"
            )
        return f"/proc/self/fd/{self.folder}/{name}"

    def listen(self, name: str) -> socket.socket:
        """A listening socket in the folder, in place of a stale one."""
        self.remove(name)
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        made.bind(self.address(name))
        made.listen(1024)
        return made

    def connect(self, name: str, *, wait: bool = True) -> socket.socket | None:
        """A connection to a socket in the folder; None if nobody listens there.

        Args:
            name: the socket's.
            wait: whether to wait where too many others do so; else that is None, too.
        """
        made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        made.setblocking(wait)
        try:
            made.connect(self.address(name))
        except OSError:
            made.close()
            return None
        return made

    def is_locked(self, name: str) -> bool:
        """Whether some process holds the lock of that name."""
        try:
            lock = os.open(name, os.O_RDONLY, dir_fd=self.folder)
        except FileNotFoundError:
            return False
        try:
            # Shared: who looks at the same time does not hold it.
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(lock)
        return False

    def remove(self, name: str) -> None:
        """Removes a file of the folder, if it is there."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=self.folder)
