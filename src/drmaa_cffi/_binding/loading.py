"""The load of a libdrmaa into this process, which is for good."""

from __future__ import annotations

import os
from typing import NamedTuple

from drmaa_cffi._drmaa import ffi, lib

_REASON_SIZE = 4096


class Loaded(NamedTuple):
    """What came of a load."""

    #: The file that the loader took; empty if it took none.
    file: str
    #: Why it took none.
    why_not: str = ""


def load(candidate: str) -> Loaded:
    """Load a file, or what the dynamic loader finds for a soname. C: dlopen, dlsym."""
    text = ffi.new("char[]", _REASON_SIZE)
    outcome = lib.dc_load(os.fsencode(candidate), text, _REASON_SIZE)
    said = os.fsdecode(ffi.string(text))
    if outcome == lib.DC_LOADED:
        lib.dc_guard_environment()
        return Loaded(said)
    if outcome == lib.DC_NOT_A_DRMAA:
        said = f"it lacks the routines {said}"
    return Loaded("", said)
