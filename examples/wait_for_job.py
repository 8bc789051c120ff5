"""Run a job, wait for it, and say how it ended."""

from pathlib import Path

import drmaa_cffi as drmaa


def main() -> None:
    """Wait for a sleeper."""
    with drmaa.Session() as session:
        template = session.createJobTemplate()
        template.remoteCommand = Path(__file__).resolve().with_name("sleeper.sh")
        template.args = ["42", "Simon says:"]
        template.outputPath = ":/dev/null"
        template.joinFiles = True

        job_id = session.runJob(template)
        print(f"submitted job {job_id}")
        info = session.wait(job_id, session.TIMEOUT_WAIT_FOREVER)
        print(f"job {info.jobId} exited: {info.hasExited}, status {info.exitStatus}")
        session.deleteJobTemplate(template)


if __name__ == "__main__":
    main()
