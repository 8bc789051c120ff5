"""Run an array, and show the log files of its tasks, whose names the runner gives."""

import os
import time

import drmaa

SCRIPT = """n=${SGE_TASK_ID:-$SLURM_ARRAY_TASK_ID}; echo "out of $n"; echo "error of $n" >&2"""


def read(path: str) -> str:
    """Return a file's text, once it has come through the file system."""
    end = time.monotonic() + 20
    while not os.path.exists(path) and time.monotonic() < end:
        time.sleep(0.1)
    with open(path, encoding="utf-8") as file:
        return file.read()


with drmaa.Session() as session:
    template = session.createJobTemplate()
    template.remoteCommand = "/bin/sh"
    template.args = ["-c", SCRIPT]
    folder = os.getcwd()
    index = drmaa.JobTemplate.PARAMETRIC_INDEX
    template.outputPath = f":{folder}/task.{index}.out"
    template.errorPath = f":{folder}/task.{index}.err"
    jobs = session.runBulkJobs(template, 1, 2, 1)
    session.synchronize(jobs, drmaa.Session.TIMEOUT_WAIT_FOREVER, dispose=True)
    for kind in ("out", "err"):
        for number in (1, 2):
            print(read(f"task.{number}.{kind}"), end="")
