"""Programs of the kinds that people have written around DRMAA run on each DRM."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from drms import Drm

from drmaa_cffi.shim import FOLDER

PROGRAMS = Path(__file__).parent / "programs"
SECONDS = 120


def start(name: str, folder: Path, *words: str) -> subprocess.Popen[str]:
    """Start one of the programs, which says ``import drmaa``, in *folder*."""
    return subprocess.Popen(
        [sys.executable, str(PROGRAMS / name), *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(FOLDER)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(name: str, folder: Path, *words: str) -> str:
    """Return what a program prints that must end well."""
    with start(name, folder, *words) as program:
        printed, errors = program.communicate(timeout=SECONDS)
    assert 0 == program.returncode, errors
    return printed


def test_qsync(tmp_path: Path) -> None:
    """A script submits a command, waits, and exits as it did."""
    with start("qsync.py", tmp_path, "/bin/sh", "-c", "exit 7") as program:
        _, errors = program.communicate(timeout=SECONDS)
    assert (7, "") == (program.returncode, errors)


def test_runner_that_reads_logs(tmp_path: Path) -> None:
    """A runner finds the log files that it has named, and shows what stands in them."""
    assert ["out of 1", "out of 2", "error of 1", "error of 2"] == run(
        "logs.py", tmp_path
    ).splitlines()


def test_name_of_a_run(drm: Drm, tmp_path: Path) -> None:
    """A job named "1st run" runs, or is refused by name with what is legal."""
    printed = run("named.py", tmp_path)
    if drm.bad_name is None:
        assert "ended with 0\n" == printed
    else:
        assert "jobName can't be '1st run' on Grid Engine" in printed


def test_native_options(drm: Drm, tmp_path: Path) -> None:
    """A script's options for Grid Engine do the same on the local engine."""
    if drm.name not in ("gridengine", "local"):
        pytest.skip("they are options of Grid Engine's")
    assert ["by_option red", "complaint"] == run("native.py", tmp_path).splitlines()


@pytest.mark.parametrize("interrupted", [False, True])
def test_launcher_with_threads(tmp_path: Path, *, interrupted: bool) -> None:
    """A launcher waits in threads; Ctrl-C has its handler end all jobs, and it leaves at once."""
    with start("launcher.py", tmp_path, "600" if interrupted else "1") as program:
        assert program.stdout is not None
        assert "4 jobs\n" == program.stdout.readline()
        if interrupted:
            program.send_signal(signal.SIGINT)
        printed, errors = program.communicate(timeout=SECONDS)
    assert 0 == program.returncode, errors
    assert ["stopped" if interrupted else "ended"] * 4 == printed.splitlines()
