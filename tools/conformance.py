"""Write the tables of docs/explanation/how-it-is-tested.md from what test runs have found.

``python tools/conformance.py``: the files are docs/explanation/conformance/*.json, which pytest
writes with ``--results=FILE``.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[1] / "docs" / "explanation"
PAGE = FOLDER / "how-it-is-tested.md"
PROMISES = FOLDER / "what-you-can-rely-on.md"
TITLES = {
    "fake": "scripted library",
    "local": "local engine",
    "gridengine": "Grid Engine",
    "slurm": "Slurm by its commands",
}
WORDS = {"passed": "yes", "failed": "**no**", "skipped": "not run"}


def read(folder: Path) -> list[dict[str, Any]]:
    """Return what was found on each DRM, in the order of TITLES."""
    files = [folder / f"{drm}.json" for drm in TITLES]
    return [json.loads(file.read_text(encoding="utf-8")) for file in files if file.exists()]


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a table of Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def runs_table(runs: list[dict[str, Any]]) -> str:
    """Return what was run on: version, date, and how many passed."""
    rows = []
    for run in runs:
        outcomes = list(run["cases"].values())
        ran = [outcome for outcome in outcomes if outcome != "skipped"]
        cases = f"{ran.count('passed')} of {len(ran)}" if ran else ""
        outcomes = [outcome for outcome in run["tests"].values() if outcome != "skipped"]
        tests = f"{outcomes.count('passed')} of {len(outcomes)}" if outcomes else ""
        again = str(len(run["again"])) if run.get("again") else ""
        version = run["version"] or f"drmaa-cffi {run['package']}"
        rows.append([TITLES[run["drm"]], version, run["python"], run["date"], cases, tests, again])
    head = ["", "Version", "Python", "Date", "Cases passed", "Promises' tests passed"]
    return table([*head, "Only when run again"], rows)


def cases_table(runs: list[dict[str, Any]]) -> str:
    """Return how each case of the working group's fared on each DRM."""
    runs = [run for run in runs if run["cases"]]
    names = list(dict.fromkeys(name for run in runs for name in run["cases"]))
    rows = [
        [f"`{name}`", *(WORDS[run["cases"].get(name, "skipped")] for run in runs)]
        for name in names
    ]
    return table(["Case", *(TITLES[run["drm"]] for run in runs)], rows)


def promises() -> dict[str, list[str]]:
    """Return the tests of each promise, by its title."""
    entries = re.findall(
        r"^(\S[^\n]*)\n(: (?:.+\n)+)", PROMISES.read_text(encoding="utf-8"), re.MULTILINE
    )
    return {title: re.findall(r"tests/[\w/]+\.py::\w+", text) for title, text in entries}


def promises_table(runs: list[dict[str, Any]]) -> str:
    """Return how many of each promise's tests passed on each DRM."""
    runs = [run for run in runs if run["tests"]]
    if not runs:
        return "Not measured yet.\n"
    rows = []
    for title, tests in promises().items():
        cells = []
        for run in runs:
            outcomes = [run["tests"][test] for test in tests if test in run["tests"]]
            ran = [outcome for outcome in outcomes if outcome != "skipped"]
            passed = ran.count("passed")
            cells.append("" if not ran else f"{passed} of {len(ran)}")
        rows.append([title, *cells])
    return table(["Promise", *(TITLES[run["drm"]] for run in runs)], rows)


def written(page: str, runs: list[dict[str, Any]]) -> str:
    """Return the page with its tables made anew."""
    tables = {"runs": runs_table, "cases": cases_table, "promises": promises_table}
    for name, made in tables.items():
        pattern = rf"(?s)(<!-- {name} -->\n).*?(<!-- end of {name} -->\n)"
        page, found = re.subn(pattern, lambda match: f"{match[1]}\n{made(runs)}\n{match[2]}", page)  # noqa: B023
        if not found:
            raise SystemExit(f"{PAGE}: there are no comments for {name}")
    return page


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(written(text, read(FOLDER / "conformance")), encoding="utf-8")
