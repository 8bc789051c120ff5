"""Find and load libdrmaa: the search steps as data, and a report of every attempt."""

from __future__ import annotations

import glob
import os
import re
import shlex
import sys
import threading
from typing import Callable, Iterator, Mapping, NamedTuple, NoReturn, Sequence

from ._binding import elf
from ._binding.loading import load
from ._programs.command import command_of
from .errors import (
    Attempt,
    IllegalStateException,
    LibraryLoadError,
    LibraryNotFoundError,
    invalid_argument,
    shown,
)

PATH_VARIABLE = "DRMAA_LIBRARY_PATH"
LOCAL = "local"
SLURM = "slurm"
SONAMES = ("libdrmaa.so.1.0", "libdrmaa.so.1", "libdrmaa.so")
# The text of the package `drmaa` where it finds no library: programs match it.
NOT_FOUND = (
    "Could not find drmaa library.  Please specify its full path using the environment variable "
    + PATH_VARIABLE
)
#: What the loader says where a library wants more static thread-local storage than is left, and
#: what makes room for it in GLIBC_TUNABLES, before the process starts.
STATIC_TLS_ERROR = "cannot allocate memory in static TLS block"
STATIC_TLS_TUNABLE = "glibc.rtld.optional_static_tls=16384"
#: Our own, by the words that ask for them.
_OUR_LIBRARIES = {
    name: os.path.join(os.path.dirname(__file__), "engine", name, "libdrmaa.so")
    for name in (LOCAL, SLURM)
}
_DEBIAN_GRID_ENGINE = "/usr/lib/gridengine-drmaa/lib/libdrmaa.so*"
_INSTALL_AGAIN = "install the library again, or remove what is left of it"
#: With munge gone each of Slurm's commands takes 49.
_PING_SECONDS = 10


class Library(NamedTuple):
    """The libdrmaa that this process has loaded.

    C: dlopen.
    """

    #: The file that the loader took.
    path: str
    #: The search step that found it.
    found_via: str


class Step(NamedTuple):
    """A place to look: *candidates* gives files or sonames, or raises LookupError with why not."""

    found_via: str
    candidates: Callable[[Mapping[str, str]], Sequence[str]]
    #: True if what the step offers was asked for: then nothing else may be loaded instead.
    decisive: bool = False


def _from_environment(environ: Mapping[str, str]) -> Sequence[str]:
    path = environ.get(PATH_VARIABLE)
    if path is None:
        raise LookupError("not set")
    # Blanks around it, or a line's end, come from files of settings.
    return (path if os.path.lexists(path) else path.strip(),)


def _from_loader(_: Mapping[str, str]) -> Sequence[str]:
    return SONAMES


def _from_grid_engine(environ: Mapping[str, str]) -> Sequence[str]:
    root = environ.get("SGE_ROOT")
    if not root:
        raise LookupError("SGE_ROOT is not set")
    arch = environ.get("SGE_ARCH", "*")
    patterns = (f"{glob.escape(root)}/lib/{arch}/libdrmaa.so*", _DEBIAN_GRID_ENGINE)
    found = [file for pattern in patterns for file in sorted(glob.glob(pattern))]
    if not found:
        raise LookupError(f"there is no {' and no '.join(patterns)}")
    return found


def _from_ldconfig(environ: Mapping[str, str]) -> Sequence[str]:
    import subprocess  # noqa: PLC0415 - few programs come so far in the search

    path = os.pathsep.join((environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
    try:
        listing = subprocess.run(
            ["ldconfig", "-p"],  # noqa: S607 - its folder differs between distributions
            env={"PATH": path, "LC_ALL": "C"},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            timeout=10,
            check=False,
        ).stdout.decode(errors="replace")
    except (OSError, subprocess.SubprocessError) as error:
        raise LookupError(f"ldconfig -p does not work: {error}") from None
    found = re.findall(r"^\s+libdrmaa\.so\S*\s.*=>\s+(\S+)$", listing, re.MULTILINE)
    if not found:
        raise LookupError("ldconfig -p lists no libdrmaa")
    return found


def _from_slurm(environ: Mapping[str, str]) -> Sequence[str]:
    import shutil  # noqa: PLC0415 - few programs come so far in the search
    import subprocess  # noqa: PLC0415

    path = environ.get("PATH", os.defpath)
    found = {name: shutil.which(name, path=path) for name in ("sbatch", "scontrol")}
    if None in found.values():
        missing = " and ".join(name for name, where in found.items() if where is None)
        raise LookupError(f"{missing} not found on PATH")
    command = [str(found["scontrol"]), "ping"]
    try:
        done = subprocess.run(  # noqa: S603 - the user's own Slurm
            command,
            env={**environ, "LC_ALL": "C"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            timeout=_PING_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise LookupError(f"scontrol ping does not work: {error}") from None
    if done.returncode:
        said = " ".join(done.stdout.decode(errors="replace").split()) or done.returncode
        raise LookupError(f"scontrol ping fails: {said}")
    return (SLURM,)


STEPS = (
    Step(PATH_VARIABLE, _from_environment, decisive=True),
    Step("the dynamic loader (LD_LIBRARY_PATH and the system's folders)", _from_loader),
    Step("Grid Engine's folders ($SGE_ROOT/lib/<arch>)", _from_grid_engine),
    Step("ldconfig", _from_ldconfig),
    Step("Slurm's own commands (sbatch, scontrol)", _from_slurm),
)

# What the loader (or the library, when it begins) says, and what helps.
_REMEDIES = {
    rf"(?P<file>\S+): {STATIC_TLS_ERROR}": (
        f"start the program again with GLIBC_TUNABLES={STATIC_TLS_TUNABLE} or "
        "LD_PRELOAD={file} in its environment (set before the process starts; setting it from "
        "within has no effect)"
    ),
    r"environment variable SGE_ROOT": (
        "set SGE_ROOT (and SGE_CELL, if it is not 'default') as the site's settings.sh does"
    ),
    r"undefined symbol: (?P<symbol>\w+)": (
        "the library is broken, or made for another version of its DRM: nothing that is "
        "installed defines {symbol}; ask for the libdrmaa of this machine's DRM"
    ),
    r"wrong ELF class|wrong architecture|Exec format error": (
        "use the libdrmaa for this machine and Python ({machine}, {bits} bits)"
    ),
    r"invalid ELF header|file too short|not a dynamic|Is a directory|cannot read file data": (
        "this is not a shared library: give the full path of the libdrmaa.so file itself"
    ),
    r"lacks the routines": ("give the path of a DRMAA 1.0 library (DRMAA 2 is another interface)"),
    r"[Pp]ermission denied": "make the file and its folders readable for this user",
    r"(?P<file>\S+): cannot open shared object file: No such file": (
        "the loader can't find {file}: check the path, or add its folder to LD_LIBRARY_PATH or "
        "to ldconfig's"
    ),
}


def remedy_for(text: str) -> str:
    """Return what helps against what the loader or a library said; empty if nothing is known."""
    for pattern, remedy in _REMEDIES.items():
        match = re.search(pattern, text)
        if match:
            bits = 64 if sys.maxsize > 2**32 else 32
            return remedy.format(machine=os.uname().machine, bits=bits, **match.groupdict())
    return ""


def _is_absent(candidate: str, reason: str) -> bool:
    """Whether the loader's *reason* is that there is no *candidate*, rather than a bad one."""
    return candidate in reason.partition(":")[0] and "No such file" in reason


def _try(candidate: str, found_via: str) -> Library | Attempt:
    """Load *candidate*, or tell why it can't be."""
    if not candidate or "\0" in candidate:
        remedy = (
            f"give the full path of the site's libdrmaa.so, {LOCAL!r} or {SLURM!r}, or leave it "
            "unset"
        )
        return Attempt(found_via, repr(candidate), "this is not a path", remedy)
    cut_off = elf.cut_off(candidate)
    if cut_off:
        return Attempt(found_via, candidate, cut_off, _INSTALL_AGAIN)
    file, reason = load(candidate)
    if file:
        return Library(file, found_via)
    if _is_absent(candidate, reason):
        dangling = elf.dangling(candidate)
        if dangling:
            return Attempt(found_via, candidate, dangling, _INSTALL_AGAIN)
        if candidate in SONAMES:
            return Attempt(found_via, candidate, "the loader finds none", "")
        if os.path.isfile(candidate):  # glibc calls a library for another processor absent
            reason += " (the file is there: wrong architecture)"
    return Attempt(found_via, candidate, reason, remedy_for(reason))


def _give_up(attempts: Sequence[Attempt], *, found: bool) -> NoReturn:
    report = "\n".join(map(str, attempts))
    error: LibraryLoadError | LibraryNotFoundError
    if found:
        error = LibraryLoadError(f"Could not load the DRMAA library.  Tried:\n{report}")
    else:
        error = LibraryNotFoundError(f"{NOT_FOUND}\nSearched:\n{report}")
    error.attempts = tuple(attempts)
    try:
        raise error
    finally:
        del error  # its traceback has this frame: a cycle, which holds all callers' variables


def _missing(name: str, found_via: str) -> Attempt | None:
    """Why one of our own libraries is not installed; None if it is."""
    file = _OUR_LIBRARIES[name]
    if os.path.exists(file):
        return None
    system: str = sys.platform
    if system.startswith("linux"):
        reason = f"there is no {file}: this installation of drmaa-cffi is not whole"
        return Attempt(found_via, name, reason, "install drmaa-cffi again")
    reason = f"our {name} engine runs on Linux only, and this is {system}"
    remedy = "load a libdrmaa of the site by its path, or run the program on Linux"
    return Attempt(found_via, name, reason, remedy)


def _asked_for(path: str) -> Step:
    def candidates(_: Mapping[str, str]) -> Sequence[str]:
        return (path,)

    return Step("load_library()", candidates, decisive=True)


class Offer(NamedTuple):
    """What a search step has to offer."""

    step: Step
    #: A file or soname; empty if the step has none.
    candidate: str
    #: Why the step has none.
    why_not: str = ""


def offers(steps: Sequence[Step] | None = None) -> Iterator[Offer]:
    """Give what each of *steps* offers, in the order of the search, without loading anything."""
    for step in STEPS if steps is None else steps:
        try:
            for candidate in step.candidates(os.environ):
                yield Offer(step, candidate)
        except LookupError as why_not:
            yield Offer(step, "", str(why_not))


def _search(path: str | None) -> Library:
    """Try every step, or *path* alone; load the first that works."""
    attempts: list[Attempt] = []
    found = False
    for step, candidate, why_not in offers(None if path is None else (_asked_for(path),)):
        if why_not:
            attempts.append(Attempt(step.found_via, "", why_not, ""))
            continue
        ours = _OUR_LIBRARIES.get(candidate)
        if ours is not None:
            # Its engine is a program of this Python's; a job that submits jobs has it, too.
            command = command_of(f"drmaa_cffi.{candidate}", "engine")
            os.environ.setdefault(f"DRMAA_{candidate.upper()}_ENGINE", shlex.join(command))
        missing = None if ours is None else _missing(candidate, step.found_via)
        outcome = missing or _try(ours or candidate, step.found_via)
        if isinstance(outcome, Library):
            return outcome
        attempts.append(outcome)
        found = found or step.decisive or candidate not in SONAMES or bool(outcome.remedy)
        if step.decisive:
            break
    _give_up(attempts, found=found)


# Not a plain one: a signal's handler may ask for the library while its thread loads it.
_lock = threading.RLock()
_loaded: Library | None = None
_asked: str | None = None


def _renew_lock() -> None:
    """In a forked child another thread's hold on the lock would last for ever."""
    global _lock  # noqa: PLW0603
    _lock = threading.RLock()


os.register_at_fork(after_in_child=_renew_lock)


def load_library(path: str | bytes | os.PathLike[str] | None = None) -> Library:
    """Load the libdrmaa for this process, or return the one that is loaded.

    Everything that needs the library loads it by itself; call this to choose the library in the
    program, or to see at its start whether there is one. A process has one libdrmaa, for good.

    Args:
        path: The library's file or soname, or ``"local"`` for the local engine, ``"slurm"`` for
            the one that has Slurm's own commands run the jobs. None takes the environment
            variable ``DRMAA_LIBRARY_PATH`` if it is set, else searches: the dynamic loader, Grid
            Engine's folders under ``$SGE_ROOT``, ldconfig, and last whether Slurm's own
            commands answer, which is taken like ``"slurm"``.

    Returns:
        The library's file and the step that found it.

    Raises:
        LibraryNotFoundError: there is no libdrmaa; the message reports the search. Also a
            RuntimeError.
        LibraryLoadError: there is one, and it cannot be loaded, or the one asked for can't;
            the message has the loader's reasons, with remedies. Also an OSError.
        IllegalStateException: another library is loaded already.
        InvalidArgumentException: *path* is not a path.

    C: dlopen, dlsym.
    """
    global _loaded, _asked
    try:
        asked = None if path is None else os.fsdecode(os.fsencode(path))
        if asked is not None and "\0" in asked:
            raise TypeError
    except (TypeError, UnicodeEncodeError):
        raise invalid_argument(
            f"{shown(path)} is not a path: pass a str, bytes or os.PathLike"
        ) from None
    with _lock:
        if _loaded is None:
            _loaded, _asked = _search(asked), asked
        elif asked not in (None, _asked) and not _is_loaded(str(asked)):
            raise IllegalStateException(
                f"can't load {shown(asked)}: this process has loaded {_loaded.path!r} (found by "
                f"{_loaded.found_via}) and a process has one DRMAA library for good; choose it "
                "before anything else needs it"
            )
        return _loaded


def engine_of(path: str) -> str | None:
    """Which of our engines a library's file is of, ``local`` or ``slurm``; None for another's."""
    file = os.path.realpath(path)
    return next((n for n, ours in _OUR_LIBRARIES.items() if file == os.path.realpath(ours)), None)


def is_local_engine(path: str) -> bool:
    """Whether a library's file is that of the local engine."""
    return engine_of(path) == LOCAL


def _is_loaded(asked: str) -> bool:
    """Whether *asked* names the file that is loaded."""
    file = _OUR_LIBRARIES.get(asked, asked)
    return _loaded is not None and os.path.realpath(file) == os.path.realpath(_loaded.path)
