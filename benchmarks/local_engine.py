"""Measure the local engine beside what people use instead: xargs, psij-python, task-spooler.

Run ``python benchmarks/local_engine.py`` where drmaa-cffi is installed; ``--help`` tells the
options. Every number is the median of some rounds, the peers' rounds between the engine's, so
that all see the same machine. Peers that are not installed are left out.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Optional

from binding import machine

ALL = "DRMAA_JOB_IDS_SESSION_ALL"
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


def settings(home: Path, slots: int) -> dict[str, str]:
    """The environment of an engine of our own."""
    return {
        "DRMAA_LIBRARY_PATH": "local",
        "DRMAA_LOCAL_HOME": str(home),
        "DRMAA_LOCAL_SLOTS": str(slots),
        "DRMAA_LOCAL_ENGINE": f"'{sys.executable}' -m drmaa_cffi.local engine",
    }


def ask_engine(*words: str) -> str:
    """Run a command of the engine."""
    command = [sys.executable, "-m", "drmaa_cffi.local", *words]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def memory(pid: int) -> float:
    """The resident memory of a process, in MiB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def processor(pid: int) -> float:
    """The processor time of a process so far, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Engine:
    """The measurements that need a session."""

    def __init__(self) -> None:
        import drmaa_cffi  # noqa: PLC0415  the environment must be set before

        self.session = drmaa_cffi.Session()

    def cold(self) -> float:
        """Seconds from nothing running to the first job's record."""
        ask_engine("stop", "--terminate")
        begin = time.perf_counter()
        self.session.initialize()
        self.session.wait(self.session.runJob(self.template("/bin/true")), 60)
        took = time.perf_counter() - begin
        self.session.exit()
        return took

    def template(self, command: str, *arguments: str, **attributes: object) -> object:
        """A template that writes nowhere."""
        made = self.session.createJobTemplate()
        made.remoteCommand = command
        made.args = list(arguments)
        made.outputPath = ":/dev/null"
        made.joinFiles = True
        for name, value in attributes.items():
            setattr(made, name, value)
        return made

    def throughput(self, count: int) -> float:
        """Jobs a second, /bin/true, from the first submission to the last record."""
        job = self.template("/bin/true")
        begin = time.perf_counter()
        ids = [self.session.runJob(job) for _ in range(count)]
        for job_id in ids:
            self.session.wait(job_id, 600)
        return count / (time.perf_counter() - begin)

    def latency(self, folder: Path, count: int) -> list[float]:
        """Milliseconds from a process's last word to the return of its wait."""
        clock = folder / "clock"
        source = folder / "clock.c"
        source.write_text(
            "#include <stdio.h>\n#include <time.h>\nint main(void) { struct timespec t;\n"
            "clock_gettime(CLOCK_REALTIME, &t);\n"
            'printf("%ld.%09ld\\n", (long)t.tv_sec, t.tv_nsec); return 0; }\n',
            encoding="ascii",
        )
        subprocess.run(["cc", "-O2", "-o", str(clock), str(source)], check=True)
        took = []
        for number in range(count):
            out = folder / f"clock.{number}"
            job_id = self.session.runJob(self.template(str(clock), outputPath=f":{out}"))
            self.session.wait(job_id, 60)
            took.append((time.time() - float(out.read_text(encoding="ascii"))) * 1000)
        return took

    def bulk(self, count: int) -> tuple[float, float, float]:
        """Seconds to accept a bulk job, then to end it; the engine's memory between, in MiB."""
        job = self.template("/bin/true", jobSubmissionState="drmaa_hold")
        begin = time.perf_counter()
        ids = self.session.runBulkJobs(job, 1, count, 1)
        accepted = time.perf_counter() - begin
        assert len(ids) == count
        self.session.control(ALL, "release")
        pid = json.loads(ask_engine("status"))["pid"]
        used = memory(pid)
        begin = time.perf_counter()
        self.session.control(ALL, "terminate")
        self.session.synchronize([ALL], 600, True)
        return accepted, time.perf_counter() - begin, max(used, memory(pid))

    def status(self, queued: int) -> float:
        """Milliseconds of a jobStatus with so many jobs queued."""
        job = self.template("/bin/true", jobSubmissionState="drmaa_hold")
        ids = [self.session.runJob(job) for _ in range(queued)]
        took = []
        for job_id in ids[:: max(1, queued // 500)]:
            begin = time.perf_counter()
            self.session.jobStatus(job_id)
            took.append((time.perf_counter() - begin) * 1000)
        self.session.control(ALL, "terminate")
        self.session.synchronize([ALL], 600, True)
        return statistics.median(took)

    def idle(self, seconds: float) -> float:
        """Processor seconds of an engine that has nothing to do."""
        pid = json.loads(ask_engine("status"))["pid"]
        before = processor(pid)
        time.sleep(seconds)
        return processor(pid) - before


def xargs(count: int, slots: int) -> Optional[float]:
    """Jobs a second of ``xargs -P slots -n 1 /bin/true``."""
    numbers = "".join(f"{number}\n" for number in range(count))
    begin = time.perf_counter()
    words = ["xargs", "-P", str(slots), "-n", "1", "/bin/true"]
    subprocess.run(words, input=numbers, text=True, check=True)
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


def rounds(times: int, *measures: Callable[[], Optional[float]]) -> list[Optional[float]]:
    """The medians of several measures, taken in turns."""
    taken: list[list[float]] = [[] for _ in measures]
    for _ in range(times):
        for values, measure in zip(taken, measures):
            value = measure()
            if value is not None:
                values.append(value)
    return [statistics.median(values) if values else None for values in taken]


def measure(jobs: int, slots: int, times: int, python: str) -> dict[str, Any]:
    """Take the figures; the sizes go with the number of jobs."""
    bulk, queued, waits, few = 100 * jobs, 10 * jobs, max(2, jobs // 5), min(jobs, 200)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ.update(settings(folder / "engine", slots))
        engine = Engine()
        (cold,) = rounds(times, engine.cold)
        engine.session.initialize()
        ours, theirs, other, spooled = rounds(
            times,
            lambda: engine.throughput(jobs),
            lambda: xargs(jobs, slots),
            lambda: psij(python, few),
            lambda: spooler(folder, few, slots),
        )
        latency = engine.latency(folder, waits)
        bulks = [engine.bulk(bulk) for _ in range(times)]
        (status,) = rounds(times, lambda: engine.status(queued))
        idle = engine.idle(5)
        engine.session.exit()
        ask_engine("stop", "--terminate")
    accepted, ended, used = (statistics.median(values) for values in zip(*bulks))
    # What it is, its figure, the figure's unit.
    rows: list[tuple[str, Optional[float], str]] = [
        (f"`/bin/true` on {slots} slots, submitted one by one", ours, "jobs/s"),
        (f"`xargs -P {slots} -n 1`", theirs, "jobs/s"),
        (f"psij-python, its local executor, {few} at once", other, "jobs/s"),
        (f"task-spooler, {slots} slots", spooled, "jobs/s"),
        ("a process ends, its `wait` returns", statistics.median(latency), "ms"),
        ("the same, 95th percentile", statistics.quantiles(latency, n=20)[-1], "ms"),
        (f"a bulk of {bulk:,} is accepted", accepted, "s"),
        ("the engine's memory with it", used, "MiB"),
        ("all of it is terminated and disposed of", ended, "s"),
        (f"`jobStatus` with {queued:,} jobs queued", status, "ms"),
        ("no engine runs, to the first job's record", cold, "s"),
        ("processor time of 5 idle seconds", idle, "s"),
    ]
    return {
        "engine": "local",
        "python": platform.python_version(),
        "machine": machine(),
        "rows": rows,
    }


def main() -> None:
    """Measure, print a table, and keep the figures if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--jobs", type=int, default=1000,
        help="jobs of a throughput round, to which the other sizes are in proportion",
    )  # fmt: skip
    parser.add_argument("--slots", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--psij", default=sys.executable, help="a Python that has psij-python")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    chosen = parser.parse_args()
    if shutil.which(chosen.psij) is None:
        parser.error(f"--psij {chosen.psij}: there is no such program")
    found = measure(chosen.jobs, chosen.slots, chosen.rounds, chosen.psij)
    print(f"Python {found['python']}, {found['machine']}\n")
    for what, value, unit in found["rows"]:
        print(f"{what:<55} {'not installed' if value is None else f'{value:.3f} {unit}':>16}")
    if chosen.json:
        chosen.json.write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
