"""Where there is no Linux: the binding, without engines of our own, which says so."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import drmaa_cffi

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys, drmaa_cffi
sys.platform = sys.argv[1]
try:
    drmaa_cffi.load_library(*sys.argv[2:])
except drmaa_cffi.LibraryLoadError as error:
    print(error)
"""


@pytest.fixture(scope="module")
def without_engines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the installed package without what is compiled for the engines."""
    folder = tmp_path_factory.mktemp("elsewhere")
    ours = shutil.ignore_patterns("libdrmaa.so*", "job-runner", "__pycache__")
    shutil.copytree(Path(drmaa_cffi.__file__).parent, folder / "drmaa_cffi", ignore=ours)
    return folder


def error_of(package: Path, *words: str, **environment: str) -> str:
    """What the load of a library says there."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words],
        env={**os.environ, "PYTHONPATH": str(package), **environment},
        stdout=subprocess.PIPE, text=True, timeout=60, check=True,
    )  # fmt: skip
    return done.stdout


@pytest.mark.parametrize("name", ["local", "slurm"])
def test_engine_asked_for(without_engines: Path, name: str) -> None:
    """On macOS load_library("local") says that the engine is for Linux, and what to do."""
    said = error_of(without_engines, "darwin", name)
    assert f"our {name} engine runs on Linux only, and this is darwin" in said
    assert "load a libdrmaa of the site by its path" in said


def test_engine_by_variable(without_engines: Path) -> None:
    """On macOS DRMAA_LIBRARY_PATH=local says so, too, and that it was the variable."""
    said = error_of(without_engines, "darwin", DRMAA_LIBRARY_PATH="local")
    assert "DRMAA_LIBRARY_PATH" in said
    assert "our local engine runs on Linux only, and this is darwin" in said


def test_incomplete_installation(without_engines: Path) -> None:
    """On Linux the same package is not whole: the error names the file, and what helps."""
    said = error_of(without_engines, "linux", "local")
    assert f"there is no {without_engines}/drmaa_cffi/engine/local/libdrmaa.so" in said
    assert "install drmaa-cffi again" in said


def test_build(tmp_path: Path) -> None:
    """A build for macOS compiles no engine, and its output says so."""
    pytest.importorskip("setuptools")
    program = (
        "import sys, setuptools.command.build_ext\n"
        "sys.platform = 'darwin'\n"
        f"sys.path.insert(0, {str(ROOT)!r})\n"
        "from build_engine import EXTENSIONS, BuildExt\n"
        "made = setuptools.Distribution({'name': 'x', 'ext_modules': EXTENSIONS})\n"
        "command = BuildExt(made); command.ensure_finalized(); command.run()\n"
        "print(len(EXTENSIONS))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert 0 == done.returncode, done.stdout
    assert "0" == done.stdout.splitlines()[-1]
    said = " ".join(done.stdout.split())
    assert "built without its local engine and its Slurm engine" in said
    assert "this is darwin" in said
