"""What ``doctor`` looks at where Slurm's own commands run the jobs."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from drmaa_cffi.library import SLURM

from .engines import ask
from .output import PROGRAM, Failure
from .verdicts import Check, Verdict

#: With munge gone each of Slurm's commands takes 49.
_SECONDS = 15
_LIMITS = ("MaxArraySize", "MaxJobCount", "MinJobAge", "KillWait")
_SITE = "ask the administrators whether Slurm works on this machine (scontrol ping)"


def slurm_checks() -> Iterator[Check]:
    """Ask Slurm about itself, and the engine about its folder and its requests."""
    try:
        ping = _run("scontrol", "ping")
        config = dict(_settings(_run("scontrol", "show", "config")))
        partitions = _run("sinfo", "--noheader", "--format=%P %a %l %D").split("\n")
    except (OSError, subprocess.SubprocessError, Failure) as error:
        yield Check("Slurm", Verdict.FAILURE, str(error), _SITE)
        return
    version = config.get("SLURM_VERSION", "?")
    yield Check("Slurm", Verdict.OK, f"{version}, cluster {config.get('ClusterName', '?')}")
    yield Check("controller", Verdict.OK, "; ".join(ping.split("\n")))
    yield _partitions([line.split() for line in partitions if line.strip()])
    yield _accounting(config.get("AccountingStorageType", ""))
    limits = ", ".join(f"{name} {config[name]}" for name in _LIMITS if name in config)
    yield Check("limits", Verdict.OK, f"{limits}; an index of an array is less than MaxArraySize")
    yield from _engine()


def _run(*words: str) -> str:
    done = subprocess.run(  # noqa: S603 - the user's own Slurm
        words,
        env={**os.environ, "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    if done.returncode:
        said = " ".join((done.stderr or done.stdout).split())
        raise Failure(f"{' '.join(words)} fails: {said}")
    return done.stdout.strip()


def _settings(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        match = re.match(r"(\w+)\s*= (.*)", line)
        if match:
            yield match[1], match[2].strip()


def _partitions(rows: Sequence[Sequence[str]]) -> Check:
    said = "; ".join(
        f"{name} is {state}, time limit {limit}, {nodes} nodes"
        for name, state, limit, nodes, *_ in rows
    )
    if not any(name.endswith("*") for name, *_ in rows):
        remedy = "name one in nativeSpecification (--partition=NAME), or in Resources(queue=NAME)"
        said = f"{said or 'none'}; none is the default"
        return Check("partitions", Verdict.WARNING, said, remedy)
    return Check("partitions", Verdict.OK, f"{said} (* is the default)")


def _accounting(kind: str) -> Check:
    if kind.endswith("/none") or kind in ("", "(null)"):
        said = "there is none: a job's end is known by its record and by squeue, its memory is not"
        return Check("accounting", Verdict.OK, said)
    return Check("accounting", Verdict.OK, kind)


def _engine() -> Iterator[Check]:
    facts = json.loads(ask(SLURM, "status"))
    home = Path(facts["home"])
    folder = next(path for path in (home, *home.parents) if path.exists())
    if os.access(folder, os.W_OK):
        seen = f"the compute nodes must see it, which `{PROGRAM} doctor --submit` shows"
        yield Check("records", Verdict.OK, f"{home / 'ends'}; {seen}")
    else:
        remedy = "set DRMAA_SLURM_HOME to a folder of your own that the compute nodes see"
        yield Check("records", Verdict.FAILURE, f"{folder} can't be written", remedy)
    requests = facts["requests"]
    said = ", ".join(f"{count} {name}" for name, count in requests.items()) or "none"
    yield Check("requests", Verdict.OK, f"{said}; {facts['requests_last_hour']} in the last hour")
