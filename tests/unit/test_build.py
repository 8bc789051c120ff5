"""The build says of its files only what is true."""

from __future__ import annotations

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
