"""What ``doctor`` looks at where Slurm's own commands run the jobs."""

from __future__ import annotations

import getpass
import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from drmaa_cffi.library import SLURM

from .engines import ask
from .output import PROGRAM, Failure
from .verdicts import Check, Verdict

#: With munge gone each of Slurm's commands takes 49.
_SECONDS = 15
_LIMITS = ("MaxArraySize", "MaxJobCount", "KillWait")
#: The engine's longest pause between two looks, in seconds, while Slurm answers.
_LOOK = 60
_SITE = "ask the administrators whether Slurm works on this machine (scontrol ping)"
_NO_RECORDS = "set DRMAA_SLURM_HOME to a folder of your own that the compute nodes see"
#: What only a job's own record tells.
_OF_RECORDS = "ru_utime"


def slurm_checks(test_job: Mapping[str, Any] | None) -> Iterator[Check]:
    """Ask Slurm about itself, and the engine about its folder and its requests.

    Args:
        test_job: What the step of the test job has found out; None if there was none.
    """
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
    has_accounting = _has_accounting(config)
    yield _accounting(config, has_accounting=has_accounting)
    limits = ", ".join(f"{name} {config[name]}" for name in _LIMITS if name in config)
    yield Check("limits", Verdict.OK, f"{limits}; an index of an array is less than MaxArraySize")
    yield _submissions(has_accounting=has_accounting)
    yield _forgetting(config.get("MinJobAge", ""), has_accounting=has_accounting)
    try:
        yield from _engine(test_job)
    except (ValueError, KeyError, Failure) as error:
        remedy = f"look at `{PROGRAM} slurm log`; `{PROGRAM} slurm stop` ends an engine"
        yield Check("engine", Verdict.FAILURE, f"it does not report its status: {error}", remedy)


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
    up = [name for name, state, *_ in rows if state == "up"]
    if not up:
        said = f"{said or 'there is none'}: jobs wait until one is up"
        return Check("partitions", Verdict.WARNING, said, "ask the administrators")
    if not any(name.endswith("*") for name in up):
        remedy = "name one in nativeSpecification (--partition=NAME), or in Resources(queue=NAME)"
        said = f"{said}; none that is up is the default"
        return Check("partitions", Verdict.WARNING, said, remedy)
    return Check("partitions", Verdict.OK, f"{said} (* is the default)")


def _has_accounting(config: Mapping[str, str]) -> bool:
    kind = config.get("AccountingStorageType", "")
    return not (kind.endswith("/none") or kind in ("", "(null)"))


def _accounting(config: Mapping[str, str], *, has_accounting: bool) -> Check:
    if not has_accounting:
        said = "there is none: a job's end is known by its record and by squeue, its memory is not"
        return Check("accounting", Verdict.OK, said)
    said = config["AccountingStorageType"]
    try:
        _run("sacct", "--noheader", "--jobs=1", "--format=JobID")
    except (OSError, subprocess.SubprocessError, Failure) as error:
        said = f"{said}, which does not answer: {error}"
        remedy = "none is needed for most jobs; ask the administrators whether slurmdbd runs"
        return Check("accounting", Verdict.WARNING, said, remedy)
    return Check("accounting", Verdict.OK, said)


def _submissions(*, has_accounting: bool) -> Check:
    """Look for limits on how many jobs the user may have: the controller has them in memory."""
    if not has_accounting:
        return Check("MaxSubmitJobs", Verdict.OK, "there is none, as there is no accounting")
    user = getpass.getuser()
    try:
        text = _run("scontrol", "show", "assoc_mgr", "flags=assoc", f"users={user}")
    except (OSError, subprocess.SubprocessError, Failure) as error:
        return Check("MaxSubmitJobs", Verdict.OK, f"unknown: {error}")
    found = [
        f"{name} {limit} (account {account}, {used} in use)"
        for account, words in re.findall(
            r"Account=(\S+) (.*?)(?=ClusterName=|\Z)", text, re.DOTALL
        )
        for name, limit, used in re.findall(r"\b(\w+SubmitJobs)=(\d+)\((\d+)\)", words)
    ]
    if not found:
        return Check("MaxSubmitJobs", Verdict.OK, "not set for this user's accounts")
    told = ", ".join(found)
    return Check("MaxSubmitJobs", Verdict.OK, f"{told}; JobExecutor(most_at_once=...) keeps below")


def _forgetting(setting: str, *, has_accounting: bool) -> Check:
    seconds = re.match(r"\d+", setting)
    if seconds and int(seconds[0]) < _LOOK and not has_accounting:
        said = f"{setting}: Slurm forgets an ended job before the engine looks again, so that one "
        said += "that left no record (its node failed) is called lost"
        remedy = "ask the administrators for the default, 300, or for accounting"
        return Check("MinJobAge", Verdict.WARNING, said, remedy)
    return Check("MinJobAge", Verdict.OK, setting or "unknown")


def _engine(test_job: Mapping[str, Any] | None) -> Iterator[Check]:
    facts = json.loads(ask(SLURM, "status"))
    home = Path(facts["home"])
    folder = next(path for path in (home, *home.parents) if path.exists())
    if not os.access(folder, os.W_OK):
        yield Check("records", Verdict.FAILURE, f"{folder} can't be written", _NO_RECORDS)
    else:
        yield _records(home / "ends", test_job or {})
    requests = facts["requests"]
    said = ", ".join(f"{count} {name}" for name, count in requests.items()) or "none"
    yield Check("requests", Verdict.OK, f"{said}; {facts['requests_last_hour']} in the last hour")


def _records(folder: Path, test_job: Mapping[str, Any]) -> Check:
    """Say whether a compute node sees the folder of the records, as the test job's usage tells."""
    usage = test_job.get("usage")
    if usage is None:
        seen = f"the compute nodes must see it, which `{PROGRAM} doctor --submit` shows"
        return Check("records", Verdict.OK, f"{folder}; {seen}")
    if _OF_RECORDS in usage:
        node = usage.get("hosts", "the compute node")
        return Check("records", Verdict.OK, f"{folder}; {node} sees it")
    said = f"{folder}: the test job left no record there, so its node does not see it; ends are "
    said += "known by Slurm's word only, later and without CPU time"
    return Check("records", Verdict.WARNING, said, _NO_RECORDS)
