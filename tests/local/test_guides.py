"""What the guides say of errors and attributes is so, on the local engine."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from engines import Engine

import drmaa_cffi
from drmaa_cffi import JobSubmissionState, JobTemplate, Resources, Session, library
from programs import run

GUIDES = Path(__file__).parents[2] / "docs" / "howto"
PAGE = GUIDES / "troubleshooting.md"
HEADINGS = re.findall(r"^### (.*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
SESSION = """
import os
import drmaa_cffi as drmaa
with drmaa.Session() as session:
    job = session.createJobTemplate()
    job.remoteCommand, job.outputPath, job.joinFiles = "/bin/sleep", ":/dev/null", True
    job.args = ["5"]
"""
NO_SESSION = "import drmaa_cffi as drmaa\nsession = drmaa.Session()\n"
END = "    print(session.wait(session.runJob(job)).explain())\n"
# What raises or prints each text.
PROGRAMS = {
    "is cut off: it has": (
        NO_SESSION + "import _ctypes, pathlib\n"
        "whole = pathlib.Path(_ctypes.__file__).read_bytes()\n"
        "cut = pathlib.Path.home() / 'libdrmaa.so'\ncut.write_bytes(whole[:4096])\n"
        "drmaa.load_library(cut)"
    ),
    "is a link to a file that is gone": (
        NO_SESSION + "import pathlib\nlink = pathlib.Path.home() / 'libdrmaa.so'\n"
        "link.symlink_to('/no/libdrmaa.so')\ndrmaa.load_library(link)"
    ),
    "it lacks the routines": (NO_SESSION + "import _ctypes\ndrmaa.load_library(_ctypes.__file__)"),
    "a process has one DRMAA library for good": SESSION + "    drmaa.load_library('/other')",
    "cannot open shared object file: No such file or directory": (
        NO_SESSION + "drmaa.load_library('/no/libdrmaa.so')"
    ),
    "no DRMAA session is active": NO_SESSION + "session.jobStatus('1')",
    "a session is active already": SESSION + "    session.initialize()",
    "this process was forked from process": (
        SESSION + "    child = os.fork()\n    session.jobStatus('1') if not child else os.wait()\n"
    ),
    "the session of this job template was closed": SESSION + "job.args = ['1']",
    "is not [host]:path; put a ':' before the path": (
        SESSION + "    job.outputPath = '/tmp/out'\n    session.runJob(job)"
    ),
    "is not an option of the local engine": (
        SESSION + "    job.nativeSpecification = '--no-such-option 1'\n    session.runJob(job)"
    ),
    "has no common option for": SESSION + "    job.resources = drmaa.Resources(gpus=1)",
    "the value is kept on the Python object and does not reach the DRM": (
        SESSION + "    job.softWallClockTimeLimit = 60"
    ),
    "it was never submitted in this session, or its record was already taken by a wait": (
        SESSION + "    session.wait('999')"
    ),
    "the time ran out before the job ended": SESSION + "    session.wait(session.runJob(job), 1)",
    "command not found:": SESSION + "    job.remoteCommand = 'no-such-command'\n" + END,
    "could not write output file": SESSION + "    job.outputPath = ':/no/folder/out'\n" + END,
    "no permission to execute": SESSION + "    job.remoteCommand = '/etc/passwd'\n" + END,
}
# These need another machine; here is who says them.
ELSEWHERE = {
    "Could not find drmaa library": library.NOT_FOUND,
    "cannot allocate memory in static TLS block": library.STATIC_TLS_ERROR,
}


def test_all_are_tested() -> None:
    """Each heading has a program above, or is what the search for the library says."""
    assert {*PROGRAMS, *ELSEWHERE} == set(HEADINGS)
    assert all(heading in text for heading, text in ELSEWHERE.items())


@pytest.mark.parametrize("heading", PROGRAMS)
def test_heading(heading: str, engine: Engine, tmp_path: Path) -> None:
    """What goes wrong is reported with the words of the heading."""
    done = run(
        PROGRAMS[heading], HOME=str(tmp_path), DRMAA_LOCAL_HOME=os.environ["DRMAA_LOCAL_HOME"]
    )
    assert heading in done.stdout + done.stderr


def test_options_of_other_commands(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each attribute beside an option of qsub and sbatch can be set as the page shows."""
    site = tmp_path / "resources.ini"
    site.write_text("[local]\nmemory =\nqueue =\ngpus =\n", encoding="ascii")
    monkeypatch.setenv("DRMAA_CFFI_RESOURCES", str(site))
    page = (GUIDES / "from-commands.md").read_text(encoding="utf-8")
    lines = re.findall(r"`(job\.\w+ = [^`]+)`", page)
    assert len(lines) > 15
    names = {"Path": Path, "Resources": Resources, "JobSubmissionState": JobSubmissionState}
    for line in lines:
        with JobTemplate() as job:
            exec(line, {**names, "os": os, "job": job})
            attribute = line.partition(" = ")[0][len("job.") :]
            assert attribute == "resources" or attribute in dir(job)


def test_rest_of_other_commands() -> None:
    """The names that the page uses are the package's."""
    page = (GUIDES / "from-commands.md").read_text(encoding="utf-8")
    called = re.findall(r"`session\.(\w+)\(", page)
    assert {"runBulkJobs", "wait", "jobStatus", "control"} == set(called)
    assert all(hasattr(drmaa_cffi.Session, name) for name in called)
