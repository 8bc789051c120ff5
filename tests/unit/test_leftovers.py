"""An exception keeps nothing alive once it is handled, without the garbage collector's help."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from pathlib import Path
from typing import Any, Callable, Coroutine, Iterator

import pytest
from fake import Fake
from moments import LIMIT, until

import drmaa_cffi
from drmaa_cffi import DrmaaException, JobExecutor, JobTemplate, Session, aio
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


@pytest.mark.parametrize("place", [held_by, in_thread], ids=["main thread", "another thread"])
@pytest.mark.parametrize("is_shared", [False, True], ids=["alone", "beside futures"])
@pytest.mark.parametrize("name", ["question", "timeout", "synchronize", "no job", "no usage"])
def test_waits(
    fake: Fake,
    session: Session,
    template: JobTemplate,
    name: str,
    place: Callable[..., Any],
    is_shared: bool,
) -> None:
    """Waits, alone and beside futures."""
    executor = JobExecutor(session)
    job = session.runJob(template)
    if is_shared:
        executor.submit(template)
    if name == "no usage":
        fake.gives_no_usage()
        fake.finish(job)
    calls: dict[str, Callable[[], object]] = {
        "question": lambda: session.wait(job, 0),
        "timeout": lambda: session.wait(job, 1),
        "synchronize": lambda: session.synchronize([job], 1),
        "no job": lambda: session.wait("no-such-job"),
        "no usage": lambda: session.wait(job),
    }
    assert place(calls[name]) is None
    fake.finish()
    executor.shutdown()


@pytest.mark.parametrize("place", [held_by, in_thread], ids=["main thread", "another thread"])
@pytest.mark.parametrize("name", ["result", "check", "submit", "attach", "cancel", "shutdown"])
def test_futures(
    fake: Fake, session: Session, template: JobTemplate, name: str, place: Callable[..., Any]
) -> None:
    """Futures, which keep what they raise, and their executor."""
    executor = JobExecutor(session)
    future = executor.submit(template, check=name == "check")
    if name == "check":
        fake.ends(exited=1, status=3)
        fake.finish()
    if name == "result":
        fake.loses(future.job_id)
        fake.returns("drmaa_wait", Errno.INVALID_JOB)
        fake.finish(future.job_id)  # which wakes the wait
        until(future.done)
    calls: dict[str, Callable[[], object]] = {
        "result": lambda: future.result(LIMIT),
        "check": lambda: future.result(LIMIT),
        "submit": lambda: refuses(fake, "drmaa_run_job", lambda: executor.submit(template))(),
        "attach": lambda: executor.attach("no-such-job"),
        "cancel": lambda: refuses(fake, "drmaa_control", future.cancel)(),
        "shutdown": lambda: refuses(
            fake, "drmaa_control", lambda: executor.shutdown(wait=False, cancel_futures=True)
        )(),
    }
    held = place(calls[name])
    fake.returns("drmaa_wait", 0)
    fake.finish()
    executor.shutdown()
    assert held is None


@pytest.mark.parametrize(
    "name",
    ["wait", "no job", "closed", "as_completed", "closed as_completed", "runJob", "initialize"],
)
def test_coroutines(fake: Fake, session: Session, template: JobTemplate, name: str) -> None:
    """Coroutines."""
    loop = asyncio.new_event_loop()
    other = aio.Session()
    job = session.runJob(template)

    async def all_of(job_id: str) -> None:
        async for _ in other.as_completed([job_id]):
            pass

    async def closed(waiting: Coroutine[Any, Any, object]) -> None:
        loop.call_later(0.1, loop.run_in_executor, None, session.exit)
        await waiting

    calls: dict[str, Callable[[], Any]] = {
        "wait": lambda: other.wait(job, 0.1),
        "no job": lambda: other.wait("no-such-job"),
        "closed": lambda: closed(other.wait(job)),
        "closed as_completed": lambda: closed(all_of(job)),
        "as_completed": lambda: all_of("no-such-job"),
        "runJob": lambda: refuses(fake, "drmaa_run_job", lambda: other.runJob(template))(),
        "initialize": other.initialize,
    }

    async def program() -> weakref.ref[Local]:
        local = Local()
        found = weakref.ref(local)
        try:
            await calls[name]()
        except DrmaaException:
            return found
        raise AssertionError("it was to fail")

    held = loop.run_until_complete(program())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()
    fake.finish()
    assert held() is None
