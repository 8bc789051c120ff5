"""Measure what futures cost beside plain waits: on a library that does nothing, and on jobs.

Run ``python benchmarks/futures.py`` where drmaa-cffi is installed and a C compiler is at hand.
Both ways submit the same jobs, in turns; each figure is the median of the rounds.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable

from binding import HERE, compile_c

TASKS = 20_000
JOBS = 5000
ROUNDS = 5
MOST_MICROSECONDS = 50
LEAST_RATIO = 0.9


def seconds(run: Callable[[int], None], count: int) -> float:
    """Return how long *run* takes for *count* jobs."""
    begin = time.perf_counter()
    run(count)
    return time.perf_counter() - begin


def rounds(ways: tuple[Callable[[int], None], ...], count: int, times: int) -> list[list[float]]:
    """Return the seconds of each way, by rounds in which they take turns."""
    return [[seconds(way, count) for way in ways] for _ in range(times)]


def on_nothing(count: int, times: int) -> None:
    """Print what a future costs where jobs end at once."""
    from drmaa_cffi import JobExecutor, JobTemplate, Session  # noqa: PLC0415

    def plain(count: int) -> None:
        for _ in Session.runBulkJobs(template, 1, count, 1):
            Session.wait(Session.JOB_IDS_SESSION_ANY)

    def futures(count: int) -> None:
        made = executor.submit_bulk(template, 1, count)
        assert count == sum(1 for _ in concurrent.futures.as_completed(made))

    with Session() as session, JobTemplate() as template:
        plain_times = [seconds(plain, count) / count * 1e6 for _ in range(times)]
        with JobExecutor(session) as executor:
            future_times = [seconds(futures, count) / count * 1e6 for _ in range(times)]
    plain_cost, future_cost = map(statistics.median, (plain_times, future_times))
    print(f"a wait for any job {plain_cost:6.2f} us, a future from its submission to its result")
    print(f"{future_cost:6.2f} us: {future_cost - plain_cost:.2f} us more ({MOST_MICROSECONDS})")


def on_jobs(count: int, times: int) -> None:
    """Print the rates of real jobs, on the local engine."""
    from drmaa_cffi import JobExecutor, JobTemplate, Session  # noqa: PLC0415

    def plain(count: int) -> None:
        for _ in range(count):
            session.runJob(template)
        for _ in range(count):
            session.wait(Session.JOB_IDS_SESSION_ANY)

    def futures(count: int) -> None:
        with JobExecutor(session) as executor:
            made = [executor.submit(template) for _ in range(count)]
            assert count == sum(1 for _ in concurrent.futures.as_completed(made))

    with Session() as session, JobTemplate() as template:
        template.remoteCommand = "/bin/true"
        template.outputPath = ":/dev/null"
        template.joinFiles = True
        found = rounds((plain, futures), count, times)
    plain_rate, future_rate = (count / statistics.median(times) for times in zip(*found))
    ratio = statistics.median(one / other for one, other in found)
    print(f"{count} jobs: {plain_rate:.0f}/s by plain waits, {future_rate:.0f}/s by futures,")
    print(f"a ratio of {ratio:.2f} ({LEAST_RATIO})")


def main() -> None:
    """Measure each in a process of its own: a process loads one library."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="see that it works; no figures")
    parser.add_argument("--part", choices=("nothing", "jobs"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part == "nothing":
        on_nothing(*((100, 1) if arguments.quick else (TASKS, ROUNDS)))
        return
    if arguments.part == "jobs":
        on_jobs(*((20, 1) if arguments.quick else (JOBS, ROUNDS)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = HERE / "c" / "noop_drmaa.c"
        library = compile_c(folder / "libdrmaa.so", "-shared", "-fPIC", source)
        environment = {**os.environ, "DRMAA_LOCAL_HOME": str(folder / "engine")}
        quick = ["--quick"] if arguments.quick else []
        for part, chosen in (("nothing", str(library)), ("jobs", "local")):
            environment["DRMAA_LIBRARY_PATH"] = chosen
            command = [sys.executable, __file__, "--part", part, *quick]
            subprocess.run(command, env=environment, check=True, timeout=600)
        stop = [sys.executable, "-m", "drmaa_cffi.local", "stop", "--terminate"]
        subprocess.run(stop, env=environment, check=True, timeout=60)


if __name__ == "__main__":
    main()
