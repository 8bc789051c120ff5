"""The subcommand ``doctor``."""

from __future__ import annotations

import dataclasses
import os
import sys
from contextlib import nullcontext
from typing import Any

import click
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from drmaa_cffi.library import PATH_VARIABLE

from .checks import checks
from .diagnosis import Candidate, Diagnosis, diagnose
from .output import console, document
from .sessions import session_options
from .verdicts import Check, Verdict

_MARKS = {
    Verdict.OK: ("ok     ", "green"),
    Verdict.WARNING: ("warning", "bold yellow"),
    Verdict.FAILURE: ("failure", "bold red"),
}
_TIMES = {
    "submit": "submitted, its id known",
    "start": "seen running",
    "end": "seen ended",
    "wait": "its record in hand",
}


@click.command()
@click.option("--submit", is_flag=True, help="Run a test job of one second, and time it.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=1),
    default=120,
    show_default=True,
    metavar="SECONDS",
    help="How long the library may take to load, to open a session, and the test job to end.",
)
@session_options
def doctor(
    contact: str | None, *, engine: str | None, as_json: bool, submit: bool, timeout: float
) -> None:
    """Find out whether it works, and if not, why.

    Every place where a libdrmaa is looked for, with what is there; the one that programs get, its
    dependencies and versions, whether a session opens and how long that takes, what attributes
    there are; known pitfalls, each with its remedy. Libraries are loaded in processes of their
    own, so that a broken one does no harm.

    The exit status is 0 only if a job could be submitted; with --submit, only if one has run.
    """
    if engine:
        os.environ[PATH_VARIABLE] = engine
    with console(sys.stderr).status("looking") if sys.stderr.isatty() else nullcontext():
        found = diagnose(contact or "", timeout, test_job=submit)
    results = checks(found)
    works = not any(check.verdict is Verdict.FAILURE for check in results)
    if as_json:
        document(_document(found, results, works=works))
    else:
        _show(console(sys.stdout), found, results, works=works)
    sys.exit(not works)


def _document(found: Diagnosis, results: list[Check], *, works: bool) -> dict[str, Any]:
    """Return the diagnosis as it is written in JSON."""
    return {
        "ok": works,
        **dataclasses.asdict(found),
        "checks": [{**check._asdict(), "verdict": check.verdict.value} for check in results],
    }


class _Report:
    """Writes headings and lines.

    Args:
        screen: Where to.
    """

    def __init__(self, screen: Console) -> None:
        self._screen = screen

    def head(self, text: str, style: str = "bold") -> None:
        """Write a heading."""
        self._screen.print(Text(text, style=style))

    def line(self, text: str | Text | Table, indent: int = 2) -> None:
        """Write a line: one that fits a terminal, a whole one elsewhere."""
        if self._screen.is_terminal or isinstance(text, Table):
            self._screen.print(Padding(text, (0, 0, 0, indent)))
        else:
            self._screen.print(Text(" " * indent).append(text), soft_wrap=True)

    def item(self, mark: Text, text: str) -> None:
        """Write a line behind a mark; where it must be broken, it stays behind the mark."""
        if self._screen.is_terminal:
            row = Table.grid(padding=(0, 2, 0, 0))
            row.add_column(no_wrap=True)
            # A path may have no place for a break.
            row.add_column(overflow="fold")
            row.add_row(mark, text)
            self.line(row)
        else:
            self.line(Text.assemble(mark, "  ", text))


def _show(screen: Console, found: Diagnosis, results: list[Check], *, works: bool) -> None:
    report = _Report(screen)
    report.head("Search")
    for candidate in found.search:
        report.line(_searched(candidate))
        if candidate.reason:
            report.line(candidate.reason, 6)
    for title, facts in _sections(found):
        report.head(title)
        for name, value in facts.items():
            report.line(f"{name}: {value}")
    report.head("Checks")
    for check in results:
        mark, style = _MARKS[check.verdict]
        report.item(Text(mark, style), f"{check.name}: {check.said}")
        if check.remedy:
            report.item(Text(" " * len(mark)), f"remedy: {check.remedy}")
    if works:
        report.head("A job can be submitted.", "bold green")
    else:
        report.head("No job can be submitted.", "bold red")


def _searched(candidate: Candidate) -> Text:
    what = f"{candidate.step}: {candidate.candidate or 'nothing'}"
    if candidate.chosen:
        return Text.assemble((what, "green"), f" => {candidate.path} (chosen)")
    return Text(f"{what} => {candidate.path}" if candidate.path else what)


def _sections(found: Diagnosis) -> list[tuple[str, dict[str, str]]]:
    """Return what the library told, by title."""
    names, init = found.steps.get("names", {}), found.steps.get("init", {})
    attributes, job = found.steps.get("attributes", {}), found.steps.get("test job", {})
    told: dict[str, Any] = {
        "DRMAA version": names.get("version"),
        "DRM": init.get("drm") or names.get("drm"),
        "implementation": init.get("implementation") or names.get("implementation"),
        "contacts": names.get("contacts"),
    }
    session: dict[str, Any] = {
        "init": f"{init['seconds']:.3f} s" if "seconds" in init else None,
        "contact": init.get("contact"),
        "attributes": " ".join(attributes.get("scalar", ())),
        "vector attributes": " ".join(attributes.get("vector", ())),
    }
    times: dict[str, Any] = {
        words: f"after {job[name]:.3f} s" for name, words in _TIMES.items() if name in job
    }
    dependencies = {each.name: each.path or "not found" for each in found.dependencies}
    sections = {
        "Dependencies": dependencies,
        "Library": told,
        "Session": session,
        "Test job": times,
        "The library wrote": {"stderr": found.noise},
    }
    filled = {
        title: {name: str(value) for name, value in facts.items() if value}
        for title, facts in sections.items()
    }
    return [(title, facts) for title, facts in filled.items() if facts]
