"""A folder of each job's own for its temporary files, which goes when the job ends."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Container

from . import identity

if TYPE_CHECKING:
    from drmaa_cffi.engine.core import home as homes
    from drmaa_cffi.engine.core import model

_log = logging.getLogger(__name__)

_LINK = "tmp"
_GONE = ".gone"


class Scratch:
    """The folders, in one of the engine's own among the machine's temporary files.

    A link in the engine's folder leads there, so that the next engine finds what one has left.

    Args:
        home: the engine's folder.
    """

    def __init__(self, home: homes.Home) -> None:
        self._link = home.path / _LINK
        self._root = ""
        self._removals: set[asyncio.Future[None]] = set()

    def take_up(self, running: Container[str]) -> None:
        """Finds what an earlier engine has left, and removes the folders of jobs that have ended.

        Args:
            running: the names of the tasks that run, as `name_of` gives them.
        """
        with contextlib.suppress(OSError):
            self._root = os.readlink(self._link)
        if not self._root:
            return
        if not self._is_ours():
            self._forget()
            return
        for name in os.listdir(self._root):
            if name not in running:
                self._remove(os.path.join(self._root, name))

    def make(self, task: model.Task) -> bytes:
        """Makes a task's folder.

        Returns:
            Its path; empty if it can't be made: the job then has what its submitter has.
        """
        try:
            if not self._is_ours():
                self._make_root()
            path = os.path.join(self._root, name_of(task))
            with contextlib.suppress(FileExistsError):
                os.mkdir(path, 0o700)
        except OSError as error:
            _log.warning("job %s: it has no folder for temporary files: %s", task.id, error)
            return b""
        return os.fsencode(path)

    def drop(self, task: model.Task) -> None:
        """Removes the folder of a task that has ended."""
        if self._root:
            self._remove(os.path.join(self._root, name_of(task)))

    async def close(self) -> None:
        """Waits for what is being removed; takes the engine's own folder away if it is empty."""
        if self._removals:
            await asyncio.wait(self._removals)
        if self._root:
            with contextlib.suppress(OSError):
                os.rmdir(self._root)
                self._forget()

    def _make_root(self) -> None:
        self._forget()
        # In the folder for temporary files of whoever started the engine.
        root = tempfile.mkdtemp(prefix="drmaa-local-")
        os.symlink(root, self._link)
        self._root = root

    def _forget(self) -> None:
        self._root = ""
        with contextlib.suppress(OSError):
            os.unlink(self._link)

    def _is_ours(self) -> bool:
        """Whether the folder is there: who cleans up /tmp may have removed it."""
        try:
            facts = os.lstat(self._root)
        except OSError:
            return False
        return stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.geteuid()

    def _remove(self, path: str) -> None:
        try:
            os.rmdir(path)  # most jobs leave nothing there
        except FileNotFoundError:
            return
        except OSError:
            gone = path
            if not path.endswith(_GONE):
                gone = path + _GONE
                with contextlib.suppress(OSError):
                    os.rename(path, gone)
            removal = asyncio.get_running_loop().run_in_executor(None, _remove_tree, gone)
            self._removals.add(removal)
            removal.add_done_callback(self._removals.discard)


def name_of(task: model.Task) -> str:
    """The name of a task's folder, which is Grid Engine's: job, task and queue."""
    return f"{task.job.number}.{task.index or 1}.{identity.QUEUE.decode()}"


def _remove_tree(path: str) -> None:
    shutil.rmtree(path, ignore_errors=True)
    if os.path.lexists(path):
        # A job may have closed folders of its own.
        for folder in Path(path).glob("**"):
            with contextlib.suppress(OSError):
                folder.chmod(0o700)
        shutil.rmtree(path, ignore_errors=True)
