"""Who and where a job is, as clusters say it: variables that tell it, and words in paths."""

from __future__ import annotations

import functools
import re
import socket
from typing import TYPE_CHECKING

from drmaa_cffi.engine.core import codes, spec

if TYPE_CHECKING:
    from drmaa_cffi.engine.core import model

#: As which cluster the engine presents itself to a job (DRMAA_LOCAL_AS); the first by default.
KINDS = ("gridengine", "slurm")
QUEUE = b"local"
_PLACE = re.compile(rb"\$(JOB_ID|TASK_ID|JOB_NAME|USER|HOSTNAME)\b")
_PERCENT = re.compile(rb"%([jAaxu%])")
_NOT_IN_NAMES = re.compile(r"[^\x21-\x7e]|[/:@\\*?]")


@functools.lru_cache(maxsize=64)  # programs submit many jobs in one context
def variable(context: spec.Context, name: bytes) -> bytes:
    """A variable of the submitter's environment; empty if it is not set."""
    _, found, rest = (b"\0" + context.environment).partition(b"\0" + name + b"=")
    return rest.partition(b"\0")[0] if found else b""


def kind_of(context: spec.Context) -> str:
    """As which cluster the engine presents itself to jobs of this context.

    Raises:
        codes.Refusal: DRMAA_LOCAL_AS is not legal.
    """
    kind = variable(context, b"DRMAA_LOCAL_AS").decode("utf-8", "replace") or KINDS[0]
    if kind not in KINDS:
        raise codes.Refusal(
            codes.DENIED_BY_DRM, f"DRMAA_LOCAL_AS='{kind}': must be gridengine or slurm"
        )
    return kind


def check_name(work: spec.JobSpec, kind: str) -> None:
    """Refuses a job's name that Grid Engine would refuse.

    Raises:
        codes.Refusal: it is one, and the engine acts as Grid Engine.
    """
    if kind != KINDS[0] or not work.is_named:
        return
    name = work.name.decode("utf-8", "replace")
    bad = _NOT_IN_NAMES.search(name)
    if bad is None and not name[:1].isdigit():
        return
    what = f"it has {bad[0]!r}" if bad else "it begins with a digit"
    raise codes.Refusal(
        codes.DENIED_BY_DRM,
        f"jobName can't be {name!r} on Grid Engine, as which the engine acts: {what}. Use ASCII "
        "letters, digits, '_', '-' and '.', a letter first; or set DRMAA_LOCAL_AS=slurm",
    )


def files_of(task: model.Task) -> spec.Files:
    """The absolute paths of a task, with all that stands for something filled in."""
    job = task.job
    index = _index_of(task) if job.step else None
    files = spec.files_of(job.spec, job.context, b"%d" % job.number, index)
    if not any(b"$" in path or b"%" in path for path in files):
        return files
    names = _places(task)
    filled = [_PLACE.sub(lambda match: names[match[1]], path) for path in files]
    if kind_of(job.context) == "slurm":
        letters = {
            b"j": names[b"JOB_ID"],
            b"A": names[b"JOB_ID"],
            b"a": names[b"TASK_ID"],
            b"x": names[b"JOB_NAME"],
            b"u": names[b"USER"],
            b"%": b"%",
        }
        filled = [_PERCENT.sub(lambda match: letters[match[1]], path) for path in filled]
    return spec.Files(*filled)


#: Of a task that stands for all of a bulk job that are alike.
ANY_INDEX = -1


def _index_of(task: model.Task) -> bytes:
    return spec.INDEX_PLACEHOLDER if task.index == ANY_INDEX else b"%d" % task.index


def _places(task: model.Task) -> dict[bytes, bytes]:
    job = task.job
    return {
        b"JOB_ID": b"%d" % job.number,
        b"TASK_ID": _index_of(task) if job.step else b"undefined",
        b"JOB_NAME": job.spec.name,
        b"USER": variable(job.context, b"USER") or variable(job.context, b"LOGNAME"),
        b"HOSTNAME": socket.gethostname().encode(),
    }


def variables_of(task: model.Task, files: spec.Files, scratch: bytes) -> list[bytes]:
    """What a task is told of itself and its folder for temporary files, as NAME=VALUE."""
    job = task.job
    names = _places(task)
    own = {name: names[name] for name in (b"JOB_ID", b"JOB_NAME", b"TASK_ID")}
    if scratch:
        own.update(dict.fromkeys((b"TMPDIR", b"TMP"), scratch))
    more = _of_slurm if kind_of(job.context) == "slurm" else _of_grid_engine
    told = {**own, **more(task, files, names[b"HOSTNAME"])}
    return [name + b"=" + value for name, value in told.items()]


def _of_grid_engine(task: model.Task, files: spec.Files, host: bytes) -> dict[bytes, bytes]:
    job = task.job
    numbers = (task.index, job.begin, job.end, job.step)
    tasks = [b"%d" % number if job.step else b"undefined" for number in numbers]
    merged = files.output if job.spec.join else files.error
    told = {
        b"SGE_TASK_ID": tasks[0],
        b"SGE_TASK_FIRST": tasks[1],
        b"SGE_TASK_LAST": tasks[2],
        b"SGE_TASK_STEPSIZE": tasks[3],
        b"SGE_STDIN_PATH": files.input,
        b"SGE_STDOUT_PATH": files.output,
        b"SGE_STDERR_PATH": merged,
        b"SGE_CWD_PATH": files.directory,
        b"SGE_O_WORKDIR": variable(job.context, b"PWD") or files.directory,
        b"SGE_O_HOME": job.context.home,
        b"SGE_O_HOST": host,
        b"NSLOTS": b"%d" % job.spec.native.slots,
        b"NHOSTS": b"1",
        b"NQUEUES": b"1",
        b"QUEUE": QUEUE,
        b"REQUEST": job.spec.name,
        b"RESTARTED": b"0",
    }
    for name in (b"PATH", b"SHELL"):
        told[b"SGE_O_" + name] = variable(job.context, name)
    return told


def _of_slurm(task: model.Task, files: spec.Files, host: bytes) -> dict[bytes, bytes]:
    job = task.job
    native = job.spec.native
    number, slots = b"%d" % job.number, b"%d" % native.slots
    told = {
        b"SLURM_JOB_ID": number,
        b"SLURM_JOBID": number,
        b"SLURM_JOB_NAME": job.spec.name,
        b"SLURM_JOB_PARTITION": QUEUE,
        b"SLURM_CPUS_ON_NODE": slots,
        b"SLURM_CPUS_PER_TASK": b"%d" % native.cpus,
        b"SLURM_NTASKS": b"%d" % native.tasks,
        b"SLURM_NNODES": b"1",
        b"SLURM_JOB_NUM_NODES": b"1",
        b"SLURM_JOB_NODELIST": host,
        b"SLURMD_NODENAME": host,
        b"SLURM_PROCID": b"0",
        b"SLURM_SUBMIT_DIR": variable(job.context, b"PWD") or files.directory,
        b"SLURM_SUBMIT_HOST": host,
    }
    if job.step:
        told[b"SLURM_ARRAY_JOB_ID"] = number
        told[b"SLURM_ARRAY_TASK_ID"] = b"%d" % task.index
        told[b"SLURM_ARRAY_TASK_COUNT"] = b"%d" % job.count()
        told[b"SLURM_ARRAY_TASK_MIN"] = b"%d" % job.begin
        told[b"SLURM_ARRAY_TASK_MAX"] = b"%d" % job.end
        told[b"SLURM_ARRAY_TASK_STEP"] = b"%d" % job.step
    return told
