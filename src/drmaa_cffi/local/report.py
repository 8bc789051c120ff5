"""What `python -m drmaa_cffi.local status` tells about a running engine."""

from __future__ import annotations

import os
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
}


def facts_of(core: engine.Engine) -> dict[str, object]:
    """The engine's pid, home, slots and counts of jobs (tasks of bulk jobs) by state."""
    jobs = dict.fromkeys(_NAMES.values(), 0)
    for job in core.jobs.values():
        for task in job.tasks.values():
            if task is not None:
                jobs[_NAMES[task.status()]] += 1
        untouched = job.count() - len(job.tasks)
        if untouched:
            jobs[_NAMES[model.Task(job, job.begin).status()]] += untouched
    return {
        "pid": os.getpid(),
        "home": str(core.home.path),
        "slots": core.queue.slots,
        "jobs": jobs,
    }
