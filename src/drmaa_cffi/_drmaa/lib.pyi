# The C side as CFFI shows it: the numbers of drmaa.h and the calls of the other headers.
from typing import Final

from . import _CData as CData

DRMAA_ATTR_BUFFER: Final[int]
DRMAA_CONTACT_BUFFER: Final[int]
DRMAA_DRM_SYSTEM_BUFFER: Final[int]
DRMAA_DRMAA_IMPLEMENTATION_BUFFER: Final[int]
DRMAA_ERROR_STRING_BUFFER: Final[int]
DRMAA_JOBNAME_BUFFER: Final[int]
DRMAA_SIGNAL_BUFFER: Final[int]
DRMAA_TIMEOUT_WAIT_FOREVER: Final[int]
DRMAA_TIMEOUT_NO_WAIT: Final[int]
DRMAA_ERRNO_SUCCESS: Final[int]
DRMAA_ERRNO_INTERNAL_ERROR: Final[int]
DRMAA_ERRNO_DRM_COMMUNICATION_FAILURE: Final[int]
DRMAA_ERRNO_AUTH_FAILURE: Final[int]
DRMAA_ERRNO_INVALID_ARGUMENT: Final[int]
DRMAA_ERRNO_NO_ACTIVE_SESSION: Final[int]
DRMAA_ERRNO_NO_MEMORY: Final[int]
DRMAA_ERRNO_INVALID_CONTACT_STRING: Final[int]
DRMAA_ERRNO_DEFAULT_CONTACT_STRING_ERROR: Final[int]
DRMAA_ERRNO_NO_DEFAULT_CONTACT_STRING_SELECTED: Final[int]
DRMAA_ERRNO_DRMS_INIT_FAILED: Final[int]
DRMAA_ERRNO_ALREADY_ACTIVE_SESSION: Final[int]
DRMAA_ERRNO_DRMS_EXIT_ERROR: Final[int]
DRMAA_ERRNO_INVALID_ATTRIBUTE_FORMAT: Final[int]
DRMAA_ERRNO_INVALID_ATTRIBUTE_VALUE: Final[int]
DRMAA_ERRNO_CONFLICTING_ATTRIBUTE_VALUES: Final[int]
DRMAA_ERRNO_TRY_LATER: Final[int]
DRMAA_ERRNO_DENIED_BY_DRM: Final[int]
DRMAA_ERRNO_INVALID_JOB: Final[int]
DRMAA_ERRNO_RESUME_INCONSISTENT_STATE: Final[int]
DRMAA_ERRNO_SUSPEND_INCONSISTENT_STATE: Final[int]
DRMAA_ERRNO_HOLD_INCONSISTENT_STATE: Final[int]
DRMAA_ERRNO_RELEASE_INCONSISTENT_STATE: Final[int]
DRMAA_ERRNO_EXIT_TIMEOUT: Final[int]
DRMAA_ERRNO_NO_RUSAGE: Final[int]
DRMAA_ERRNO_NO_MORE_ELEMENTS: Final[int]
DRMAA_PS_UNDETERMINED: Final[int]
DRMAA_PS_QUEUED_ACTIVE: Final[int]
DRMAA_PS_SYSTEM_ON_HOLD: Final[int]
DRMAA_PS_USER_ON_HOLD: Final[int]
DRMAA_PS_USER_SYSTEM_ON_HOLD: Final[int]
DRMAA_PS_RUNNING: Final[int]
DRMAA_PS_SYSTEM_SUSPENDED: Final[int]
DRMAA_PS_USER_SUSPENDED: Final[int]
DRMAA_PS_USER_SYSTEM_SUSPENDED: Final[int]
DRMAA_PS_DONE: Final[int]
DRMAA_PS_FAILED: Final[int]
DRMAA_CONTROL_SUSPEND: Final[int]
DRMAA_CONTROL_RESUME: Final[int]
DRMAA_CONTROL_HOLD: Final[int]
DRMAA_CONTROL_RELEASE: Final[int]
DRMAA_CONTROL_TERMINATE: Final[int]
DC_LOADED: Final[int]
DC_NOT_OPENED: Final[int]
DC_NOT_A_DRMAA: Final[int]
DC_DIAGNOSIS_SIZE: Final[int]
DC_TEXT_SIZE: Final[int]
DC_SIGNAL_SIZE: Final[int]
DC_DELETED: Final[int]
DC_UNFIT: Final[int]

def dc_load(path: bytes, text: CData, size: int, /) -> int: ...
def dc_guard_environment() -> None: ...
def dc_new_call() -> CData: ...
def dc_free_call(call: CData, /) -> None: ...
def dc_trim(call: CData, /) -> None: ...
def dc_init(contact: bytes | CData, call: CData, /) -> int: ...
def dc_exit(call: CData, /) -> int: ...
def dc_is_active() -> int: ...
def dc_allocate_job_template(call: CData, /) -> int: ...
def dc_delete_job_template(t: CData, call: CData, /) -> int: ...
def dc_forget(t: CData, /) -> None: ...
def dc_strerror(code: int, call: CData, /) -> None: ...
def dc_get_contact(call: CData, /) -> int: ...
def dc_get_DRM_system(call: CData, /) -> int: ...
def dc_get_DRMAA_implementation(call: CData, /) -> int: ...
def dc_version(call: CData, /) -> int: ...
def dc_get_attribute_names(call: CData, /) -> int: ...
def dc_get_vector_attribute_names(call: CData, /) -> int: ...
def dc_set_attribute(t: CData, name: bytes, value: bytes, call: CData, /) -> int: ...
def dc_get_attribute(t: CData, name: bytes, call: CData, /) -> int: ...
def dc_set_vector_attribute(
    t: CData, name: bytes, values: bytes, size: int, count: int, call: CData, /
) -> int: ...
def dc_get_vector_attribute(t: CData, name: bytes, pairs: int, call: CData, /) -> int: ...
def dc_run_job(t: CData, call: CData, /) -> int: ...
def dc_run_bulk_jobs(t: CData, begin: int, end: int, step: int, call: CData, /) -> int: ...
def dc_control(job_id: bytes, action: int, call: CData, /) -> int: ...
def dc_job_ps(job_id: bytes, call: CData, /) -> int: ...
def dc_synchronize(
    job_ids: bytes, size: int, count: int, timeout: int, dispose: int, call: CData, /
) -> int: ...
def dc_wait(job_id: bytes, timeout: int, check: int, call: CData, /) -> int: ...
