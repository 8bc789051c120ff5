"""DRMAA 1.0 for Python: run jobs on Grid Engine, Slurm, PBS, LSF or HTCondor.

Nothing is loaded at import: the first call that needs the site's libdrmaa finds and loads it.
"""

from typing import TYPE_CHECKING, Any

from . import const, errors, helpers, session
from .const import (
    ATTR_BUFFER,
    BLOCK_EMAIL,
    CONTACT_BUFFER,
    DEADLINE_TIME,
    DRM_SYSTEM_BUFFER,
    DRMAA_IMPLEMENTATION_BUFFER,
    DURATION_HLIMIT,
    DURATION_SLIMIT,
    ERROR_PATH,
    ERROR_STRING_BUFFER,
    INPUT_PATH,
    JOB_CATEGORY,
    JOB_IDS_SESSION_ALL,
    JOB_IDS_SESSION_ANY,
    JOB_NAME,
    JOBNAME_BUFFER,
    JOIN_FILES,
    JS_STATE,
    NATIVE_SPECIFICATION,
    NO_MORE_ELEMENTS,
    OUTPUT_PATH,
    PLACEHOLDER_HD,
    PLACEHOLDER_INCR,
    PLACEHOLDER_WD,
    REMOTE_COMMAND,
    SIGNAL_BUFFER,
    START_TIME,
    SUBMISSION_STATE_ACTIVE,
    SUBMISSION_STATE_HOLD,
    TIMEOUT_NO_WAIT,
    TIMEOUT_WAIT_FOREVER,
    TRANSFER_FILES,
    V_ARGV,
    V_EMAIL,
    V_ENV,
    WCT_HLIMIT,
    WCT_SLIMIT,
    WD,
    JobControlAction,
    JobState,
    JobSubmissionState,
    control_action_to_string,
    job_state,
    status_to_string,
    string_to_control_action,
    submission_state,
)
from .errors import (
    AlreadyActiveSessionException,
    Attempt,
    AuthorizationException,
    ConflictingAttributeValuesException,
    DefaultContactStringException,
    DeniedByDrmException,
    DrmaaException,
    DrmCommunicationException,
    DrmsExitException,
    DrmsInitException,
    Errno,
    ExitTimeoutException,
    HoldInconsistentStateException,
    IllegalStateException,
    InternalException,
    InvalidArgumentException,
    InvalidAttributeFormatException,
    InvalidAttributeValueException,
    InvalidContactStringException,
    InvalidJobException,
    InvalidJobTemplateException,
    JobFailedError,
    LibraryLoadError,
    LibraryNotFoundError,
    NoActiveSessionException,
    NoDefaultContactStringSelectedException,
    NoResourceUsageException,
    OutOfMemoryException,
    ReleaseInconsistentStateException,
    ResumeInconsistentStateException,
    SuspendInconsistentStateException,
    TryLaterException,
    UnsupportedAttributeException,
)
from .library import (
    Library,
    load_library,
)
from .session import (
    JobInfo,
    JobTemplate,
    Session,
    Version,
)
from .shim import install_as_drmaa

if TYPE_CHECKING:
    from ._futures.future import JobFuture
    from .causes import Cause
    from .executor import JobExecutor
    from .resources import Resources
    from .retry import Retry, more_memory, more_time
    from .usage import Usage

__all__ = [
    "ATTR_BUFFER",
    "BLOCK_EMAIL",
    "CONTACT_BUFFER",
    "DEADLINE_TIME",
    "DRMAA_IMPLEMENTATION_BUFFER",
    "DRM_SYSTEM_BUFFER",
    "DURATION_HLIMIT",
    "DURATION_SLIMIT",
    "ERROR_PATH",
    "ERROR_STRING_BUFFER",
    "INPUT_PATH",
    "JOBNAME_BUFFER",
    "JOB_CATEGORY",
    "JOB_IDS_SESSION_ALL",
    "JOB_IDS_SESSION_ANY",
    "JOB_NAME",
    "JOIN_FILES",
    "JS_STATE",
    "NATIVE_SPECIFICATION",
    "NO_MORE_ELEMENTS",
    "OUTPUT_PATH",
    "PLACEHOLDER_HD",
    "PLACEHOLDER_INCR",
    "PLACEHOLDER_WD",
    "REMOTE_COMMAND",
    "SIGNAL_BUFFER",
    "START_TIME",
    "SUBMISSION_STATE_ACTIVE",
    "SUBMISSION_STATE_HOLD",
    "TIMEOUT_NO_WAIT",
    "TIMEOUT_WAIT_FOREVER",
    "TRANSFER_FILES",
    "V_ARGV",
    "V_EMAIL",
    "V_ENV",
    "WCT_HLIMIT",
    "WCT_SLIMIT",
    "WD",
    "AlreadyActiveSessionException",
    "Attempt",
    "AuthorizationException",
    "Cause",
    "ConflictingAttributeValuesException",
    "DefaultContactStringException",
    "DeniedByDrmException",
    "DrmCommunicationException",
    "DrmaaException",
    "DrmsExitException",
    "DrmsInitException",
    "Errno",
    "ExitTimeoutException",
    "HoldInconsistentStateException",
    "IllegalStateException",
    "InternalException",
    "InvalidArgumentException",
    "InvalidAttributeFormatException",
    "InvalidAttributeValueException",
    "InvalidContactStringException",
    "InvalidJobException",
    "InvalidJobTemplateException",
    "JobControlAction",
    "JobExecutor",
    "JobFailedError",
    "JobFuture",
    "JobInfo",
    "JobState",
    "JobSubmissionState",
    "JobTemplate",
    "Library",
    "LibraryLoadError",
    "LibraryNotFoundError",
    "NoActiveSessionException",
    "NoDefaultContactStringSelectedException",
    "NoResourceUsageException",
    "OutOfMemoryException",
    "ReleaseInconsistentStateException",
    "Resources",
    "ResumeInconsistentStateException",
    "Retry",
    "Session",
    "SuspendInconsistentStateException",
    "TryLaterException",
    "UnsupportedAttributeException",
    "Usage",
    "Version",
    "const",
    "control_action_to_string",
    "errors",
    "helpers",
    "install_as_drmaa",
    "job_state",
    "load_library",
    "more_memory",
    "more_time",
    "session",
    "status_to_string",
    "string_to_control_action",
    "submission_state",
]

__version__: str


# What few programs use is imported when it is asked for: the name, and the module it is in.
_LATE = {
    "Cause": "causes",
    "JobExecutor": "executor",
    "JobFuture": "_futures.future",
    "Resources": "resources",
    "Retry": "retry",
    "more_memory": "retry",
    "more_time": "retry",
    "Usage": "usage",
}


def __getattr__(name: str) -> Any:
    """Find what is not looked up at the import, as it would take longer than all the rest."""
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415

        return version("drmaa-cffi")
    if name in _LATE:
        from importlib import import_module  # noqa: PLC0415

        return getattr(import_module(f".{_LATE[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
