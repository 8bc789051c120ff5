"""The room for a C call and what comes of it: results as Python has them, or an exception."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, NewType, NoReturn, Sequence

from drmaa_cffi import errors
from drmaa_cffi._drmaa import ffi, lib
from drmaa_cffi.errors import InvalidJobTemplateException
from drmaa_cffi.library import remedy_for

if TYPE_CHECKING:
    from drmaa_cffi._drmaa import _CData as CData
    from drmaa_cffi.jobinfo import JobInfo
else:
    CData = object

#: The room for a call's results; see call.h.
Call = NewType("Call", CData)

# A result larger than this is not kept for the next call.
_LARGE = 1 << 20

_string = ffi.string
# Rooms that no call uses: taking one from here costs a tenth of making one.
_idle: list[Call] = []
# An entry for each room that there is.
_made: list[None] = []


def begin() -> Call:
    """Return the room for a call; end() takes it back."""
    try:
        return _idle.pop()
    except IndexError:
        call = lib.dc_new_call()
        if call == ffi.NULL:
            raise MemoryError from None
        _made.append(None)
        return Call(ffi.gc(call, _free))


def _free(
    call: CData,
    # At the program's end the module has no names any more.
    forget: Callable[[], None] = _made.pop,
    free: Callable[[CData], None] = lib.dc_free_call,
) -> None:
    forget()
    free(call)


def under_way() -> bool:
    """Whether a call is under way in another thread, which may hold up all others."""
    return len(_made) > len(_idle)


#: Gives a call's room back, with results of which none may have been large.
keep: Callable[[Call], None] = _idle.append


def end(call: Call) -> None:
    """Give a call's room back, once its results are read, if they may have been large."""
    if call.block.room > _LARGE:
        lib.dc_trim(call)
    keep(call)


def forget_record(call: Call) -> None:
    """Let a room say that no record was taken with it, until one is."""
    call.reaped = 0


def decode(data: bytes) -> str:
    """Return what the library wrote as str."""
    return data.decode("utf-8", "surrogateescape")


def fail(
    code: int,
    routine: str,
    call: Call,
    about: str = "",
    job: JobInfo | None = None,
    job_ids: Sequence[str] = (),
    *,
    ends: bool = True,
) -> NoReturn:
    """Raise the exception for *code*: the one place where a C error becomes a Python one.

    Args:
        code: What the call returned.
        routine: The C routine.
        call: The call's room, with the library's words.
        about: What the call was about, where the library's words don't tell.
        job: What is known of a job that was reaped all the same.
        job_ids: The ids of jobs that were submitted all the same.
        ends: Whether to give the room back.
    """
    said = decode(ffi.string(call.diagnosis)).strip()
    error: errors.DrmaaException
    if call.refusal == lib.DC_DELETED:
        error = InvalidJobTemplateException(said)
    else:
        if routine == "drmaa_init" and remedy_for(said):
            about = f"remedy: {remedy_for(said)}"
        text = said or _words_for(code, call)
        error = errors.from_code(code, routine, f"{text} ({about})" if about else text, said)
    error.jobInfo = job
    error.jobIds = tuple(job_ids)
    if ends:
        end(call)
    try:
        raise error
    finally:
        del error  # its traceback has this frame: a cycle, which holds all callers' variables


def _words_for(code: int, call: Call) -> str:
    """Return drmaa_strerror's text, or the exception class's where the library has none."""
    lib.dc_strerror(code, call)
    return value_of(call).strip() or errors.from_code(code, "", "").meaning


def value_of(call: Call) -> str:
    """Return a call's text."""
    return _string(call.value).decode("utf-8", "surrogateescape")


def strings_of(call: Call) -> list[str]:
    """Return the strings of a call's list."""
    block = call.block
    if not block.count:
        return []
    return decode(ffi.unpack(block.data, block.size - 1)).split("\0")


def pairs_of(call: Call) -> dict[str, str]:
    """Return a call's list of pairs."""
    strings = iter(strings_of(call))
    return dict(zip(strings, strings))
