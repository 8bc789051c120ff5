"""Run a job; its output and its errors go to one file in this directory."""

from pathlib import Path

import drmaa_cffi as drmaa


def main() -> None:
    """Submit the sleeper and leave; the job goes on without us."""
    with drmaa.Session() as session:
        template = session.createJobTemplate()
        template.remoteCommand = Path(__file__).resolve().with_name("sleeper.sh")
        template.args = ["42", "Simon says:"]
        template.workingDirectory = Path.cwd()
        template.outputPath = f":{template.WORKING_DIRECTORY}/sleeper.out"
        template.joinFiles = True

        job_id = session.runJob(template)
        print(f"submitted job {job_id}")
        session.deleteJobTemplate(template)


if __name__ == "__main__":
    main()
