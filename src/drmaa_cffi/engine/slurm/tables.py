"""The tables of arrays of different jobs: a line for each, beside the records of their ends.

A table is on the disk before sbatch is run, so that the engine after a killed one knows which job
became which task. It goes when the last of its jobs has ended.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from . import script

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_SUFFIX = ".jobs"


class Tables:
    """The tables in a folder.

    Args:
        folder: the folder, which need not be there yet.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        #: The array and the index of each of its jobs that have not ended, by their tokens.
        self._places: dict[str, tuple[str, int]] = {}
        #: How many of an array's jobs have not ended.
        self._left: dict[str, int] = {}

    def path(self, array: str) -> bytes:
        """The table of an array, by its token."""
        return os.fsencode(self._folder / f"{array}{_SUFFIX}")

    def write(self, array: str, tokens: Sequence[str], lines: Sequence[bytes]) -> None:
        """Writes an array's table; the first task's index is 1.

        Raises:
            OSError: it cannot be written.
        """
        path = self._folder / f"{array}{_SUFFIX}"
        aside = path.with_suffix(".new")
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "wb") as file:  # noqa: PTH123  it has a mode
            file.write(b"".join(line + b"\n" for line in lines))
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
        self._enter(array, tokens)

    def _enter(self, array: str, tokens: Sequence[str]) -> None:
        for index, token in enumerate(tokens, 1):
            self._places[token] = array, index
        self._left[array] = len(tokens)

    def load(self) -> None:
        """Reads which jobs are in the tables that another engine has left.

        Raises:
            OSError: they cannot be read.
        """
        for path in self._folder.glob(f"*{_SUFFIX}"):
            with path.open("rb") as file:
                self._enter(path.stem, [script.token_in(line) for line in file])

    def place(self, token: str) -> tuple[str, int] | None:
        """The array, by its token, and the index of a job; None of one that is in no table."""
        return self._places.get(token)

    def forget(self, token: str) -> None:
        """A job is over, or was not submitted."""
        place = self._places.pop(token, None)
        if place is None:
            return
        array, _ = place
        self._left[array] -= 1
        if not self._left[array]:
            del self._left[array]
            with contextlib.suppress(OSError):  # `keep` tries it again
                os.unlink(self.path(array))  # noqa: PTH108

    def keep(self, tokens: set[str]) -> None:
        """Forgets all jobs but these."""
        for token in set(self._places) - tokens:
            self.forget(token)
