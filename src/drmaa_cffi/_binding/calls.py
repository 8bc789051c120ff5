"""The way into C: a function a routine.

Only this module, results.py for results, and loading.py for the load touch ``ffi`` and ``lib``.
What the library writes comes out as str.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Callable, Iterable, NewType, Sequence

from drmaa_cffi import errors
from drmaa_cffi._drmaa import ffi, lib
from drmaa_cffi.const import JOB_IDS_SESSION_ALL, JobControlAction, string_to_control_action
from drmaa_cffi.errors import Errno
from drmaa_cffi.jobinfo import JobInfo
from drmaa_cffi.library import load_library

from .jobids import encode_job_id
from .results import Call, begin, decode, end, fail, keep, pairs_of, strings_of, value_of
from .text import block, encode

if TYPE_CHECKING:
    from drmaa_cffi._drmaa import _CData as CData
else:
    CData = object

#: A job template of the library. Once it is dead, whatever the reason, every call refuses it.
Handle = NewType("Handle", CData)

# What Grid Engine's library says, as if there were no job, when its qmaster has been stopped.
_SHUTDOWN = "event client got shutdown"
#: Why it is not known how a job has ended.
_DOUBT = (
    "slurm-drmaa says that it exited with 0, and that it failed: it was cancelled, or Slurm has "
    "forgotten it; DRMAA_LIBRARY_PATH=slurm reports it"
)
# What the DRM was called when the library was first asked. Grid Engine's answers 'SGE 8.1.9' to
# the first thread that calls it, and ' 8.1.9' to all others.
_first_names: list[str] = []
_is_slurm_drmaa = False
_takes_seconds = False
# Looked up once, for the calls of which programs make most.
_run_job, _set_attribute = lib.dc_run_job, lib.dc_set_attribute
_LONGEST_ID = lib.DC_TEXT_SIZE - 3
_ALL = JOB_IDS_SESSION_ALL.encode()
_TERMINATE = string_to_control_action(JobControlAction.TERMINATE)
# Not a plain one: a signal's handler may ask, too, while its thread does.
_naming = threading.RLock()


def _renew_lock() -> None:
    """In a forked child another thread's hold on the lock would last for ever."""
    global _naming  # noqa: PLW0603
    _naming = threading.RLock()


os.register_at_fork(after_in_child=_renew_lock)


def _load() -> None:
    """Load the library if need be, and ask it for its DRM's name before anything else."""
    global _is_slurm_drmaa, _takes_seconds  # noqa: PLW0603 - a process has one library
    load_library()
    if not _first_names:
        with _naming:  # others wait until it has answered
            if not _first_names:
                try:
                    name = _ask("drmaa_get_DRM_system", lib.dc_get_DRM_system)
                except errors.DrmaaException:
                    name = ""
                _is_slurm_drmaa = means_slurm_drmaa(name)
                _takes_seconds = name.startswith("Slurm by drmaa-cffi")
                _first_names.append(name)


def init(contact: str | bytes | None) -> None:
    """Open the process's session. C: drmaa_init."""
    _load()
    data = ffi.NULL if contact is None else encode(contact, "the contact string")
    call = begin()
    code = lib.dc_init(data, call)
    if code:
        fail(code, "drmaa_init", call)
    keep(call)


def exit() -> None:  # noqa: A001 - the routine's name
    """Delete the session's templates and close it. C: drmaa_exit."""
    call = begin()
    code = lib.dc_exit(call)
    if code:
        fail(code, "drmaa_exit", call)
    keep(call)


def is_active() -> bool:
    """Whether this process has a session."""
    return bool(lib.dc_is_active())


def _ask(routine: str, ask: Callable[[CData], int]) -> str:
    """Return the text that *ask* gets from the library."""
    call = begin()
    code = ask(call)
    if code:
        fail(code, routine, call)
    text = value_of(call)
    end(call)
    return text


def get_contact() -> str:
    """Return the contact string, or the possible ones. C: drmaa_get_contact."""
    _load()
    return _ask("drmaa_get_contact", lib.dc_get_contact)


def get_DRM_system() -> str:
    """Return the DRM's name. C: drmaa_get_DRM_system."""
    _load()
    return _whole_name(_ask("drmaa_get_DRM_system", lib.dc_get_DRM_system))


def means_slurm_drmaa(system: str) -> bool:
    """Whether *system*, of drmaa_get_DRM_system, is what slurm-drmaa says."""
    # 'SLURM 22.05.8'; without the number where the controller does not answer.
    return system.partition(" ")[0] == "SLURM"


def takes_seconds() -> bool:
    """Whether each submission, order and question is a command of the DRM's, as on our Slurm."""
    return _takes_seconds


def is_slurm_drmaa() -> bool:
    """Whether the loaded library is slurm-drmaa."""
    return _is_slurm_drmaa


def get_DRMAA_implementation() -> str:
    """Return the library's name. C: drmaa_get_DRMAA_implementation."""
    _load()
    return _whole_name(_ask("drmaa_get_DRMAA_implementation", lib.dc_get_DRMAA_implementation))


def _whole_name(name: str) -> str:
    """Return the name with the beginning that Grid Engine's library leaves out in threads."""
    return next((whole for whole in _first_names if whole.endswith(name)), name)


def version() -> tuple[int, int]:
    """Return the version of DRMAA, major and minor. C: drmaa_version."""
    _load()
    call = begin()
    code = lib.dc_version(call)
    if code:
        fail(code, "drmaa_version", call)
    numbers = call.major, call.minor
    keep(call)
    return numbers


def _list(routine: str, read: Callable[[CData], int]) -> list[str]:
    """Return the list that *read* gets from the library, which is loaded if need be."""
    _load()
    call = begin()
    code = read(call)
    if code:
        fail(code, routine, call)
    strings = strings_of(call)
    end(call)
    return strings


def get_attribute_names() -> list[str]:
    """Return the names of the scalar attributes. C: drmaa_get_attribute_names."""
    return _list("drmaa_get_attribute_names", lib.dc_get_attribute_names)


def get_vector_attribute_names() -> list[str]:
    """Return the names of the vector attributes. C: drmaa_get_vector_attribute_names."""
    return _list("drmaa_get_vector_attribute_names", lib.dc_get_vector_attribute_names)


def allocate_job_template() -> Handle:
    """Make a template, which its handle deletes at the latest. C: drmaa_allocate_job_template."""
    call = begin()
    code = lib.dc_allocate_job_template(call)
    if code:
        fail(code, "drmaa_allocate_job_template", call)
    handle = Handle(ffi.gc(call.made, lib.dc_forget))
    keep(call)
    return handle


def delete_job_template(handle: Handle) -> None:
    """Delete a template; nothing happens if it is deleted. C: drmaa_delete_job_template."""
    call = begin()
    code = lib.dc_delete_job_template(handle, call)
    if code:
        fail(code, "drmaa_delete_job_template", call)
    keep(call)


def set_attribute(handle: Handle, name: bytes, value: bytes) -> None:
    """Set a scalar attribute. C: drmaa_set_attribute."""
    call = begin()
    code = _set_attribute(handle, name, value, call)
    if code:
        about = f"{name.decode()} = {decode(value)!r:.200}"
        fail(code, "drmaa_set_attribute", call, about)
    keep(call)


def get_attribute(handle: Handle, name: bytes) -> str:
    """Return a scalar attribute, however long. C: drmaa_get_attribute."""
    call = begin()
    code = lib.dc_get_attribute(handle, name, call)
    if code:
        fail(code, "drmaa_get_attribute", call, f"reading {name.decode()}")
    text = value_of(call)
    end(call)
    return text


def set_vector_attribute(
    handle: Handle,
    name: bytes,
    values: Iterable[object],
    count: int,
    encode_each: Callable[[], Iterable[bytes]],
) -> None:
    """Set a vector attribute to *count* *values*, replacing all of it.

    Args:
        handle: The template.
        name: The attribute.
        values: The values, if they are plain str; they may be anything.
        count: How many they are.
        encode_each: What encodes each of them, and raises for those that C can't take. It is
            called if the values are not all plain str.

    C: drmaa_set_vector_attribute.
    """
    data = block(values, count, encode_each)
    call = begin()
    code = lib.dc_set_vector_attribute(handle, name, data, len(data), count, call)
    if code:
        if call.refusal == lib.DC_UNFIT:
            encode_each()  # which says what is wrong
        fail(code, "drmaa_set_vector_attribute", call, name.decode())
    keep(call)


def get_vector_attribute(handle: Handle, name: bytes) -> list[str]:
    """Return a vector attribute. C: drmaa_get_vector_attribute."""
    call = begin()
    code = lib.dc_get_vector_attribute(handle, name, 0, call)
    if code:
        fail(code, "drmaa_get_vector_attribute", call, f"reading {name.decode()}")
    strings = strings_of(call)
    end(call)
    return strings


def get_vector_attribute_pairs(handle: Handle, name: bytes) -> dict[str, str]:
    """Return a vector attribute of NAME=VALUE strings. C: drmaa_get_vector_attribute."""
    call = begin()
    code = lib.dc_get_vector_attribute(handle, name, 1, call)
    if code:
        fail(code, "drmaa_get_vector_attribute", call, f"reading {name.decode()}")
    pairs = pairs_of(call)
    end(call)
    return pairs


_NO_ID = "the library submitted a job and gave no id"


def run_job(handle: Handle) -> str:
    """Submit a job and return its id. C: drmaa_run_job."""
    call = begin()
    code = _run_job(handle, call)
    if code:
        fail(code, "drmaa_run_job", call)
    job_id = value_of(call)
    keep(call)
    if not 0 < len(job_id) <= _LONGEST_ID:
        if not job_id:
            raise _unusable("drmaa_run_job", _NO_ID, ())
        text = f"the job's id is longer than {len(job_id)} and was cut"
        raise _unusable("drmaa_run_job", text, (job_id,))
    return job_id


def _unusable(routine: str, text: str, job_ids: Sequence[str]) -> errors.DrmaaException:
    """Return the error for jobs that were submitted, but whose ids are not as they must be."""
    error = errors.from_code(Errno.INTERNAL_ERROR, routine, text)
    error.jobIds = tuple(job_ids)
    return error


def run_bulk_jobs(handle: Handle, begin_index: int, end_index: int, step: int) -> list[str]:
    """Submit a job for each index and return their ids. C: drmaa_run_bulk_jobs."""
    call = begin()
    code = lib.dc_run_bulk_jobs(handle, begin_index, end_index, step, call)
    job_ids = strings_of(call)
    if code:
        fail(code, "drmaa_run_bulk_jobs", call, job_ids=job_ids)
    end(call)
    tasks = (end_index - begin_index) // step + 1
    if len(job_ids) != tasks:
        text = f"the library gave {len(job_ids)} ids for {tasks} jobs"
        raise _unusable("drmaa_run_bulk_jobs", text, job_ids)
    return job_ids


def run_jobs(handles: Sequence[Handle]) -> list[str | errors.DrmaaException]:
    """Submit many jobs; return the id of each, or why it was refused. C: drmaa_run_job."""
    call = begin()
    code = lib.dc_run_jobs(ffi.new("dc_template *[]", handles), len(handles), call)
    if code:
        fail(code, "drmaa_run_job", call)
    answers = strings_of(call)
    end(call)
    return list(map(_of_answer, answers[::2], answers[1::2]))


def _of_answer(number: str, text: str) -> str | errors.DrmaaException:
    if number == str(lib.DC_NOT_LIVE):
        return errors.InvalidJobTemplateException(text)
    if number != "0":
        words = text.strip() or errors.from_code(int(number), "", "").meaning
        return errors.from_code(int(number), "drmaa_run_job", words, text.strip())
    return text or _unusable("drmaa_run_job", _NO_ID, ())


def control(job_id: bytes, action: int) -> None:
    """Hold, release, suspend, resume or terminate a job. C: drmaa_control."""
    call = begin()
    code = lib.dc_control(job_id, action, call)
    if code:
        fail(code, "drmaa_control", call)
    keep(call)


def control_jobs(job_ids: Sequence[object], action: int) -> dict[int, errors.DrmaaException]:
    """Do one action to many jobs, in one order where the library takes one.

    Elsewhere one after the other. Terminating begins with the last: an end of one that runs
    would let the next one begin.

    Returns:
        The errors, by their jobs' places in *job_ids*.

    C: drmaa_control.
    """
    failed: dict[int, errors.DrmaaException] = {}
    data: dict[int, bytes] = {}
    for place, job_id in enumerate(job_ids):
        try:
            data[place] = encode_job_id(job_id)
        except errors.DrmaaException as error:
            failed[place] = error
    if lib.dc_controls_jobs() and data and _ALL not in data.values():
        _control_at_once(data, action, failed)
        return failed
    ending = action == _TERMINATE
    for place, each in sorted(data.items(), reverse=ending):
        try:
            control(each, action)
        except errors.DrmaaException as error:
            failed[place] = error.with_traceback(None)
    return failed


def _control_at_once(
    data: dict[int, bytes], action: int, failed: dict[int, errors.DrmaaException]
) -> None:
    ids = b"\0".join((*data.values(), b""))
    call = begin()
    code = lib.dc_control_jobs(ids, len(ids), len(data), action, call)
    if code:
        fail(code, "drmaa_control", call)
    places = list(data)
    for refusal in strings_of(call):
        place, number, words = refusal.split(" ", 2)
        failed[places[int(place)]] = errors.from_code(int(number), "drmaa_control", words, words)
    end(call)


def job_ps(job_id: bytes) -> int:
    """Return the number of a job's state. C: drmaa_job_ps."""
    call = begin()
    code = lib.dc_job_ps(job_id, call)
    if code:
        fail(code, "drmaa_job_ps", call)
    status: int = call.status
    keep(call)
    return status


def synchronize(job_ids: Sequence[object], timeout: int, *, dispose: bool) -> None:
    """Wait until all of *job_ids* have finished. C: drmaa_synchronize."""

    def encode_each() -> list[bytes]:
        return [encode_job_id(job_id) for job_id in job_ids]

    count = len(job_ids)
    data = block(job_ids, count, encode_each)
    call = begin()
    code = lib.dc_synchronize(data, len(data), count, timeout, dispose, call)
    if code:
        if call.refusal == lib.DC_UNFIT:
            encode_each()  # which says what is wrong
        fail(code, "drmaa_synchronize", call)
    keep(call)


def wait(job_id: str, timeout: int, call: Call) -> JobInfo:
    """Wait for a job and take its record, by way of *call*, which is from begin().

    The room is left to the caller: whatever else happens, it tells whether a record was taken.

    Raises:
        NoResourceUsageException: and whatever fails after the record is taken; the error's
            jobInfo holds what is known of the job.

    C: drmaa_wait, drmaa_wifexited, drmaa_wexitstatus, drmaa_wifsignaled, drmaa_wtermsig,
    drmaa_wcoredump, drmaa_wifaborted; with slurm-drmaa drmaa_job_ps for a job that exited with 0.
    """
    code = lib.dc_wait(encode_job_id(job_id), timeout, _is_slurm_drmaa, call)
    if code:
        if code == Errno.INVALID_JOB and _SHUTDOWN in decode(ffi.string(call.diagnosis)).lower():
            code = int(Errno.DRM_COMMUNICATION_FAILURE)
        info = job_info(call, job_id) if call.reaped else None
        fail(code, "drmaa_wait", call, job=info, ends=False)
    return job_info(call, job_id)


def is_reaped(call: Call) -> bool:
    """Whether the wait() that was given *call* has taken a record from the library."""
    return bool(call.reaped)


def job_info(call: Call, asked: str) -> JobInfo:
    """Return what a wait() for *asked* learned."""
    signaled = bool(call.signaled)
    usage = pairs_of(call)
    if call.doubted:
        from drmaa_cffi.causes import REASON  # noqa: PLC0415 - few programs need it

        usage[REASON] = _DOUBT
    return JobInfo(
        value_of(call) or asked,
        bool(call.exited),
        signaled,
        decode(ffi.string(call.signal)) if signaled else "",
        bool(call.core_dumped),
        bool(call.aborted),
        call.exit_status,
        usage,
    )
