"""What a job writes: where, as far as its template tells, and how to read it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from drmaa_cffi.errors import DrmaaException

from .errorfile import ErrorFile

if TYPE_CHECKING:
    from drmaa_cffi.template import JobTemplate

# A file may come late from the machine where the job ran: so many seconds.
_LATE = 5.0
_LOOK = 0.1


class Streams(NamedTuple):
    """A job's files, and whether it is to be checked that it exits with 0."""

    output: ErrorFile
    #: The same as the output, where errors go there.
    error: ErrorFile
    check: bool = False

    @classmethod
    def of(cls, template: JobTemplate, *, check: bool) -> Streams | None:
        """Read the template; None where that fails, and only check needs it."""
        try:
            error = ErrorFile.of(template)
            output = error if error.letter == "o" else ErrorFile.of(template, "o")
        except DrmaaException:
            if check:
                raise
            return None  # who submits it tells better what is wrong
        return cls(output, error, check)

    def of_task(self, index: int) -> Streams:
        """Return those of a bulk job's task."""
        output, error = self.output._replace(task=index), self.error._replace(task=index)
        return self._replace(output=output, error=error)


class WithStreams:
    """What futures tell of the output of their jobs.

    C: none; the paths are the template's.
    """

    #: The job's id.
    job_id: str
    _streams: Streams | None

    @property
    def output_path(self) -> Path | None:
        """The file that the job writes to, its errors too with joinFiles, as this machine sees it.

        What stands for the home, the working directory and the index is filled in; in a folder,
        and where no path was set, its name is that of Grid Engine and the engines, ``NAME.oID``.
        None for a future of attach(), whose template is not known, and before the job has an id.
        """
        return self._path(is_error=False)

    @property
    def error_path(self) -> Path | None:
        """The file that the job writes errors to; with joinFiles it is output_path."""
        return self._path(is_error=True)

    def _path(self, *, is_error: bool) -> Path | None:
        streams = self._streams
        if streams is None or not self.job_id:
            return None
        return (streams.error if is_error else streams.output).path_of(self.job_id)

    def output(self) -> str:
        """Return what the job has written so far, with joinFiles its errors too.

        The file is opened anew each time, so that a shared file system asks its server. One that
        is not there when the job has ended is waited for, for five seconds.

        Raises:
            OSError: the file can't be read on this machine, or it is not known which it is.

        C: none; the path is the template's.
        """
        return self._read(is_error=False)

    def error_output(self) -> str:
        """Return what the job has written to its standard error so far; see output().

        Raises:
            OSError: as output().

        C: none; the path is the template's.
        """
        return self._read(is_error=True)

    def _read(self, *, is_error: bool) -> str:
        path = self._path(is_error=is_error)
        if path is None:
            why = "has no id yet" if self._streams else "was not submitted by this executor"
            raise FileNotFoundError(f"it is not known where job {self.job_id} writes to: it {why}")
        end = time.monotonic() + (_LATE if self._has_run() else 0)
        while True:
            try:
                return path.read_bytes().decode("utf-8", "replace")
            except FileNotFoundError:
                if time.monotonic() >= end:
                    raise
            time.sleep(_LOOK)

    def _has_run(self) -> bool:
        """Whether the job has ended, so that what it wrote is there."""
        raise NotImplementedError
