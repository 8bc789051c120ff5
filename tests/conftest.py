"""Chooses what the tests run on, by ``--drm=``: the fake, the local engine or a real cluster.

A process has one libdrmaa for good, so one run of pytest has one, too.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from xdist.scheduler import Scheduling

TESTS = Path(__file__).parent
# The folders that run on each DRM: drm and conformance run unchanged on every real one.
FOLDERS = {
    "fake": ("unit",),
    "local": ("drm", "conformance", "local"),
    "gridengine": ("drm", "conformance", "gridengine"),
    "slurm": ("drm", "conformance", "slurm"),
}

CRASHED = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --drm."""
    parser.addoption(
        "--drm",
        choices=sorted(FOLDERS),
        default="fake",
        help="what to run on: the scripted fake libdrmaa, the local engine, or a Grid Engine "
        'or a Slurm, set up by eval "$(tests/gridengine/start)" or eval "$(tests/slurm/start)"',
    )
    parser.addoption(
        "--screens", metavar="FOLDER", help="save the terminal's screens as pictures there"
    )
    parser.addoption(
        "--results",
        metavar="FILE",
        help="add to it how cases and promises fared on the DRM; say --results=FILE, since pytest "
        "takes a path that exists and stands alone for a folder of tests",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Name the library of the DRM that was chosen, before anything loads one."""
    drm = config.getoption("--drm")
    results = config.getoption("--results")
    if results and not hasattr(config, "workerinput"):  # not in the processes of pytest-xdist
        from results import Results  # noqa: PLC0415 - it loads the package

        config.pluginmanager.register(Results(drm, Path(results).absolute()))
    if drm == "local":
        use_engine_of_our_own(config, drm)
    elif drm == "gridengine" and "gridengine" not in os.environ.get("DRMAA_LIBRARY_PATH", ""):
        pytest.exit('first run this in the shell: eval "$(tests/gridengine/start)"', 2)
    elif drm == "slurm" and "SLURM_CONF" not in os.environ:
        pytest.exit('first run this in the shell: eval "$(tests/slurm/start)"', 2)
    elif drm == "slurm":
        use_engine_of_our_own(config, drm)
    elif drm == "fake":
        os.environ.pop("DRMAA_LIBRARY_PATH", None)


def use_engine_of_our_own(config: pytest.Config, drm: str) -> None:
    """Keep the tests' jobs out of the user's own engine; end them with the run."""
    home = tempfile.mkdtemp(prefix=f"drmaa-{drm}-")
    os.environ["DRMAA_LIBRARY_PATH"] = drm
    os.environ[f"DRMAA_{drm.upper()}_HOME"] = home
    program = [sys.executable, "-m", f"drmaa_cffi.{drm}"]
    # For the C programs among the tests; in Python the binding says so by itself.
    os.environ[f"DRMAA_{drm.upper()}_ENGINE"] = shlex.join([*program, "engine"])

    def end() -> None:
        subprocess.run([*program, "stop", "--terminate"], check=True, timeout=60)
        shutil.rmtree(home)

    config.add_cleanup(end)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Pass over the folders of other DRMs."""
    if collection_path.parent != TESTS or not collection_path.is_dir():
        return None
    known = {folder for folders in FOLDERS.values() for folder in folders}
    chosen = FOLDERS[config.getoption("--drm")]
    return True if collection_path.name in known - set(chosen) else None


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Say what was run on."""
    return [f"drm: {config.getoption('--drm')}"]


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_handlecrashitem(sched: Scheduling) -> None:
    """Remember that a test ended its process."""
    sched.config.stash[CRASHED] = True


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell a crash from a test that only failed, and may be tried again."""
    if CRASHED in session.config.stash:
        session.exitstatus = pytest.ExitCode.INTERNAL_ERROR
