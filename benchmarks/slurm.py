"""Measure jobs on a real Slurm: by this package, submitit, PSI/J and sbatch, in one run.

Run ``eval "$(tests/slurm/start --accounting)"`` and then ``python benchmarks/slurm.py`` where
drmaa-cffi, submitit and psij-python are installed; one that is missing is left out. submitit asks
Slurm's accounting, so without it submitit can't be measured.

Requests are counted by Slurm itself, for all its users: nobody else should use it meanwhile. All
jobs of a part are of the same kind, and are cancelled or waited for in the end.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any, Callable, Iterator, Optional, Tuple

from binding import machine

Row = Tuple[str, Optional[float], str]
US, SUBMITIT, PSIJ, SBATCH = "drmaa-cffi", "submitit", "PSI/J", "sbatch --wait"
PEERS = (US, SUBMITIT, PSIJ, SBATCH)
#: Jobs that only wait in the queue.
LATER = "now+1day"
THREADS = 8
TASKS = 10_000
#: Of slurmctld's requests: what its own nodes and daemons send, and what we count with.
_NOT_OURS = re.compile(r"MESSAGE_|REQUEST_(COMPLETE|STEP_COMPLETE|STATS|PING)|ACCOUNTING_|DBD_")
_COUNT = re.compile(r"^\s*([A-Z]\w+)\s.*count:\s*(\d+)", re.MULTILINE)


def ask(*command: object) -> str:
    """Return what a command prints."""
    return subprocess.run(
        list(map(str, command)), check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def counted(*command: str) -> int:
    """Return how many requests of users a daemon of Slurm has counted."""
    text = ask(*command).partition("by user")[0]
    return sum(int(count) for name, count in _COUNT.findall(text) if not _NOT_OURS.match(name))


def accounted() -> int:
    """Return how often slurmdbd was asked for jobs; 0 without it."""
    with contextlib.suppress(subprocess.CalledProcessError, FileNotFoundError):
        return sum(
            int(count)
            for name, count in _COUNT.findall(ask("sacctmgr", "show", "stats"))
            if name.startswith("DBD_GET_JOBS")
        )
    return 0


def stamp(seconds: float, path: str) -> None:
    """Write the time to a file, after some seconds: all that a job does here."""
    time.sleep(seconds)
    Path(path).write_text(str(time.time()), encoding="ascii")


class Peer:
    """A way to run jobs."""

    def submit(self, seconds: float, path: Path, *, later: bool = False) -> Any:
        """Queue a job that does what `stamp` does, or one that stays in the queue."""
        raise NotImplementedError

    def wait(self, job: Any) -> None:
        """Wait for the end of a job."""
        raise NotImplementedError

    def number(self, job: Any) -> str:
        """Return Slurm's number of a job."""
        return str(job)

    def words(self, seconds: float, path: Path) -> list[str]:
        """Return the words after `/bin/sh` that do what `stamp` does."""
        program = 'sleep "$1"; date +%s.%N >"$2.new"; mv "$2.new" "$2"'
        return ["-c", program, "sh", str(seconds), str(path)]


class Us(Peer):
    """This package: a session on the Slurm engine."""

    def __init__(self, session: Any) -> None:
        import drmaa_cffi  # noqa: PLC0415

        self.session = session
        self.drmaa = drmaa_cffi

    def submit(self, seconds: float, path: Path, *, later: bool = False) -> Any:
        """Submit by runJob."""
        with self.drmaa.JobTemplate() as template:
            template.remoteCommand = "/bin/sh"
            template.args = self.words(seconds, path)
            template.outputPath, template.joinFiles = ":/dev/null", True
            if later:
                template.nativeSpecification = f"--begin={LATER}"
            return self.session.runJob(template)

    def wait(self, job: Any) -> None:
        """Wait for one job by its id."""
        assert self.session.wait(job).exitStatus == 0


class Submitit(Peer):
    """submitit: a Python function as a job."""

    def __init__(self, folder: Path) -> None:
        import submitit  # noqa: PLC0415

        self.now, self.later = (submitit.SlurmExecutor(folder=folder) for _ in range(2))
        self.now.update_parameters(time=60)
        self.later.update_parameters(time=60, additional_parameters={"begin": LATER})

    def submit(self, seconds: float, path: Path, *, later: bool = False) -> Any:
        """Submit the function."""
        return (self.later if later else self.now).submit(stamp, seconds, str(path))

    def wait(self, job: Any) -> None:
        """Wait for its result."""
        job.result()

    def number(self, job: Any) -> str:
        """Return Slurm's number of a job."""
        return str(job.job_id)


class PsiJ(Peer):
    """PSI/J: the executor for Slurm, as it comes."""

    def __init__(self) -> None:
        import psij  # noqa: PLC0415

        self.psij = psij
        self.executor = psij.JobExecutor.get_instance("slurm")

    def submit(self, seconds: float, path: Path, *, later: bool = False) -> Any:
        """Submit a job object."""
        attributes = self.psij.JobAttributes(duration=timedelta(minutes=60))
        if later:
            attributes.set_custom_attribute("slurm.begin", LATER)
        words = self.words(seconds, path)
        job = self.psij.Job(
            self.psij.JobSpec(executable="/bin/sh", arguments=words, attributes=attributes)
        )
        self.executor.submit(job)
        return job

    def wait(self, job: Any) -> None:
        """Wait for one job object."""
        job.wait()

    def number(self, job: Any) -> str:
        """Return Slurm's number of a job."""
        return str(job.native_id)


class Sbatch(Peer):
    """The command: a process that waits for each job."""

    def __init__(self, folder: Path) -> None:
        self.script = folder / "job.sh"
        self.script.write_text('#!/bin/sh\nexec /bin/sh "$@"\n', encoding="ascii")

    def submit(self, seconds: float, path: Path, *, later: bool = False) -> Any:
        """Start `sbatch --wait`, or queue a job by `sbatch`."""
        words = ["sbatch", "--parsable", "--output=/dev/null"]
        words += [f"--begin={LATER}"] if later else ["--wait"]
        words += [str(self.script), *self.words(seconds, path)]
        return ask(*words).strip() if later else subprocess.Popen(words, stdout=subprocess.DEVNULL)

    def wait(self, job: Any) -> None:
        """Wait for the end of the process."""
        assert job.wait() == 0


@contextlib.contextmanager
def peers(folder: Path) -> Iterator[dict[str, Peer]]:
    """All peers that are installed."""
    import drmaa_cffi  # noqa: PLC0415

    made: dict[str, Peer] = {SBATCH: Sbatch(folder)}
    with contextlib.suppress(ImportError):
        made[SUBMITIT] = Submitit(folder / "submitit")
    with contextlib.suppress(ImportError):
        made[PSIJ] = PsiJ()
    with drmaa_cffi.Session() as session:
        yield {US: Us(session), **made}


def cancel(numbers: list[str]) -> None:
    """Cancel jobs, and let Slurm finish with them."""
    for at in range(0, len(numbers), 500):
        ask("scancel", *numbers[at : at + 500])


def ends(those: dict[str, Peer], jobs: int, folder: Path) -> list[Row]:
    """Measure from the end of a job to the return of its wait.

    All peers wait at the same time, each for jobs that end one after the other.
    """

    def one(name: str) -> list[float]:
        peer = those[name]
        paths = [folder / f"end-{PEERS.index(name)}-{number}" for number in range(jobs)]
        chance = random.Random(name)
        begun = [
            peer.submit(3 + 4 * number + 4 * chance.random(), path)
            for number, path in enumerate(paths)
        ]
        late: list[float] = []
        for job, path in zip(begun, paths):
            peer.wait(job)
            late.append(time.time() - float(path.read_text("ascii")))
        return late

    with ThreadPoolExecutor(len(those)) as pool:
        found = dict(zip(those, pool.map(one, those)))
    return [
        (f"a job ends, its wait returns: {name}", statistics.median(found[name]), "s")
        for name in PEERS
        if name in found
    ]


def submissions(those: dict[str, Peer], jobs: int, rounds: int, folder: Path) -> list[Row]:
    """Measure submissions, in turns."""
    loop = f"""for i in $(seq {jobs}); do
        sbatch --parsable --output=/dev/null --begin={LATER} {folder}/job.sh -c true || exit
    done"""

    def one_by_one(peer: Peer) -> list[str]:
        made = [peer.submit(0, folder / "never", later=True) for _ in range(jobs)]
        return [peer.number(job) for job in made]

    def by_threads(peer: Peer) -> list[str]:
        with ThreadPoolExecutor(THREADS) as pool:
            made = pool.map(lambda _: peer.submit(0, folder / "never", later=True), range(jobs))
            return [peer.number(job) for job in made]

    ways: dict[str, Callable[[], list[str]]] = {
        "a loop of sbatch in sh": lambda: ask("sh", "-c", loop).split(),
        f"{US}, runJob one by one": lambda: one_by_one(those[US]),
        f"{US}, runJob in {THREADS} threads": lambda: by_threads(those[US]),
    }
    for name in (SUBMITIT, PSIJ):
        if name in those:
            ways[f"{name}, one by one"] = lambda name=name: one_by_one(those[name])  # type: ignore[misc]
    found: dict[str, list[float]] = {way: [] for way in ways}
    work: dict[str, list[float]] = {way: [] for way in ways}
    chance = random.Random(1)
    ways[f"{US}, runJob one by one"]()  # the engine is there, and knows Slurm's configuration
    engine = status()["pid"]
    for _ in range(rounds):
        for way in chance.sample(list(ways), len(ways)):
            begin, used = time.perf_counter(), own_seconds() + processor_seconds(engine)
            numbers = ways[way]()
            found[way].append(jobs / (time.perf_counter() - begin))
            work[way].append(own_seconds() + processor_seconds(engine) - used)
            assert len(numbers) == jobs
            cancel(numbers)
    base = found[next(iter(ways))]
    rows: list[Row] = []
    for way, rates in found.items():
        rows.append((f"submitted: {way}", statistics.median(rates), "jobs/s"))
        if rates is not base:
            ratio = statistics.median(rate / other for rate, other in zip(rates, base))
            rows.append((f"to the loop: {way}", ratio, "x"))
        # It heeds no other program on the machine: the engine's, sbatch's, the peer's own.
        rows.append(
            (f"processor time of each: {way}", sum(work[way]) / rounds / jobs * 1000, "ms")
        )
    return rows


def bulk(us: Us, rounds: int, seconds: float, folder: Path) -> list[Row]:
    """Measure a bulk job, and the engine while its tasks wait."""
    arrays: list[float] = []
    ours: list[float] = []
    word = f"--array=1-{TASKS}"
    script = folder / "job.sh"
    with us.drmaa.JobTemplate() as template:
        template.remoteCommand = "/bin/true"
        template.nativeSpecification = f"--begin={LATER}"
        for at in range(rounds):
            begin = time.perf_counter()
            number = ask("sbatch", "--parsable", word, f"--begin={LATER}", script).strip()
            arrays.append(time.perf_counter() - begin)
            cancel([number])
            begin = time.perf_counter()
            ids = us.session.runBulkJobs(template, 1, TASKS, 1)
            ours.append(time.perf_counter() - begin)
            assert len(ids) == TASKS
            if at + 1 < rounds:
                forget(us)
    rows: list[Row] = [
        (f"a bulk of {TASKS:,}, all ids in hand", statistics.median(ours), "s"),
        (f"sbatch {word}", statistics.median(arrays), "s"),
    ]
    pid = status()["pid"]
    used, asked = processor_seconds(pid), sum(status()["requests"].values())
    time.sleep(seconds)
    memory = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text("ascii"))
    assert memory
    share = (processor_seconds(pid) - used) / seconds
    asked = sum(status()["requests"].values()) - asked
    begin = time.perf_counter()
    forget(us)
    return [
        *rows,
        (f"the engine's memory, {TASKS:,} tasks waiting", int(memory[1]) / 1024, "MiB"),
        ("its processor time, its squeue included", share * 100, "% of one"),
        ("its requests to slurmctld, nothing asked", asked / seconds * 60, "/min"),
        ("all of it is terminated and disposed of", time.perf_counter() - begin, "s"),
    ]


def forget(us: Us) -> None:
    """Terminate all jobs of the session, and dispose of them."""
    everything = us.session.JOB_IDS_SESSION_ALL
    us.session.control(everything, us.drmaa.JobControlAction.TERMINATE)
    us.session.synchronize([everything], 300, True)


def status() -> Any:
    """Return what the engine says of itself."""
    return json.loads(ask(sys.executable, "-m", "drmaa_cffi.slurm", "status"))


def processor_seconds(pid: int) -> float:
    """Return the processor time of a process and of its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


def own_seconds() -> float:
    """Return the processor time of this process and of its children that have ended."""
    return sum(os.times()[:4])


def requests(those: dict[str, Peer], ours: int, theirs: int, folder: Path) -> list[Row]:
    """Count what jobs cost slurmctld, from their submission to their results."""
    rows: list[Row] = []
    for name, peer in those.items():
        jobs = ours if name == US else theirs
        before, before_accounting = counted("sdiag"), accounted()
        begin = time.perf_counter()
        made = [peer.submit(0, folder / f"count-{number}") for number in range(jobs)]
        for job in made:
            peer.wait(job)
        took = time.perf_counter() - begin
        number, asked = counted("sdiag") - before, accounted() - before_accounting
        rows += [
            (f"{jobs:,} jobs, submitted and waited for: {name}", took, "s"),
            (f"requests to slurmctld for these {jobs:,}: {name}", number, ""),
            (f"questions to slurmdbd for these {jobs:,}: {name}", asked, ""),
        ]
    return rows


def measure(arguments: argparse.Namespace) -> list[Row]:
    """Measure all parts."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["DRMAA_LIBRARY_PATH"] = "slurm"
        os.environ["DRMAA_SLURM_HOME"] = str(folder / "engine")
        try:
            with peers(folder) as those:
                if arguments.ends:
                    rows += ends(those, arguments.ends, folder)
                if arguments.rounds:
                    rows += submissions(those, arguments.submissions, arguments.rounds, folder)
                if arguments.jobs:
                    rows += requests(those, arguments.jobs, arguments.peer_jobs, folder)
                if arguments.waiting:
                    us = those[US]
                    assert isinstance(us, Us)
                    rows += bulk(us, 2, arguments.waiting, folder)
        finally:
            stop = [sys.executable, "-m", "drmaa_cffi.slurm", "stop", "--terminate"]
            subprocess.run(stop, check=True, timeout=90)
    return rows


def main() -> None:
    """Measure, print, and write JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    parser.add_argument("--ends", type=int, default=10, help="jobs of each whose ends are timed")
    parser.add_argument("--rounds", type=int, default=5, help="turns of submissions")
    parser.add_argument("--submissions", type=int, default=30, help="jobs of a turn")
    parser.add_argument("--jobs", type=int, default=1000, help="jobs to count requests of")
    parser.add_argument("--peer-jobs", type=int, default=100, help="the same for the peers")
    parser.add_argument("--waiting", type=float, default=60, help="seconds to look at the engine")
    arguments = parser.parse_args()
    rows = measure(arguments)
    for what, value, unit in rows:
        print(f"{value:10.2f} {unit:8} {what}")
    if arguments.json:
        found = {
            "slurm": ask("sbatch", "--version").split()[-1],
            "rows": rows,
            "python": platform.python_version(),
            "machine": machine(),
        }
        arguments.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    # PSI/J leaves a thread that asks for ever.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
