"""What people run many commands with on one machine instead: each function is a round of it.

They return jobs a second, or None where it is not installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Optional

_PSIJ = """
import sys, time
from psij import Job, JobExecutor, JobSpec
executor = JobExecutor.get_instance("local")
count = int(sys.argv[1])
begin = time.perf_counter()
jobs = [Job(JobSpec(executable="/bin/true")) for _ in range(count)]
for job in jobs:
    executor.submit(job)
for job in jobs:
    job.wait()
print(count / (time.perf_counter() - begin))
"""


def _numbers(count: int) -> str:
    return "".join(f"{number}\n" for number in range(count))


def xargs(count: int, slots: int) -> Optional[float]:
    """Jobs a second of ``xargs -P slots -n 1 /bin/true``."""
    begin = time.perf_counter()
    words = ["xargs", "-P", str(slots), "-n", "1", "/bin/true"]
    subprocess.run(words, input=_numbers(count), text=True, check=True)
    return count / (time.perf_counter() - begin)


def parallel(count: int, slots: int) -> Optional[float]:
    """Jobs a second of GNU parallel."""
    program = shutil.which("parallel")
    if program is None:
        return None
    begin = time.perf_counter()
    words = [program, "--jobs", str(slots), "/bin/true"]
    subprocess.run(words, input=_numbers(count), text=True, check=True, stderr=subprocess.DEVNULL)
    return count / (time.perf_counter() - begin)


def psij(python: str, count: int) -> Optional[float]:
    """Jobs a second of psij-python's local executor, which has no slots: all at once.

    All are submitted before the first is waited for, since its waits poll.
    """
    done = subprocess.run(
        [python, "-c", _PSIJ, str(count)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False,
    )  # fmt: skip
    return float(done.stdout.split()[-1]) if done.returncode == 0 and done.stdout else None


def spooler(folder: Path, count: int, slots: int) -> Optional[float]:
    """Jobs a second of task-spooler."""
    program = shutil.which("tsp") or shutil.which("ts")
    if program is None:
        return None
    environment = {**os.environ, "TS_SOCKET": str(folder / "spooler"), "TS_MAXFINISHED": "10"}

    def call(*words: str) -> None:
        subprocess.run([program, *words], env=environment, check=True, stdout=subprocess.DEVNULL)

    call("-S", str(slots))
    begin = time.perf_counter()
    for _ in range(count):
        call("-n", "/bin/true")
    # One slot less each: the last to end is not the last to have been put in.
    for _ in range(slots):
        call("-n", "/bin/true")
    call("-w")
    took = time.perf_counter() - begin
    call("-K")
    return count / took
