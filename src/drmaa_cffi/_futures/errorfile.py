"""Where a job writes its errors, as far as its template tells, and the last of them."""

from __future__ import annotations

from os import SEEK_END
from pathlib import Path
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
    def of(cls, template: JobTemplate) -> ErrorFile:
        """Read the template; what it doesn't tell is as Grid Engine and the local engine do."""
        joined = bool(_value(template, "joinFiles"))
        path = _value(template, "outputPath" if joined else "errorPath").partition(":")[2]
        command = _value(template, "remoteCommand")
        return cls(
            path,
            _value(template, "workingDirectory"),
            _value(template, "jobName") or Path(command).name,
            "o" if joined else "e",
        )

    def tail(self, job_id: str) -> str:
        """Return the last lines of the job's file; empty if it can't be read here."""
        try:
            path = self.path_of(job_id)
            if not path.is_file():  # a pipe might not end
                return ""
            with path.open("rb") as file:
                size = file.seek(0, SEEK_END)
                file.seek(max(0, size - _MOST_BYTES))
                text = file.read(_MOST_BYTES).decode("utf-8", "replace")
        except (OSError, ValueError):
            return ""
        return "\n".join(text.splitlines()[-_MOST_LINES:])

    def path_of(self, job_id: str) -> Path:
        """Return the file of one of the jobs; it has a name of its own in a folder."""
        home = str(Path.home())
        directory = Path(home, self.directory.replace(const.PLACEHOLDER_HD, home))
        text = self.path.replace(const.PLACEHOLDER_HD, home)
        text = text.replace(const.PLACEHOLDER_WD, str(directory))
        path = directory / text.replace(const.PLACEHOLDER_INCR, str(self.task))
        if path.is_dir():
            task = f".{self.task}" if self.task else ""
            path /= f"{self.name}.{self.letter}{job_id.partition('.')[0]}{task}"
        return path


def _value(template: JobTemplate, name: str) -> str:
    # Some libraries answer for what was never set with an error that is an AttributeError.
    value: str = getattr(template, name, "")
    return value
