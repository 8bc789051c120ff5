"""Build ``drmaa_cffi._drmaa``: the C headers' declarations, compiled by CFFI in API mode."""

from __future__ import annotations

import sys
from pathlib import Path

from cffi import FFI

sys.path.insert(0, str(Path(__file__).parent))
import hardened  # found by the line above

C_DIR = Path("src", "drmaa_cffi", "_binding", "_c")
HEADERS = ("drmaa.h", "library.h", "call.h", "session.h", "calls.h")
SOURCES = (
    "library.c", "call.c", "session.c", "lists.c", "record.c", "calls.c", "python/guard.c",
)  # fmt: skip
CDEF_BEGINS = "/* [cdef begins] */"
CDEF_ENDS = "/* [cdef ends] */"


def declarations(header: str) -> str:
    """Return the part of *header* that is written for CFFI as well as for C."""
    text = (Path(__file__).parent / C_DIR / header).read_text(encoding="utf-8")
    return text.split(CDEF_BEGINS)[1].split(CDEF_ENDS)[0]


ffibuilder = FFI()
for name in HEADERS:
    ffibuilder.cdef(declarations(name))
ffibuilder.set_source(
    "drmaa_cffi._drmaa",
    # The last header includes the others.
    f'#include "{HEADERS[-1]}"',
    sources=[str(C_DIR / name) for name in SOURCES],
    include_dirs=[str(C_DIR)],
    depends=[str(header) for header in sorted(C_DIR.glob("*.h"))],
    # Hidden: the library that is loaded later must not find its names here.
    extra_compile_args=["-std=gnu11", "-fvisibility=hidden", *hardened.COMPILED],
    extra_link_args=hardened.LINKED,
    libraries=["dl", "pthread"],
)
