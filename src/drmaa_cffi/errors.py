"""The exceptions: one class for each DRMAA error code, found by that code.

Each class says what its error means (``meaning``) and what to do about it (``remedy``); the
documentation's table and the text of errors that a library leaves empty are made from these.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar, NamedTuple

if TYPE_CHECKING:
    from .jobinfo import JobInfo

# The most characters of a value that a message shows.
_LONG = 200


class Errno(IntEnum):
    """The numbers a DRMAA routine returns (GFD.133, C binding 1.0)."""

    SUCCESS = 0
    INTERNAL_ERROR = 1
    DRM_COMMUNICATION_FAILURE = 2
    AUTH_FAILURE = 3
    INVALID_ARGUMENT = 4
    NO_ACTIVE_SESSION = 5
    NO_MEMORY = 6
    INVALID_CONTACT_STRING = 7
    DEFAULT_CONTACT_STRING_ERROR = 8
    NO_DEFAULT_CONTACT_STRING_SELECTED = 9
    DRMS_INIT_FAILED = 10
    ALREADY_ACTIVE_SESSION = 11
    DRMS_EXIT_ERROR = 12
    INVALID_ATTRIBUTE_FORMAT = 13
    INVALID_ATTRIBUTE_VALUE = 14
    CONFLICTING_ATTRIBUTE_VALUES = 15
    TRY_LATER = 16
    DENIED_BY_DRM = 17
    INVALID_JOB = 18
    RESUME_INCONSISTENT_STATE = 19
    SUSPEND_INCONSISTENT_STATE = 20
    HOLD_INCONSISTENT_STATE = 21
    RELEASE_INCONSISTENT_STATE = 22
    EXIT_TIMEOUT = 23
    NO_RUSAGE = 24
    NO_MORE_ELEMENTS = 25


class DrmaaException(Exception):
    """The base of all exceptions of this package, and the class for codes that have no other.

    Attributes:
        code: The DRMAA error number, or None for an error that has none.
        routine: The name of the C routine that failed; empty if it failed before C.
        diagnosis: What the library said of this failure; empty if it said nothing.
        jobInfo: What is known of a job whose record the failed call had already taken from
            the library, where there is such a job; else None.
        jobIds: The ids of jobs that the failed call had already submitted; else empty.
        mayHaveSubmitted: Of a submission that the DRM did not answer: True if the job may run all
            the same, False if it does not; None where that is not known, or no question.
        meaning: What errors of this class mean.
        remedy: What to do about them.
    """

    code: int | None = None
    routine: str = ""
    diagnosis: str = ""
    jobInfo: JobInfo | None = None
    jobIds: tuple[str, ...] = ()
    mayHaveSubmitted: bool | None = None
    meaning: ClassVar[str] = "the library reported an error that DRMAA 1.0 does not define"
    remedy: ClassVar[str] = "see the documentation of the DRM and of its DRMAA library"

    _by_code: ClassVar[dict[int, type[DrmaaException]]] = {}

    def __init_subclass__(cls, code: Errno | None = None, **kwargs: object) -> None:
        """Register the class for *code*."""
        super().__init_subclass__(**kwargs)
        if code is not None:
            cls.code = int(code)
            cls._by_code[cls.code] = cls

    def __str__(self) -> str:
        """Return the text it was made with, else its code and meaning."""
        if self.args:
            return str(self.args[0]) if len(self.args) == 1 else str(self.args)
        return self.meaning if self.code is None else f"code {self.code}: {self.meaning}"


class InternalException(DrmaaException, code=Errno.INTERNAL_ERROR):
    """Something unexpected failed inside the library (DRMAA_ERRNO_INTERNAL_ERROR)."""

    meaning = "unexpected or internal error of the DRMAA library"
    remedy = "look in the DRM's logs; the call may succeed when repeated"


class DrmCommunicationException(DrmaaException, code=Errno.DRM_COMMUNICATION_FAILURE):
    """The DRM could not be reached (DRMAA_ERRNO_DRM_COMMUNICATION_FAILURE).

    It says nothing about any job: jobs go on, and a wait can be repeated. A job whose submission
    fails so may have been submitted all the same: see ``mayHaveSubmitted``.
    """

    meaning = "could not contact the DRM for this request"
    remedy = "repeat the call when the DRM's daemon answers again"


class AuthorizationException(DrmaaException, code=Errno.AUTH_FAILURE):
    """The user may not do this (DRMAA_ERRNO_AUTH_FAILURE)."""

    meaning = "the user is not allowed to do this"
    remedy = "ask the DRM's administrator for the right, or act on jobs of your own"


class InvalidArgumentException(DrmaaException, AttributeError, code=Errno.INVALID_ARGUMENT):
    """An argument is not legal (DRMAA_ERRNO_INVALID_ARGUMENT)."""

    meaning = "the value of an argument is invalid"
    remedy = "pass one of the legal values, which the message names"


class NoActiveSessionException(DrmaaException, code=Errno.NO_ACTIVE_SESSION):
    """There is no session to do this in (DRMAA_ERRNO_NO_ACTIVE_SESSION).

    Raised before initialize(), after exit(), for a template of a closed session, for a wait that
    exit() ended, and in a child process forked while its parent had a session.
    """

    meaning = "there is no active session"
    remedy = "call initialize() first, or use 'with Session()'"


class OutOfMemoryException(DrmaaException, MemoryError, code=Errno.NO_MEMORY):
    """Memory ran out (DRMAA_ERRNO_NO_MEMORY)."""

    meaning = "failed to allocate memory"
    remedy = "free memory, or raise the process's limit"


class InvalidContactStringException(DrmaaException, code=Errno.INVALID_CONTACT_STRING):
    """initialize() was given a contact that is none (DRMAA_ERRNO_INVALID_CONTACT_STRING)."""

    meaning = "the contact string is invalid"
    remedy = "pass Session.contact as it was after initialize(), or None"


class DefaultContactStringException(DrmaaException, code=Errno.DEFAULT_CONTACT_STRING_ERROR):
    """The default contact cannot be used (DRMAA_ERRNO_DEFAULT_CONTACT_STRING_ERROR)."""

    meaning = "the DRM could not be reached by the default contact string"
    remedy = "pass a contact string to initialize(), or mend the DRM's client configuration"


class NoDefaultContactStringSelectedException(
    DrmaaException, code=Errno.NO_DEFAULT_CONTACT_STRING_SELECTED
):
    """A contact must be chosen (DRMAA_ERRNO_NO_DEFAULT_CONTACT_STRING_SELECTED)."""

    meaning = "the library serves several DRMs and none is the default"
    remedy = "pass one of the strings of Session.contact to initialize()"


class DrmsInitException(DrmaaException, code=Errno.DRMS_INIT_FAILED):
    """The session could not be opened (DRMAA_ERRNO_DRMS_INIT_FAILED)."""

    meaning = "the library failed to initialize the DRM"
    remedy = "check that the DRM runs and that its environment (SGE_ROOT, SLURM_CONF...) is set"


class AlreadyActiveSessionException(DrmaaException, code=Errno.ALREADY_ACTIVE_SESSION):
    """The process already has a session (DRMAA_ERRNO_ALREADY_ACTIVE_SESSION)."""

    meaning = "this process has an active session, and DRMAA allows one"
    remedy = "use the active session, or exit() it first"


class DrmsExitException(DrmaaException, code=Errno.DRMS_EXIT_ERROR):
    """The session could not be closed (DRMAA_ERRNO_DRMS_EXIT_ERROR)."""

    meaning = "the library failed to disengage from the DRM"
    remedy = "call exit() again when the DRM answers"


class InvalidAttributeFormatException(
    DrmaaException, AttributeError, code=Errno.INVALID_ATTRIBUTE_FORMAT
):
    """A template attribute is not written as it must be (DRMAA_ERRNO_INVALID_ATTRIBUTE_FORMAT)."""

    meaning = "the format of an attribute's value is invalid"
    remedy = "write the value as the attribute's documentation says"


class InvalidAttributeValueException(
    DrmaaException, AttributeError, code=Errno.INVALID_ATTRIBUTE_VALUE
):
    """A template attribute has no such value (DRMAA_ERRNO_INVALID_ATTRIBUTE_VALUE).

    Grid Engine's library also answers so when an attribute is read that was never set.
    """

    meaning = "the value of an attribute is invalid"
    remedy = "pass a value that the attribute's documentation names"


class ConflictingAttributeValuesException(
    DrmaaException, AttributeError, code=Errno.CONFLICTING_ATTRIBUTE_VALUES
):
    """Two attributes contradict each other (DRMAA_ERRNO_CONFLICTING_ATTRIBUTE_VALUES)."""

    meaning = "the value of an attribute conflicts with one set before"
    remedy = "set only one of the attributes"


class TryLaterException(DrmaaException, code=Errno.TRY_LATER):
    """The DRM is too busy to take the job now (DRMAA_ERRNO_TRY_LATER)."""

    meaning = "the DRM could not take the job now"
    remedy = "submit it again after a while"


class DeniedByDrmException(DrmaaException, code=Errno.DENIED_BY_DRM):
    """The DRM refuses the job for good (DRMAA_ERRNO_DENIED_BY_DRM)."""

    meaning = "the DRM rejected the job, and always will"
    remedy = "change the template (often nativeSpecification) as the message says"


class InvalidJobException(DrmaaException, code=Errno.INVALID_JOB):
    """There is no such job, or its record was taken by a wait (DRMAA_ERRNO_INVALID_JOB)."""

    meaning = "there is no such job, or a wait has already taken its record"
    remedy = "use an id that runJob() returned; each job can be waited for once"


class ResumeInconsistentStateException(DrmaaException, code=Errno.RESUME_INCONSISTENT_STATE):
    """The job is not suspended (DRMAA_ERRNO_RESUME_INCONSISTENT_STATE)."""

    meaning = "the job is not suspended and cannot be resumed"
    remedy = "resume a job only while its status is user_suspended"


class SuspendInconsistentStateException(DrmaaException, code=Errno.SUSPEND_INCONSISTENT_STATE):
    """The job is not running (DRMAA_ERRNO_SUSPEND_INCONSISTENT_STATE)."""

    meaning = "the job is not running and cannot be suspended"
    remedy = "suspend a job only while its status is running"


class HoldInconsistentStateException(DrmaaException, code=Errno.HOLD_INCONSISTENT_STATE):
    """The job cannot be put on hold (DRMAA_ERRNO_HOLD_INCONSISTENT_STATE)."""

    meaning = "the job cannot be put on hold in its state"
    remedy = "hold a job only while it is queued"


class ReleaseInconsistentStateException(DrmaaException, code=Errno.RELEASE_INCONSISTENT_STATE):
    """The job is not on hold (DRMAA_ERRNO_RELEASE_INCONSISTENT_STATE)."""

    meaning = "the job is not on hold and cannot be released"
    remedy = "release a job only while it is on hold"


class ExitTimeoutException(DrmaaException, TimeoutError, code=Errno.EXIT_TIMEOUT):
    """The time given to wait() or synchronize() is over (DRMAA_ERRNO_EXIT_TIMEOUT)."""

    meaning = "the job or jobs had not finished when the timeout was over"
    remedy = "wait again; nothing was taken"


class NoResourceUsageException(DrmaaException, code=Errno.NO_RUSAGE):
    """A job has finished and left no usage, often as it never ran (DRMAA_ERRNO_NO_RUSAGE).

    Its record was taken from the library; what is known of it is in ``jobInfo``.
    """

    meaning = "the job finished but its usage and status could not be provided"
    remedy = "see the exception's jobInfo; the job was probably deleted before it ran"


class IllegalStateException(DrmaaException):
    """The call does not fit what was done before (named by the Python binding, GFD.143)."""

    meaning = "the call is illegal in this state"
    remedy = "see the message"


class InvalidJobTemplateException(DrmaaException):
    """The job template was deleted (named by the Python binding, GFD.143)."""

    meaning = "the job template was deleted"
    remedy = "make a new one with Session.createJobTemplate()"


class UnsupportedAttributeException(DrmaaException, AttributeError):
    """The library lacks the attribute (named by the Python binding, GFD.143)."""

    meaning = "the DRMAA library does not support the attribute"
    remedy = "use nativeSpecification for what the DRM calls it"


class JobFailedError(DrmaaException):
    """A job that was to be checked has not exited with 0.

    Attributes:
        jobInfo: The job's record.
        stderr: The last lines of what the job wrote to its error file, where this machine can
            read it; else empty.
    """

    jobInfo: JobInfo  # pyright: ignore[reportIncompatibleVariableOverride]  # of() always sets it
    stderr: str = ""
    meaning = "a job failed"
    remedy = "see the exception's jobInfo and stderr, and the job's error file"

    @classmethod
    def of(cls, info: JobInfo, stderr: str) -> JobFailedError:
        """Make the error for the job with the record *info*."""
        said = f"; the last it wrote to its error file:\n{stderr}" if stderr else ""
        error = cls(f"job {info.jobId} {info.describe()}{said}")
        error.jobInfo = info
        error.stderr = stderr
        return error


class Attempt(NamedTuple):
    """One place where a libdrmaa was looked for in vain.

    C: dlopen, dlsym.
    """

    found_via: str
    #: The file or soname; empty if the step had none to offer.
    candidate: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        """Return the attempt as lines of a report."""
        where = f"{self.found_via}: {self.candidate}" if self.candidate else self.found_via
        remedy = f"\n      remedy: {self.remedy}" if self.remedy else ""
        return f"  - {where}\n      {self.reason}{remedy}"


class LibraryNotFoundError(DrmaaException, RuntimeError, AttributeError):
    """No libdrmaa was found; the message is a report of every place that was searched.

    What looks at all attributes of Session, as inspect does, takes ``contact`` for one that is
    not there.

    Attributes:
        attempts: The places, each with why it had nothing.
    """

    attempts: tuple[Attempt, ...] = ()
    meaning = "no DRMAA library was found"
    remedy = "set DRMAA_LIBRARY_PATH to the full path of the site's libdrmaa.so"


class LibraryLoadError(DrmaaException, OSError):
    """A libdrmaa was found and could not be loaded; the message has the reasons and remedies.

    Attributes:
        attempts: The places, each with its reason and remedy.
    """

    attempts: tuple[Attempt, ...] = ()
    meaning = "the DRMAA library could not be loaded"
    remedy = "see the message"


def from_code(code: int, routine: str, text: str, diagnosis: str = "") -> DrmaaException:
    """Make the exception for *code*, as an error of *routine* with *text* behind the code."""
    cls = DrmaaException._by_code.get(code, DrmaaException)  # noqa: SLF001 - its registry
    error = cls(f"code {code}: {text}")
    error.code = code
    error.routine = routine
    error.diagnosis = diagnosis
    return error


def shown(value: object) -> str:
    """Return *value* as a message shows it: its repr(), cut if it is long."""
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - Python writes out no int of 5000 digits
        text = object.__repr__(value)
    return text if len(text) <= _LONG else f"{text[:_LONG]}..."


def invalid_argument(text: str) -> DrmaaException:
    """Make the InvalidArgumentException for an argument that *text* describes."""
    return from_code(Errno.INVALID_ARGUMENT, "", text)
