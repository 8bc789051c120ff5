"""A Grid Engine of the tests' own, to be stopped, killed and filled without disturbing others.

It shares the programs of the packages that tests/gridengine/start has installed; its folder, its
ports and the groups of its jobs are its own.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Iterator, NamedTuple

import pytest

from clusters import pids_with, place, until

PROGRAMS = Path("/usr/lib/gridengine")
SHARED = Path("/var/lib/gridengine")
SLOTS = 8
# Below those that the kernel gives to outgoing connections.
FIRST_PORT = 24000
# Of another range than the groups of tests/gridengine/common.sh.
FIRST_GROUP = 20000
SHARE = Path("/usr/share/gridengine")


class Place(NamedTuple):
    """What a cell must not share with another."""

    master_port: int
    execution_port: int
    #: An execution daemon kills by group: two cells that share groups kill each other's jobs.
    groups: range


class Cell:
    """A Grid Engine in a folder: one machine, one queue."""

    def __init__(self, folder: Path, place: Place) -> None:
        self.root = folder / "root"
        self.spool = folder / "spool"
        self.master_port, self.execution_port, self.groups = place
        self.variables = {
            "SGE_ROOT": str(self.root),
            "SGE_CELL": "default",
            "SGE_QMASTER_PORT": str(self.master_port),
            "SGE_EXECD_PORT": str(self.execution_port),
        }
        self._make()

    def _make(self) -> None:
        common = self.root / "default" / "common"
        for path in (common, *(self.spool / name for name in ("qmaster", "execd", "db"))):
            path.mkdir(parents=True)
        for name in ("bin", "lib", "util", "utilbin"):
            (self.root / name).symlink_to(SHARED / name)
        shared = SHARED / "default" / "common"
        bootstrap = (shared / "bootstrap").read_text()
        bootstrap = bootstrap.replace("/var/spool/gridengine/spooldb", str(self.spool / "db"))
        bootstrap = bootstrap.replace("/var/spool/gridengine", str(self.spool))
        (common / "bootstrap").write_text(bootstrap)
        for name in ("act_qmaster", "host_aliases"):
            shutil.copy(shared / name, common)
        for path in [self.root, self.spool, *self.root.rglob("*"), *self.spool.rglob("*")]:
            shutil.chown(path, "sgeadmin", "sgeadmin")
        words = ["setpriv", "--reuid", "sgeadmin", "--regid", "sgeadmin", "--clear-groups"]
        script = str(SHARE / "scripts" / "init_cluster")
        arguments = (str(self.root), "default", str(self.spool / "db"), "sgeadmin")
        self.run(*words, script, *arguments)

    def run(self, *words: str) -> str:
        """Run a command in the cell's environment and return what it says."""
        done = subprocess.run(
            words,
            env={**os.environ, **self.variables, "SGE_SINGLE_LINE": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        assert 0 == done.returncode, (words, done.stdout)
        return done.stdout

    def configure(self) -> None:
        """Let jobs of root run, start within a second, and be reported as soon."""
        self.run("qconf", "-as", "localhost")
        self._change(
            "-sconf",
            "-Mconf",
            "global",
            min_uid="0",
            min_gid="0",
            gid_range=f"{self.groups.start}-{self.groups.stop - 1}",
            execd_spool_dir=str(self.spool / "execd"),
            administrator_mail="none",
            load_report_time="0:0:2",
            max_unheard="0:0:10",
            qmaster_params="FORBID_RESCHEDULE=TRUE,FORBID_APPERROR=TRUE",
            execd_params="ENABLE_ADDGRP_KILL=TRUE",
        )
        self._change(
            "-ssconf",
            "-Msconf",
            "scheduler",
            schedule_interval="0:0:1",
            flush_submit_sec="1",
            flush_finish_sec="1",
            job_load_adjustments="NONE",
            schedd_job_info="false",
        )
        none = (
            "load_scaling",
            "complex_values",
            "user_lists",
            "xuser_lists",
            "projects",
            "xprojects",
            "usage_scaling",
            "report_variables",
        )
        host = "\n".join(["hostname localhost", *(f"{name} NONE" for name in none)])
        self._put("-Ae", "host", host)
        # Jobs of other cells have the same numbers, and so the same folders in /tmp.
        temporary = self.root.parent / "tmp"
        temporary.mkdir()
        temporary.chmod(0o1777)
        self._change(
            "-sq",
            "-Aq",
            "queue",
            qname="all.q",
            hostlist="localhost",
            slots=str(SLOTS),
            pe_list="NONE",
            load_thresholds="NONE",
            shell="/bin/bash",
            tmpdir=str(temporary),
        )

    def change_configuration(self, **values: str) -> None:
        """Change values of the global configuration."""
        self._change("-sconf", "-Mconf", "global", **values)

    def _change(self, show: str, put: str, name: str, **values: str) -> None:
        lines = []
        for line in self.run("qconf", show).splitlines():
            if not line.startswith("#"):
                key = line.split(None, 1)[0] if line.split() else ""
                lines.append(f"{key} {values[key]}" if key in values else line)
        self._put(put, name, "\n".join(lines))

    def _put(self, option: str, name: str, text: str) -> None:
        path = self.root / name
        path.write_text(text + "\n")
        self.run("qconf", option, str(path))

    def pids(self, name: str) -> list[int]:
        """Return this cell's processes of this program of the packages."""
        return pids_with(f"SGE_ROOT={self.root}", str(PROGRAMS / name))

    def pids_of_jobs(self) -> list[int]:
        """Return all processes of this cell's jobs: its groups mark them."""
        found = []
        for path in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                status = (path / "status").read_text()
                groups = status.partition("\nGroups:")[2].partition("\n")[0].split()
                if any(int(group) in self.groups for group in groups):
                    found.append(int(path.name))
        return found

    def start(self, name: str) -> None:
        """Start sge_qmaster or sge_execd, until it answers."""
        for path in (
            self.spool / "qmaster" / "qmaster.pid",
            self.spool / "qmaster" / "lock",
            self.spool / "execd" / "localhost" / "execd.pid",
        ):
            if name[4:] in path.name or path.name == "lock":
                path.unlink(missing_ok=True)
        subprocess.run(
            # They close all descriptors, one by one, that they may have: see start.
            ["prlimit", "--nofile=16384:16384", str(PROGRAMS / name)],
            cwd="/",
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **self.variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=60,
            check=False,
        )
        until(lambda: self.answers(name), f"{name}'s answer")

    def answers(self, name: str) -> bool:
        """Whether the daemon answers."""
        words = {
            "sge_qmaster": ("qconf", "-sh"),
            "sge_execd": ("qping", "-info", "localhost", str(self.execution_port), "execd", "1"),
        }
        try:
            self.run(*words[name])
        except (AssertionError, subprocess.TimeoutExpired):
            return False
        return True

    def end(self, name: str, number: int = signal.SIGKILL) -> None:
        """End a daemon by a signal; return when it is gone."""
        for pid in self.pids(name):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        until(lambda: not self.pids(name), f"{name}'s end")

    def state(self) -> str:
        """Return what the cell tells of itself, for those who wonder why a test failed."""
        said = []
        for words in (("qstat", "-f", "-explain", "aAcE"), ("qstat", "-u", "*"), ("qhost",)):
            with contextlib.suppress(AssertionError, subprocess.TimeoutExpired):
                said.append(self.run(*words))
        said += [path.read_text()[-2000:] for path in self.spool.rglob("messages")]
        return "\n".join(said)

    def up(self) -> None:
        """See to it that both daemons run, and the queue is ready."""
        for name in ("sge_qmaster", "sge_execd"):
            if not self.pids(name):
                self.start(name)
        self.run("qmod", "-e", "all.q")
        self.run("qmod", "-c", "all.q")

    def remove(self) -> None:
        """End the cell and every job of it: the daemons first, so that none starts another."""
        for name in ("sge_execd", "sge_qmaster", "sge_shepherd"):
            self.end(name)
        for pid in self.pids_of_jobs():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        until(lambda: not self.pids_of_jobs(), "the jobs' end")


@contextlib.contextmanager
def running_cell(*, size: str = "") -> Iterator[Cell]:
    """Run a cell; with a *size* it is in a file system of that size. Nothing is left of it."""
    # Not in tmp_path, which other users, such as the master's, cannot enter.
    folder = Path(tempfile.mkdtemp(prefix="drmaa-cell-"))
    folder.chmod(0o755)
    try:
        with contextlib.ExitStack() as ending:
            if size:
                mount = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "none", folder]
                if subprocess.run(mount, check=False, capture_output=True).returncode:
                    pytest.skip("no mounts here")
                ending.callback(subprocess.run, ["umount", folder], check=True)
            number, ports = ending.enter_context(place("cell", FIRST_PORT, 2))
            first = FIRST_GROUP + 100 * number
            cell = Cell(folder, Place(*ports, range(first, first + 100)))
            ending.callback(cell.remove)
            cell.start("sge_qmaster")
            cell.configure()
            cell.start("sge_execd")
            cell.up()
            yield cell
    finally:
        shutil.rmtree(folder)
