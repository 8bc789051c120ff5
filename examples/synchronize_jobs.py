"""Run an array job and wait for all of it; how each task ended is not asked."""

from pathlib import Path

import drmaa_cffi as drmaa


def main() -> None:
    """Wait for fifteen sleepers with one call, and drop their records."""
    with drmaa.Session() as session:
        template = session.createJobTemplate()
        template.remoteCommand = Path(__file__).resolve().with_name("sleeper.sh")
        template.args = ["42", "Simon says:"]
        template.outputPath = ":/dev/null"
        template.joinFiles = True

        job_ids = session.runBulkJobs(template, 1, 30, 2)
        print(f"submitted {len(job_ids)} jobs")
        session.synchronize(job_ids, session.TIMEOUT_WAIT_FOREVER, dispose=True)
        print("all have finished")
        session.deleteJobTemplate(template)


if __name__ == "__main__":
    main()
