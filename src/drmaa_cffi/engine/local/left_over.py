"""What jobs whose runner was killed have left running."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

_PATIENCE_SECONDS = 1


def kill_left_over(number: int, leader: int) -> None:
    """Kills what a lost job has left running in its session, whose leader is dead.

    The session's number may belong to strangers by now: only processes with the job's own
    environment are killed, and none where there is no /proc to tell.
    """
    mark = b"\0JOB_ID=%d\0" % number
    end = time.monotonic() + _PATIENCE_SECONDS
    # One that is just becoming the job's command has that environment a moment later.
    while _kill_marked(mark, leader) and time.monotonic() < end:
        time.sleep(0.02)


def _kill_marked(mark: bytes, leader: int) -> bool:
    """Kills processes of a session; whether there were any, the job's or not."""
    found = False
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            # The fields after the command's name, which may hold anything but ')' at its end.
            fields = (process / "stat").read_bytes().rpartition(b") ")[2].split()
            if int(fields[3]) != leader or fields[0] == b"Z":
                continue
            found = True
            if mark in b"\0" + (process / "environ").read_bytes():
                os.kill(int(process.name), signal.SIGKILL)
    return found
