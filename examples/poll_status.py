"""Run a job and look at its status ten times, once a second."""

import time
from pathlib import Path

import drmaa_cffi as drmaa

MEANING = {
    drmaa.JobState.UNDETERMINED: "the DRM does not say",
    drmaa.JobState.QUEUED_ACTIVE: "the job waits for its turn",
    drmaa.JobState.SYSTEM_ON_HOLD: "the job is queued, and the system holds it",
    drmaa.JobState.USER_ON_HOLD: "the job is queued, and a user holds it",
    drmaa.JobState.USER_SYSTEM_ON_HOLD: "the job is queued, and user and system hold it",
    drmaa.JobState.RUNNING: "the job runs",
    drmaa.JobState.SYSTEM_SUSPENDED: "the system has suspended the job",
    drmaa.JobState.USER_SUSPENDED: "a user has suspended the job",
    drmaa.JobState.USER_SYSTEM_SUSPENDED: "user and system have suspended the job",
    drmaa.JobState.DONE: "the job has finished well",
    drmaa.JobState.FAILED: "the job has finished, but failed",
}


def main() -> None:
    """Watch a sleeper."""
    with drmaa.Session() as session:
        template = session.createJobTemplate()
        template.remoteCommand = Path(__file__).resolve().with_name("sleeper.sh")
        template.args = ["42", "Simon says:"]
        template.outputPath = ":/dev/null"
        template.joinFiles = True

        job_id = session.runJob(template)
        print(f"submitted job {job_id}")
        for _ in range(10):
            print(MEANING[session.jobStatus(job_id)])
            time.sleep(1)
        session.deleteJobTemplate(template)


if __name__ == "__main__":
    main()
