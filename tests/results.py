"""Keeps how the cases and the promises' tests ended on a DRM: ``--results=FILE``."""

from __future__ import annotations

import json
import platform
import re
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

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
    """A plugin that writes a file at the end of the run.

    A suite may take several runs: those of one day go into one file. What failed and passes in a
    later run, alone for instance, is among "again".
    """

    def __init__(self, drm: str, file: Path) -> None:
        self._drm = drm
        self._file = file
        self._promised = set(
            re.findall(r"tests/[\w/]+\.py::\w+", PROMISES.read_text(encoding="utf-8"))
        )
        self._outcomes: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note an outcome; a test that passed says so only in its call."""
        if report.when != "call" and report.passed:
            return
        if CASE.fullmatch(report.nodeid) or place(report.nodeid)[1] in self._promised:
            worst = max(
                self._outcomes.get(report.nodeid, report.outcome), report.outcome, key=rank
            )
            self._outcomes[report.nodeid] = worst

    def pytest_sessionfinish(self) -> None:
        """Write the file."""
        found = {
            "drm": self._drm,
            "version": version_of(self._drm),
            "package": drmaa_cffi.__version__,
            "python": platform.python_version(),
            "date": datetime.now(timezone.utc).date().isoformat(),
        }
        found.update(with_outcomes(self._before(found), self._outcomes))
        self._file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")

    def _before(self, now: dict[str, Any]) -> dict[str, Any]:
        """Return what the runs before this one have found today."""
        if not self._file.exists():
            return {}
        found: dict[str, Any] = json.loads(self._file.read_text(encoding="utf-8"))
        same = all(found[key] == now[key] for key in ("drm", "python", "date"))
        return found if same else {}


def version_of(drm: str) -> str:
    """Return what the DRM calls itself."""
    if drm == "fake":
        return ""
    asked = [sys.executable, "-c", ASK]
    version = subprocess.run(asked, stdout=subprocess.PIPE, text=True, check=False).stdout
    if drm == "slurm":
        commands = subprocess.run(
            ["sinfo", "--version"], stdout=subprocess.PIPE, text=True, check=False
        )
        version = f"{commands.stdout.strip()}, {version}"
    return version.strip()


def rank(outcome: str) -> int:
    """Return how much an outcome counts beside the others of a test."""
    return ORDER.index(outcome)


def place(test: str) -> tuple[str, str]:
    """Return under what a test's outcome is kept: a case, or a test without its parameters."""
    case = CASE.fullmatch(test)
    return ("cases", case[1]) if case else ("tests", test.partition("[")[0])


def with_outcomes(before: dict[str, Any], outcomes: dict[str, str]) -> dict[str, Any]:
    """Return what earlier runs have found, with the outcomes of one more."""
    now = {test for test, outcome in outcomes.items() if outcome == "failed"}
    passed = {test for test, outcome in outcomes.items() if outcome == "passed"}
    earlier = set(before.get("failed", ()))
    failed = earlier - passed | now
    found: dict[str, dict[str, str]] = {
        kind: {
            name: "passed" if outcome == "failed" else outcome
            for name, outcome in before.get(kind, {}).items()
        }
        for kind in ("cases", "tests")
    }
    for test, outcome in outcomes.items():
        kind, name = place(test)
        found[kind][name] = max(found[kind].get(name, outcome), outcome, key=rank)
    for test in failed:
        kind, name = place(test)
        found[kind][name] = "failed"
    return {
        "cases": dict(sorted(found["cases"].items())),
        "tests": dict(sorted(found["tests"].items())),
        "failed": sorted(failed),
        "again": sorted((set(before.get("again", ())) | earlier & passed) - failed),
    }
