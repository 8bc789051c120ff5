"""Run a job whose files, name and environment are said by Grid Engine's native options."""

import os

import drmaa

with drmaa.Session() as session:
    template = session.createJobTemplate()
    template.remoteCommand = "/bin/sh"
    template.args = ["-c", 'echo "$JOB_NAME $COLOUR"; echo complaint >&2']
    folder = os.getcwd()
    files = f"-wd {folder} -o {folder}/$JOB_NAME.log -j y"
    template.nativeSpecification = f"-N by_option {files} -v COLOUR=red -q all.q -p -5 -b y"
    assert session.wait(session.runJob(template)).exitStatus == 0
with open("by_option.log", encoding="utf-8") as log:
    print(log.read(), end="")
