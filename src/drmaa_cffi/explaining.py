"""What can be found out about a job's end beyond its record: accounting, and its error file."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

from . import sacct
from ._binding import calls
from ._futures.errorfile import ErrorFile, tail_of
from ._template.gridengine import is_meant

if TYPE_CHECKING:
    from .jobinfo import JobInfo
    from .template import JobTemplate

#: How long a command of the DRM's may take, in seconds.
_PATIENCE = 30
_PAUSE = 0.5
#: Of a line of qstat's: how many fields there are at least, and of a running bulk job's task.
_FIELDS, _TASK = 8, 9
#: What Grid Engine's accounting says where a command can't be executed.
_NO_COMMAND = "searching requested shell"
#: The exit statuses that mean something to it, where its administrator lets them.
_MEANT = {"99": "which asks for another run", "100": "which puts the job into an error state"}


def explain(info: JobInfo, template: JobTemplate | None, timeout: float) -> str:
    """Return what can be found out, for JobInfo.explain()."""
    parts = [f"job {info.jobId} {info.describe()}", f"cause: {info.cause}"]
    parts += ask_accounting(info.jobId, timeout)
    parts += _errors(info, template)
    return "\n".join(parts)


def is_grid_engine() -> bool:
    """Whether the library is Grid Engine's; False where no library answers."""
    return is_meant(_system())


def _system() -> str:
    try:
        return calls.get_DRM_system()
    except Exception:  # noqa: BLE001 - who asks wants to know of a job, not of the library
        return ""


def unusual_states() -> dict[str, str]:
    """Return what Grid Engine says of jobs that wait in an error state, or run once more.

    The keys are jobs, or tasks where only those are meant.

    Raises:
        OSError: ``qstat`` is not there, or takes too long.
    """
    found: dict[str, str] = {}
    for line in _run("qstat", "-s", "prs").stdout.splitlines():
        fields = line.split()
        if len(fields) < _FIELDS or not fields[0].isdecimal():
            continue
        number, state = fields[0], fields[4]
        if "E" in state:
            found.update(_error_reasons(number, state))
        elif "R" in state:
            task = f".{fields[-1]}" if state.endswith(("r", "t")) and len(fields) > _TASK else ""
            found[number + task] = (
                f"started again (its state is {state}), as it exited with 99, or its host failed"
            )
    return found


def _error_reasons(number: str, state: str) -> dict[str, str]:
    said = _run("qstat", "-j", number).stdout
    lines = re.findall(r"^error reason\s+(\d+):\s+(.*)", said, re.MULTILINE)
    is_bulk = "job-array tasks:" in said
    advice = f"`qmod -cj {number}` lets it start again"
    return {
        f"{number}.{task}" if is_bulk else number: (
            f"in an error state ({state}), where it waits: {reason}; {advice}"
        )
        for task, reason in lines
    }


def ask_accounting(job_id: str, timeout: float) -> list[str]:
    """Return what the DRM's accounting says, line by line, or why it says nothing."""
    system = _system()
    if "slurm" in system.lower():
        try:
            return [f"Slurm's accounting: {sacct.in_words(job_id, timeout, _run)}"]
        except (OSError, ValueError) as error:
            return [f"not found out: what Slurm's accounting says: {error}"]
    if not is_meant(system):
        return []
    try:
        runs = _runs(job_id, timeout)
    except (OSError, ValueError) as error:
        return [f"not found out: what Grid Engine's accounting says: {error}"]
    return [
        f"Grid Engine's accounting{f', run {n} of {len(runs)}' if len(runs) > 1 else ''}: {said}"
        for n, said in enumerate(map(_run_in_words, runs), 1)
    ]


def _runs(job_id: str, timeout: float) -> list[dict[str, str]]:
    """Return the fields of each of the job's runs; Grid Engine writes them after a while."""
    number, _, task = job_id.partition(".")
    command = ("qacct", "-j", number, *(["-t", task] if task else []))
    end = time.monotonic() + timeout
    while True:
        said = _run(*command)
        if said.returncode == 0:
            break
        if time.monotonic() > end:
            raise ValueError(f"{' '.join(command)}: {said.stderr.strip() or said.returncode}")
        time.sleep(_PAUSE)
    blocks = re.split(r"^=+\s*$", said.stdout, flags=re.MULTILINE)
    runs = [
        {name: value.strip() for name, value in re.findall(r"^(\w+)[ \t]+(.*)$", b, re.MULTILINE)}
        for b in blocks
        if b.strip()
    ]
    if not runs:
        raise ValueError(f"{' '.join(command)} said nothing")
    # Ids are given again after some millions of jobs: the last one is meant.
    return [run for run in runs if run.get("qsub_time") == runs[-1].get("qsub_time")]


def _run_in_words(run: dict[str, str]) -> str:
    code, _, text = run.get("failed", "").partition(":")
    failed = f"failed {code.strip()}: {text.strip()}" if text else ""
    if _NO_COMMAND in failed:
        failed += " (the command, or the shell asked for, is missing or may not be executed)"
    status = run.get("exit_status", "").split()
    ended = (
        f"exit status {run['exit_status']}" if status and run.get("start_time") != "-/-" else ""
    )
    if status and status[0] in _MEANT and not text:
        ended += f", {_MEANT[status[0]]} where the site lets it"
    used = [f"{name} {run[name]}" for name in ("ru_wallclock", "maxvmem") if run.get(name)]
    host = f"on {run['hostname']}" if run.get("hostname") else ""
    return ", ".join(re.sub(r"\s+", " ", part) for part in (failed, ended, *used, host) if part)


def _errors(info: JobInfo, template: JobTemplate | None) -> list[str]:
    """Return the last lines of the job's error file."""
    path = str((info.resourceUsage or {}).get("error_path", ""))
    try:
        if path:
            file = path
        elif template is None:
            return ["not found out: where its error file is: call explain(template)"]
        else:
            task = int(info.jobId.partition(".")[2] or 0)
            file = str(ErrorFile.of(template)._replace(task=task).path_of(info.jobId))
        lines = tail_of(file)
    except Exception as error:  # noqa: BLE001 - the template may be of no use, and so may ids
        return [f"not found out: what its error file says: {error}"]
    if not lines:
        return [f"its error file {file} is empty"]
    return [f"the last of its error file {file}:", *(f"  {line}" for line in lines)]


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a command of the DRM's.

    Raises:
        OSError: it is not there, or takes too long.
    """
    path = shutil.which(command[0])
    if path is None:
        raise FileNotFoundError(f"there is no {command[0]} on this machine's PATH")
    try:
        return subprocess.run(  # noqa: S603 - the site's own, with an id
            [path, *command[1:]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise TimeoutError(f"{' '.join(command)} took more than {_PATIENCE} s") from None
