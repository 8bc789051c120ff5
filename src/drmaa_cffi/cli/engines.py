"""The subcommands ``local`` and ``slurm``: the engines of this package.

Each is asked by its own command, in a process of its own, as any program would.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import deque
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import click
from rich.table import Table

from drmaa_cffi._programs.command import command_of
from drmaa_cffi.library import LOCAL, SLURM

from .output import Failure, console, data, document
from .sessions import json_option


def ask(engine: str, *words: str) -> str:
    """Run the command of the engine ``local`` or ``slurm`` and return what it wrote."""
    done = subprocess.run(  # noqa: S603 - this Python
        command_of(f"drmaa_cffi.{engine}", *words),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Failure(done.stderr.strip())
    return done.stdout


def _status(engine: str, *, as_json: bool) -> None:
    facts: dict[str, Any] = json.loads(ask(engine, "status"))
    if as_json:
        document(facts)
        return
    pid, home, counts = facts.pop("pid"), facts.pop("home"), facts.pop("jobs")
    data(f"engine: {'does not run; the next job starts it' if pid is None else f'process {pid}'}")
    data(f"folder: {home}")
    for name, value in facts.items():
        data(f"{name.replace('_', ' ')}: {_text_of(value)}")
    states = [f"{count} {state}" for state, count in counts.items() if count]
    data(f"jobs: {', '.join(states) or 'none'}")


def _text_of(value: Any) -> str:
    if isinstance(value, dict):
        value = cast("dict[str, int]", value)
        return ", ".join(f"{count} {name}" for name, count in value.items()) or "none"
    return "not known yet" if value is None else str(value)


def _jobs(engine: str, *, as_json: bool) -> None:
    facts: list[dict[str, Any]] = json.loads(ask(engine, "jobs"))
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


def _stop(engine: str, *, terminate: bool, as_json: bool) -> None:
    ask(engine, "stop", *(["--terminate"] if terminate else []))
    if as_json:
        document(json.loads(ask(engine, "status")))


def _log(engine: str, *, lines: int, as_json: bool) -> None:
    path = Path(json.loads(ask(engine, "status"))["home"], "engine.log")
    try:
        with path.open(encoding="utf-8", errors="backslashreplace") as file:
            last = deque(file, maxlen=lines)
    except FileNotFoundError:
        raise Failure(f"there is no log: no engine has run in {path.parent}") from None
    if as_json:
        document({"log": str(path), "lines": [line.rstrip("\n") for line in last]})
    else:
        click.echo("".join(last), nl=False)


def _group_of(engine: str, about: str, stop_help: str) -> click.Group:
    """Make the subcommands of one engine."""
    group = click.Group(engine, help=about)

    @group.command("status", help="Print whether the engine runs, its folder, its jobs by state.")
    @json_option
    def status(*, as_json: bool) -> None:
        _status(engine, as_json=as_json)

    @group.command("jobs", help="List the jobs that were not waited for, also those that ended.")
    @json_option
    def jobs(*, as_json: bool) -> None:
        _jobs(engine, as_json=as_json)

    @group.command("stop", help=stop_help)
    @click.option("--terminate", is_flag=True, help="End all jobs first.")
    @json_option
    def stop(*, terminate: bool, as_json: bool) -> None:
        _stop(engine, terminate=terminate, as_json=as_json)

    @group.command("log", help="Show what the engine has logged.")
    @click.option(
        "-n", "--lines", type=click.IntRange(min=1), default=50, show_default=True, metavar="N",
        help="How many lines, from the end.",
    )  # fmt: skip
    @json_option
    def log(*, lines: int, as_json: bool) -> None:
        _log(engine, lines=lines, as_json=as_json)

    return group


local: click.Group = _group_of(
    LOCAL,
    "Look at the local engine, which runs jobs on this machine.",
    "Stop the engine; running jobs go on, queued ones wait for the next engine.",
)
slurm: click.Group = _group_of(
    SLURM,
    "Look at the Slurm engine, which runs jobs by Slurm's own commands, and what it asks of it.",
    "Stop the engine; its jobs go on, and the next engine learns of their ends.",
)
