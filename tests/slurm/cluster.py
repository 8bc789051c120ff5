"""A Slurm and an engine of the tests' own, to be stopped and killed without disturbing others."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Callable, Iterator

from clusters import pids_with, place, until

HERE = Path(__file__).parent
DAEMONS = ("munged", "mariadbd", "slurmdbd", "slurmctld", "slurmd")
# Beyond those that tests/slurm/start takes by itself.
FIRST_PORT = 25100
#: Puts a script before one of Slurm's commands.
Wrap = Callable[[str, str], None]


class Cluster:
    """A Slurm in a folder: one machine, two partitions."""

    def __init__(self, folder: Path, port: int, *options: str) -> None:
        self.folder = folder
        self.place = ("--folder", str(folder), "--port", str(port))
        self.options = options
        self.variables = {
            "SLURM_CONF": str(folder / "slurm.conf"),
            "DRMAA_LIBRARY_PATH": "slurm",
        }
        # Not that of a test, which may have put something before Slurm's commands.
        self._path = os.environ["PATH"]
        # Those that ran when all was well.
        self._well: list[int] = []

    def run(self, *words: str, seconds: float = 60) -> str:
        """Run a command in the cluster's environment and return what it says."""
        done = subprocess.run(
            words,
            env={**os.environ, **self.variables, "PATH": self._path},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert 0 == done.returncode, (words, done.stdout)
        return done.stdout

    def up(self) -> None:
        """See to it that all daemons run and answer, and that the node takes jobs."""
        if not self._is_well():
            self.run(str(HERE / "start"), *self.place, *self.options, seconds=250)
            self._well = self.pids(*DAEMONS)

    def _is_well(self) -> bool:
        """Whether no daemon has ended since it was well; ``start`` would see it, in seconds."""
        if not self._well or self._well != self.pids(*DAEMONS):
            return False
        try:
            said = self.run("sinfo", "--noheader", "--format=%R %a %T", seconds=10)
        except (AssertionError, subprocess.TimeoutExpired):
            return False
        pattern = r"main up STATE\nshort up STATE\n".replace("STATE", "(idle|mixed|allocated)")
        return re.fullmatch(pattern, said) is not None

    def pids(self, *names: str) -> list[int]:
        """Return this cluster's processes of these daemons."""
        programs = [
            f"/usr/sbin/{name}{alternative}" for name in names for alternative in ("", "-wlm")
        ]
        return pids_with(f"SLURM_CONF={self.folder / 'slurm.conf'}", *programs)

    def end(self, *names: str, number: int = signal.SIGKILL) -> None:
        """End daemons by a signal, as a power cut would; return when they are gone."""
        for pid in self.pids(*names):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        until(lambda: not self.pids(*names), f"the end of {names}")

    @contextlib.contextmanager
    def without(self, *names: str, number: int = signal.SIGKILL) -> Iterator[None]:
        """Let these daemons be gone in the block."""
        self.end(*names, number=number)
        try:
            yield
        finally:
            self.up()

    @contextlib.contextmanager
    def frozen(self, *names: str) -> Iterator[None]:
        """Let these daemons not answer in the block, though they are there."""
        pids = self.pids(*names)
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)

    def resume(self) -> None:
        """Let the node take jobs again, if it is drained."""
        (node,) = self.run("sinfo", "--noheader", "--format=%n", "--partition=main").split()
        with contextlib.suppress(AssertionError):  # it was not
            self.run("scontrol", "update", f"NodeName={node}", "State=RESUME")

    def cancel_all(self) -> None:
        """End all jobs; return when none is left."""
        # A job that was requeued is no longer among those that the first look has found.
        for state in ("PENDING", "RUNNING", "SUSPENDED"):
            self.run("scancel", f"--state={state}")
        until(lambda: not self.run("squeue", "--noheader"), "the end of all jobs")

    def requests(self) -> dict[str, int]:
        """How many requests of each kind slurmctld has got since it started."""
        found = re.findall(r"^\t(\w+) +\( *\d+\) count:(\d+)", self.run("sdiag"), re.MULTILINE)
        return {name: int(count) for name, count in found if name.isupper()}

    def state(self) -> str:
        """Return what the cluster tells of itself, for those who wonder why a test failed."""
        said = []
        for words in (("sinfo", "-R"), ("squeue", "-t", "all", "-r")):
            with contextlib.suppress(AssertionError, subprocess.TimeoutExpired):
                said.append(self.run(*words, seconds=20))
        said += [path.read_text()[-2000:] for path in (self.folder / "log").iterdir()]
        return "\n".join(said)

    def remove(self) -> None:
        """End the cluster and every job of it."""
        self.run(str(HERE / "stop"), *self.place, seconds=120)


class Engine:
    """The engine of one test, seen from outside."""

    def __init__(self, home: Path, cluster: Cluster) -> None:
        self.home = home
        self.environment = {**cluster.variables, "DRMAA_SLURM_HOME": str(home)}

    def command(self, *words: str) -> str:
        """Run a command of ``python -m drmaa_cffi.slurm`` for this engine."""
        done = subprocess.run(
            [sys.executable, "-m", "drmaa_cffi.slurm", *words],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={**os.environ, **self.environment},
        )
        assert (0, "") == (done.returncode, done.stderr)
        return done.stdout

    def status(self) -> dict[str, Any]:
        """What the command status tells."""
        told: dict[str, Any] = json.loads(self.command("status"))
        return told

    def kill(self) -> None:
        """End the engine as a power cut would; one that is just starting, too."""
        until(lambda: self.status()["pid"], "the engine")
        pid = self.status()["pid"]
        os.kill(pid, signal.SIGKILL)
        until(lambda: not Path(f"/proc/{pid}").exists(), "the engine's death")


@contextlib.contextmanager
def running_cluster(*options: str) -> Iterator[Cluster]:
    """Run a cluster with *options* of tests/slurm/start. Nothing is left of it."""
    # Not in tmp_path, which other users, such as the daemons', cannot enter.
    folder = Path(tempfile.mkdtemp(prefix="drmaa-cluster-"))
    folder.chmod(0o755)
    try:
        with contextlib.ExitStack() as ending:
            _, ports = ending.enter_context(place("slurm", FIRST_PORT, 4))
            cluster = Cluster(folder, ports.start, *options)
            ending.callback(cluster.remove)
            cluster.up()
            yield cluster
    finally:
        shutil.rmtree(folder)
