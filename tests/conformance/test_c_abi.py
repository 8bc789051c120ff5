"""Conformance of a libdrmaa with DRMAA 1.0 through its C ABI: one test a case of the C program."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
HEADERS = HERE.parents[1] / "src" / "drmaa_cffi" / "_binding" / "_c"
CASES = re.findall(r"^CASE\((\w+)\)$", (HERE / "cases.h").read_text(), re.MULTILINE)

# The program ends a case that hangs, and its jobs; only if that hangs too is it ended here.
LIMIT = 310
# For so many seconds two of the working group's cases leave their session alone.
IDLE = {"ST_SUBMIT_PAUSE_SUBMIT_SYNC": 310, "ST_RECOVERABLE_SESSION": 60}
# The first of all, as it takes longest, and the last: so they can sleep beside each other.
FIRST, LAST = (pytest.param(*case, marks=pytest.mark.slow) for case in IDLE.items())


@pytest.fixture(scope="session")
def libdrmaa() -> Path:
    """The library under test, that of the DRM chosen by --drm; no other place knows of it."""
    path = os.environ.get("DRMAA_LIBRARY_PATH")
    if not path:
        pytest.fail("DRMAA_LIBRARY_PATH must name the libdrmaa to test")
    if path in ("local", "slurm"):
        command = [sys.executable, "-m", f"drmaa_cffi.{path}", "library"]
        path = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    return Path(path).resolve(strict=True)


@pytest.fixture(scope="session")
def conformance(libdrmaa: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The conformance program, compiled and linked with the library under test."""
    compiler = shlex.split(os.environ.get("CC") or "cc")
    if shutil.which(compiler[0]) is None:
        pytest.fail(f"no C compiler {compiler[0]!r}: install one, or name one by CC")
    program = tmp_path_factory.mktemp("conformance") / "conformance"
    command = [
        *compiler,
        *("-std=c11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-pthread"),
        *(f"-I{HEADERS}", "-o", str(program)),
        *(str(source) for source in sorted(HERE.glob("*.c"))),
        *(str(libdrmaa), f"-Wl,-rpath,{libdrmaa.parent}"),
    ]
    compiled = subprocess.run(command, capture_output=True, text=True, check=False)
    assert compiled.returncode == 0, f"{shlex.join(command)}\n{compiled.stderr}"
    return program


def test_list(conformance: Path) -> None:
    """The program lists the very cases that are tested here, each once."""
    listed = subprocess.run(
        [conformance, "LIST"], capture_output=True, text=True, check=True, timeout=60
    )

    assert CASES == listed.stdout.split()
    assert len(set(CASES)) == len(CASES)


@pytest.mark.timeout(LIMIT + 3 * max(IDLE.values()))
@pytest.mark.parametrize(
    ("case", "idle"), [FIRST, *(pytest.param(case, 5, id=case) for case in CASES), LAST]
)
def test_case(conformance: Path, case: str, idle: int, pytestconfig: pytest.Config) -> None:
    """The library passes the case of the working group's name; cases.h groups them."""
    if idle > 60 and pytestconfig.getoption("--drm") != "local":
        pytest.skip("five minutes of nothing are for the local engine only")
    result = subprocess.run(
        [conformance, case],
        env={**os.environ, "CONFORMANCE_IDLE": str(idle)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=LIMIT + 2 * idle,
    )

    assert result.returncode == 0, result.stdout
