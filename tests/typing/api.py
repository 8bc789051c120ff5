"""How the API is used by typed programs: checked by mypy --strict and pyright, never run."""

from __future__ import annotations

import concurrent.futures
import os
from datetime import datetime, timedelta
from pathlib import Path

import drmaa_cffi
from drmaa_cffi import (
    JobControlAction,
    JobInfo,
    JobState,
    JobTemplate,
    Session,
    aio,
    resources,
)
from drmaa_cffi.functions import FunctionExecutor, FunctionFuture, progress


def session() -> None:
    """Check the session's calls."""
    drmaa_cffi.load_library(Path("/usr/lib/libdrmaa.so"))
    library: drmaa_cffi.Library = drmaa_cffi.load_library()
    try:
        drmaa_cffi.load_library()
    except (drmaa_cffi.LibraryLoadError, drmaa_cffi.LibraryNotFoundError) as error:
        attempts: tuple[drmaa_cffi.Attempt, ...] = error.attempts
        print(*attempts)
    path: str = library.path
    with Session() as s:
        contact: str = s.contact + Session.drmsInfo + s.drmaaImplementation + path
        major: int = s.version.major
        template: JobTemplate = s.createJobTemplate()
        job_id: str = s.runJob(template)
        job_ids: list[str] = s.runBulkJobs(template, 1, 30, 2)
        s.control(job_id, JobControlAction.TERMINATE)
        s.control(17, "hold")
        s.synchronize(job_ids, Session.TIMEOUT_WAIT_FOREVER, dispose=False)
        s.synchronize(job_id, 1.5)
        info: JobInfo = s.wait(job_id, timeout=10)
        state: JobState = s.jobStatus(job_id)
        text: str = state
        s.deleteJobTemplate(template)
    Session.initialize(contact)
    Session.exit()
    print(major, info, text)


def template() -> None:
    """Check the template's attributes."""
    with JobTemplate(remoteCommand="/bin/true", args=["a"]) as t:
        t.remoteCommand = Path("/bin/sleep")
        t.args = [1, "two", Path("three")]
        t.args = "one"
        t.jobEnvironment = os.environ
        t.jobEnvironment = {"A": 1}
        t.joinFiles = True
        t.hardWallclockTimeLimit = timedelta(hours=1)
        arguments: list[str] = t.args
        environment: dict[str, str] = t.jobEnvironment
        names: list[str] = t.attributeNames
        print(arguments, environment, names)
        t.outputPath = Path("/dev/null")
        values: dict[str, object] = t.asdict()
        other: JobTemplate = t.copy(jobName="other")
        print(values, other)


def needs() -> None:
    """Check the resources of a template."""
    asked = drmaa_cffi.Resources(slots=4, memory="8G", walltime=timedelta(hours=1), queue="q")
    more: drmaa_cffi.Resources = asked._replace(memory=2**30, walltime="01:00:00")
    size: int | None = more.memory
    with JobTemplate(resources=asked) as t:
        t.resources = more
        t.resources = None
        read: drmaa_cffi.Resources | None = t.resources
        words: str = resources.native(Session.drmsInfo, more)
        print(size, read, words)


def record(info: JobInfo) -> None:
    """Check the record's fields."""
    job_id, exited, signaled, name, core, aborted, status, usage = info
    text: str = job_id + name + usage["cpu"]
    flag: bool = exited or signaled or core or aborted
    number: int = status + info.exitStatus
    print(text, flag, number)
    numbers: drmaa_cffi.Usage = info.usage
    seconds: float = (numbers.wallclock or 0) + (numbers.cpu or 0) + (numbers.user or 0)
    size: int = (numbers.max_rss or 0) + (numbers.max_vmem or 0) + (numbers.slots or 0)
    began: datetime | None = numbers.started
    hosts: tuple[str, ...] | None = numbers.hosts
    fine: bool = info.ok
    words: str = info.describe()
    print(seconds, size, began, hosts, fine, words)


def errors() -> None:
    """Check what an exception carries."""
    try:
        Session.wait(Session.JOB_IDS_SESSION_ANY)
    except drmaa_cffi.NoResourceUsageException as error:
        if error.jobInfo is not None:
            record(error.jobInfo)
    except drmaa_cffi.errors.DrmaaException as error:
        code: int | None = error.code
        words: str = error.routine + error.diagnosis
        print(code, words)


def futures(template: drmaa_cffi.JobTemplate) -> None:
    """Futures are futures of records."""
    with drmaa_cffi.JobExecutor(drmaa_cffi.Session, status_interval=1) as executor:
        future: drmaa_cffi.JobFuture = executor.submit(template, check=True)
        others: list[drmaa_cffi.JobFuture] = executor.submit_bulk(
            template, 1, 10, on_status=lambda future, state: print(future.job_id, state.name)
        )
        plain: concurrent.futures.Future[drmaa_cffi.JobInfo] = executor.attach("17")
        for done in concurrent.futures.as_completed([future, *others]):
            info: drmaa_cffi.JobInfo = done.result()
            print(info.describe())
        every: list[drmaa_cffi.JobFuture] = executor.submit_all([template, template], check=True)
        path: Path | None = every[0].output_path or every[0].error_path
        print(path, every[0].output() + every[0].error_output())
        started, waiting = executor.wait_started(others, timeout=10)
        state: drmaa_cffi.JobState = future.status()
        print(started | waiting, state, plain.cancel())


def functions_as_jobs() -> None:
    """A call's future has the type of what the function returns."""
    with FunctionExecutor(resources=drmaa_cffi.Resources(slots=2), folder="/tmp") as executor:
        future: FunctionFuture[int] = executor.submit(len, "abc")
        number: int = future.result(10)
        numbers: list[int] = list(executor.map(len, ["a", "bc"], chunksize=2))
        for done in progress([future]):
            text: str = done.output()
            info: drmaa_cffi.JobInfo | None = done.info
            print(number, numbers, text, info)


async def coroutines(template: drmaa_cffi.JobTemplate) -> None:
    """The session for asyncio has the types of the other."""
    async with aio.Session() as session:
        job_id: str = await session.runJob(template)
        info: drmaa_cffi.JobInfo = await session.wait(job_id, timeout=0.5)
        async for other in session.as_completed([job_id]):
            print(info, other.exitStatus)
        await session.synchronize(session.JOB_IDS_SESSION_ALL, dispose=True)
