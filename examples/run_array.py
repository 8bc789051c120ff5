"""Run an array job: the tasks 1, 3, 5 ... 29, each with an output file of its own."""

from pathlib import Path

import drmaa_cffi as drmaa


def main() -> None:
    """Submit fifteen sleepers with one call."""
    with drmaa.Session() as session:
        template = session.createJobTemplate()
        template.remoteCommand = Path(__file__).resolve().with_name("sleeper.sh")
        template.args = ["42", "Simon says:"]
        template.workingDirectory = Path.cwd()
        template.outputPath = f":{template.WORKING_DIRECTORY}/sleeper.{template.PARAMETRIC_INDEX}"
        template.joinFiles = True

        job_ids = session.runBulkJobs(template, 1, 30, 2)
        print(f"submitted {len(job_ids)} jobs: {' '.join(job_ids)}")
        session.deleteJobTemplate(template)


if __name__ == "__main__":
    main()
