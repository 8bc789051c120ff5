"""The shortest program that does something: run a job, wait for it, show its output."""

from pathlib import Path

import drmaa_cffi as drmaa

output = Path("hello.txt").resolve()
with drmaa.Session() as session:
    job = session.createJobTemplate()
    job.remoteCommand = "/bin/echo"
    job.args = ["hello from the cluster"]
    job.outputPath = f":{output}"
    job.joinFiles = True
    job_id = session.runJob(job)
    info = session.wait(job_id)
    print(f"job {job_id} exited with {info.exitStatus} and said: {output.read_text()}", end="")
