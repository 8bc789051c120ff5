"""Run a command as a job, wait for it, and exit with its status."""

import sys

import drmaa

with drmaa.Session() as session:
    template = session.createJobTemplate()
    template.remoteCommand, *template.args = sys.argv[1:]
    template.outputPath = template.errorPath = ":/dev/null"
    job = session.runJob(template)
    session.deleteJobTemplate(template)
    info = session.wait(job, drmaa.Session.TIMEOUT_WAIT_FOREVER)
sys.exit(int(info.exitStatus) if info.hasExited else 1)
