"""What the programs that say ``import drmaa`` do, on jobs: the patterns of a dozen pipelines."""

from __future__ import annotations

import asyncio
import json
import pickle
import sys
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import Any, Iterator

import pytest
from drms import Drm
from jobs import LONG, Jobs, until_state

import drmaa_cffi
from drmaa_cffi import Session

DESCRIPTIONS = {
    "UNDETERMINED": "process status cannot be determined",
    "QUEUED_ACTIVE": "job is queued and active",
    "SYSTEM_ON_HOLD": "job is queued and in system hold",
    "USER_ON_HOLD": "job is queued and in user hold",
    "USER_SYSTEM_ON_HOLD": "job is queued and in user and system hold",
    "RUNNING": "job is running",
    "SYSTEM_SUSPENDED": "job is system suspended",
    "USER_SUSPENDED": "job is user suspended",
    "USER_SYSTEM_SUSPENDED": "job is user and system suspended",
    "DONE": "job finished normally",
    "FAILED": "job finished, but failed",
}
LIMITS = {
    "hardWallclockTimeLimit",
    "softWallclockTimeLimit",
    "hardRunDurationLimit",
    "softRunDurationLimit",
}


@pytest.fixture
def drmaa(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """What ``import drmaa`` gives after install_as_drmaa(); it is gone after the test."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    drmaa_cffi.install_as_drmaa()
    yield sys.modules["drmaa"]
    for name in [name for name in sys.modules if name.partition(".")[0] == "drmaa"]:
        del sys.modules[name]


def fill(template: Any, script: str, **attributes: Any) -> Any:
    """Make a template one of a shell script."""
    values = {"outputPath": ":/dev/null", "joinFiles": True, **attributes}
    for name, value in {"remoteCommand": "/bin/sh", "args": ["-c", script], **values}.items():
        setattr(template, name, value)
    return template


def test_session_subclass(drmaa: ModuleType) -> None:
    """A subclass of Session adds to its methods by super(), as a context manager too."""
    calls: list[str] = []

    class Traced(drmaa.Session):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def initialize(self, contactString: str | None = None) -> None:
            calls.append("initialize")
            super().initialize(contactString)

        def runJob(self, jobTemplate: Any) -> str:
            calls.append("runJob")
            return super().runJob(jobTemplate)

        def exit(self) -> None:
            calls.append("exit")
            super().exit()

    with Traced("mine") as session:
        assert "mine" == session.name
        template = fill(session.createJobTemplate(), "exit 3")
        info = session.wait(session.runJob(template), LONG)
        session.deleteJobTemplate(template)
    assert 3 == info.exitStatus
    assert ["initialize", "runJob", "exit"] == calls


def test_static_methods_of_a_subclass(drmaa: ModuleType, session: Session) -> None:
    """A subclass overrides createJobTemplate with a template class of its own."""

    class Template(drmaa.JobTemplate):
        def __init__(self, script: str = "exit 1", **attributes: Any) -> None:
            super().__init__(remoteCommand="/bin/sh", **attributes)
            self.args = ["-c", script]
            self.outputPath = ":/dev/null"
            self.joinFiles = True
            self.tries = 1

    class Own(drmaa.Session):
        @staticmethod
        def createJobTemplate() -> Template:
            return Template("exit 4")

    with Own.createJobTemplate() as template:
        assert 1 == template.tries
        assert 4 == session.wait(Own.runJob(template), LONG).exitStatus


def test_attribute_subclass(drmaa: ModuleType, session: Session) -> None:
    """A subclass of helpers.Attribute in a template class of the program's own is used."""

    class Prefixed(drmaa.helpers.Attribute):
        def __set__(self, instance: Any, value: str) -> None:
            super().__set__(instance, f"pipeline-{value}")

        def __get__(self, instance: Any, owner: Any) -> Any:
            value = super().__get__(instance, owner)
            return value if instance is None else value.replace("pipeline-", "")

    class Template(drmaa.JobTemplate):
        jobName = Prefixed(drmaa.const.JOB_NAME)

    with Template(jobName="align") as template:
        assert "align" == template.jobName
        assert "pipeline-align" == drmaa.JobTemplate.jobName.__get__(template, Template)


def test_converters_replaced(
    drmaa: ModuleType, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A walk over vars(JobTemplate) finds the attributes, and its converters take effect."""

    class Shouting:
        @staticmethod
        def to_drmaa(value: str) -> bytes:
            return value.upper().encode()

        @staticmethod
        def from_drmaa(value: bytes) -> str:
            return value.decode().lower()

    limits = set()
    for name, value in vars(drmaa.JobTemplate).items():
        if isinstance(value, drmaa.helpers.Attribute):
            if value.converter is drmaa.helpers.IntConverter:
                limits.add(name)
            elif value.converter is None:
                monkeypatch.setattr(value, "converter", Shouting)
    assert limits == LIMITS
    with drmaa.JobTemplate(jobName="align") as template:
        assert "align" == template.jobName
        monkeypatch.setattr(vars(drmaa.JobTemplate)["jobName"], "converter", None)
        assert "ALIGN" == template.jobName


def test_template_from_json(drmaa: ModuleType, session: Session) -> None:
    """A template made of a JSON file with keys that DRMAA lacks keeps those, and runs."""
    description = json.loads("""{
        "remoteCommand": "/bin/sh", "args": ["-c", "test \\"$1\\" = 4 && exit 6", "sh", 4],
        "jobName": "align", "joinFiles": true, "outputPath": ":/dev/null",
        "partition": "short", "cpus": 4, "labels": {"sample": "A"}
    }""")
    with drmaa.JobTemplate(**description) as template:
        assert ("short", 4, {"sample": "A"}) == (
            template.partition,
            template.cpus,
            template.labels,
        )
        assert 6 == session.wait(session.runJob(template), LONG).exitStatus


def test_states_as_text(drmaa: ModuleType, jobs: Jobs, session: Session) -> None:
    """A state is looked up in dicts and tuples, searched in text, formatted and compared."""
    told = {getattr(drmaa.JobState, name): text for name, text in DESCRIPTIONS.items()}
    assert len(DESCRIPTIONS) == len(told)
    job_id = jobs.submit("exec sleep 600")
    until_state(job_id, drmaa.JobState.RUNNING)
    status = session.jobStatus(job_id)
    assert "job is running" == told[status] == told["running"]
    assert status in (drmaa.JobState.QUEUED_ACTIVE, drmaa.JobState.RUNNING)
    assert status in (drmaa.JobState.RUNNING)
    assert status not in [drmaa.JobState.DONE, drmaa.JobState.FAILED]
    assert "running" == status == f"{status}" == "%s" % status == json.loads(json.dumps(status))  # noqa: UP031
    session.control(job_id, drmaa.JobControlAction.TERMINATE)
    session.synchronize([job_id], LONG)
    assert "job finished, but failed" == told[session.jobStatus(job_id)]


def test_job_info(drmaa: ModuleType, jobs: Jobs, session: Session) -> None:
    """A record is unpacked in eight, changed, formatted by its dict, pickled, tested by `is`."""
    info = session.wait(jobs.submit("exit 7"), LONG)
    job_id, exited, signaled, signal_name, core, aborted, status, usage = info
    assert (True, False, "", False, False, 7) == (
        exited,
        signaled,
        signal_name,
        core,
        aborted,
        status,
    )
    assert info.hasExited is True
    assert info.wasAborted is False
    assert type(usage) is dict
    assert all(type(name) is type(value) is str for name, value in usage.items())
    assert f"{job_id}: 7" == "%(jobId)s: %(exitStatus)d" % info._asdict()  # noqa: UP031
    assert (0, job_id) == (info._replace(exitStatus=0).exitStatus, info._replace(exitStatus=0)[0])
    usage["runtime"] = "1"
    again = pickle.loads(pickle.dumps(info))
    assert (again, type(again)) == (info, drmaa.JobInfo)
    assert str(info).startswith("JobInfo(jobId=")


def test_code_24_by_its_text(drmaa: ModuleType, jobs: Jobs, session: Session, drm: Drm) -> None:
    """A job that was deleted before it ran is told by the error's first characters, if any."""
    job_id = jobs.submit(jobSubmissionState=drmaa.JobSubmissionState.HOLD_STATE)
    session.control(job_id, drmaa.JobControlAction.TERMINATE)
    try:
        info = session.wait(job_id, LONG)
    except Exception as error:
        if drm.deleted_before_start is None or not str(error).startswith("code 24"):
            raise
        info = error.jobInfo
    assert (job_id, False, True) == (info.jobId, info.hasExited, info.wasAborted)


def test_error_names(drmaa: ModuleType, jobs: Jobs, session: Session) -> None:
    """Errors are told by the name of their class and by drmaa.errors, whoever raised them."""
    job_id = jobs.submit()
    session.wait(job_id, LONG)
    with pytest.raises(drmaa.errors.InvalidJobException) as caught:
        session.wait(job_id, LONG)
    assert "invalidjobexception" == type(caught.value).__name__.lower()
    with pytest.raises(drmaa.errors.DrmaaException) as raised:
        raise drmaa.InternalException()  # noqa: RSE102 - so programs write it
    assert "internalexception" == type(raised.value).__name__.lower()


def test_wrapped_template(drmaa: ModuleType, session: Session) -> None:
    """deleteJobTemplate() of a program's own wrapper calls its delete()."""

    class Wrapper:
        def __init__(self) -> None:
            self.template = session.createJobTemplate()

        def delete(self) -> None:
            self.template.delete()

    wrapper = Wrapper()
    drmaa.Session.deleteJobTemplate(wrapper)
    with pytest.raises(drmaa.InvalidJobTemplateException):
        session.runJob(wrapper.template)


def test_four_threads_and_an_exit(drmaa: ModuleType, jobs: Jobs, session: Session) -> None:
    """Of four threads one waits for any job when another exits: all end, by named errors."""
    sleeper = jobs.submit("exec sleep 600")
    contact = session.contact
    ended: list[str] = []

    def wait() -> None:
        session.wait(drmaa.Session.JOB_IDS_SESSION_ANY)

    def poll() -> None:
        while True:
            session.jobStatus(sleeper)
            time.sleep(0.01)

    def synchronize() -> None:
        session.synchronize([sleeper])

    def leave() -> None:
        time.sleep(1)
        session.exit()

    def run(what: Any) -> None:
        try:
            what()
            ended.append("well")
        except drmaa.errors.DrmaaException as error:
            ended.append(type(error).__name__)

    threads = [
        threading.Thread(target=run, args=(what,), daemon=True)
        for what in (wait, poll, synchronize, leave)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    try:
        assert ["NoActiveSessionException"] * 3 + ["well"] == sorted(ended)
    finally:
        session.initialize(contact)  # whose jobs the fixture ends


def test_run_in_executor(drmaa: ModuleType, jobs: Jobs, session: Session) -> None:
    """asyncio's run_in_executor waits for jobs while the loop goes on; a timeout loses none."""

    async def main() -> tuple[list[int], int, int]:
        loop = asyncio.get_running_loop()
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                await asyncio.sleep(0.02)
                ticks += 1

        def wait(job_id: str, timeout: int = LONG) -> asyncio.Future[Any]:
            return loop.run_in_executor(None, session.wait, job_id, timeout)

        ticking = asyncio.create_task(tick())
        infos = await asyncio.gather(
            *(wait(jobs.submit(f"sleep 1; exit {status}")) for status in (1, 2, 3))
        )
        late = jobs.submit("sleep 2; exit 4")
        with pytest.raises(drmaa.errors.ExitTimeoutException):
            await wait(late, 1)
        last = await wait(late)
        ticking.cancel()
        return [info.exitStatus for info in infos], last.exitStatus, ticks

    statuses, last, ticks = asyncio.run(main())
    assert ([1, 2, 3], 4) == (statuses, last)
    assert ticks > 40


def test_files_of_jobs(drmaa: ModuleType, session: Session, tmp_path: Path) -> None:
    """The tutorial's way: a script, its arguments, the environment, and a file of output."""
    script = tmp_path / "hello.sh"
    script.write_text('#!/bin/sh\necho "$1, $NAME"\n', encoding="utf-8")
    script.chmod(0o755)
    template = session.createJobTemplate()
    template.remoteCommand = str(script)
    template.args = ["hello"]
    template.jobEnvironment = {"NAME": "cluster"}
    template.outputPath = ":" + str(tmp_path / "out")
    template.joinFiles = True
    job_id = session.runJob(template)
    session.deleteJobTemplate(template)
    session.synchronize([job_id], drmaa.Session.TIMEOUT_WAIT_FOREVER, False)
    assert 0 == session.wait(job_id, drmaa.Session.TIMEOUT_WAIT_FOREVER).exitStatus
    assert "hello, cluster\n" == (tmp_path / "out").read_text()
