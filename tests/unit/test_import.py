"""What ``import drmaa_cffi`` brings with it."""

from __future__ import annotations

import sys

import programs

# What some part of the package uses, or might: each takes longer to import than the package.
HEAVY = (
    "asyncio",
    "click",
    "concurrent.futures",
    "dataclasses",
    "difflib",
    "email",
    "importlib.metadata",
    "inspect",
    "json",
    "logging",
    "rich",
    "socket",
    "sqlite3",
    "subprocess",
    "tempfile",
)


def test_nothing_heavy() -> None:
    """The import brings in nothing that few programs need."""
    program = "import sys, drmaa_cffi; print(*sys.modules)"
    # Without site packages' own start-up files, which import what they like.
    path = [entry for entry in sys.path if entry]
    done = programs.start(
        [sys.executable, "-S", "-c", f"import sys; sys.path[:] = {path!r}; {program}"]
    )
    loaded = programs.output(done).split()
    assert "drmaa_cffi.session" in loaded
    assert [] == [name for name in HEAVY if name in loaded]
