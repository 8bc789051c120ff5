"""What ``doctor`` finds out: the search for the library, the library, and a session with it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Mapping

from drmaa_cffi._programs.command import command_of
from drmaa_cffi.library import STATIC_TLS_ERROR, engine_of, offers

from .restart import with_room

_LDD_SECONDS = 30


@dataclass
class Candidate:
    """What a step of the search offers, and what comes of loading it."""

    step: str
    #: Whether nothing else is searched once this was offered.
    decisive: bool
    #: The file or soname; empty if the step has none.
    candidate: str
    #: Why the step has none, or the candidate cannot be loaded.
    reason: str = ""
    remedy: str = ""
    #: The file, if it can be loaded.
    path: str = ""
    #: Whether that takes room for static thread-local storage.
    needs_room: bool = False
    #: Whether it is the one that programs get.
    chosen: bool = False


@dataclass
class Dependency:
    """A library that the library needs."""

    name: str
    #: Empty if it is not found.
    path: str


@dataclass
class Diagnosis:
    """All that was found."""

    contact: str
    search: list[Candidate] = field(default_factory=list[Candidate])
    #: The file that programs get, or the first that they can't load; empty if there is none.
    file: str = ""
    dependencies: list[Dependency] = field(default_factory=list[Dependency])
    #: Of each step with a session, what it told; see probe.py.
    steps: dict[str, dict[str, Any]] = field(default_factory=dict[str, "dict[str, Any]"])
    #: How the steps ended, if not by themselves: in words.
    broken_off: str = ""
    #: What the library wrote.
    noise: str = ""

    @property
    def chosen(self) -> Candidate | None:
        """The library that programs get."""
        return next((found for found in self.search if found.chosen), None)

    @property
    def searched(self) -> list[Candidate]:
        """What programs come to in their search, without what they would not look at."""
        ends = (each.chosen or (each.decisive and bool(each.candidate)) for each in self.search)
        last = next((n for n, is_end in enumerate(ends) if is_end), len(self.search))
        return self.search[: last + 1]

    @property
    def drm(self) -> str:
        """The DRM's name; empty if it is not known."""
        return str(
            self.steps.get("init", {}).get("drm") or self.steps.get("names", {}).get("drm", "")
        )

    @property
    def engine(self) -> str | None:
        """Which of our engines the library is of, ``local`` or ``slurm``; None for another."""
        return None if self.chosen is None else engine_of(self.chosen.path)

    @property
    def failed_step(self) -> tuple[str, str]:
        """The step that failed, and how; empty if none did."""
        for step, facts in self.steps.items():
            if "error" in facts:
                return step, str(facts["error"])
        return "", self.broken_off


def diagnose(contact: str, seconds: float, *, test_job: bool) -> Diagnosis:
    """Search, load, and open a session.

    Args:
        contact: The session's contact; empty for none.
        seconds: How long a library may take to load, and to open a session.
        test_job: Whether to run a test job, which may take as long.
    """
    found = Diagnosis(contact)
    decided = False
    for offer in offers():
        candidate = Candidate(
            offer.step.found_via, offer.step.decisive, offer.candidate, offer.why_not
        )
        found.search.append(candidate)
        if offer.why_not:
            continue
        _load(candidate, seconds)
        if candidate.path and not decided:
            candidate.chosen = decided = True
        decided = decided or candidate.decisive
    found.file = found.chosen.path if found.chosen else _file_to_look_at(found)
    if found.file:
        found.dependencies = _dependencies(found.file)
    if found.chosen:
        _open_session(found, found.chosen, seconds, test_job=test_job)
    return found


def _file_to_look_at(found: Diagnosis) -> str:
    """Return the first file that is there and cannot be loaded."""
    files = (each.candidate for each in found.searched)
    readable = (file for file in files if os.sep in file and os.access(file, os.R_OK))
    return next((file for file in readable if Path(file).is_file()), "")


def _probe(
    arguments: list[str], environ: Mapping[str, str], limit: float
) -> tuple[list[dict[str, Any]], str, str]:
    """Run the probe; return its steps, how it ended if not well, and what was written."""
    command = command_of(f"{__package__}.probe", *arguments)
    broken_off = ""
    process = subprocess.Popen(  # noqa: S603 - this Python
        command,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="backslashreplace",
    )
    try:
        lines, noise = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        process.kill()
        lines, noise = process.communicate()
        broken_off = f"it did not return within {limit:g} s"
    if process.returncode < 0 and not broken_off:
        broken_off = f"it ended the process by {signal.Signals(-process.returncode).name}"
    elif process.returncode and not broken_off:
        broken_off = f"it ended the process with status {process.returncode}"
    return [json.loads(line) for line in lines.splitlines()], broken_off, noise.strip()


def _load(candidate: Candidate, seconds: float) -> None:
    arguments = ["load", candidate.candidate]
    steps, broken_off, _ = _probe(arguments, os.environ, seconds)
    if steps and STATIC_TLS_ERROR in str(steps[0].get("reason", "")):
        candidate.needs_room = True
        candidate.remedy = str(steps[0]["remedy"])
        steps, broken_off, _ = _probe(arguments, with_room(os.environ), seconds)
    if not steps:
        candidate.reason = broken_off
        candidate.remedy = "ask for another build of the library; this one cannot be used"
    elif "path" in steps[0]:
        candidate.path = str(steps[0]["path"])
    else:
        candidate.reason, candidate.remedy = str(steps[0]["reason"]), str(steps[0]["remedy"])


def _open_session(found: Diagnosis, chosen: Candidate, seconds: float, *, test_job: bool) -> None:
    environ = with_room(os.environ) if chosen.needs_room else os.environ
    for_job = seconds if test_job else 0
    arguments = ["session", found.contact, str(for_job)]
    steps, found.broken_off, found.noise = _probe(arguments, environ, seconds + for_job)
    found.steps = {step.pop("step"): step for step in steps}


def _dependencies(file: str) -> list[Dependency]:
    """Return what the loader finds, or not, for the libraries that *file* needs."""
    try:
        listing = subprocess.run(  # noqa: S603 - it runs no code of the file's
            ["ldd", file],  # noqa: S607 - its folder differs between distributions
            env={**os.environ, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            timeout=_LDD_SECONDS,
            check=False,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    pairs = re.findall(r"^\s+(\S+) => (not found|/\S+)", listing, re.MULTILINE)
    return [Dependency(name, "" if path == "not found" else path) for name, path in pairs]
