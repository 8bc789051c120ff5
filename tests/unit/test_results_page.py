"""The tables of results are those that the files of test runs give."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
TOOL = runpy.run_path(str(ROOT / "tools" / "conformance.py"))
FILES = ROOT / "docs" / "explanation" / "conformance"


def test_page() -> None:
    """The page shows what the files hold, and nothing that was written by hand."""
    page = TOOL["PAGE"].read_text(encoding="utf-8")
    runs = TOOL["read"](FILES)
    assert runs
    assert page == TOOL["written"](page, runs)


def test_failure_is_shown() -> None:
    """A case that fails, and one that was not run, are not shown as passed."""
    run: dict[str, Any] = {"drm": "local", "version": "1", "python": "3", "date": "today"}
    run["cases"] = {"ST_WAIT": "failed", "ST_EXIT": "passed", "ST_SLOW": "skipped"}
    assert "| `ST_WAIT` | **no** |" in TOOL["cases_table"]([run])
    assert "| `ST_SLOW` | not run |" in TOOL["cases_table"]([run])
    assert "| 1 of 2 |" in TOOL["runs_table"]([run])


def test_promises_are_counted() -> None:
    """Of a promise's tests those count that have run; one that fails lowers the count."""
    title, tests = next((title, tests) for title, tests in TOOL["promises"]().items() if tests[1:])
    run: dict[str, Any] = {"drm": "local", "tests": {tests[0]: "passed", tests[1]: "failed"}}
    assert f"| {title} | 1 of 2 |\n" in TOOL["promises_table"]([run])
