"""Where a job writes its errors, as far as its template tells, and the last of them."""

from __future__ import annotations

import re
from os import SEEK_END
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, NamedTuple

from drmaa_cffi import const

if TYPE_CHECKING:
    from drmaa_cffi.template import JobTemplate

_MOST_BYTES = 4096
_MOST_LINES = 20


class ErrorFile(NamedTuple):
    """A job's error file, or its output's; of a bulk job's task if *task* is not 0."""

    path: str
    directory: str
    name: str
    #: ``e``, or ``o`` for the output, and where errors go into it.
    letter: str
    task: int = 0

    @classmethod
    def of(cls, template: JobTemplate, letter: str = "e") -> ErrorFile:
        """Read the template; what it doesn't tell is as Grid Engine and the local engine do.

        Args:
            template: The job's template.
            letter: ``o`` for the output's file.
        """
        if letter == "e" and bool(_value(template, "joinFiles")):
            letter = "o"
        path = _value(template, "outputPath" if letter == "o" else "errorPath").partition(":")[2]
        command = _value(template, "remoteCommand")
        return cls(
            path,
            _value(template, "workingDirectory"),
            _value(template, "jobName") or Path(command).name,
            letter,
        )

    def tail(self, job_id: str) -> str:
        """Return the last lines of the job's file; empty if it can't be read here."""
        try:
            return "\n".join(tail_of(self.path_of(job_id)))
        except (OSError, ValueError):
            return ""

    def path_of(self, job_id: str) -> Path:
        """Return the file of one of the jobs; it has a name of its own in a folder."""
        home = str(Path.home())
        directory = Path(home, self.directory.replace(const.PLACEHOLDER_HD, home))
        text = self.path.replace(const.PLACEHOLDER_HD, home)
        text = text.replace(const.PLACEHOLDER_WD, str(directory))
        path = directory / text.replace(const.PLACEHOLDER_INCR, str(self.task))
        if path.is_dir():
            task = f".{self.task}" if self.task else ""
            # One of submit_all() may have the id of a task, and is none.
            number = re.split("[._]", job_id)[0] if self.task else job_id
            path /= f"{self.name}.{self.letter}{number}{task}"
        return path


def tail_of(path: str | Path) -> list[str]:
    """Return the last lines of a file.

    Raises:
        OSError: it can't be read, or is no file.
        ValueError: there is no such path.
    """
    path = Path(path)
    status = path.stat()
    if not S_ISREG(status.st_mode):  # a pipe might not end
        raise OSError(f"{path} is not a regular file")
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, SEEK_END) - _MOST_BYTES))
        return file.read(_MOST_BYTES).decode("utf-8", "replace").splitlines()[-_MOST_LINES:]


def _value(template: JobTemplate, name: str) -> str:
    # Some libraries answer for what was never set with an error that is an AttributeError.
    value: str = getattr(template, name, "")
    return value
