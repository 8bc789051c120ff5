"""One `squeue` that shows all jobs of the user: the only way in which jobs are asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Dict, NamedTuple

if TYPE_CHECKING:
    from . import commands

#: Columns of a fixed width, which all releases of Slurm know; times as seconds since 1970.
_COLUMNS = {
    "JobArrayID": 36,
    "State": 24,
    "Reason": 80,
    "exit_code": 16,
    "StartTime": 16,
    "EndTime": 16,
    "RestartCnt": 10,
    "SubmitTime": 16,
    "NumNodes": 10,
    "BatchHost": 72,
}
_FORMAT = ",".join(f"{name}:{width}" for name, width in _COLUMNS.items())
_ARGUMENTS = ("--me", "--noheader", "--all", "--array", "--states=all", f"--Format={_FORMAT}")
_TOKENS = ("--me", "--noheader", "--all", "--states=all", "--format=%F|%k")


class Row(NamedTuple):
    """One job, or one task of an array; times in seconds since 1970, 0 where there are none.

    `status` is a wait status; None where Slurm has not said it.
    """

    id: str
    state: str
    reason: str
    status: int | None
    started: int
    ended: int
    restarts: int
    submitted: int
    nodes: int
    host: str


class Snapshot(Dict[str, Row]):
    """The rows of one moment, by id: `17`, or `17_3`."""


async def take(run: commands.Commands, seconds: float = 60.0) -> Snapshot:
    """Asks slurmctld for all jobs of the user that it knows.

    Raises:
        commands.Unreachable, commands.Refused: it has not answered: nothing is known.
    """
    return parse(await run.run("squeue", _ARGUMENTS, seconds=seconds))


def parse(text: str) -> Snapshot:
    """What `squeue` prints."""
    rows = Snapshot()
    for line in text.splitlines():
        # Widths are bytes to Slurm.
        data = line.encode("utf-8", "surrogateescape").decode("latin-1")
        values: list[str] = []
        at = 0
        for width in _COLUMNS.values():
            values.append(data[at : at + width].strip())
            at += width
        job, state, reason, code, started, ended, restarts, submitted, nodes, host = values
        if not job[:1].isdecimal() or not state:
            continue  # a site's wrapper prints text of its own
        rows[job] = Row(
            job,
            state,
            "" if reason == "None" else reason,
            _status(code),
            _number(started),
            _number(ended),
            _number(restarts),
            _number(submitted),
            _number(nodes),
            "" if host in ("n/a", "(null)") else host,
        )
    return rows


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def _status(text: str) -> int | None:
    """A wait status before 23.02, `status:signal` from then on, sometimes nothing."""
    code, colon, number = text.partition(":")
    if not code.isdecimal():
        return None
    if not colon:
        return int(code)
    return int(number) if number.isdecimal() and int(number) else int(code) << 8


async def find_tokens(run: commands.Commands, mark: str, seconds: float) -> dict[str, str]:
    """The numbers of jobs by the tokens behind a mark at the end of their comments.

    Raises:
        commands.Unreachable, commands.Refused: Slurm has not answered: nothing is known.
    """
    found: dict[str, str] = {}
    for line in (await run.run("squeue", _TOKENS, seconds=seconds)).splitlines():
        number, _, comment = line.partition("|")
        _, marked, token = comment.rpartition(mark)
        if number.isdecimal() and marked:
            found.setdefault(token, number)
    return found
