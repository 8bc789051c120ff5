"""What `python -m drmaa_cffi.local status` and `jobs` tell about a running engine."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING

from . import codes, model

if TYPE_CHECKING:
    from . import engine

_NAMES = {
    codes.PS_QUEUED_ACTIVE: "queued",
    codes.PS_SYSTEM_ON_HOLD: "system_on_hold",
    codes.PS_USER_ON_HOLD: "user_on_hold",
    codes.PS_USER_SYSTEM_ON_HOLD: "user_system_on_hold",
    codes.PS_RUNNING: "running",
    codes.PS_USER_SUSPENDED: "suspended",
    codes.PS_DONE: "done",
    codes.PS_FAILED: "failed",
    codes.PS_UNDETERMINED: "lost",
}


def facts_of(core: engine.Engine) -> dict[str, object]:
    """The engine's pid, home, slots and counts of jobs (tasks of bulk jobs) by state."""
    jobs = Counter(dict.fromkeys(_NAMES.values(), 0))
    for job in core.jobs.values():
        jobs.update(_states_of(job))
    return {
        "pid": os.getpid(),
        "home": str(core.home.path),
        **core.backend.facts(),
        "jobs": jobs,
    }


def jobs_of(core: engine.Engine) -> list[dict[str, object]]:
    """What is known of each job that has something left to reap, by number; bulk jobs are one."""
    return [
        {
            "job": _id_of(job),
            "name": job.spec.name.decode("utf-8", "replace"),
            "command": [
                word.decode("utf-8", "replace") for word in (job.spec.command, *job.spec.arguments)
            ],
            "tasks": [job.begin, job.end, job.step] if job.step else None,
            "states": _states_of(job),
            "failed": _failed(job),
            **core.backend.facts_of(job),
            "contact": core.contact_of(job.session),
            "submitted": job.submitted / 1e6,
        }
        for job in core.jobs.values()
    ]


def files_of(core: engine.Engine, text: str) -> dict[str, str] | None:
    """Where a job that has something left to reap writes its output and errors; None of others."""
    task = core.jobs.find(text)
    if task is None:
        return None
    files, names = core.backend.files_of(task), {}
    for name, path, inside in (
        ("output", files.output, files.output_name),
        ("error", files.error, files.error_name),
    ):
        names[name] = os.fsdecode(os.path.join(path, inside) if os.path.isdir(path) else path)  # noqa: PTH112, PTH118
    return {**names, **({"error": names["output"]} if task.job.spec.join else {})}


def _id_of(job: model.Job) -> str:
    """What its ids have in common."""
    return ",".join(place.prefix.rstrip("._") for place in job.places)


def _failed(job: model.Job) -> list[dict[str, str]]:
    """Which of a job's tasks have ended for a reason that is known, and why."""
    ends = [
        (task.id, task.end)
        for task in job.tasks.values()
        if task is not None and task.end is not None
    ]
    if job.rest is not None and job.untouched and not job.rest_gone:
        ends.append((_id_of(job), job.rest))  # all the others
    failed: list[dict[str, str]] = []
    for job_id, end in ends:
        words = [entry.partition("=") for entry in end.usage]
        entries = {name: value for name, _, value in words}
        if "cause" in entries:
            why = {name: entries.get(name, "") for name in ("cause", "reason")}
            failed.append({"job": job_id, **why})
    return failed


def _states_of(job: model.Job) -> Counter[str]:
    """How many of a job's tasks that were not reaped are in which state."""
    states = Counter(_NAMES[task.status()] for task in job.tasks.values() if task is not None)
    if job.untouched and not job.rest_gone:
        each = model.Task(job, job.begin)
        if job.rest is not None:
            each.state, each.end = model.ENDED, job.rest
        states[_NAMES[each.status()]] += job.untouched
    return states
