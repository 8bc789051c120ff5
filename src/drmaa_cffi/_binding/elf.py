"""Look at a library's file before the loader does, which would not survive one that is cut off."""

from __future__ import annotations

import os
import struct
import sys
import sysconfig
from typing import IO, Iterator, NamedTuple


class _Layout(NamedTuple):
    """Where the fields stand in files of one class, in bytes."""

    #: struct's letter for an offset in the file.
    offset: str
    #: In the file's header: where the program headers begin; their size and number.
    headers: int
    numbers: int
    #: In a program header: the segment's offset, and its size in the file.
    begins: int
    size: int


_MAGIC = b"\x7fELF"
#: By the class: 32 and 64 bits.
_LAYOUTS = {1: _Layout("I", 28, 42, 4, 16), 2: _Layout("Q", 32, 54, 8, 32)}
_ORDERS = {1: "<", 2: ">"}
#: The type of a segment that the loader maps.
_LOADED = 1
_FOLDERS = ("/lib", "/usr/lib", "/lib64", "/usr/lib64", "/usr/local/lib")


def cut_off(candidate: str) -> str:
    """Return in words how a library's file is cut off; empty if it is not, or not known to be.

    The loader maps such a file as its headers say: who reads behind its end dies by SIGBUS.

    Args:
        candidate: A path or soname, as for dlopen.
    """
    file = next((file for file in _files(candidate) if os.path.isfile(file)), None)
    if file is None:
        return ""
    try:
        with open(file, "rb") as stream:
            needed = _end_of_segments(stream)
        size = os.path.getsize(file)
    except (OSError, struct.error):
        return ""  # the loader has words for it
    if needed <= size:
        return ""
    return f"{file} is cut off: it has {size} bytes, and should have {needed} at least"


def dangling(candidate: str) -> str:
    """Return in words which link to nowhere stands for a library; empty if there is none.

    Args:
        candidate: A path or soname, as for dlopen.
    """
    for file in _files(candidate):
        if os.path.islink(file) and not os.path.exists(file):
            return f"{file} is a link to a file that is gone, {os.readlink(file)}"
    return ""


def _files(candidate: str) -> Iterator[str]:
    """Give the paths where the loader looks for *candidate*, but for ldconfig's own folders."""
    if os.sep in candidate:
        yield candidate
        return
    folders = os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep)
    multiarch = sysconfig.get_config_var("MULTIARCH")
    if multiarch:
        folders += [f"/lib/{multiarch}", f"/usr/lib/{multiarch}"]
    for folder in (*folders, *_FOLDERS):
        if folder:
            yield os.path.join(folder, candidate)


def _end_of_segments(stream: IO[bytes]) -> int:
    """Return how long the file of a library must be; 0 if it is none for this machine's order."""
    head = stream.read(64)
    if not head.startswith(_MAGIC):
        return 0
    layout, order = _LAYOUTS.get(head[4]), _ORDERS.get(head[5])
    if layout is None or order is None or (order == "<") != (sys.byteorder == "little"):
        return 0
    (at,) = struct.unpack_from(order + layout.offset, head, layout.headers)
    step, count = struct.unpack_from(order + "HH", head, layout.numbers)
    stream.seek(at)
    headers = stream.read(step * count)
    end = 0
    for begin in range(0, step * count, step or 1):
        (kind,) = struct.unpack_from(order + "I", headers, begin)
        (begins,) = struct.unpack_from(order + layout.offset, headers, begin + layout.begins)
        (size,) = struct.unpack_from(order + layout.offset, headers, begin + layout.size)
        if kind == _LOADED:
            end = max(end, begins + size)
    return end
