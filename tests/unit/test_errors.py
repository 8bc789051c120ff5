"""Every failure of the library becomes the right exception, with the right words."""

from __future__ import annotations

import pickle

import pytest
from fake import Fake

import drmaa_cffi
from drmaa_cffi import DrmaaException, JobTemplate, Session, errors
from drmaa_cffi.errors import Errno
from threads import run_in_threads

EXPECTED = {
    1: "InternalException",
    2: "DrmCommunicationException",
    3: "AuthorizationException",
    4: "InvalidArgumentException",
    5: "NoActiveSessionException",
    6: "OutOfMemoryException",
    7: "InvalidContactStringException",
    8: "DefaultContactStringException",
    9: "NoDefaultContactStringSelectedException",
    10: "DrmsInitException",
    11: "AlreadyActiveSessionException",
    12: "DrmsExitException",
    13: "InvalidAttributeFormatException",
    14: "InvalidAttributeValueException",
    15: "ConflictingAttributeValuesException",
    16: "TryLaterException",
    17: "DeniedByDrmException",
    18: "InvalidJobException",
    19: "ResumeInconsistentStateException",
    20: "SuspendInconsistentStateException",
    21: "HoldInconsistentStateException",
    22: "ReleaseInconsistentStateException",
    23: "ExitTimeoutException",
    24: "NoResourceUsageException",
    25: "DrmaaException",
    26: "DrmaaException",
    -1: "DrmaaException",
    -2: "DrmaaException",
    -77: "DrmaaException",
}
CLASSES = [
    value
    for value in vars(errors).values()
    if isinstance(value, type) and issubclass(value, DrmaaException)
]


@pytest.mark.parametrize(("code", "name"), EXPECTED.items())
def test_code_to_class(fake: Fake, session: Session, code: int, name: str) -> None:
    """Each code raises its class, with code, routine and the library's words."""
    fake.returns("drmaa_control", code)
    fake.diagnoses(b"it is Monday")
    with pytest.raises(DrmaaException) as caught:
        session.control("1", "hold")
    error = caught.value
    assert name == type(error).__name__
    assert f"code {code}: it is Monday" == str(error)
    assert (code, "drmaa_control", "it is Monday") == (
        error.code,
        error.routine,
        error.diagnosis,
    )


@pytest.mark.parametrize("code", [-3, -2, -1, 99])
def test_unknown_code_of_any_routine(
    fake: Fake, session: Session, template: JobTemplate, code: int
) -> None:
    """A code that DRMAA does not define is told as such, whatever it might mean within."""
    calls = {
        "drmaa_set_vector_attribute": lambda: setattr(template, "args", ["a"]),
        "drmaa_set_attribute": lambda: setattr(template, "jobName", "a"),
        "drmaa_synchronize": lambda: session.synchronize(["1"], 0),
        "drmaa_run_job": lambda: session.runJob(template),
    }
    for routine, call in calls.items():
        fake.returns(routine, code)
        with pytest.raises(DrmaaException, match=f"^code {code}: .*not define") as caught:
            call()
        assert (DrmaaException, code) == (type(caught.value), caught.value.code)


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("InvalidArgumentException", AttributeError),
        ("InvalidAttributeFormatException", AttributeError),
        ("InvalidAttributeValueException", AttributeError),
        ("ConflictingAttributeValuesException", AttributeError),
        ("UnsupportedAttributeException", AttributeError),
        ("OutOfMemoryException", MemoryError),
        ("ExitTimeoutException", TimeoutError),
        ("LibraryNotFoundError", RuntimeError),
        ("LibraryNotFoundError", AttributeError),
        ("LibraryLoadError", OSError),
    ],
)
def test_builtin_bases(name: str, base: type[Exception]) -> None:
    """Errors that a builtin class describes are of that class, too."""
    assert issubclass(getattr(drmaa_cffi, name), base)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_made_by_hand(cls: type[DrmaaException]) -> None:
    """Each class can be made with nothing or a text, and its words are never empty."""
    assert "a text" == str(cls("a text"))
    assert cls.meaning in str(cls())
    assert cls.remedy


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_pickle(cls: type[DrmaaException]) -> None:
    """Each exception comes through pickle with its class, words and attributes."""
    error = cls("code 7: a text")
    error.code, error.routine, error.diagnosis = 7, "drmaa_init", "a text"
    copy = pickle.loads(pickle.dumps(error))
    assert type(error) is type(copy)
    assert str(error) == str(copy)
    assert (7, "drmaa_init", "a text") == (copy.code, copy.routine, copy.diagnosis)


def test_st_error_codes() -> None:
    """Errno has the numbers of drmaa.h."""
    from drmaa_cffi._drmaa import lib  # noqa: PLC0415

    assert [getattr(lib, f"DRMAA_ERRNO_{errno.name}") for errno in Errno] == list(Errno)


def test_silent_library(fake: Fake, session: Session) -> None:
    """Without a diagnosis the words are drmaa_strerror's, and without those our own."""
    fake.returns("drmaa_control", Errno.INVALID_JOB)
    with pytest.raises(drmaa_cffi.InvalidJobException, match="^code 18: no such job$"):
        session.control("1", "hold")
    fake.returns("drmaa_control", Errno.TRY_LATER)
    with pytest.raises(drmaa_cffi.TryLaterException, match="^code 16: the DRM could not take"):
        session.control("1", "hold")


@pytest.mark.parametrize(
    ("said", "terminated", "heard"),
    [
        pytest.param(b"a" * (1 << 20), True, "a" * 2047, id="1 MiB"),
        pytest.param(b"a" * (1 << 20), False, "a" * 2047, id="1 MiB without a NUL"),
        pytest.param(b"abc", False, "abc", id="no NUL"),
        pytest.param(b"\xff\xfe caf\xc3\xa9", True, "\udcff\udcfe café", id="invalid UTF-8"),
    ],
)
def test_diagnosis(
    fake: Fake, session: Session, said: bytes, terminated: bool, heard: str
) -> None:
    """Whatever the library writes, the diagnosis is what fits of it."""
    fake.returns("drmaa_control", Errno.INTERNAL_ERROR)
    fake.diagnoses(said, terminated=terminated)
    with pytest.raises(drmaa_cffi.InternalException) as caught:
        session.control("1", "hold")
    assert heard == caught.value.diagnosis


def test_diagnosis_of_each_thread(fake: Fake, session: Session) -> None:
    """Threads that fail at once each get the words for their own failure."""
    fake.diagnoses(b"said")
    fake.returns("drmaa_control", Errno.INVALID_JOB)
    fake.returns("drmaa_job_ps", Errno.AUTH_FAILURE)
    wrong: list[str] = []

    def fail(expected: str, call: object) -> None:
        for _ in range(300):
            try:
                call()  # type: ignore[operator]
            except DrmaaException as error:
                if str(error) != expected:
                    wrong.append(str(error))

    unknown = "code 4: 'x' is not a control operation: use one of suspend, resume, hold, "
    failures = {
        "code 18: said": lambda: session.control("1", "hold"),
        "code 3: said": lambda: session.jobStatus("1"),
        f"{unknown}release, terminate": lambda: session.control("1", "x"),
    }
    run_in_threads(fail, failures.items(), 60)
    assert [] == wrong


ROUTINES = {
    "drmaa_init": lambda: Session.initialize(),
    "drmaa_exit": lambda: Session.exit(),
    "drmaa_get_contact": lambda: Session.contact,
    "drmaa_get_DRM_system": lambda: Session.drmsInfo,
    "drmaa_get_DRMAA_implementation": lambda: Session.drmaaImplementation,
    "drmaa_version": lambda: Session.version,
    "drmaa_allocate_job_template": lambda: Session.createJobTemplate(),
    "drmaa_set_attribute": lambda: Session.createJobTemplate().__setattr__("jobName", "x"),
    "drmaa_get_attribute": lambda: Session.createJobTemplate().jobName,
    "drmaa_set_vector_attribute": lambda: Session.createJobTemplate().__setattr__("args", "x"),
    "drmaa_get_vector_attribute": lambda: Session.createJobTemplate().args,
    "drmaa_get_attribute_names": lambda: Session.createJobTemplate().attributeNames,
    "drmaa_run_job": lambda: Session.runJob(Session.createJobTemplate()),
    "drmaa_run_bulk_jobs": lambda: Session.runBulkJobs(Session.createJobTemplate(), 1, 3, 1),
    "drmaa_control": lambda: Session.control("1", "hold"),
    "drmaa_synchronize": lambda: Session.synchronize(["1"], 0),
    "drmaa_wait": lambda: Session.wait("1", 0),
    "drmaa_job_ps": lambda: Session.jobStatus("1"),
}


@pytest.mark.parametrize("routine", ROUTINES)
def test_routine_that_fails(fake: Fake, routine: str) -> None:
    """The failure of any routine is raised with its name, and leaves no C object."""
    if routine != "drmaa_init":
        Session.initialize()
    fake.returns(routine, Errno.INTERNAL_ERROR, last=1)
    fake.diagnoses(b"on purpose")
    with pytest.raises(drmaa_cffi.InternalException, match="^code 1: on purpose") as caught:
        ROUTINES[routine]()
    assert routine == caught.value.routine
