"""Calls of the C library that fail in the runner or the client library, as a test says."""

from __future__ import annotations

import os
import struct
import subprocess
import sysconfig
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent / "c" / "faults.c"
#: In the order of the enum in faults.c.
CALLS = ("malloc", "calloc", "realloc", "strdup", "socket", "accept4", "fork", "send", "recv")
CALLS += ("connect", "pipe2", "eventfd", "posix_spawnp", "openat")
CALLS += ("memory",)  # any of the first four
RUNNER, CLIENT = "/local/job-runner", "/local/libdrmaa.so"
_CONTROL = struct.Struct("=4i")

without_sanitizer = pytest.mark.skipif(
    "LD_PRELOAD" in os.environ, reason="a sanitizer's allocations cannot be made to fail"
)


class Faults:
    """What fails in the programs that are started with `environment`.

    Args:
        folder: for the library that is preloaded.
        where: the ends of the names of the programs and libraries whose calls are meant.
    """

    def __init__(self, folder: Path, *where: str) -> None:
        library, self.control = folder / "faults.so", folder / "faults"
        if not library.exists():
            compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
            flags = ("-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE")
            subprocess.run([compiler, *flags, "-o", library, SOURCE, "-ldl"], check=True)
        self.control.write_bytes(_CONTROL.pack(0, 0, 0, 0))
        self.environment = {
            "LD_PRELOAD": str(library),
            "FAULTS": str(self.control),
            "FAULTS_IN": ":".join(where),
        }

    @classmethod
    def of(cls, folder: Path) -> Faults:
        """What fails in the program that runs, as a test has set it up in *folder*."""
        made = cls.__new__(cls)
        made.control = folder / "faults"
        return made

    def fail(self, call: str, *, before: int = 0, times: int = 1) -> None:
        """Let a call fail some times, after some that go well."""
        with self.control.open("r+b") as file:
            file.write(_CONTROL.pack(CALLS.index(call) + 1, before, times, 0))

    @property
    def left(self) -> int:
        """How many failures are still to come."""
        return max(0, _CONTROL.unpack(self.control.read_bytes())[2])
