"""Keeps how the cases and the promises' tests ended on a DRM: ``--results FILE``."""

from __future__ import annotations

import json
import platform
import re
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

import pytest

import drmaa_cffi

ROOT = Path(__file__).parents[1]
PROMISES = ROOT / "docs" / "explanation" / "what-you-can-rely-on.md"
CASE = re.compile(r"tests/conformance/test_c_abi\.py::test_case\[(\w+)\]")
# Of the runs of one test the worst counts; one that ran says more than one that was skipped.
ORDER = ("skipped", "passed", "failed")
ASK = """
import drmaa_cffi
with drmaa_cffi.Session() as session:
    print(session.drmsInfo)
"""


class Results:
    """A plugin that writes a file at the end of the run."""

    def __init__(self, drm: str, file: Path) -> None:
        self._drm = drm
        self._file = file
        self._promised = set(
            re.findall(r"tests/[\w/]+\.py::\w+", PROMISES.read_text(encoding="utf-8"))
        )
        self._cases: dict[str, str] = {}
        self._tests: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note an outcome; a test that passed says so only in its call."""
        if report.when != "call" and report.passed:
            return
        case = CASE.fullmatch(report.nodeid)
        name = report.nodeid.partition("[")[0]
        if case:
            self._note(self._cases, case[1], report.outcome)
        elif name in self._promised:
            self._note(self._tests, name, report.outcome)

    @staticmethod
    def _note(where: dict[str, str], name: str, outcome: str) -> None:
        where[name] = max(where.get(name, outcome), outcome, key=ORDER.index)

    def pytest_sessionfinish(self) -> None:
        """Write the file."""
        asked = subprocess.run(
            [sys.executable, "-c", ASK], capture_output=True, text=True, check=False
        )
        fake = self._drm == "fake"
        found = {
            "drm": self._drm,
            "version": "" if fake else asked.stdout.strip(),
            "package": drmaa_cffi.__version__,
            "python": platform.python_version(),
            "date": datetime.now(timezone.utc).date().isoformat(),
            "cases": dict(sorted(self._cases.items())),
            "tests": dict(sorted(self._tests.items())),
        }
        self._file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
