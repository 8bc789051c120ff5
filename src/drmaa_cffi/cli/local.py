"""The subcommands ``local``: the local engine.

It is asked by its own command, in a process of its own, as any program would.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import deque
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from rich.table import Table

from drmaa_cffi.startup import command_of

from .output import Failure, console, data, document
from .sessions import json_option


@click.group()
def local() -> None:
    """Look at the local engine, which runs jobs on this machine."""


def engine(*words: str) -> str:
    """Run the local engine's command and return what it wrote."""
    done = subprocess.run(  # noqa: S603 - this Python
        command_of("drmaa_cffi.local", *words),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Failure(done.stderr.strip())
    return done.stdout


@local.command("status")
@json_option
def status(*, as_json: bool) -> None:
    """Tell whether the engine runs, its folder and slots, and its jobs by state."""
    facts: dict[str, Any] = json.loads(engine("status"))
    if as_json:
        document(facts)
        return
    pid = facts["pid"]
    data(f"engine: {'does not run; the next job starts it' if pid is None else f'process {pid}'}")
    data(f"folder: {facts['home']}")
    data(f"slots: {facts['slots']}")
    counts = [f"{count} {state}" for state, count in facts["jobs"].items() if count]
    data(f"jobs: {', '.join(counts) or 'none'}")


@local.command("jobs")
@json_option
def jobs(*, as_json: bool) -> None:
    """List the jobs that were not waited for: queued, running, and ended ones."""
    facts: list[dict[str, Any]] = json.loads(engine("jobs"))
    if as_json:
        document({"jobs": facts})
        return
    rows = [_row(job) for job in facts]
    names = ("job", "name", "submitted", "session", "state", "command")
    screen = console(sys.stdout)
    if not screen.is_terminal:
        data("\t".join(names))
        for row in rows:
            data("\t".join(row))
        return
    table = Table(*names, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*row)
    screen.print(table)


def _row(job: dict[str, Any]) -> tuple[str, ...]:
    """Return a job's cells."""
    states: dict[str, int] = job["states"]
    return (
        job["job"],
        job["name"],
        datetime.fromtimestamp(job["submitted"]).astimezone().isoformat(" ", "seconds")[:19],
        job["contact"],
        ", ".join(states if job["tasks"] is None else (f"{n} {s}" for s, n in states.items())),
        " ".join(job["command"]),
    )


@local.command("stop")
@click.option("--terminate", is_flag=True, help="End all jobs first.")
@json_option
def stop(*, terminate: bool, as_json: bool) -> None:
    """Stop the engine; running jobs go on, queued ones wait for the next engine."""
    engine("stop", *(["--terminate"] if terminate else []))
    if as_json:
        document(json.loads(engine("status")))


@local.command("log")
@click.option(
    "-n", "--lines", type=click.IntRange(min=1), default=50, show_default=True, metavar="N",
    help="How many lines, from the end.",
)  # fmt: skip
@json_option
def log(*, lines: int, as_json: bool) -> None:
    """Show what the engine has logged."""
    path = Path(json.loads(engine("status"))["home"], "engine.log")
    try:
        with path.open(encoding="utf-8", errors="backslashreplace") as file:
            last = deque(file, maxlen=lines)
    except FileNotFoundError:
        raise Failure(f"there is no log: no engine has run in {path.parent}") from None
    if as_json:
        document({"log": str(path), "lines": [line.rstrip("\n") for line in last]})
    else:
        click.echo("".join(last), nl=False)
