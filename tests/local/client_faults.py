"""A client of test_client_faults.py: one call of its library fails, in each place in turn.

It prints, for each place, how many calls ended with an error; each of them has gone well when it
was made again.
"""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Callable, TypeVar

from faults import Faults

import drmaa_cffi
from drmaa_cffi import DrmaaException, JobTemplate, Session

Result = TypeVar("Result")
#: A failure may cost what the client has to wait for an engine to start anew.
SECONDS = 30
folder, call, first, step, most, jobs = Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:7])
errors = 0


def attempt(do: Callable[[], Result]) -> Result:
    """Do something, again if it fails with an error of DRMAA's."""
    global errors  # noqa: PLW0603
    begun = time.monotonic()
    try:
        try:
            return do()
        except DrmaaException:
            errors += 1
            return do()
    finally:
        assert time.monotonic() - begun < SECONDS


def template(command: str, *words: object) -> JobTemplate:
    """A job for /bin/sh."""
    made = JobTemplate(remoteCommand="/bin/sh", args=["-c", command, "sh", *map(str, words)])
    made.outputPath, made.joinFiles = ":/dev/null", True
    return made


def submit(command: str, *words: object, held: bool = False) -> str:
    """Submit a job."""
    made = attempt(lambda: template(command, *words))
    with made:
        if held:
            attempt(lambda: setattr(made, "jobSubmissionState", "drmaa_hold"))
        return attempt(lambda: Session.runJob(made))


def one(number: int) -> None:
    """Every kind of call."""
    attempt(Session.initialize)
    held = submit(f"echo $JOB_ID >> {folder}/runs; exit $1", number % 200, held=True)
    assert "user_on_hold" == attempt(lambda: Session.jobStatus(held))
    attempt(lambda: Session.control(held, "release"))
    info = attempt(lambda: Session.wait(held, 20))
    assert (held, False, number % 200) == (info.jobId, info.wasAborted, info.exitStatus)
    assert "ru_wallclock" in (info.resourceUsage or {})
    disposed = submit("exit 0")
    try:
        attempt(lambda: Session.synchronize([disposed], 20, True))
    except drmaa_cffi.InvalidJobException:
        assert errors  # it was, and only the answer failed
    attempt(close)


def close() -> None:
    """Leave the session, if it is not left."""
    try:
        Session.exit()
    except drmaa_cffi.NoActiveSessionException:
        assert errors


def has_begun(job: str) -> bool:
    """Whether a job, which somebody waits for, runs, or did."""
    try:
        return attempt(lambda: Session.jobStatus(job)) not in ("queued_active", "undetermined")
    except drmaa_cffi.InvalidJobException:
        return True


def many(pool: ThreadPoolExecutor, go: int) -> None:
    """Many threads, each with its job."""
    with attempt(lambda: template(f"read line < {folder}/go; exit $SGE_TASK_ID")) as made:
        ids = attempt(lambda: Session.runBulkJobs(made, 1, jobs, 1))
    ends = [pool.submit(attempt, lambda job=job: Session.wait(job, 20)) for job in ids]  # type: ignore[misc]
    while not has_begun(ids[-1]):
        time.sleep(0.01)
    # Where the submission has failed it may be there twice.
    os.write(go, b"\n" * jobs * (2 if errors else 1))
    infos = [end.result(30) for end in ends]
    assert list(range(1, jobs + 1)) == [info.exitStatus for info in infos]
    assert not any(info.wasAborted for info in infos)


def sweep(faults: Faults, do: Callable[[int], None]) -> None:
    """Let each place fail."""
    global errors  # noqa: PLW0603
    for before in range(first, most, step):
        errors = 0
        faults.fail(call, before=before)
        do(before)
        reached = not faults.left
        faults.fail(call, times=0)
        print(before, errors, flush=True)  # noqa: T201
        if not reached:
            return


control = Faults.of(folder)
if jobs:
    os.mkfifo(folder / "go")
    pipe = os.open(folder / "go", os.O_RDWR)
    Session.initialize()
    with ThreadPoolExecutor(jobs) as threads:
        sweep(control, lambda _: many(threads, pipe))
    Session.exit()
else:
    sweep(control, one)
    runs = (folder / "runs").read_text().split()
    assert len(runs) == len(set(runs))
