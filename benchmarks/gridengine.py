"""Measure submitting, asking and waiting on a Grid Engine: two Python packages, C, and qsub.

Run ``eval "$(tests/gridengine/start)"`` and then ``python benchmarks/gridengine.py`` where
drmaa-cffi and drmaa 0.7.9 are installed and a C compiler is at hand. Each peer has a process and a
session of its own; they take turns, in a changing order, so that all see the same machine.
Figures are medians of the turns. Jobs are submitted on hold and terminated; only those that are
waited for run, behind all other jobs of the cluster.

Once in some hundred calls Grid Engine's own library sleeps for a second, whoever calls it. So
turns are short and many: the medians leave these out.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import platform
import random
import select
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable, Iterator, NamedTuple, Optional

from binding import C_SIDE, HERE, compile_c, machine

US, OTHER, C, COMMAND = "drmaa_cffi", "drmaa", "C", "command"
PEERS = (US, OTHER, C)
ROUNDS = 41
BULK_ROUNDS = 3
WAIT_ROUNDS = 10
CALLS = 50
COMMANDS = 3  # a command takes so much longer that a turn of it has fewer
QSUB = ("qsub", "-terse", "-h", "-p", "-1000", "-b", "y", "-o", "/dev/null", "-j", "y")


class Row(NamedTuple):
    """A line of the table: seconds a call by peer, and ratios of speed."""

    operation: str
    seconds: dict[str, float]
    ratios: dict[str, float]
    targets: dict[str, float]


class Session:
    """A peer's side: does what it is told by lines of ``order count``."""

    def __init__(self, package: str) -> None:
        self.drmaa: Any = importlib.import_module(package)
        self.session = self.drmaa.Session()
        self.session.initialize()
        self.held = self.template("drmaa_hold")
        self.active = self.template("drmaa_active")
        self.id = ""
        self.ids: list[str] = []

    def template(self, state: str) -> Any:
        """Make a template of /bin/true. Its jobs stand behind all others of a shared machine."""
        made = self.session.createJobTemplate()
        made.remoteCommand = "/bin/true"
        made.outputPath = ":/dev/null"
        made.joinFiles = True
        made.nativeSpecification = "-p -1000"
        made.jobSubmissionState = state
        return made

    def submit(self, count: int) -> None:
        """Submit jobs, on hold."""
        for _ in range(count):
            self.id = self.session.runJob(self.held)

    def status(self, count: int) -> None:
        """Ask for the state of the last job."""
        for _ in range(count):
            self.session.jobStatus(self.id)

    def bulk(self, count: int) -> None:
        """Submit so many tasks at once, on hold."""
        self.ids = self.session.runBulkJobs(self.held, 1, count, 1)

    def finish(self, count: int) -> None:
        """Run so many tasks to their ends, and keep their records; stop if nobody wants them."""
        self.ids = self.session.runBulkJobs(self.active, 1, count, 1)
        while not select.select([sys.stdin], [], [], 0)[0]:  # the end of input, or an order
            with contextlib.suppress(self.drmaa.errors.ExitTimeoutException):
                self.session.synchronize([self.session.JOB_IDS_SESSION_ALL], 5, False)
                break

    def wait(self, count: int) -> None:
        """Wait for some of the tasks that have finished."""
        chosen, self.ids = self.ids[:count], self.ids[count:]
        for job_id in chosen:
            self.session.wait(job_id, -1)

    def end(self, _count: int = 0) -> None:
        """Terminate all jobs of this session, and forget them."""
        everything = self.session.JOB_IDS_SESSION_ALL
        with contextlib.suppress(self.drmaa.errors.DrmaaException):  # there may be none
            self.session.control(everything, "terminate")
        with contextlib.suppress(self.drmaa.errors.DrmaaException):
            self.session.synchronize([everything], 60, True)

    def serve(self) -> None:
        """Follow orders until there are no more, then leave nothing behind."""
        try:
            for line in sys.stdin:
                order, count = line.split()
                begin = time.perf_counter()
                getattr(self, order)(int(count))
                print(time.perf_counter() - begin, flush=True)
        finally:
            self.end()
            self.session.exit()


class Peer:
    """A process with a session, which is told what to do."""

    def __init__(self, command: list[str]) -> None:
        # In a group of its own: Ctrl-C is ours, and the end of its input makes it clean up.
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def begin(self, order: str, count: int) -> None:
        """Give an order."""
        assert self._process.stdin
        self._process.stdin.write(f"{order} {count}\n")
        self._process.stdin.flush()

    def seconds(self) -> float:
        """Return how long the last order took."""
        assert self._process.stdout
        return float(self._process.stdout.readline())

    def do(self, order: str, count: int) -> float:
        """Give an order and return how long it took."""
        self.begin(order, count)
        return self.seconds()

    def close(self) -> None:
        """Let it terminate its jobs and leave."""
        self._process.communicate()


class Commands:
    """What people use instead: a command for each job."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    def do(self, order: str, count: int) -> float:
        """Follow an order as a peer does."""
        begin = time.perf_counter()
        if order == "submit":
            for _ in range(count):
                self._submit()
        elif order == "bulk":
            self._submit("-t", f"1-{count}")
        elif order == "status":
            for _ in range(count):
                subprocess.run(
                    ["qstat", "-j", self.ids[-1]], check=True, stdout=subprocess.DEVNULL
                )
        elif self.ids:
            subprocess.run(["qdel", ",".join(self.ids)], check=True, stdout=subprocess.DEVNULL)
            self.ids = []
        return time.perf_counter() - begin

    def _submit(self, *options: str) -> None:
        done = subprocess.run(
            [*QSUB, *options, "/bin/true"], check=True, stdout=subprocess.PIPE, text=True
        )
        self.ids.append(done.stdout.partition(".")[0].strip())

    def close(self) -> None:
        """Delete what is left."""
        self.do("end", 0)


@contextlib.contextmanager
def peers(folder: Path, *, commands: bool = True) -> Iterator[dict[str, Any]]:
    """All peers, each with a fresh session; they leave no jobs."""
    program = folder / "gridengine"
    if not program.exists():
        compile_c(program, HERE / "c" / "gridengine.c", C_SIDE / "library.c")
    with contextlib.ExitStack() as stack:
        started: dict[str, Any] = {
            name: Peer([sys.executable, __file__, "--peer", name]) for name in (US, OTHER)
        }
        started[C] = Peer([str(program), os.environ["DRMAA_LIBRARY_PATH"]])
        if commands:
            started[COMMAND] = Commands()
        for peer in started.values():
            stack.callback(peer.close)
        yield started


def turns(
    those: dict[str, Any], rounds: int, turn: Callable[[str, Any], float]
) -> dict[str, list[float]]:
    """Let the peers take turns, in an order that changes: who comes after whom matters."""
    found: dict[str, list[float]] = {name: [] for name in those}
    chance = random.Random(1)
    for _ in range(rounds):
        for name in chance.sample(sorted(those), len(those)):
            found[name].append(turn(name, those[name]))
    return found


def row(
    operation: str,
    found: dict[str, list[float]],
    targets: Optional[dict[str, float]] = None,
) -> Row:
    """Make a line of the table of the seconds that the turns took."""
    medians = {name: statistics.median(values) for name, values in found.items()}
    ratios = {
        name: statistics.median(theirs / ours for theirs, ours in zip(values, found[US]))
        for name, values in found.items()
        if name != US
    }
    return Row(operation, medians, ratios, targets or {})


def submitting(folder: Path, rounds: int) -> tuple[Row, Row]:
    """Measure submissions one by one, and queries for the state of a job that waits."""
    asked: dict[str, list[float]] = {}
    with peers(folder) as those:

        def turn(name: str, peer: Any) -> float:
            count = COMMANDS if name == COMMAND else CALLS
            took: float = peer.do("submit", count) / count
            asked.setdefault(name, []).append(peer.do("status", count) / count)
            peer.do("end", 0)
            return took

        submitted = turns(those, rounds, turn)
    targets = {C: 0.95, COMMAND: 30.0}
    return row("runJob", submitted, targets), row("jobStatus", asked)


def at_once(folder: Path, tasks: int) -> Row:
    """Measure a bulk of tasks, from its submission until all ids are in hand."""

    def turn(_: str, peer: Any) -> float:
        took: float = peer.do("bulk", tasks)
        peer.do("end", 0)
        return took

    with peers(folder) as those:
        return row(f"runBulkJobs of {tasks:,}", turns(those, BULK_ROUNDS, turn))


def waiting(folder: Path, jobs: int) -> Row:
    """Measure the waits for jobs that have finished."""
    part = jobs // WAIT_ROUNDS
    with peers(folder, commands=False) as those:
        for peer in those.values():
            peer.begin("finish", part * WAIT_ROUNDS)
        for peer in those.values():
            peer.seconds()
        found = turns(those, WAIT_ROUNDS, lambda _, peer: peer.do("wait", part) / part)
    return row("wait for a finished job", found)


def measure(rounds: int, tasks: int, jobs: int) -> dict[str, Any]:
    """Measure everything."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = [*submitting(folder, rounds), at_once(folder, tasks)]
        if jobs:
            rows.append(waiting(folder, jobs))
    version = subprocess.run(["qstat", "-help"], check=False, stdout=subprocess.PIPE, text=True)
    return {
        "python": platform.python_version(),
        "machine": machine(),
        "drm": version.stdout.partition("\n")[0],
        "operations": [found._asdict() for found in rows],
    }


def show(found: dict[str, Any]) -> None:
    """Print the figures as a table."""
    print(f"Python {found['python']}, {found['machine']}, {found['drm']}")
    print("milliseconds a call, and how many times as fast as each drmaa_cffi is\n")
    names = (*PEERS, COMMAND)
    print(f"{'':26}" + "".join(f"{name:>12}" for name in names))
    for line in found["operations"]:
        cells = [line["seconds"].get(name) for name in names]
        print(
            f"{line['operation']:26}"
            + "".join(f"{'' if cell is None else f'{cell * 1e3:.3f}':>12}" for cell in cells)
        )
        ratios = [line["ratios"].get(name) for name in names]
        print(" " * 26 + "".join(f"{'' if r is None else f'{r:.2f} x':>12}" for r in ratios))
        for name, target in line["targets"].items():
            held = "holds" if line["ratios"][name] >= target else "DOES NOT HOLD"
            print(f"{'':26}at least {target:g} x {name}: {held}")


def main() -> None:
    """Measure, print, and write JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="turns of each peer at runJob")
    parser.add_argument("--tasks", type=int, default=75_000, help="tasks of the bulk")
    parser.add_argument("--jobs", type=int, default=1000, help="finished jobs; 0 for none")
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    parser.add_argument("--peer", choices=(US, OTHER), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peer:
        Session(arguments.peer).serve()
        return
    if "gridengine" not in os.environ.get("DRMAA_LIBRARY_PATH", ""):
        parser.error('first run this in the shell: eval "$(tests/gridengine/start)"')
    found = measure(arguments.rounds, arguments.tasks, arguments.jobs)
    show(found)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
