"""An exception keeps nothing alive once it is handled, without the garbage collector's help."""

from __future__ import annotations

import gc
import threading
import weakref
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from fake import Fake

import drmaa_cffi
from drmaa_cffi import DrmaaException, JobTemplate, Session
from drmaa_cffi.errors import Errno
from programs import run


class Local:
    """What a program has in a variable when a call fails."""


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    """The garbage collector would hide what a cycle holds."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def held_by(call: Callable[[], object]) -> Local | None:
    """Return the local of a function that has handled the error of *call*, if it is held."""

    def program() -> weakref.ref[Local]:
        local = Local()
        found = weakref.ref(local)
        try:
            call()
        except DrmaaException:
            return found
        raise AssertionError("it was to fail")

    return program()()


def in_thread(call: Callable[[], object]) -> Local | None:
    """Do the same in another thread, where waits go another way."""
    held: list[Any] = []
    thread = threading.Thread(target=lambda: held.append(held_by(call)))
    thread.start()
    thread.join()
    found: Local | None = held[0]
    return found


def refuses(fake: Fake, routine: str, call: Callable[[], object]) -> Callable[[], object]:
    """Let a routine of the library fail."""
    fake.returns(routine, Errno.DRM_COMMUNICATION_FAILURE)
    return call


@pytest.mark.parametrize("place", [held_by, in_thread], ids=["main thread", "another thread"])
@pytest.mark.parametrize(
    "name",
    [
        "initialize", "exit", "createJobTemplate", "deleteJobTemplate", "attribute", "list",
        "runJob", "runBulkJobs", "control", "jobStatus", "no such job", "contact", "bad id",
        "bad operation", "other library", "no template",
    ],
)  # fmt: skip
def test_session(
    fake: Fake, session: Session, template: JobTemplate, name: str, place: Callable[..., Any]
) -> None:
    """Calls of the session."""
    calls: dict[str, Callable[[], object]] = {
        "initialize": session.initialize,
        "exit": lambda: refuses(fake, "drmaa_exit", session.exit)(),
        "createJobTemplate": lambda: refuses(
            fake, "drmaa_allocate_job_template", session.createJobTemplate
        )(),
        "deleteJobTemplate": lambda: refuses(fake, "drmaa_delete_job_template", template.delete)(),
        "attribute": lambda: setattr(template, "jobName", None),
        "list": lambda: setattr(template, "args", 5),
        "runJob": lambda: refuses(fake, "drmaa_run_job", lambda: session.runJob(template))(),
        "runBulkJobs": lambda: refuses(
            fake, "drmaa_run_bulk_jobs", lambda: session.runBulkJobs(template, 1, 2, 1)
        )(),
        "control": lambda: refuses(fake, "drmaa_control", lambda: session.control("77", "hold"))(),
        "jobStatus": lambda: refuses(fake, "drmaa_job_ps", lambda: session.jobStatus("77"))(),
        "no such job": lambda: session.jobStatus("no-such-job"),
        "contact": lambda: refuses(fake, "drmaa_get_contact", lambda: session.contact)(),
        "bad id": lambda: session.jobStatus(""),
        "bad operation": lambda: session.control("1", "no such operation"),
        "other library": lambda: drmaa_cffi.load_library(Path("/no/such/library")),
        "no template": lambda: session.runJob(None),  # type: ignore[arg-type]
    }
    held = place(calls[name])
    fake.reset()
    template.delete()
    assert held is None
    fake.forget()  # what it was told not to delete


def test_library_not_found(library: str) -> None:
    """A search in vain."""
    program = """
import gc, weakref
import drmaa_cffi
gc.disable()
class Local: pass
def find():
    local = Local()
    try:
        drmaa_cffi.load_library("/no/such/library.so")
    except drmaa_cffi.LibraryLoadError:
        return weakref.ref(local)
print(find()())
"""
    assert "None\n" == run(program).stdout
