"""The tables of results are those that the files of test runs give."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

from results import with_outcomes

ROOT = Path(__file__).parents[2]
TOOL = runpy.run_path(str(ROOT / "tools" / "conformance.py"))
FILES = ROOT / "docs" / "explanation" / "conformance"


def test_page() -> None:
    """The page shows what the files hold, and nothing that was written by hand."""
    page = TOOL["PAGE"].read_text(encoding="utf-8")
    runs = TOOL["read"](FILES)
    assert runs
    assert page == TOOL["written"](page, runs), "run tools/conformance.py"


def test_failure_is_shown() -> None:
    """A case that fails, and one that was not run, are not shown as passed."""
    run: dict[str, Any] = {"drm": "local", "version": "1", "python": "3", "date": "today"}
    run["cases"] = {"ST_WAIT": "failed", "ST_EXIT": "passed", "ST_SLOW": "skipped"}
    run["tests"] = {}
    assert "| `ST_WAIT` | **no** |" in TOOL["cases_table"]([run])
    assert "| `ST_SLOW` | not run |" in TOOL["cases_table"]([run])
    assert "| 1 of 2 |" in TOOL["runs_table"]([run])


def test_promises_are_counted() -> None:
    """Of a promise's tests those count that have run; one that fails lowers the count."""
    title, tests = next((title, tests) for title, tests in TOOL["promises"]().items() if tests[1:])
    run: dict[str, Any] = {"drm": "local", "tests": {tests[0]: "passed", tests[1]: "failed"}}
    assert f"| {title} | 1 of 2 |\n" in TOOL["promises_table"]([run])


def test_runs_of_a_day() -> None:
    """What failed and passes in a later run is said to have passed again; what does not stays."""
    case, other = "tests/conformance/test_c_abi.py::test_case[ST_WAIT]", "tests/a.py::test"
    first = with_outcomes({}, {case: "failed", f"{other}[1]": "failed", f"{other}[2]": "passed"})
    assert first["cases"] == {"ST_WAIT": "failed"}
    assert first["tests"] == {other: "failed"}
    second = with_outcomes(first, {case: "passed", f"{other}[2]": "passed"})
    assert second["cases"] == {"ST_WAIT": "passed"}
    assert second["tests"] == {other: "failed"}
    assert second["again"] == [case]
    third = with_outcomes(second, {f"{other}[1]": "passed", case: "skipped"})
    assert third["tests"] == {other: "passed"}
    assert third["failed"] == []
    assert third["again"] == sorted([case, f"{other}[1]"])
    assert with_outcomes(third, {case: "failed"})["cases"] == {"ST_WAIT": "failed"}
