"""The session's calls take what users have, and refuse the rest before C sees it."""

from __future__ import annotations

import inspect
from typing import Any, Callable

import pytest
from fake import Fake

import drmaa_cffi
from drmaa_cffi import JobControlAction, JobState, JobTemplate, Session
from drmaa_cffi.errors import Errno


def test_signatures() -> None:
    """All methods are static, with the standard's argument names and defaults."""
    expected = {
        "initialize": "(contactString=None)",
        "exit": "()",
        "createJobTemplate": "()",
        "deleteJobTemplate": "(jobTemplate)",
        "runJob": "(jobTemplate)",
        "runBulkJobs": "(jobTemplate, beginIndex, endIndex, step)",
        "control": "(jobId, operation)",
        "synchronize": "(jobIds, timeout=-1, dispose=False)",
        "wait": "(jobId, timeout=-1)",
        "jobStatus": "(jobId)",
    }
    for name, signature in expected.items():
        method = vars(Session)[name]
        assert isinstance(method, staticmethod)
        found = inspect.signature(method.__func__)
        plain = [
            parameter.replace(annotation=inspect.Parameter.empty)
            for parameter in found.parameters.values()
        ]
        assert signature == str(inspect.Signature(plain))


def test_on_class_and_instance(fake: Fake) -> None:
    """Information works on class and instance, before initialize, within and after exit."""
    for _ in range(2):
        for holder in (Session, Session()):
            assert ("fake", "FAKE 1", "fake_drmaa", "1.0") == (
                holder.contact,
                holder.drmsInfo,
                holder.drmaaImplementation,
                str(holder.version),
            )
        with Session() as session:
            assert "fake" == session.contact


def test_version(fake: Fake) -> None:
    """The version has its parts, and can be formatted with %."""
    version = Session.version
    assert (1, 0) == (version.major, version.minor) == tuple(version)
    assert "Version 1.0" == "Version %s" % version  # noqa: UP031


@pytest.mark.parametrize("size", [1023, 1024, 4094, 4095, 4096, 100_000])
def test_long_information(fake: Fake, size: int) -> None:
    """Information of any length comes whole, terminated or not."""
    fake.says("drmaa_get_contact", b"c" * size)
    assert "c" * size == Session.contact
    fake.says("drmaa_get_DRM_system", b"d" * size, terminated=False)
    assert "d" * size == Session.drmsInfo


def test_endless_information(fake: Fake) -> None:
    """A library that fills any buffer is stopped, by name."""
    fake.says("drmaa_get_contact", b"c" * (1 << 29), terminated=False)
    with pytest.raises(drmaa_cffi.InternalException, match="over 268435456 bytes"):
        Session.contact  # noqa: B018


def test_initialize_twice(session: Session) -> None:
    """A second initialize is refused, and the session goes on."""
    with pytest.raises(drmaa_cffi.AlreadyActiveSessionException):
        session.initialize()
    assert session.createJobTemplate()


def test_exit_twice(session: Session) -> None:
    """A second exit is refused by name."""
    session.exit()
    with pytest.raises(drmaa_cffi.NoActiveSessionException, match="call initialize"):
        session.exit()


def test_exit_within_block(fake: Fake) -> None:
    """A block that has exited its session ends quietly."""
    with Session() as session:
        session.exit()
    assert 1 == fake.calls("drmaa_exit")


def test_exit_that_fails(fake: Fake, session: Session) -> None:
    """An exit that fails can be tried again."""
    fake.returns("drmaa_exit", Errno.DRMS_EXIT_ERROR, last=1)
    with pytest.raises(drmaa_cffi.DrmsExitException):
        session.exit()
    session.exit()


def test_init_that_fails(fake: Fake) -> None:
    """An initialize that fails leaves no session; its remedy is told where one is known."""
    fake.returns("drmaa_init", Errno.DRMS_INIT_FAILED, last=1)
    fake.diagnoses(b"Please set the environment variable SGE_ROOT.")
    with pytest.raises(drmaa_cffi.DrmsInitException, match="remedy: set SGE_ROOT"):
        Session.initialize()
    with pytest.raises(drmaa_cffi.NoActiveSessionException):
        Session.createJobTemplate()
    Session.initialize()


def test_sessions_one_after_the_other(fake: Fake) -> None:
    """A session can follow another, also through a subclass that calls super()."""

    class Mine(Session):
        def __init__(self) -> None:
            super().__init__("mine")
            self.exits = 0

        def exit(self) -> None:  # type: ignore[override]
            self.exits += 1
            super().exit()

    for _ in range(3):
        with Mine() as session:
            assert "mine" == session.contactString
        assert 1 == session.exits
    assert (3, 3) == (fake.calls("drmaa_init"), fake.calls("drmaa_exit"))


NEED_SESSION: dict[str, Callable[[], Any]] = {
    "exit": Session.exit,
    "createJobTemplate": Session.createJobTemplate,
    "JobTemplate": JobTemplate,
    "control": lambda: Session.control("1", "hold"),
    "jobStatus": lambda: Session.jobStatus("1"),
    "wait": lambda: Session.wait("1"),
    "synchronize": lambda: Session.synchronize(["1"]),
}


@pytest.mark.parametrize("name", NEED_SESSION)
def test_without_session(fake: Fake, name: str) -> None:
    """Before initialize and after exit, each call is refused without asking the library."""
    for _ in range(2):
        with pytest.raises(drmaa_cffi.NoActiveSessionException, match="^code 5: .*initialize"):
            NEED_SESSION[name]()
        with Session():
            pass
    for routine in ("control", "job_ps", "wait", "synchronize", "allocate_job_template"):
        assert 0 == fake.calls(f"drmaa_{routine}")


def test_run(session: Session, template: JobTemplate) -> None:
    """A job's id is a str."""
    job_id = session.runJob(template)
    assert isinstance(job_id, str)
    assert JobState.RUNNING == session.jobStatus(job_id)


def test_run_without_id(fake: Fake, session: Session, template: JobTemplate) -> None:
    """A success that gives no id is an error, not an empty id."""
    fake.says("drmaa_run_job", b"")
    with pytest.raises(drmaa_cffi.InternalException, match="gave no id"):
        session.runJob(template)


@pytest.mark.parametrize("value", [None, "template", 5, {}], ids=repr)
def test_run_of_no_template(session: Session, value: Any) -> None:
    """What is not a template is refused."""
    with pytest.raises(drmaa_cffi.InvalidArgumentException, match="is not a job template"):
        session.runJob(value)
    with pytest.raises(drmaa_cffi.InvalidArgumentException, match="is not a job template"):
        session.runBulkJobs(value, 1, 2, 1)


@pytest.mark.parametrize(
    ("begin", "end", "step", "count"),
    [(1, 1, 1, 1), (1, 30, 2, 15), (5, 6, 10, 1), (1, 10_000, 1, 10_000)],
)
def test_bulk(
    session: Session, template: JobTemplate, begin: int, end: int, step: int, count: int
) -> None:
    """A bulk job has an id for each index."""
    assert count == len(set(session.runBulkJobs(template, begin, end, step)))


@pytest.mark.parametrize(
    ("begin", "end", "step", "message"),
    [
        (5, 1, 1, "endIndex 1 is below beginIndex 5"),
        (1, 5, 0, "step can't be 0"),
        (1, 5, -1, "step can't be -1"),
        (0, 5, 1, "beginIndex can't be 0"),
        (1, 2**31, 1, "endIndex can't be 2147483648"),
        ("1", 5, 1, "beginIndex can't be '1'"),
        (1.0, 5, 1, "beginIndex can't be 1.0"),
        (1, None, 1, "endIndex can't be None"),
    ],
)
def test_bad_bulk(
    session: Session, template: JobTemplate, begin: Any, end: Any, step: Any, message: str
) -> None:
    """Indices that make no sense are refused with what would."""
    with pytest.raises(drmaa_cffi.InvalidArgumentException, match=f"^code 4: {message}"):
        session.runBulkJobs(template, begin, end, step)


def test_bulk_cut_short(fake: Fake, session: Session, template: JobTemplate) -> None:
    """Ids that were read before the library failed are in the exception: the jobs are real."""
    fake.returns("drmaa_get_next_job_id", Errno.INTERNAL_ERROR, first=4)
    with pytest.raises(drmaa_cffi.InternalException) as caught:
        session.runBulkJobs(template, 1, 10, 1)
    assert 3 == len(caught.value.jobIds)
    assert JobState.RUNNING == session.jobStatus(caught.value.jobIds[0])


def test_bulk_without_end(fake: Fake, session: Session, template: JobTemplate) -> None:
    """A list of ids that does not end is stopped at the number of tasks."""
    fake.lists("drmaa_run_bulk_jobs", b"7", endless=True)
    with pytest.raises(drmaa_cffi.InternalException, match="goes on after 10 entries") as caught:
        session.runBulkJobs(template, 1, 10, 1)
    assert ("7",) * 10 == caught.value.jobIds


@pytest.mark.parametrize("action", JobControlAction)
@pytest.mark.parametrize("job_id", ["1", b"1", 1, Session.JOB_IDS_SESSION_ALL])
def test_control(fake: Fake, session: Session, action: str, job_id: Any) -> None:
    """Each operation reaches the library, on a str, bytes or int id, or ALL."""
    session.control(job_id, action)
    session.control(jobId=job_id, operation=str(action).encode())
    assert 2 == fake.calls("drmaa_control")


def test_control_explode(fake: Fake, session: Session) -> None:
    """An unknown operation is refused with the legal ones, before C."""
    with pytest.raises(drmaa_cffi.InvalidArgumentException, match="suspend, resume, hold"):
        session.control("1", "explode")
    assert 0 == fake.calls("drmaa_control")


def test_control_many(fake: Fake, session: Session) -> None:
    """Where the library takes no list each job has its order, also after one that fails."""
    fake.returns("drmaa_control", Errno.INVALID_JOB, first=2, last=2)
    with pytest.raises(drmaa_cffi.InvalidJobException):
        session.control(("7", 8, b"9"), "terminate")
    assert 3 == fake.calls("drmaa_control")
    session.control([], "terminate")
    assert 3 == fake.calls("drmaa_control")


@pytest.mark.parametrize(
    "job_id", [None, "", b"", 1.5, True, ["1"], {}, bytearray(b"12")], ids=repr
)
def test_bad_job_id(session: Session, job_id: Any) -> None:
    """What is not a job id is refused by every call."""
    for call in (
        session.jobStatus,
        session.wait,
        lambda bad: session.control([bad], "hold"),
        lambda bad: session.synchronize([bad]),
    ):
        with pytest.raises(drmaa_cffi.InvalidArgumentException, match="is not a job id"):
            call(job_id)


@pytest.mark.parametrize(
    "job_id",
    [0, "0", "00", "0.1", " 0", "-0", "+", "0x", 2**32, -(2**32), "4294967296.1", "0" * 5000],
    ids=lambda job_id: f"{job_id!r:.20}",
)
def test_job_id_that_reads_as_zero(fake: Fake, session: Session, job_id: Any) -> None:
    """An id that C's atoi() makes 0 of never reaches the library: 0 means all jobs to some."""
    for call in (session.jobStatus, session.wait, lambda bad: session.control(bad, "terminate")):
        with pytest.raises(drmaa_cffi.InvalidJobException, match=r"^code 18: .*read it as 0"):
            call(job_id)
    assert 0 == fake.calls("drmaa_control")


@pytest.mark.parametrize("job_id", ["10", "4294967297", "1.1", "host.5.0", "7[3]", "12_4"])
def test_job_id_of_a_drm(fake: Fake, session: Session, job_id: str) -> None:
    """The ids that DRMs give do reach it."""
    session.control(job_id, "hold")
    assert 1 == fake.calls("drmaa_control")


def test_name_without_beginning(fake: Fake, session: Session) -> None:
    """A DRM's name that lacks its beginning, as Grid Engine's in threads, is made whole."""
    assert "FAKE 1" == Session.drmsInfo
    fake.says("drmaa_get_DRM_system", b" 1")
    fake.says("drmaa_get_DRMAA_implementation", b" 1")
    assert ("FAKE 1", "FAKE 1") == (Session.drmsInfo, Session.drmaaImplementation)
    fake.says("drmaa_get_DRM_system", b"OTHER 1")
    assert "OTHER 1" == Session.drmsInfo


def test_job_id_with_nul(session: Session) -> None:
    """A NUL in an id is refused."""
    with pytest.raises(drmaa_cffi.InvalidArgumentException, match="a job id has a NUL"):
        session.jobStatus("1\x002")


@pytest.mark.parametrize("number", [0, 0x10, 0x11, 0x12, 0x13, 0x20, 0x30, 0x40])
def test_status(fake: Fake, session: Session, number: int) -> None:
    """Each state's number is its member."""
    fake.says("drmaa_job_ps", str(number).encode())
    assert drmaa_cffi.status_to_string(number) is session.jobStatus("1")


def test_unknown_status(fake: Fake, session: Session) -> None:
    """A state that DRMAA does not know is UNDETERMINED."""
    fake.says("drmaa_job_ps", b"119")
    assert JobState.UNDETERMINED is session.jobStatus("1")


def test_delete_template(fake: Fake, session: Session) -> None:
    """deleteJobTemplate calls delete(), on templates and on what wraps them."""

    class Wrapper:
        def __init__(self, template: JobTemplate) -> None:
            self.delete = template.delete

    session.deleteJobTemplate(session.createJobTemplate())
    session.deleteJobTemplate(Wrapper(session.createJobTemplate()))  # type: ignore[arg-type]
    assert {} == fake.live()
    with pytest.raises(drmaa_cffi.InvalidArgumentException, match="has no delete"):
        session.deleteJobTemplate(None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "timeout",
    [-2, -0.5, float("nan"), -float("inf"), "5", None, [1], 1j],
    ids=repr,
)
def test_bad_timeout(session: Session, timeout: Any) -> None:
    """What is no timeout is refused with what would be."""
    for call in (session.wait, session.synchronize):
        with pytest.raises(drmaa_cffi.InvalidArgumentException, match="TIMEOUT_WAIT_FOREVER"):
            call("1", timeout)


@pytest.mark.parametrize("timeout", [-1, -1.0, float("inf"), 2**40, 1e300, True], ids=repr)
def test_long_timeout(fake: Fake, session: Session, template: JobTemplate, timeout: float) -> None:
    """Timeouts that no C int holds, and fractions, are taken as what they mean."""
    job_id = session.runJob(template)
    fake.finish()
    assert job_id == session.wait(job_id, timeout).jobId


class Number:
    """A whole number that is no int, as NumPy's are."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __index__(self) -> int:
        return int(self.text)


def test_synchronize_ids(fake: Fake, session: Session, template: JobTemplate) -> None:
    """Ids are taken from any iterable, as str, bytes or int; a str is one id."""
    job_ids = session.runBulkJobs(template, 1, 3, 1)
    fake.finish()
    session.synchronize(job_ids)
    session.synchronize(tuple(job_ids))
    session.synchronize(job_id.encode() for job_id in job_ids)
    session.synchronize([int(job_id) for job_id in job_ids])
    session.synchronize(job_ids[0])
    session.synchronize([])
    for job_id in job_ids:
        number = Number(job_id)
        session.synchronize(number)  # type: ignore[arg-type]
        assert job_id == session.wait(number).jobId  # type: ignore[arg-type]
    with pytest.raises(drmaa_cffi.InvalidArgumentException, match="is not a job id"):
        session.synchronize(1.5)  # type: ignore[arg-type]
    with pytest.raises(drmaa_cffi.InvalidArgumentException, match="is not a job id"):
        session.synchronize(bytearray(b"12"))


def test_synchronize_one_str(session: Session, template: JobTemplate) -> None:
    """A str is one id, not its characters: the unfinished job is waited for."""
    for _ in range(12):
        job_id = session.runJob(template)
    with pytest.raises(drmaa_cffi.ExitTimeoutException):
        session.synchronize(job_id, 0)


@pytest.mark.parametrize("dispose", [False, True])
def test_synchronize_dispose(
    fake: Fake, session: Session, template: JobTemplate, dispose: bool
) -> None:
    """dispose drops the records, else they are left for wait."""
    job_ids = session.runBulkJobs(template, 1, 5, 1)
    fake.finish()
    session.synchronize([Session.JOB_IDS_SESSION_ALL], dispose=dispose)
    if dispose:
        with pytest.raises(drmaa_cffi.InvalidJobException):
            session.wait(job_ids[0], 0)
    else:
        assert set(job_ids) == {
            session.wait(Session.JOB_IDS_SESSION_ANY, 0).jobId for _ in job_ids
        }
