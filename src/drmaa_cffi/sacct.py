"""What Slurm's accounting says of a job, by ``sacct``, for people to read."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Callable

if TYPE_CHECKING:
    import subprocess

_FIELDS: tuple[str, ...] = (
    "JobID",
    "State",
    "ExitCode",
    "Elapsed",
    "TotalCPU",
    "MaxRSS",
    "NodeList",
)
#: slurmdbd is asked that often for a job that has just ended.
_PAUSE = 2.0
#: It has not been told the end yet.
_GOES_ON = re.compile("RUNNING|PENDING|COMPLETING|SUSPENDED|REQUEUED", re.ASCII)
_FACTOR = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def in_words(
    job_id: str, timeout: float, run: Callable[..., subprocess.CompletedProcess[str]]
) -> str:
    """Return how a job ended, and what it used.

    Args:
        job_id: ``17`` or ``17_3``.
        timeout: How many seconds to wait for what slurmdbd has not been told yet.
        run: Runs a command.

    Raises:
        OSError: ``sacct`` is not there, or takes too long.
        ValueError: It does not know the job, or there is no accounting.
    """
    command = ("sacct", "--noheader", "--parsable2", f"--format={','.join(_FIELDS)}", "-j", job_id)
    end = time.monotonic() + timeout
    while True:
        said = run(*command)
        if said.returncode:
            raise ValueError(said.stderr.strip() or f"{' '.join(command)}: {said.returncode}")
        rows = [dict(zip(_FIELDS, line.split("|"))) for line in said.stdout.splitlines()]
        jobs = [row for row in rows if row["JobID"] == job_id]
        if jobs and not _GOES_ON.match(jobs[-1].get("State", "")):
            return _in_words(jobs[-1], rows)
        if time.monotonic() > end:
            raise ValueError(f"{' '.join(command)} does not tell its end")
        time.sleep(_PAUSE)


def _in_words(job: dict[str, str], steps: list[dict[str, str]]) -> str:
    # Memory is told of each step, and the batch script is one.
    largest = max((row.get("MaxRSS", "") for row in steps), key=_bytes_in, default="")
    entries = (
        ("exit code", job.get("ExitCode")),
        ("elapsed", job.get("Elapsed")),
        ("CPU", job.get("TotalCPU")),
        ("MaxRSS", largest),
        ("on", job.get("NodeList")),
    )
    return ", ".join(
        [job.get("State", ""), *(f"{name} {value}" for name, value in entries if value)]
    )


def _bytes_in(size: str) -> float:
    match = re.fullmatch(r"([\d.]+)([KMGT]?)", size, re.ASCII)
    return float(match[1]) * _FACTOR[match[2]] if match else 0.0
