"""The scripted libdrmaa as the tests command it."""

from __future__ import annotations

import os
import shlex
import subprocess
import sysconfig
from pathlib import Path

from cffi import FFI

from drmaa_cffi import JobTemplate
from drmaa_cffi._binding import calls

HERE = Path(__file__).parent
INCLUDE = HERE.parents[1] / "src" / "drmaa_cffi" / "_binding" / "_c"
SOURCES = (HERE / "c" / "fake_drmaa.c", HERE / "c" / "fake_script.c")
FOREVER = 2**31
KINDS = ("templates", "name lists", "value lists", "id lists")


def compile_library(target: Path, *sources: Path, flags: str = "") -> Path:
    """Compile C *sources* to the shared library *target*."""
    command = [
        *shlex.split(os.environ.get("CC", sysconfig.get_config_var("CC") or "cc")),
        *shlex.split("-std=gnu11 -Wall -Wextra -Werror -g -shared -fPIC -fvisibility=hidden"),
        *shlex.split(os.environ.get("CFLAGS", "")),
        f"-I{INCLUDE}",
        f"-I{HERE / 'c'}",
        *map(str, sources),
        "-o",
        str(target),
        "-lpthread",
        *shlex.split(flags),
    ]
    subprocess.run(command, check=True, timeout=120)
    return target


def in_c(template: JobTemplate, attribute: str) -> str:
    """Return an attribute as C has it."""
    return calls.get_attribute(template._handle, vars(JobTemplate)[attribute].name.encode())


class Fake:
    """Tells the fake libdrmaa what to do, and asks what was done to it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ffi = FFI()
        self._ffi.cdef(
            """
            void fake_reset(void);
            void fake_return(const char *routine, int code, long from, long to);
            void fake_delay(const char *routine, int ms);
            void fake_hold(const char *routine, int ms);
            void fake_lose(int job);
            void fake_diagnosis(const char *data, size_t length, int terminated);
            void fake_text(const char *routine, const char *data, size_t length, int terminated);
            void fake_list(const char *routine, const char *block, size_t length, size_t count,
                           int endless);
            void fake_end(int exited, int status, int signaled, const char *signal, int core,
                          int aborted);
            void fake_finish(int job);
            long fake_calls(const char *routine);
            long fake_live(int kind);
            void fake_forget(void);
            """
        )
        self._lib = self._ffi.dlopen(str(path))

    def reset(self) -> None:
        """Make it honest again, with no jobs."""
        self._lib.fake_reset()

    def returns(self, routine: str, code: int, *, first: int = 1, last: int = FOREVER) -> None:
        """Let *routine* return *code*, in its calls from *first* to *last*."""
        self._lib.fake_return(routine.encode(), code, first, last)

    def delays(self, routine: str, seconds: float) -> None:
        """Let *routine* take its time."""
        self._lib.fake_delay(routine.encode(), int(seconds * 1000))

    def holds(self, routine: str, seconds: float) -> None:
        """Let *routine* take its time, and hold up all others meanwhile."""
        self._lib.fake_hold(routine.encode(), int(seconds * 1000))

    def loses(self, job_id: str) -> None:
        """Forget a job."""
        self._lib.fake_lose(int(job_id))

    def gives_twice(self) -> None:
        """Let two waits have a job's record that are there when it ends."""
        self._lib.fake_return(b"twice", 1, 1, FOREVER)

    def diagnoses(self, text: bytes, *, terminated: bool = True) -> None:
        """Let every failing routine say *text*."""
        self._lib.fake_diagnosis(text, len(text), terminated)

    def says(self, routine: str, text: bytes, *, terminated: bool = True) -> None:
        """Let *routine* give *text* instead of what is true."""
        self._lib.fake_text(routine.encode(), text, len(text), terminated)

    def lists(self, routine: str, *entries: bytes, endless: bool = False) -> None:
        """Let *routine* give these entries; none at all stands for a NULL list."""
        block = b"".join(entry + b"\0" for entry in entries)
        self._lib.fake_list(routine.encode(), block, len(block), len(entries), endless)

    def ends(
        self,
        *,
        exited: int = 0,
        status: int = 0,
        signaled: int = 0,
        signal: str = "",
        core: int = 0,
        aborted: int = 0,
    ) -> None:
        """Let jobs have ended so."""
        self._lib.fake_end(exited, status, signaled, signal.encode(), core, aborted)

    def gives_no_usage(self) -> None:
        """Let drmaa_wait return NO_RUSAGE for a job that it reaps."""
        self._lib.fake_return(b"no_usage", 1, 1, FOREVER)

    def finish(self, job_id: str | None = None) -> None:
        """End the job, or all."""
        self._lib.fake_finish(int(job_id or 0))

    def calls(self, routine: str) -> int:
        """How often *routine* was called."""
        count: int = self._lib.fake_calls(routine.encode())
        return count

    def live(self) -> dict[str, int]:
        """How many objects of each kind the library has made and not freed."""
        counts = {kind: self._lib.fake_live(number) for number, kind in enumerate(KINDS)}
        return {kind: count for kind, count in counts.items() if count}

    def forget(self) -> None:
        """No longer count what a scripted failure made it keep."""
        self._lib.fake_forget()
