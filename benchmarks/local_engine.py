"""Measure the local engine beside what people use instead: xargs, GNU parallel and others.

Run ``python benchmarks/local_engine.py`` where drmaa-cffi is installed; ``--help`` tells the
options. Every number is the median of some rounds, the peers' rounds between the engine's, so
that all see the same machine. Peers that are not installed are left out.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Iterable, Iterator, Optional

import peers
from binding import machine

ALL = "DRMAA_JOB_IDS_SESSION_ALL"


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


def peak(pid: int) -> float:
    """The most resident memory that a process has had, in MiB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def processor(pid: int) -> float:
    """The processor time of a process so far, in seconds, to the microsecond."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((each / "schedstat").read_text().split()[0]) for each in threads) / 1e9


def runner_of(home: Path) -> int:
    """The process that is the parent of the jobs."""
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (process / "cmdline").read_bytes().split(b"\0")
            if words[0].endswith(b"/job-runner") and words[1] == os.fsencode(home):
                return int(process.name)
    sys.exit("the engine has no runner")


@contextlib.contextmanager
def spent(shares: list[dict[str, float]], count: int, engine: int, runner: int) -> Iterator[None]:
    """Add to *shares* what each process takes of the processors for a job, in milliseconds."""

    def now() -> dict[str, float]:
        client = time.clock_gettime(time.CLOCK_PROCESS_CPUTIME_ID)
        return {"engine": processor(engine), "runner": processor(runner), "client": client}

    before = now()
    yield
    shares.append({name: (after - before[name]) / count * 1e3 for name, after in now().items()})


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

    def in_bulk(self, count: int) -> float:
        """The same by one bulk job, whose tasks are waited for together."""
        begin = time.perf_counter()
        self.session.runBulkJobs(self.template("/bin/true"), 1, count, 1)
        self.session.synchronize([ALL], 600, True)
        return count / (time.perf_counter() - begin)

    def by_executor(self, count: int) -> float:
        """The same by the futures of a JobExecutor."""
        from drmaa_cffi import JobExecutor  # noqa: PLC0415  as above

        begin = time.perf_counter()
        with JobExecutor(self.session) as executor:
            job = self.template("/bin/true")
            for future in [executor.submit(job) for _ in range(count)]:
                future.result(600)
        return count / (time.perf_counter() - begin)

    def many(self, count: int) -> tuple[float, float]:
        """Seconds to terminate a list of jobs, milliseconds to take each record by wait(ANY)."""
        job = self.template("/bin/true", jobSubmissionState="drmaa_hold")
        ids = [self.session.runJob(job) for _ in range(count)]
        begin = time.perf_counter()
        self.session.control(ids, "terminate")
        ended = time.perf_counter()
        for _ in ids:
            self.session.wait(self.session.JOB_IDS_SESSION_ANY, 600)
        return ended - begin, (time.perf_counter() - ended) / count * 1e3

    def restart(self, queued: int) -> float:
        """Seconds from a start of the engine to its first answer, with so many jobs queued."""
        job = self.template("/bin/true", jobSubmissionState="drmaa_hold")
        ids = [self.session.runJob(job) for _ in range(queued)]
        ask_engine("stop")
        begin = time.perf_counter()
        self.session.jobStatus(ids[-1])
        took = time.perf_counter() - begin
        self.session.control(ALL, "terminate")
        self.session.synchronize([ALL], 600, True)
        return took

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

    def bulk(self, count: int) -> tuple[float, float, float, float]:
        """A bulk job: seconds to accept, to end and to dispose of it; a jobStatus beside it."""
        job = self.template("/bin/true", jobSubmissionState="drmaa_hold")
        begin = time.perf_counter()
        ids = self.session.runBulkJobs(job, 1, count, 1)
        accepted = time.perf_counter()
        self.session.jobStatus(ids[-1])
        asked = time.perf_counter()
        self.session.control(ALL, "release")
        self.session.control(ALL, "terminate")
        ended = time.perf_counter()
        self.session.synchronize([ALL], 600, True)
        disposed = time.perf_counter()
        return accepted - begin, ended - asked, disposed - ended, (asked - accepted) * 1e3

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


def in_turns(times: int, *measures: Callable[[], Optional[float]]) -> list[list[float]]:
    """What several measures find, taken in turns."""
    taken: list[list[float]] = [[] for _ in measures]
    for _ in range(times):
        for values, measure in zip(taken, measures):
            value = measure()
            if value is not None:
                values.append(value)
    return taken


def rounds(times: int, *measures: Callable[[], Optional[float]]) -> list[Optional[float]]:
    """The medians of several measures, taken in turns."""
    taken = in_turns(times, *measures)
    return [statistics.median(values) if values else None for values in taken]


def medians(found: Iterable[tuple[float, ...]]) -> list[float]:
    """The medians of figures that are measured together."""
    return [statistics.median(values) for values in zip(*found)]


def measure(jobs: int, slots: int, times: int, python: str) -> dict[str, Any]:
    """Take the figures; the sizes go with the number of jobs."""
    bulk, queued, many = 1000 * jobs, 10 * jobs, 10 * jobs
    waits, few = max(2, jobs // 5), min(jobs, 200)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        home = folder / "engine"
        os.environ.update(settings(home, slots))
        engine = Engine()
        (cold,) = rounds(times, engine.cold)
        engine.session.initialize()
        pid, runner = json.loads(ask_engine("status"))["pid"], runner_of(home)
        shares: dict[str, list[dict[str, float]]] = {}

        def ours(words: str, run: Callable[[int], float]) -> Callable[[], Optional[float]]:
            def measured() -> float:
                with spent(shares.setdefault(words, []), jobs, pid, runner):
                    return run(jobs)

            return measured

        def theirs() -> Optional[float]:
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            rate = peers.xargs(jobs, slots)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            took = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            shares.setdefault("xargs", []).append({"job": took / jobs * 1e3})
            return rate

        taken = in_turns(
            times,
            theirs,
            ours("one by one", engine.throughput),
            ours("in bulk", engine.in_bulk),
            ours("by JobExecutor", engine.by_executor),
            lambda: peers.parallel(few, slots),
            lambda: peers.psij(python, few),
            lambda: peers.spooler(folder, few, slots),
        )
        latency = engine.latency(folder, waits)
        ended, reaped = medians(engine.many(many) for _ in range(times))
        accepted, terminated, disposed, asked = medians(engine.bulk(bulk) for _ in range(times))
        most = peak(pid)
        (status,) = rounds(times, lambda: engine.status(queued))
        idle = engine.idle(5)
        (restarted,) = rounds(1, lambda: engine.restart(100 * jobs))
        engine.session.exit()
        ask_engine("stop", "--terminate")
    rates = [statistics.median(values) if values else None for values in taken]
    to_xargs = [
        statistics.median(one / other for one, other in zip(values, taken[0]))
        for values in taken[1:4]
    ]
    # What it is, its figure, the figure's unit.
    rows: list[tuple[str, Optional[float], str]] = [
        (f"`xargs -P {slots} -n 1 /bin/true`", rates[0], "jobs/s"),
        (f"the same on {slots} slots, submitted one by one", rates[1], "jobs/s"),
        ("in one bulk job", rates[2], "jobs/s"),
        ("by the futures of a JobExecutor", rates[3], "jobs/s"),
        ("to xargs: one by one", to_xargs[0], "x"),
        ("to xargs: in bulk", to_xargs[1], "x"),
        ("to xargs: by a JobExecutor", to_xargs[2], "x"),
        (f"GNU parallel, {slots} jobs", rates[4], "jobs/s"),
        (f"psij-python, its local executor, {few} at once", rates[5], "jobs/s"),
        (f"task-spooler, {slots} slots", rates[6], "jobs/s"),
        ("a process ends, its `wait` returns", statistics.median(latency), "ms"),
        ("the same, 95th percentile", statistics.quantiles(latency, n=20)[-1], "ms"),
        (f"{many:,} jobs are terminated by one order", ended, "s"),
        ("a record is taken by `wait` for any job", reaped, "ms"),
        (f"a bulk of {bulk:,} is accepted", accepted, "s"),
        ("all of it is released and terminated", terminated, "s"),
        ("all of it is disposed of", disposed, "s"),
        ("`jobStatus` beside it", asked, "ms"),
        ("the most memory the engine had by then", most, "MiB"),
        (f"`jobStatus` with {queued:,} jobs queued", status, "ms"),
        (f"an engine with {100 * jobs:,} queued jobs is started and answers", restarted, "s"),
        ("no engine runs, to the first job's record", cold, "s"),
        ("processor time of 5 idle seconds", idle, "s"),
    ]
    return {
        "engine": "local",
        "python": platform.python_version(),
        "machine": machine(),
        "rows": rows,
        "shares": {
            words: {name: statistics.median(each[name] for each in some) for name in some[0]}
            for words, some in shares.items()
        },
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
        print(f"{what:<60} {'not installed' if value is None else f'{value:.3f} {unit}':>16}")
    if chosen.json:
        chosen.json.write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main()
