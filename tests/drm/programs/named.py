"""Run a job with a name that a person would give it."""

import drmaa

with drmaa.Session() as session:
    template = session.createJobTemplate()
    template.remoteCommand = "/bin/true"
    template.jobName = "1st run"
    template.outputPath = template.errorPath = ":/dev/null"
    try:
        job = session.runJob(template)
    except drmaa.errors.DeniedByDrmException as error:
        print(error)
    else:
        print("ended with", session.wait(job).exitStatus)
