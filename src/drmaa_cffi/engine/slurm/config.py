"""What the cluster says about itself: one `scontrol show config`, kept."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from . import commands

_NUMBER = re.compile(r"\d+", re.ASCII)


#: A submission waits for it: slurmctld is away after nine.
_SECONDS = 12.0


class Config(NamedTuple):
    """Slurm's limits and ways; times in seconds.

    `requeue_exits`: exit statuses after which a job goes back to its queue.
    """

    version: str
    cluster: str
    #: One more than the largest index of an array.
    max_array_size: int
    #: The most tasks of one array.
    max_array_tasks: int
    max_job_count: int
    min_job_age: int
    kill_wait: int
    accounting: bool
    requeue_exits: frozenset[int]


async def ask(run: commands.Commands) -> Config:
    """Asks slurmctld.

    Raises:
        commands.Unreachable, commands.Refused: it has not answered.
    """
    return parse(await run.run("scontrol", ["show", "config"], seconds=_SECONDS))


def parse(text: str) -> Config:
    """What `scontrol show config` prints, as far as it matters here."""
    values: dict[str, str] = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        if equals:
            values.setdefault(name.strip(), value.strip())

    def number(name: str, default: int) -> int:
        match = _NUMBER.match(values.get(name, ""))
        return int(match[0]) if match else default

    size = number("MaxArraySize", 1001)
    tasks = re.search(r"max_array_tasks=(\d+)", values.get("SchedulerParameters", ""), re.ASCII)
    exits = [values.get(name, "") for name in ("RequeueExit", "RequeueExitHold")]
    return Config(
        values.get("SLURM_VERSION", "?"),
        values.get("ClusterName", "?"),
        size,
        int(tasks[1]) if tasks else size,
        number("MaxJobCount", 10000),
        number("MinJobAge", 300),
        number("KillWait", 30),
        values.get("AccountingStorageType", "").endswith(("/slurmdbd", "/mysql")),
        frozenset(_numbers(",".join(exits))),
    )


def _numbers(text: str) -> set[int]:
    """The numbers in `99,110-112`."""
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        if first.isdecimal():
            found.update(range(int(first), int(last if last.isdecimal() else first) + 1))
    return found
