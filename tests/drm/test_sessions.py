"""Sessions begin, end, and are taken up again."""

from __future__ import annotations

import time
from typing import Any, Iterator

import pytest
from drms import Drm
from jobs import AT_ONCE, LONG, Jobs, end_all_jobs, nothing_left, outcome, until_state, within

from drmaa_cffi import (
    AlreadyActiveSessionException,
    DrmaaException,
    ExitTimeoutException,
    InvalidJobException,
    InvalidJobTemplateException,
    JobState,
    JobTemplate,
    NoActiveSessionException,
    NoResourceUsageException,
    Session,
)


@pytest.fixture(autouse=True)
def _no_session_is_left() -> Iterator[None]:
    yield
    try:
        end_all_jobs()
        Session.exit()
    except NoActiveSessionException:
        pass


def test_st_mult_init(session: Session) -> None:
    """A process has one session: a second initialize fails, and does no harm to the first."""
    with pytest.raises(AlreadyActiveSessionException, match=r"^code 11: "):
        session.initialize()
    with pytest.raises(AlreadyActiveSessionException):
        Session().initialize()
    session.createJobTemplate().delete()


def test_st_mult_exit() -> None:
    """A second exit fails, as does one before any initialize."""
    Session.initialize()
    Session.exit()
    with pytest.raises(NoActiveSessionException, match=r"^code 5: "):
        Session.exit()


def test_initialize_after_exit() -> None:
    """A process can have one session after another."""
    for _ in range(3):
        with Session() as session:
            session.createJobTemplate().delete()


def test_st_no_active_session() -> None:
    """Without a session every call that needs one says so, before and after there was one."""
    for _ in range(2):
        for call in (
            Session.createJobTemplate,
            lambda: JobTemplate(remoteCommand="/bin/true"),
            lambda: Session.jobStatus("1"),
            lambda: Session.control("1", "terminate"),
            lambda: Session.wait("1", 60),
            lambda: Session.synchronize(["1"], 60),
        ):
            with within(AT_ONCE), pytest.raises(NoActiveSessionException, match=r"^code 5: "):
                call()
        with Session():
            pass


def test_exit_within_with() -> None:
    """A with block whose session is closed within ends well."""
    with Session() as session:
        session.exit()
    with pytest.raises(NoActiveSessionException):
        Session.exit()


def test_with_closes_after_an_error() -> None:
    """A with block closes its session when it ends by an exception, which goes on."""
    with pytest.raises(ZeroDivisionError), Session():
        _ = 1 / 0
    Session.initialize()


def test_class_and_instances_are_one(session: Session) -> None:
    """The class, its instances and its subclasses' all act on the one session."""

    class Mine(Session):
        def __init__(self) -> None:
            super().__init__()
            self.submitted: list[str] = []

        def runJob(self, jobTemplate: JobTemplate) -> str:
            self.submitted.append(super().runJob(jobTemplate))
            return self.submitted[-1]

    mine, other = Mine(), Session()
    template = other.createJobTemplate()
    template.remoteCommand, template.args = "/bin/sh", ["-c", "exit 3"]
    template.outputPath, template.joinFiles = ":/dev/null", True
    template.jobSubmissionState = "drmaa_hold"
    job_id = mine.runJob(template)
    assert [job_id] == mine.submitted
    until_state(job_id, JobState.USER_ON_HOLD)
    assert JobState.USER_ON_HOLD == mine.jobStatus(job_id) == other.jobStatus(job_id)
    other.control(job_id, "release")
    assert 3 == Session.wait(job_id, 60).exitStatus
    other.deleteJobTemplate(template)


def around_a_session(name: str) -> list[Any]:
    """Return what the class and an instance tell before, in and after a session."""
    asked = (Session, Session())
    found = [getattr(holder, name) for holder in asked]
    with Session():
        found += [getattr(holder, name) for holder in asked]
    return found + [getattr(holder, name) for holder in asked]


def test_st_version() -> None:
    """The version is 1.0, with or without a session; it can be formatted with %."""
    for version in around_a_session("version"):
        assert ("1.0", (1, 0)) == (str(version), (version.major, version.minor))
        assert (1, 0) == tuple(version)
    assert "Version 1.0" == "Version %s" % Session.version  # noqa: UP031 - programs write this


def test_st_drm_system() -> None:
    """The DRM has a name, with or without a session."""
    assert [] == [name for name in around_a_session("drmsInfo") if not name]


def test_st_drmaa_impl() -> None:
    """The library has a name, with or without a session."""
    assert [] == [name for name in around_a_session("drmaaImplementation") if not name]


def test_st_contact() -> None:
    """There is a contact within a session, and it can be asked for at any time."""
    contacts = around_a_session("contact")
    assert all(isinstance(contact, str) for contact in contacts)
    assert contacts[2]
    assert contacts[2] == contacts[3]


@pytest.mark.parametrize("idle", [5, pytest.param(60, marks=pytest.mark.slow)])
def test_st_recoverable_session(jobs: Jobs, session: Session, idle: int) -> None:
    """A session is left and found again: each of its jobs is as it would have been."""
    ended = jobs.submit()
    session.synchronize(ended, LONG)
    template = jobs.template("sleep 1", jobSubmissionState="drmaa_hold")
    released, deleted = session.runBulkJobs(template, 1, 2, 1)
    longer = jobs.submit(f"sleep {idle + 10}")
    contact = session.contact
    session.exit()
    time.sleep(idle)

    session.initialize(contact)
    with pytest.raises((InvalidJobException, NoResourceUsageException)):
        session.wait(ended, LONG)
    with pytest.raises(ExitTimeoutException):
        session.wait(released, 2)
    for job_id in (released, deleted):
        assert JobState.USER_ON_HOLD == session.jobStatus(job_id)
    session.control(released, "release")
    session.control(deleted, "terminate")
    assert session.wait(released, LONG).ok
    assert session.wait(longer, LONG).ok
    assert not outcome(deleted).hasExited
    nothing_left()


def test_reconnect(jobs: Jobs, session: Session) -> None:
    """A session is taken up again by its contact, with the jobs that were not finished."""
    running = jobs.submit("sleep 3; exit 5")
    held = jobs.submit("exit 6", jobSubmissionState="drmaa_hold")
    contact = session.contact
    session.exit()

    session.initialize(contact)
    assert contact == session.contact
    assert 5 == session.wait(running, 60).exitStatus
    session.control(held, "release")
    assert 6 == session.wait(held, 60).exitStatus


def test_contact_by_with(jobs: Jobs, session: Session) -> None:
    """The constructor's contact is what a with block initializes with."""
    job_id = jobs.submit("sleep 2; exit 7")
    contact = session.contact
    session.exit()
    with Session(contact) as again, Session.createJobTemplate():
        assert contact == again.contactString
        assert 7 == again.wait(job_id, 60).exitStatus


def test_no_contact(drm: Drm) -> None:
    """A contact that is none is refused, and the session can then be opened without it."""
    with pytest.raises(drm.bad_contact):
        Session.initialize("no such contact")
    with Session():
        pass


def test_templates_end_with_their_session(session: Session) -> None:
    """A template of a closed session is of no use, not even in the next session."""
    template = session.createJobTemplate()
    template.remoteCommand = "/bin/true"

    def is_of_no_use() -> None:
        for use in (
            lambda: template.remoteCommand,
            lambda: setattr(template, "jobName", "x"),
            lambda: session.runJob(template),
            lambda: session.runBulkJobs(template, 1, 2, 1),
        ):
            with pytest.raises(NoActiveSessionException, match=r"^code 5: "):
                use()
        session.deleteJobTemplate(template)

    session.exit()
    is_of_no_use()
    session.initialize()
    is_of_no_use()


def test_deleted_template(session: Session) -> None:
    """A deleted template says so, and can be deleted again."""
    template = session.createJobTemplate()
    session.deleteJobTemplate(template)
    template.delete()
    session.deleteJobTemplate(jobTemplate=template)
    with pytest.raises(InvalidJobTemplateException, match="deleted"):
        template.jobName = "x"
    with pytest.raises(InvalidJobTemplateException, match="deleted"):
        session.runJob(template)


def test_delete_of_a_wrapper(session: Session) -> None:
    """What is given to deleteJobTemplate need have no more than a delete()."""

    class Wrapper:
        deleted = False

        def delete(self) -> None:
            self.deleted = True

    wrapper = Wrapper()
    session.deleteJobTemplate(wrapper)  # type: ignore[arg-type]
    assert wrapper.deleted


def test_errors_name_their_routine(session: Session) -> None:
    """An error has its code, the routine that failed and what the library said."""
    with pytest.raises(DrmaaException) as caught:
        session.jobStatus("99999999")
    error = caught.value
    assert (18, "drmaa_job_ps") == (error.code, error.routine)
    assert error.diagnosis in str(error)
