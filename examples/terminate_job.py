"""Run a job and terminate it."""

from pathlib import Path

import drmaa_cffi as drmaa


def main() -> None:
    """End a sleeper before its time."""
    with drmaa.Session() as session:
        template = session.createJobTemplate()
        template.remoteCommand = Path(__file__).resolve().with_name("sleeper.sh")
        template.args = ["42", "Simon says:"]
        template.outputPath = ":/dev/null"
        template.joinFiles = True

        job_id = session.runJob(template)
        print(f"submitted job {job_id}")
        session.control(job_id, drmaa.JobControlAction.TERMINATE)
        try:
            info = session.wait(job_id)
        except drmaa.NoResourceUsageException as error:  # it had not begun: no usage, but a record
            if error.jobInfo is None:
                raise
            info = error.jobInfo
        print(f"job {info.jobId} aborted: {info.wasAborted}, exited: {info.hasExited}")
        session.deleteJobTemplate(template)


if __name__ == "__main__":
    main()
