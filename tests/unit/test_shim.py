"""``python -m drmaa_cffi.shim`` runs programs that import drmaa, and prints its folder."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from drmaa_cffi import shim
from programs import output, start

FOLDER = Path(shim.FOLDER)
SHIM = [sys.executable, "-m", "drmaa_cffi.shim"]


def test_prints_the_folder() -> None:
    """``python -m drmaa_cffi.shim`` prints the folder."""
    assert f"{FOLDER}\n" == output(start(SHIM))


def test_help() -> None:
    """Its help names the folder; an unknown option is an error with the help."""
    assert f"PYTHONPATH: {FOLDER}" in output(start([*SHIM, "--help"]))
    done = start([*SHIM, "-x"])
    assert (2, "") == (done.returncode, done.stdout)
    assert done.stderr.startswith("usage: ")


PROGRAM = """
import os, subprocess, sys
import drmaa
print(sys.argv[1:], drmaa.__version__, drmaa.Session is __import__("drmaa_cffi").Session)
print(os.environ["PYTHONPATH"].split(os.pathsep)[1:])
sys.stdout.flush()
inner = "import drmaa; print(drmaa.__file__)"
subprocess.run([sys.executable, "-c", inner], check=True)
sys.exit(7)
"""


@pytest.mark.parametrize("kind", ["file", "script in PATH", "script by its path"])
def test_runs_a_program(tmp_path: Path, library: str, kind: str) -> None:
    """A Python file or a console script runs, its subprocesses too, and its status is kept."""
    file = tmp_path / ("program.py" if kind == "file" else "program")
    file.write_text(f"#!{sys.executable}\n{PROGRAM}", encoding="utf-8")
    if kind != "file":
        file.chmod(0o755)
    name = file.name if kind == "script in PATH" else str(file)
    done = start(
        [*SHIM, name, "--flag", "a b"],
        DRMAA_LIBRARY_PATH=library,
        PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        PYTHONPATH="/nonexistent",
    )
    assert (7, "") == (done.returncode, done.stderr)
    expected = (
        "['--flag', 'a b'] 0.7.9 True\n['/nonexistent']\n" + f"{FOLDER / 'drmaa/__init__.py'}\n"
    )
    assert expected == done.stdout


def test_runs_a_command_beside_python() -> None:
    """A command that was installed with this Python is found though PATH lacks it."""
    done = start([*SHIM, Path(sys.executable).name, "-c", "import sys; print(sys.executable)"])
    assert Path(sys.executable).parent == Path(output(done).strip()).parent
    done = start([*SHIM, "pytest", "--version"], PATH="/nonexistent")
    assert f"pytest {pytest.__version__}\n" == output(done)


def test_runs_a_file_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file in the current folder runs by its name, unless there is a command of this name."""
    monkeypatch.chdir(tmp_path)
    for name in ("program", "true"):
        (tmp_path / name).write_text("#!/bin/sh\necho here\n", encoding="ascii")
        (tmp_path / name).chmod(0o755)
    assert "here\n" == output(start([*SHIM, "program"]))
    assert "" == output(start([*SHIM, "true"]))


def test_signals_pass() -> None:
    """The program is the process itself: a signal ends it, and Python's own are as usual."""
    kill = "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"
    assert -signal.SIGTERM == start([*SHIM, "python", "-c", kill]).returncode
    ignored = output(start([*SHIM, "sh", "-c", "grep SigIgn /proc/self/status"])).split()[1]
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        assert not int(ignored, 16) & 1 << number - 1


@pytest.mark.parametrize(
    ("status", "said"), [(127, "there is no file 'program'"), (126, "can't run ")]
)
def test_no_program(tmp_path: Path, status: int, said: str) -> None:
    """A program that is not there gives 127, one that the system can't run 126."""
    if status == 126:
        file = tmp_path / "program"
        file.write_bytes(b"\0nothing that runs")
        file.chmod(0o755)
    done = start([*SHIM, "program"], PATH=str(tmp_path))
    assert (status, "") == (done.returncode, done.stdout)
    assert f"drmaa_cffi.shim: {said}" in done.stderr
