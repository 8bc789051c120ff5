"""The build says of its files only what is true."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# Prints what setup.py tells bdist_wheel on a Python with or without the global lock.
PROGRAM = """
import sys, sysconfig
known = sysconfig.get_config_var
sysconfig.get_config_var = lambda name: (
    int(sys.argv[1]) if name == "Py_GIL_DISABLED" else known(name)
)
import setuptools
from distutils.core import run_setup
distribution = run_setup("setup.py", stop_after="init")
print(distribution.get_option_dict("bdist_wheel").get("py_limited_api", ("", None))[1])
"""


@pytest.mark.parametrize(("free_threaded", "tag"), [(0, "cp39"), (1, None)])
def test_limited_api(free_threaded: int, tag: str | None) -> None:
    """A wheel is tagged for the limited API, but not that of a free-threaded Python."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(free_threaded)],
        cwd=ROOT,
        capture_output=True,
        timeout=60,
        text=True,
        check=True,
    )
    assert f"{tag}\n" == done.stdout


def test_advice(tmp_path: Path) -> None:
    """A build without a compiler says what to install."""
    folders = [f"--build-{name}={tmp_path}" for name in ("lib", "temp")]
    done = subprocess.run(
        [sys.executable, "setup.py", "-q", "build_ext", *folders],
        cwd=ROOT,
        env={**os.environ, "CC": "/no/compiler"},
        capture_output=True,
        timeout=60,
        text=True,
        check=False,
    )
    assert 1 == done.returncode
    assert "apt install gcc python3-dev" in done.stderr
