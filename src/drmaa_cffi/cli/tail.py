"""Showing what jobs have written, when they end."""

from __future__ import annotations

import dataclasses
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Optional, Sequence, TextIO

from drmaa_cffi._futures.errorfile import ErrorFile, tail_of
from drmaa_cffi.const import PLACEHOLDER_INCR

from .output import PROGRAM, say
from .templates import JobOptions
from .watch import Ending

# How long a file may take to come from where the job ran, in seconds.
_LATE = 5
_LOOK = 0.1


class Tail:
    """The files that jobs write to; those that nobody named are in a folder of its own.

    Args:
        options: The job's options; ``options`` has them with the files that it takes instead.
    """

    def __init__(self, options: JobOptions) -> None:
        self.folder: Optional[Path] = None
        if not options.output:
            # Where the job runs: the hosts of a cluster share that sooner than /tmp.
            place = options.folder if os.access(options.folder, os.W_OK) else Path.home()
            self.folder = Path(tempfile.mkdtemp(prefix=f".{PROGRAM}-", dir=place))
            suffix = f".{PLACEHOLDER_INCR}" if options.array else ""
            options = dataclasses.replace(options, output=str(self.folder / f"output{suffix}"))
            if not (options.error or options.join):
                options = dataclasses.replace(options, error=str(self.folder / f"error{suffix}"))
        self.options = options
        self._indices: dict[str, int] = {}
        self._before: dict[Path, int] = {}
        for index in options.array or (0,):
            for path in self._paths("", index):
                # Jobs append; but in a folder each has a file of its own.
                self._before[path] = path.stat().st_size if path.is_file() else 0

    def submitted(self, ids: Sequence[str]) -> None:
        """Note which job has which index."""
        self._indices = dict(zip(ids, self.options.array or (0,)))

    def submitted_again(self, job_id: str, index: int) -> None:
        """Note that a job of this index has another id now; it goes on with the same files."""
        self._indices[job_id] = index

    def show(self, ending: Ending) -> None:
        """Write what a job that has ended wrote: its output to stdout, its errors to stderr."""
        output, *error = self._paths_of(ending)
        self._copy(output, sys.stdout, ending)
        for path in error:
            self._copy(path, sys.stderr, ending)

    def text(self, ending: Ending) -> str:
        """Return what a job that has ended wrote to its output."""
        (output, *_) = self._paths_of(ending)
        return self._read(output, ending).decode(errors="backslashreplace")

    def remove(self) -> None:
        """Remove the folder."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _paths_of(self, ending: Ending) -> list[Path]:
        return self._paths(ending.job_id, self._indices.get(ending.job_id, 0))

    def _paths(self, job_id: str, index: int) -> list[Path]:
        options = self.options
        named = {"o": options.output, "e": None if options.join else options.error}
        return [
            _path(options, file, letter, job_id, index) for letter, file in named.items() if file
        ]

    def _copy(self, path: Path, stream: TextIO, ending: Ending) -> None:
        stream.flush()
        stream.buffer.write(self._read(path, ending))
        stream.buffer.flush()

    def _read(self, path: Path, ending: Ending) -> bytes:
        if not self._await(path, ending):
            return b""
        try:
            with path.open("rb") as file:
                file.seek(self._before.get(path, 0))
                return file.read()
        except OSError as error:
            say(f"{PROGRAM}: the job's output can't be shown: {error}")
            return b""

    @staticmethod
    def _await(path: Path, ending: Ending) -> bool:
        """Wait for a file that comes late; return whether it is worth a look."""
        if ending.aborted and not path.exists():
            # It may never have begun to write.
            return False
        end = time.monotonic() + _LATE
        while not path.exists() and time.monotonic() < end:
            time.sleep(_LOOK)
        return True


def say_errors(options: JobOptions, job_id: str) -> None:
    """Print the last lines of a job's error file, if it can be read here and has any."""
    letter, file = ("o", options.output) if options.join else ("e", options.error)
    path = _path(options, file or "", letter, job_id, 0)
    try:
        lines = tail_of(path)
    except (OSError, ValueError):
        return
    if lines:
        say("\n".join([f"{PROGRAM}: the last of {path}:", *(f"  {line}" for line in lines)]))


def _path(options: JobOptions, file: str, letter: str, job_id: str, index: int) -> Path:
    """Return the path of a file that is given in DRMAA's words."""
    path = plain_path(file)
    name = options.name or Path(options.command[0]).name
    return ErrorFile(path, str(options.folder), name, letter, index).path_of(job_id)


def plain_path(file: str) -> str:
    """Return the path in what may have a host before it, as DRMAA has it."""
    return file.partition(":")[2] if ":" in file.partition("/")[0] else file
