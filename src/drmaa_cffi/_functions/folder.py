"""The folder of one FunctionExecutor, which the jobs' machines share with this one."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from contextlib import suppress
from os import SEEK_END
from pathlib import Path

from drmaa_cffi.errors import invalid_argument, shown

from . import worker

#: How long a file may take to be seen on a shared file system, in seconds.
_PATIENCE = 15.0
_MOST_OUTPUT = 2**20
_ATTEMPTS = 100


class Folder:
    """Holds the files of calls, of their results and of what they print; for this user only.

    Args:
        parent: Where to make it; None for the user's cache.

    Raises:
        InvalidArgumentException: there can be no folder.
    """

    def __init__(self, parent: str | os.PathLike[str] | None) -> None:
        try:
            cache = _cache()
            made = [] if cache.exists() else [cache]
            place = (
                cache / "drmaa-cffi" / "functions" if parent is None else Path(parent).absolute()
            )
            #: What goes with it, unless others use it.
            self._around = [place, place.parent, *made] if parent is None else []
            self.path: str = _made_in(place)
        except (OSError, RuntimeError, TypeError, ValueError) as error:
            raise invalid_argument(
                f"folder can't be {shown(parent)}: {error}; pass one that the jobs' machines share"
            ) from None

    def write(self, batch: str, function: bytes, calls: list[bytes], *, is_plain: bool) -> None:
        """Write the calls of one submission."""
        path = worker.calls_file(self.path, batch)
        worker.write_calls(path, function, calls, is_plain=is_plain)

    def forget(self, batch: str) -> None:
        """Remove the calls: their jobs have ended."""
        with suppress(OSError):
            os.unlink(worker.calls_file(self.path, batch))

    def remove(self) -> None:
        """Remove all, the folders around included that nobody else uses."""
        shutil.rmtree(self.path, ignore_errors=True)
        with suppress(OSError):
            for folder in self._around:
                folder.rmdir()

    def take_result(self, batch: str, index: int, *, is_there: bool) -> worker.Result | None:
        """Return what a job that has ended has left, and remove it.

        Args:
            batch: The name of its submission.
            index: Its number there.
            is_there: Whether it must have left it, so that it is waited for: shared file systems
                show a file with delay.

        Raises:
            OSError: it can't be read, or is not this user's.
        """
        path = worker.result_file(self.path, batch, index)
        end = time.monotonic() + _PATIENCE
        while True:
            try:
                result = worker.read_result(path)
                break
            except FileNotFoundError:
                if not is_there or time.monotonic() > end:
                    return None
            time.sleep(0.05)
            # It makes an NFS client ask its server.
            os.listdir(self.path)
        with suppress(OSError):
            os.unlink(path)
        return result

    def output_path(self, batch: str, index: int | str) -> str:
        """Return the path of what a call prints."""
        return os.path.join(self.path, f"{batch}.{index}.out")

    def output(self, batch: str, index: int) -> str:
        """Return what a call has printed so far: the last MiB."""
        try:
            with open(self.output_path(batch, index), "rb") as file:
                file.seek(max(0, file.seek(0, SEEK_END) - _MOST_OUTPUT))
                return file.read().decode("utf-8", "replace")
        except OSError:
            return ""

    def take_output(self, batch: str, index: int) -> str:
        """Return all that a call has printed, and remove it."""
        text = self.output(batch, index)
        with suppress(OSError):
            os.unlink(self.output_path(batch, index))
        return text


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _made_in(place: Path) -> str:
    """Make a folder in one that is made, too, and that another executor's end may just remove."""
    for _ in range(_ATTEMPTS):
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            return tempfile.mkdtemp(prefix="calls-", dir=place)
    raise FileNotFoundError(f"{place} goes away as soon as it is made")
