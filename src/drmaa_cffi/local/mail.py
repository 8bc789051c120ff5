"""The e-mail at a task's end: handed to sendmail where there is one, else kept in a file."""

from __future__ import annotations

import logging
import os
import shutil
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from . import usage

if TYPE_CHECKING:
    from . import model

_log = logging.getLogger(__name__)
_SECONDS = 60


def _words_of(task: model.Task) -> str:
    end = task.end
    if task.aborted or end is None:
        return "was aborted"
    number = end.status & 0x7F
    return f"was ended by signal {number}" if number else f"exited with {end.status >> 8}"


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
        *(entry.encode() for entry in usage.usage_of(task)),
        b"",
    ]
    return b"\n".join(lines)


def send(task: model.Task, record: Path) -> None:
    """Sends the report of an ended task, if its template asks for one.

    Args:
        task: the task.
        record: the file that gets the messages where there is no sendmail.
    """
    work = task.job.spec
    if not work.emails or work.block_email:
        return
    message = _message(task)
    program = shutil.which("sendmail", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/lib")
    if program is None:
        _log.info("job %s: no sendmail here: its e-mail is kept in %s", task.id, record)
        try:
            with record.open("ab") as file:
                file.write(message + b"\n")
        except OSError as error:
            _log.error("job %s: its e-mail cannot be kept: %s", task.id, error)
        return
    # A mail system may take its time, and the engine must not wait for it.
    addresses = [os.fsdecode(address) for address in work.emails]
    threading.Thread(
        target=_deliver, args=([program, "-i", "--", *addresses], message, task.id), daemon=True
    ).start()


def _deliver(command: list[str], message: bytes, job: str) -> None:
    import subprocess  # noqa: PLC0415  rarely needed, and slow to import

    try:
        done = subprocess.run(  # noqa: S603  no shell, addresses after --
            command, input=message, capture_output=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        _log.error("job %s: its e-mail was not sent: %s", job, error)
        return
    if done.returncode:
        _log.error("job %s: sendmail refused its e-mail: %r", job, done.stderr[-500:])
