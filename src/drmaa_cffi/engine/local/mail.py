"""The e-mail at a task's end: handed to sendmail where there is one, else kept in a file."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Callable

from drmaa_cffi.engine.core import codes

if TYPE_CHECKING:
    from drmaa_cffi.engine.core import model

_log = logging.getLogger(__name__)
_SECONDS = 60
#: Another engine, which waits for this one's end, waits longer.
_LEAVE_SECONDS = 5


def _words_of(task: model.Task) -> str:
    end = task.end
    if end is None or end.stat & codes.STAT_ABORTED:
        return "was aborted"
    number = end.stat & 0x7F
    return f"was ended by signal {number}" if number else f"exited with {end.stat >> 8 & 0xFF}"


def _message(task: model.Task) -> bytes:
    addresses = b", ".join(task.job.spec.emails)
    words = _words_of(task).encode()
    name = task.job.spec.name
    lines = [
        b"To: " + addresses,
        b"Subject: job " + task.id.encode() + b" (" + name + b") " + words,
        b"",
        b"Job " + task.id.encode() + b" (" + name + b") " + words + b".",
        b"",
        *(
            entry.encode("utf-8", "surrogateescape")
            for entry in (task.end.usage if task.end else ())
        ),
        b"",
    ]
    return b"\n".join(lines)


class Mail:
    """Hands messages to sendmail, one after the other: a mail system may take its time.

    Args:
        record: the file for messages that cannot be sent.
        soon: called when all have been sent.
    """

    def __init__(self, record: Path, soon: Callable[[], None]) -> None:
        self._record = record
        self._soon = soon
        #: Messages to send, the first of which is on its way.
        self._unsent: deque[tuple[model.Task, bytes]] = deque()
        self._sending: asyncio.Task[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether there is something to send."""
        return bool(self._unsent)

    @staticmethod
    def is_silent(job: model.Job) -> bool:
        """Whether nobody wants to hear of a job's end."""
        return not job.spec.emails or job.spec.block_email

    def send(self, task: model.Task) -> None:
        """Sends the report of an ended task, if its template asks for one."""
        if self.is_silent(task.job):
            return
        self._unsent.append((task, _message(task)))
        if self._sending is None:
            self._sending = asyncio.get_running_loop().create_task(self._send_all())

    async def close(self) -> None:
        """The engine leaves: what cannot be sent soon is kept in the record."""
        sending = self._sending
        if sending is not None:
            await asyncio.wait({sending}, timeout=_LEAVE_SECONDS)
            sending.cancel()
            await asyncio.wait({sending})
        for task, message in self._unsent:
            self._keep(task, message, "the engine leaves before it was sent")

    def _keep(self, task: model.Task, message: bytes, reason: str) -> None:
        _log.info("job %s: %s: its e-mail is kept in %s", task.id, reason, self._record)
        try:
            with self._record.open("ab") as file:
                file.write(message + b"\n")
        except OSError as error:
            _log.error("job %s: its e-mail cannot be kept: %s", task.id, error)

    async def _send_all(self) -> None:
        while self._unsent:
            task, message = self._unsent[0]
            path = os.environ.get("PATH", "") + ":/usr/sbin:/usr/lib"
            program = shutil.which("sendmail", path=path)
            if program is None:
                self._keep(task, message, "no sendmail here")
            else:
                await _deliver(program, task, message)
            self._unsent.popleft()
        self._sending = None
        self._soon()


async def _deliver(program: str, task: model.Task, message: bytes) -> None:
    pipe = asyncio.subprocess.PIPE
    try:
        process = await asyncio.create_subprocess_exec(
            program, "-i", "--", *task.job.spec.emails, stdin=pipe, stdout=pipe, stderr=pipe
        )
    except OSError as error:
        _log.error("job %s: its e-mail was not sent: %s", task.id, error)
        return
    try:
        _, words = await asyncio.wait_for(process.communicate(message), _SECONDS)
    except asyncio.TimeoutError:
        _log.error("job %s: sendmail was ended after %d seconds", task.id, _SECONDS)
        return
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        _log.error("job %s: sendmail refused its e-mail: %r", task.id, words[-500:])
