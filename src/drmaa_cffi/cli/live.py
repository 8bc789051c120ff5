"""Showing what jobs write while they run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple, Sequence, TextIO

from drmaa_cffi.const import JobState

from .tail import Tail
from .templates import JobOptions
from .watch import Ending, Watch

# What is read of a file at once: others want to be read, too.
_MOST_BYTES = 2**20
_NOT_BEGUN = frozenset(
    {JobState.QUEUED_ACTIVE, JobState.SYSTEM_ON_HOLD, JobState.USER_ON_HOLD}
    | {JobState.USER_SYSTEM_ON_HOLD}
)


class News(NamedTuple):
    """What was written since the last look."""

    stream: TextIO
    data: bytes


class Live(Tail):
    """The files that jobs write to, shown as they grow: for an array with the index in front.

    Args:
        options: The job's options; ``options`` has them with the files that it takes instead.
    """

    def __init__(self, options: JobOptions) -> None:
        super().__init__(options)
        self._seen: dict[Path, int] = dict(self._before)
        #: The beginning of a line whose end is to come; only where there is something in front.
        self._begun: dict[Path, bytes] = {}
        self._width = len(str(options.array[-1])) if options.array else 0

    def look(self, watch: Watch) -> list[News]:
        """Return what jobs have written since the last look."""
        return [
            news
            for job_id in watch.unfinished
            if watch.states[job_id] not in _NOT_BEGUN
            for news in self._news_of(job_id)
        ]

    @staticmethod
    def write(all_news: Sequence[News]) -> None:
        """Write it: output to stdout, errors to stderr."""
        for stream, data in all_news:
            stream.flush()
            stream.buffer.write(data)
            stream.buffer.flush()

    def show(self, ending: Ending) -> None:
        """Write what is left of a job that has ended."""
        for path in self._paths_of(ending):
            self._await(path, ending)
        while True:
            news = self._news_of(ending.job_id)
            if not news:
                break
            self.write(news)
        for stream, path in self._streams(ending.job_id):
            rest = self._begun.pop(path, b"")
            if rest:
                self.write([News(stream, self._marked(ending.job_id, rest + b"\n"))])

    def _streams(self, job_id: str) -> list[tuple[TextIO, Path]]:
        paths = self._paths(job_id, self._indices.get(job_id, 0))
        return list(zip((sys.stdout, sys.stderr), paths))

    def _news_of(self, job_id: str) -> list[News]:
        found: list[News] = []
        for stream, path in self._streams(job_id):
            data = self._read_on(path)
            if self._width:
                lines, end, begun = (self._begun.pop(path, b"") + data).rpartition(b"\n")
                if begun:
                    self._begun[path] = begun
                data = self._marked(job_id, lines + end) if end else b""
                if not data and begun and len(begun) < _MOST_BYTES:
                    continue
            if data:
                found.append(News(stream, data))
        return found

    def _read_on(self, path: Path) -> bytes:
        # Opened each time: so a shared file system asks its server.
        try:
            with path.open("rb") as file:
                file.seek(self._seen.get(path, 0))
                data = file.read(_MOST_BYTES)
        except OSError:
            return b""
        self._seen[path] = self._seen.get(path, 0) + len(data)
        return data

    def _marked(self, job_id: str, lines: bytes) -> bytes:
        if not self._width:
            return lines
        mark = f"{self._indices.get(job_id, 0):>{self._width}} | ".encode()
        # Not at what rewrites its line, as progress bars do.
        return b"".join(mark + line + b"\n" for line in lines[:-1].split(b"\n"))
