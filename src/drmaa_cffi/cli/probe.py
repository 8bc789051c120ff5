"""What ``doctor`` does with a library, in a process of its own: a broken one may end or hang it.

``python -m drmaa_cffi.cli.probe load CANDIDATE`` loads one library; ``session CONTACT SECONDS``
loads the one that is found, opens a session (CONTACT may be empty) and, if SECONDS are not 0, runs
a test job that may take so long. Each step that is done is a line of JSON on standard output; a
step that failed has an ``error`` and is the last.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Callable

from drmaa_cffi.const import JobState
from drmaa_cffi.errors import (
    DrmaaException,
    DrmCommunicationException,
    ExitTimeoutException,
    LibraryLoadError,
    LibraryNotFoundError,
)
from drmaa_cffi.library import load_library
from drmaa_cffi.session import Session
from drmaa_cffi.template import JobTemplate

Facts = dict[str, object]

COMMAND = "/bin/sleep"
_LOOK = 0.05
_FINISHED = (JobState.DONE, JobState.FAILED)


def load(candidate: str) -> Facts:
    """Load *candidate* and tell its path, or why it can't be loaded."""
    try:
        return {"path": load_library(candidate).path}
    except (LibraryLoadError, LibraryNotFoundError) as error:
        (attempt,) = error.attempts
        return {"reason": attempt.reason, "remedy": attempt.remedy}


def _library() -> Facts:
    return load_library()._asdict()


def _names() -> Facts:
    return {
        "version": str(Session.version),
        "drm": Session.drmsInfo,
        "implementation": Session.drmaaImplementation,
        "contacts": Session.contact,
    }


def _init(contact: str) -> Facts:
    began = time.monotonic()
    Session.initialize(contact or None)
    return {
        "seconds": time.monotonic() - began,
        "contact": Session.contact,
        "drm": Session.drmsInfo,
        "implementation": Session.drmaaImplementation,
    }


def _attributes() -> Facts:
    from drmaa_cffi._binding import calls  # noqa: PLC0415 - a template does not tell all of these

    return {
        "scalar": sorted(calls.get_attribute_names()),
        "vector": sorted(calls.get_vector_attribute_names()),
    }


def _template() -> Facts:
    """Make a template: what a library that does nothing would not keep is told."""
    with JobTemplate(remoteCommand=COMMAND) as template:
        return {"kept": template.remoteCommand == COMMAND}


def _question() -> Facts:
    """Ask the DRM something: some libraries open a session without it."""
    began = time.monotonic()
    try:
        Session.jobStatus("1")
    except DrmCommunicationException:
        raise
    except DrmaaException:
        pass  # an answer, too
    return {"seconds": time.monotonic() - began}


def _test_job(seconds: float) -> Facts:
    """Run a job that sleeps for a second, and measure when what is known of it."""
    began = time.monotonic()
    attributes = {"remoteCommand": COMMAND, "args": ["1"], "jobName": "doctor"}
    with JobTemplate(outputPath=":/dev/null", joinFiles=True, **attributes) as template:
        job_id = Session.runJob(template)
    facts: Facts = {"job": job_id, "submit": time.monotonic() - began}
    state = JobState.UNDETERMINED
    while state not in _FINISHED and time.monotonic() < began + seconds:
        time.sleep(_LOOK)
        state = Session.jobStatus(job_id)
        if state == JobState.RUNNING:
            facts.setdefault("start", time.monotonic() - began)
    if state in _FINISHED:
        facts["end"] = time.monotonic() - began
    try:
        info = Session.wait(job_id, max(0, began + seconds - time.monotonic()))
    except ExitTimeoutException:
        Session.control(job_id, "terminate")
        return {**facts, "error": f"it was {state} after {seconds:g} s, and was terminated"}
    except DrmaaException as error:
        if error.jobInfo is None:
            raise
        info = error.jobInfo
    facts.update(wait=time.monotonic() - began, outcome=info.describe())
    facts["usage"] = info.resourceUsage
    if not info.ok:
        facts["error"] = f"job {job_id} {info.describe()}"
    return facts


def _exit() -> Facts:
    began = time.monotonic()
    Session.exit()
    return {"seconds": time.monotonic() - began}


def _steps(contact: str, seconds: float) -> dict[str, Callable[[], Facts]]:
    """Return the steps by name, in their order."""
    steps: dict[str, Callable[[], Facts]] = {
        "library": _library,
        "names": _names,
        "init": lambda: _init(contact),
        "attributes": _attributes,
        "template": _template,
        "question": _question,
    }
    if seconds:
        steps["test job"] = lambda: _test_job(seconds)
    steps["exit"] = _exit
    return steps


def main(arguments: list[str]) -> None:
    """Do what the module's text says."""
    # The library may write to standard output, too.
    with os.fdopen(os.dup(sys.stdout.fileno()), "w") as lines:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

        def tell(step: str, facts: Facts) -> None:
            lines.write(json.dumps({"step": step, **facts}) + "\n")
            lines.flush()

        if arguments[0] == "load":
            tell("load", load(arguments[1]))
            return
        for step, do in _steps(arguments[1], float(arguments[2])).items():
            try:
                tell(step, do())
            except DrmaaException as error:
                tell(step, {"error": str(error), "kind": type(error).__name__})
                return


if __name__ == "__main__":
    main(sys.argv[1:])
