"""Run an array job, wait for all of it, then ask how each task ended."""

from pathlib import Path

import drmaa_cffi as drmaa


def main() -> None:
    """Wait for fifteen sleepers, keep their records, and take them one by one."""
    with drmaa.Session() as session:
        template = session.createJobTemplate()
        template.remoteCommand = Path(__file__).resolve().with_name("sleeper.sh")
        template.args = ["42", "Simon says:"]
        template.outputPath = ":/dev/null"
        template.joinFiles = True

        job_ids = session.runBulkJobs(template, 1, 30, 2)
        print(f"submitted {len(job_ids)} jobs")
        session.synchronize(job_ids, session.TIMEOUT_WAIT_FOREVER, dispose=False)
        for job_id in job_ids:
            info = session.wait(job_id, session.TIMEOUT_WAIT_FOREVER)
            print(f"job {info.jobId} exited: {info.hasExited}, status {info.exitStatus}")
        session.deleteJobTemplate(template)


if __name__ == "__main__":
    main()
