"""The last resort: one `sacct` for all jobs that neither a record nor `squeue` knows of."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Dict, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection

    from . import commands

_FIELDS = ("JobID", "State", "ExitCode", "Submit", "Start", "End", "NNodes", "NodeList")
#: A command can be given some 100,000 bytes in a word.
_MOST_IDS = 2000
_DAY = 86400
_ID = re.compile(r"\d+(_\d+)?", re.ASCII)


class Row(NamedTuple):
    """One job of the accounting; times in seconds since 1970, 0 where there are none.

    `status` is a wait status, with 7 bits only of an exit status: 200 is 72 here.
    """

    id: str
    state: str
    status: int
    submitted: int
    started: int
    ended: int
    nodes: int
    hosts: str


async def ask(run: commands.Commands, ids: Collection[str], since: int) -> Dict[str, Row]:
    """Asks slurmdbd for jobs by their ids.

    Args:
        run: Slurm's commands.
        ids: `17` or `17_3`.
        since: when the oldest of them was submitted, in seconds since 1970.

    Raises:
        commands.Unreachable, commands.Refused: it has not answered: nothing is known.
    """
    rows: dict[str, Row] = {}
    in_order = sorted(ids)
    for at in range(0, len(in_order), _MOST_IDS):
        words = [
            "--noheader",
            "--parsable2",
            "--allocations",
            f"--format={','.join(_FIELDS)}",
            f"--starttime=uts{since - _DAY}",
            f"--jobs={','.join(in_order[at : at + _MOST_IDS])}",
        ]
        rows.update(parse(await run.run("sacct", words)))
    return rows


def parse(text: str) -> dict[str, Row]:
    """What `sacct` prints; of equal ids the job that was submitted last."""
    rows: dict[str, Row] = {}
    for line in text.splitlines():
        values = line.split("|")
        if len(values) != len(_FIELDS) or not _ID.fullmatch(values[0]):
            continue
        job, state, code, submitted, started, ended, nodes, hosts = values
        exit_code, _, number = code.partition(":")
        status = _number(number) or _number(exit_code) << 8
        if not status and state.startswith("FAILED"):
            status = 128 << 8  # without its eighth bit
        row = Row(
            job,
            state,
            status,
            _number(submitted),
            _number(started),
            _number(ended),
            _number(nodes),
            hosts,
        )
        before = rows.get(job)
        if before is None or before.submitted <= row.submitted:
            rows[job] = row
    return rows


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0
