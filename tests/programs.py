"""Runs Python programs of the tests' own: a process loads one libdrmaa for good."""

from __future__ import annotations

import os
import subprocess
import sys


def run(
    program: str, *arguments: str, **environment: str | None
) -> subprocess.CompletedProcess[str]:
    """Run a program's text, with *environment* over this one; None removes a variable."""
    return start([sys.executable, "-c", program, *arguments], **environment)


def start(command: list[str], **environment: str | None) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, with *environment* over this one; None removes a variable."""
    env = {**os.environ, **environment}
    return subprocess.run(
        command,
        env={name: value for name, value in env.items() if value is not None},
        stdin=subprocess.DEVNULL,
        text=True,
        capture_output=True,
        timeout=180,
        check=False,
    )


def output(done: subprocess.CompletedProcess[str]) -> str:
    """Return what a program that must succeed has printed."""
    assert (0, "") == (done.returncode, done.stderr), done
    return done.stdout
