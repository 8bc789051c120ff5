"""Measure what futures cost beside plain waits: on a library that does nothing, and on jobs.

Run ``python benchmarks/futures.py`` where drmaa-cffi is installed and a C compiler is at hand.
Both ways submit the same jobs, in turns; each figure is the median of the rounds.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable, Tuple

from binding import HERE, compile_c, machine

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


Row = Tuple[str, float, str]


def on_nothing(count: int, times: int) -> list[Row]:
    """Return what a future costs where jobs end at once."""
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
    cost, future_cost = map(statistics.median, (plain_times, future_times))
    return [
        ("a task of a bulk job, submitted and waited for, where jobs take no time", cost, "µs"),
        ("the same as a future", future_cost, "µs"),
        (f"what a future adds (at most {MOST_MICROSECONDS})", future_cost - cost, "µs"),
    ]


def on_jobs(count: int, times: int) -> list[Row]:
    """Return the rates of real jobs, on the local engine."""
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
        found = [[seconds(way, count) for way in (plain, futures)] for _ in range(times)]
    plain_rate, future_rate = (count / statistics.median(way) for way in zip(*found))
    ratio = statistics.median(one / other for one, other in found)
    return [
        (f"{count:,} jobs on the local engine, submitted, then waited for", plain_rate, "/s"),
        ("the same by futures", future_rate, "/s"),
        (f"by futures to the other (at least {LEAST_RATIO})", ratio, "x"),
    ]


def run_parts(*, quick: bool) -> list[Row]:
    """Measure each part in a process of its own: a process loads one library."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = HERE / "c" / "noop_drmaa.c"
        library = compile_c(folder / "libdrmaa.so", "-shared", "-fPIC", source)
        environment = {**os.environ, "DRMAA_LOCAL_HOME": str(folder / "engine")}
        for part, chosen in (("nothing", str(library)), ("jobs", "local")):
            environment["DRMAA_LIBRARY_PATH"] = chosen
            command = [sys.executable, __file__, "--part", part, *(["--quick"] * quick)]
            done = subprocess.run(
                command, env=environment, check=True, timeout=600, stdout=subprocess.PIPE
            )
            rows += [tuple(row) for row in json.loads(done.stdout)]
        stop = [sys.executable, "-m", "drmaa_cffi.local", "stop", "--terminate"]
        subprocess.run(stop, env=environment, check=True, timeout=60)
    return rows


def main() -> None:
    """Measure, print, and write JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    parser.add_argument("--quick", action="store_true", help="see that it works; no figures")
    parser.add_argument("--part", choices=("nothing", "jobs"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.part == "nothing":
        print(json.dumps(on_nothing(*((100, 1) if arguments.quick else (TASKS, ROUNDS)))))
        return
    if arguments.part == "jobs":
        print(json.dumps(on_jobs(*((20, 1) if arguments.quick else (JOBS, ROUNDS)))))
        return
    rows = run_parts(quick=arguments.quick)
    for what, value, unit in rows:
        print(f"{value:10.2f} {unit:3} {what}")
    if arguments.json:
        found = {
            "futures": True,
            "rows": rows,
            "python": platform.python_version(),
            "machine": machine(),
        }
        arguments.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
