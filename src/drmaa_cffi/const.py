"""The agreed names and values of DRMAA 1.0 (GFD.133), and the functions between them."""

from __future__ import annotations

from enum import Enum

from .errors import invalid_argument, shown

ENCODING = "utf-8"

# Recommended buffer sizes in bytes. This package reads values of any length.
ATTR_BUFFER = 1024
CONTACT_BUFFER = 1024
DRM_SYSTEM_BUFFER = 1024
DRMAA_IMPLEMENTATION_BUFFER = 1024
ERROR_STRING_BUFFER = 1024
JOBNAME_BUFFER = 1024
SIGNAL_BUFFER = 32

# Timeouts that are not a number of seconds.
TIMEOUT_WAIT_FOREVER = -1
TIMEOUT_NO_WAIT = 0

# Words in place of job ids.
JOB_IDS_SESSION_ANY = "DRMAA_JOB_IDS_SESSION_ANY"
JOB_IDS_SESSION_ALL = "DRMAA_JOB_IDS_SESSION_ALL"

SUBMISSION_STATE_ACTIVE = "drmaa_active"
SUBMISSION_STATE_HOLD = "drmaa_hold"

# Words in path attributes: the task's number, the home and the working directory.
PLACEHOLDER_INCR = "$drmaa_incr_ph$"
PLACEHOLDER_HD = "$drmaa_hd_ph$"
PLACEHOLDER_WD = "$drmaa_wd_ph$"

# Scalar job template attributes.
REMOTE_COMMAND = "drmaa_remote_command"
JS_STATE = "drmaa_js_state"
WD = "drmaa_wd"
JOB_CATEGORY = "drmaa_job_category"
NATIVE_SPECIFICATION = "drmaa_native_specification"
BLOCK_EMAIL = "drmaa_block_email"
START_TIME = "drmaa_start_time"
JOB_NAME = "drmaa_job_name"
INPUT_PATH = "drmaa_input_path"
OUTPUT_PATH = "drmaa_output_path"
ERROR_PATH = "drmaa_error_path"
JOIN_FILES = "drmaa_join_files"
TRANSFER_FILES = "drmaa_transfer_files"
DEADLINE_TIME = "drmaa_deadline_time"
WCT_HLIMIT = "drmaa_wct_hlimit"
WCT_SLIMIT = "drmaa_wct_slimit"
DURATION_HLIMIT = "drmaa_duration_hlimit"
DURATION_SLIMIT = "drmaa_duration_slimit"

# Vector job template attributes.
V_ARGV = "drmaa_v_argv"
V_ENV = "drmaa_v_env"
V_EMAIL = "drmaa_v_email"

NO_MORE_ELEMENTS = 25


class _Text(str, Enum):
    """Members that are, compare, hash, format and print as their str."""

    __str__ = str.__str__
    __repr__ = str.__repr__

    def __format__(self, format_spec: str) -> str:
        """Format as the str."""
        return format(str(self), format_spec)


class JobState(_Text):
    """What Session.jobStatus() returns (drmaa_job_ps)."""

    UNDETERMINED = "undetermined"
    QUEUED_ACTIVE = "queued_active"
    SYSTEM_ON_HOLD = "system_on_hold"
    USER_ON_HOLD = "user_on_hold"
    USER_SYSTEM_ON_HOLD = "user_system_on_hold"
    RUNNING = "running"
    SYSTEM_SUSPENDED = "system_suspended"
    USER_SUSPENDED = "user_suspended"
    USER_SYSTEM_SUSPENDED = "user_system_suspended"
    DONE = "done"
    FAILED = "failed"


class JobControlAction(_Text):
    """What Session.control() can do to a job (drmaa_control)."""

    SUSPEND = "suspend"
    RESUME = "resume"
    HOLD = "hold"
    RELEASE = "release"
    TERMINATE = "terminate"


class JobSubmissionState(_Text):
    """Values of JobTemplate.jobSubmissionState: start when possible, or wait for a release."""

    HOLD_STATE = SUBMISSION_STATE_HOLD
    ACTIVE_STATE = SUBMISSION_STATE_ACTIVE


# By the name that programs which patch status_to_string() look it up.
_JOB_PS = {
    0x00: JobState.UNDETERMINED,
    0x10: JobState.QUEUED_ACTIVE,
    0x11: JobState.SYSTEM_ON_HOLD,
    0x12: JobState.USER_ON_HOLD,
    0x13: JobState.USER_SYSTEM_ON_HOLD,
    0x20: JobState.RUNNING,
    0x21: JobState.SYSTEM_SUSPENDED,
    0x22: JobState.USER_SUSPENDED,
    0x23: JobState.USER_SYSTEM_SUSPENDED,
    0x30: JobState.DONE,
    0x40: JobState.FAILED,
}
_ACTIONS = tuple(JobControlAction)
_NUMBERS = {str(action): number for number, action in enumerate(_ACTIONS)}
_SUBMISSION_STATES = tuple(JobSubmissionState)


def status_to_string(status: int) -> JobState:
    """Return the job state with the C number *status*; UNDETERMINED for an unknown number.

    Raises:
        InvalidArgumentException: *status* is not a number.

    C: the numbers of drmaa_job_ps.
    """
    if not isinstance(status, int):
        raise invalid_argument(
            f"{shown(status)} is not a status number: use what drmaa_job_ps gives"
        )
    return _JOB_PS.get(status, JobState.UNDETERMINED)


#: The name that older programs use for :func:`status_to_string`.
job_state = status_to_string


def string_to_control_action(operation: str | bytes) -> int:
    """Return the C number of a control operation.

    Args:
        operation: A member of JobControlAction or its text.

    Raises:
        InvalidArgumentException: *operation* is not a control operation.

    C: the numbers of drmaa_control.
    """
    name = operation.decode(ENCODING, "replace") if isinstance(operation, bytes) else operation
    number = _NUMBERS.get(name) if isinstance(name, str) else None
    if number is None:
        legal = ", ".join(_ACTIONS)
        raise invalid_argument(
            f"{shown(operation)} is not a control operation: use one of {legal}"
        )
    return number


def control_action_to_string(code: int) -> JobControlAction:
    """Return the control operation with the C number *code*.

    Raises:
        InvalidArgumentException: no control operation has this number.

    C: the numbers of drmaa_control.
    """
    if not isinstance(code, int) or code not in range(len(_ACTIONS)):
        last = len(_ACTIONS) - 1
        raise invalid_argument(
            f"{shown(code)} is not a control operation's number: use 0 to {last}"
        )
    return _ACTIONS[code]


def submission_state(code: int) -> JobSubmissionState:
    """Return the submission state with number *code*: 0 is HOLD_STATE, 1 is ACTIVE_STATE.

    Raises:
        InvalidArgumentException: no submission state has this number.

    Python: GFD.143, job submission states.
    """
    if not isinstance(code, int) or code not in range(len(_SUBMISSION_STATES)):
        raise invalid_argument(f"{shown(code)} is not a submission state's number: use 0 or 1")
    return _SUBMISSION_STATES[code]
