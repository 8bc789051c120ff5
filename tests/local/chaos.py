"""A client of test_chaos.py: submits and waits, and writes down each step before and after it.

Its ledger has lines `S id status` (submitted), `W id` (a wait begins), `E id status` (its end) and
`L id` (whoever waited for it was killed with the record). Who comes after one that was killed goes
on with its session.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import drmaa_cffi
from drmaa_cffi import (
    DrmCommunicationException,
    ExitTimeoutException,
    InvalidJobException,
    OutOfMemoryException,
    Session,
    TryLaterException,
)

AT_ONCE = 6
ledger, contact, runs, over = map(Path, sys.argv[1:])


def note(*words: object) -> None:
    """One line at the ledger's end, at once."""
    file = os.open(ledger, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(file, (" ".join(map(str, words)) + "\n").encode())
    os.close(file)


def left() -> dict[str, bool]:
    """The jobs without an end, and whether somebody has waited for them."""
    jobs: dict[str, bool] = {}
    for line in ledger.read_text().splitlines() if ledger.exists() else ():
        kind, job, *_ = line.split()
        if kind in "SW":
            jobs[job] = kind == "W"
        else:
            jobs.pop(job, None)
    return jobs


def await_end(job: str, *, was_awaited: bool) -> None:
    """Wait for a job, however often the engine goes or does not answer."""
    note("W", job)
    while True:
        try:
            info = Session.wait(job, 3)
        except (ExitTimeoutException, DrmCommunicationException, OutOfMemoryException):
            continue
        except InvalidJobException:
            if not was_awaited:
                raise
            note("L", job)
        else:
            note("E", job, "aborted" if info.wasAborted else info.exitStatus)
        return


def work() -> None:
    """Submit and wait until it is over, and once more then: what has been calm runs as ever."""
    jobs = left()
    is_last = False
    while not is_last or jobs:
        status = len(ledger.read_text()) % 200 if ledger.exists() else 0
        if not is_last and len(jobs) < AT_ONCE:
            is_last = over.exists()
            command = f"echo $JOB_ID >> {runs}; sleep 0.{status % 4}; exit {status}"
            try:
                with drmaa_cffi.JobTemplate(remoteCommand="/bin/sh", args=["-c", command]) as made:
                    made.outputPath, made.joinFiles = ":/dev/null", True
                    job = Session.runJob(made)
            except (DrmCommunicationException, OutOfMemoryException, TryLaterException):
                is_last = False
                continue  # it may have been submitted
            note("S", job, status)
            jobs[job] = False
        else:
            job = next(iter(jobs))
            await_end(job, was_awaited=jobs.pop(job))


while True:
    try:
        Session.initialize(contact.read_text() if contact.exists() else None)
        break
    except drmaa_cffi.DrmaaException as error:
        print(error, flush=True)  # noqa: T201  for who reads the test's output
        time.sleep(0.5)
if not contact.exists():
    contact.with_suffix(".new").write_text(Session.contact)
    contact.with_suffix(".new").rename(contact)
work()
