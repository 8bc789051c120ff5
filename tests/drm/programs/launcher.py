"""Wait for jobs in threads; Ctrl-C ends them all."""

import signal
import sys
import threading

import drmaa

session = drmaa.Session()
session.initialize()
template = session.createJobTemplate()
template.remoteCommand = "/bin/sleep"
template.args = [sys.argv[1]]
template.outputPath = template.errorPath = ":/dev/null"
jobs = [session.runJob(template) for _ in range(4)]


def end(number, frame):
    """End all jobs: the threads then come to know their ends."""
    session.control(drmaa.Session.JOB_IDS_SESSION_ALL, drmaa.JobControlAction.TERMINATE)


def follow(job):
    """Wait for a job and tell how it ended."""
    try:
        info = session.wait(job, drmaa.Session.TIMEOUT_WAIT_FOREVER)
        ended = info.hasExited and info.exitStatus == 0
    except Exception as error:
        # Of a job that never ran Grid Engine has no record.
        if not str(error).startswith("code 24"):
            raise
        ended = False
    # In one piece, beside other threads.
    sys.stdout.write("ended\n" if ended else "stopped\n")


signal.signal(signal.SIGINT, end)
threads = [threading.Thread(target=follow, args=[job]) for job in jobs]
for thread in threads:
    thread.start()
print(len(jobs), "jobs", flush=True)
for thread in threads:
    thread.join()
session.exit()
