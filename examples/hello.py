"""The first program: run three jobs and print how each one ended."""

import drmaa_cffi as drmaa

futures: dict[str, drmaa.JobFuture] = {}
with drmaa.JobExecutor() as executor, drmaa.JobTemplate() as job:
    job.remoteCommand = "/bin/sh"
    job.outputPath, job.joinFiles = ":/dev/null", True
    for script in ("true", "exit 3", "kill -9 $$"):
        job.args = ["-c", script]
        futures[script] = executor.submit(job)
    for script, future in futures.items():
        print(f"{script}: {future.result().describe()}")
