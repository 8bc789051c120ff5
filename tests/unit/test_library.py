"""libdrmaa is found and loaded, or the report says where it was sought and what to do.

Each test runs a program of its own: a process loads one library for good.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from fake import SOURCES, Fake, compile_library

import drmaa_cffi
import programs

LOAD = "import drmaa_cffi; print(*drmaa_cffi.load_library(), sep='|')"
# For programs that have a Fake of their own.
PROGRAM_PATH = str(Path(__file__).parent)
REPORT = """
import drmaa_cffi
try:
    drmaa_cffi.load_library()
except drmaa_cffi.DrmaaException as error:
    print(type(error).__name__, isinstance(error, OSError), isinstance(error, RuntimeError))
    print(error)
"""


def run(
    program: str, *arguments: str, **environment: str | None
) -> subprocess.CompletedProcess[str]:
    """Run a Python program, with *environment* over a clean one."""
    clean: dict[str, str | None] = dict.fromkeys(
        ("DRMAA_LIBRARY_PATH", "SGE_ROOT", "LD_LIBRARY_PATH")
    )
    return programs.run(program, *arguments, **{**clean, **environment})


def report(path: object) -> str:
    """Return what loading *path* by the environment reports."""
    done = run(REPORT, DRMAA_LIBRARY_PATH=str(path))
    assert "" == done.stderr
    return done.stdout


def broken(tmp_path: Path, source: str, flags: str = "") -> Path:
    """Compile *source* to a shared library."""
    code = tmp_path / "broken.c"
    code.write_text(source, encoding="utf-8")
    return compile_library(tmp_path / "libbroken.so", code, flags=flags)


def test_import_loads_nothing() -> None:
    """The package imports where DRMAA_LIBRARY_PATH is wrong, and has all its names."""
    done = run(
        "import drmaa_cffi; print(drmaa_cffi.JobState.DONE, drmaa_cffi.Session.wait.__name__)",
        DRMAA_LIBRARY_PATH="/nonexistent",
    )
    assert ("done wait\n", "") == (done.stdout, done.stderr)


def test_no_library(tmp_path: Path) -> None:
    """Where there is none, the report names every step and the text of `drmaa` begins it."""
    # The machine may have one: hide it from each step.
    (tmp_path / "ldconfig").write_text("#!/bin/sh\n", encoding="utf-8")
    (tmp_path / "ldconfig").chmod(0o755)
    done = run(
        "import drmaa_cffi.library as l\n"
        "l.SONAMES = ('libdrmaa.so.77',)\n"
        "l._DEBIAN_GRID_ENGINE = '/nonexistent/libdrmaa.so*'\n" + REPORT,
        PATH=str(tmp_path),
        SGE_ROOT=str(tmp_path),
    )
    assert done.stdout.startswith(
        "LibraryNotFoundError False True\nCould not find drmaa library.  Please specify its full "
        "path using the environment variable DRMAA_LIBRARY_PATH\n"
    )
    for said in (
        "DRMAA_LIBRARY_PATH\n      not set",
        "LD_LIBRARY_PATH",
        f"there is no {tmp_path}/lib/*/libdrmaa.so*",
        "ldconfig -p lists no libdrmaa",
    ):
        assert said in done.stdout


def test_absent_file() -> None:
    """A path that is not there is an OSError with the loader's reason."""
    said = report("/nonexistent/libdrmaa.so")
    assert "LibraryLoadError True False" in said
    assert "/nonexistent/libdrmaa.so: cannot open shared object file" in said
    assert "remedy: the loader can't find /nonexistent/libdrmaa.so" in said


def test_empty_path() -> None:
    """An empty DRMAA_LIBRARY_PATH is named as such, not taken for the program itself."""
    said = report("")
    assert "DRMAA_LIBRARY_PATH: ''" in said
    assert "or leave it unset" in said


def test_text_file(tmp_path: Path) -> None:
    """A text file is no shared library, and the report says so."""
    (tmp_path / "libdrmaa.so").write_text("not a library, " * 40, encoding="utf-8")
    said = report(tmp_path / "libdrmaa.so")
    assert "invalid ELF header" in said
    assert "this is not a shared library" in said


@pytest.mark.parametrize("by", ["path", "loader"])
@pytest.mark.parametrize("part", [0.02, 0.5])
def test_cut_off(tmp_path: Path, fake_library: Fake, part: float, by: str) -> None:
    """A library whose end is missing is refused; to load it would end the program by SIGBUS."""
    data = fake_library.path.read_bytes()
    path = tmp_path / "libdrmaa.so.1.0"
    path.write_bytes(data[: int(len(data) * part)])
    sought: dict[str, str | None] = {"DRMAA_LIBRARY_PATH": str(path)}
    done = run(REPORT, **(sought if by == "path" else {"LD_LIBRARY_PATH": str(tmp_path)}))
    assert f"{path} is cut off: it has" in done.stdout
    assert ("", 0) == (done.stderr, done.returncode)


@pytest.mark.parametrize("by", ["path", "loader"])
def test_dangling_link(tmp_path: Path, by: str) -> None:
    """A link that leads nowhere is called that, with where it leads."""
    (tmp_path / "libdrmaa.so.1.0").symlink_to("/nonexistent/libdrmaa.so.1.0")
    sought: dict[str, str | None] = {"DRMAA_LIBRARY_PATH": f"{tmp_path}/libdrmaa.so.1.0"}
    done = run(REPORT, **(sought if by == "path" else {"LD_LIBRARY_PATH": str(tmp_path)}))
    said = "libdrmaa.so.1.0 is a link to a file that is gone, /nonexistent/libdrmaa.so.1.0"
    assert f"{tmp_path}/{said}" in done.stdout


def test_blanks_around_path(tmp_path: Path, fake_library: Fake) -> None:
    """Blanks around the path, or a line's end, are no part of it, but where a file has them."""
    done = run(LOAD, DRMAA_LIBRARY_PATH=f" {fake_library.path} \n")
    assert f"{fake_library.path}|DRMAA_LIBRARY_PATH\n" == done.stdout
    (tmp_path / "libdrmaa.so ").symlink_to(fake_library.path)
    done = run(LOAD, DRMAA_LIBRARY_PATH=f"{tmp_path}/libdrmaa.so ")
    assert f"{tmp_path}/libdrmaa.so |DRMAA_LIBRARY_PATH\n" == done.stdout
    assert "this is not a path" in report(" ")


def test_folder(tmp_path: Path) -> None:
    """A folder is answered with what to give instead."""
    assert "give the full path of the libdrmaa.so file itself" in report(tmp_path)


def test_foreign_library() -> None:
    """A library that is no libdrmaa is refused with the routines that it lacks."""
    said = report("libm.so.6")
    assert "lacks the routines drmaa_init, drmaa_exit" in said


def test_library_without_wait(tmp_path: Path) -> None:
    """A libdrmaa without drmaa_wait is refused at load, by name."""
    source = SOURCES[0].read_text(encoding="utf-8").replace("drmaa_wait(", "unknown_wait(")
    (tmp_path / "fake.c").write_text(source, encoding="utf-8")
    path = compile_library(tmp_path / "libdrmaa.so", tmp_path / "fake.c", SOURCES[1])
    said = report(path)
    assert "it lacks the routines drmaa_wait\n" in said


def test_undefined_symbol(tmp_path: Path) -> None:
    """A library that needs a symbol nobody has is called broken, with the symbol."""
    path = broken(
        tmp_path, "int missing_one(void); int f(void); int f(void) {return missing_one();}"
    )
    assert "nothing that is installed defines missing_one" in report(path)


def test_missing_dependency(tmp_path: Path) -> None:
    """A library whose own library is absent is answered with the one to find."""
    (tmp_path / "libdep.c").write_text(
        '__attribute__((visibility("default"))) int dep(void) {return 1;}', encoding="utf-8"
    )
    compile_library(tmp_path / "libdep.so", tmp_path / "libdep.c")
    path = broken(
        tmp_path,
        "int dep(void); int f(void); int f(void) {return dep();}",
        f"-L{tmp_path} -ldep",
    )
    (tmp_path / "libdep.so").unlink()
    assert "the loader can't find libdep.so" in report(path)


def test_static_tls(tmp_path: Path) -> None:
    """The static TLS block's error names both variables, with the library of the message."""
    path = broken(
        tmp_path,
        'static __thread char large[1 << 20] __attribute__((tls_model("initial-exec")));\n'
        "char *f(void); char *f(void) {return large;}",
    )
    said = report(path)
    assert "GLIBC_TUNABLES=glibc.rtld.optional_static_tls=16384" in said
    assert f"LD_PRELOAD={path} " in said


@pytest.mark.parametrize(
    ("offset", "value"),
    [pytest.param(4, 1, id="32 bits"), pytest.param(18, 0xB7, id="aarch64")],
)
def test_wrong_architecture(tmp_path: Path, fake_library: Fake, offset: int, value: int) -> None:
    """A library for another processor is called that, with this machine's."""
    if os.uname().machine == "aarch64":
        value = 0x3E if offset == 18 else value
    image = bytearray(fake_library.path.read_bytes())
    image[offset] = value
    path = tmp_path / "libdrmaa.so"
    path.write_bytes(image)
    assert f"use the libdrmaa for this machine and Python ({os.uname().machine}" in report(path)


def test_attempts() -> None:
    """The error carries each attempt, and the candidates with their reasons and remedies."""
    program = """
import drmaa_cffi
try:
    drmaa_cffi.load_library()
except drmaa_cffi.LibraryLoadError as error:
    print(*error.attempts[0], sep="|")
"""
    said = run(program, DRMAA_LIBRARY_PATH="libm.so.6").stdout
    assert said.startswith("DRMAA_LIBRARY_PATH|libm.so.6|it lacks the routines drmaa_init")
    assert said.endswith("|give the path of a DRMAA 1.0 library (DRMAA 2 is another interface)\n")


def test_path_from_environment(fake_library: Fake) -> None:
    """DRMAA_LIBRARY_PATH names the library; so does os.environ, up to the first use."""
    done = run(LOAD, DRMAA_LIBRARY_PATH=str(fake_library.path))
    assert f"{fake_library.path}|DRMAA_LIBRARY_PATH\n" == done.stdout
    late = f"import os, drmaa_cffi; os.environ['DRMAA_LIBRARY_PATH'] = {str(fake_library.path)!r};"
    assert f"{fake_library.path}|DRMAA_LIBRARY_PATH\n" == run(late + LOAD).stdout


def test_path_from_loader(fake_library: Fake) -> None:
    """LD_LIBRARY_PATH is honoured."""
    done = run(LOAD, LD_LIBRARY_PATH=str(fake_library.path.parent))
    assert done.stdout.startswith(f"{fake_library.path}|the dynamic loader")


def test_path_from_sge_root(tmp_path: Path, fake_library: Fake) -> None:
    """The library under SGE_ROOT is found when the loader has none."""
    folder = tmp_path / "lib" / "lx-amd64"
    folder.mkdir(parents=True)
    (folder / "libdrmaa.so").symlink_to(fake_library.path)
    hide = "import drmaa_cffi.library as l; l.SONAMES = ('libdrmaa.so.77',);"
    done = run(hide + LOAD, SGE_ROOT=str(tmp_path))
    assert f"{folder}/libdrmaa.so|Grid Engine's folders ($SGE_ROOT/lib/<arch>)\n" == done.stdout


SLURM_STEP = """
import drmaa_cffi.library as library
print([tuple(offer[1:]) for offer in library.offers(library.STEPS[-1:])])
"""


@pytest.mark.parametrize(
    ("ping", "offered"),
    [
        pytest.param("echo 'Slurmctld(primary) at head is UP'", ("slurm", ""), id="answers"),
        pytest.param(
            "echo 'Slurmctld(primary) at head is DOWN'; exit 1",
            ("", "scontrol ping fails: Slurmctld(primary) at head is DOWN"),
            id="controller away",
        ),
        pytest.param(None, ("", "scontrol not found on PATH"), id="not whole"),
    ],
)
def test_slurm_commands(tmp_path: Path, ping: str | None, offered: tuple[str, str]) -> None:
    """The last step offers Slurm by its own commands, where they are there and answer."""
    for name, program in (("sbatch", "exit 1"), ("scontrol", ping)):
        if program is not None:
            (tmp_path / name).write_text(f"#!/bin/sh\n{program}\n", encoding="utf-8")
            (tmp_path / name).chmod(0o755)
    assert f"[{offered!r}]\n" == run(SLURM_STEP, PATH=str(tmp_path)).stdout


def test_retry_after_failure(fake_library: Fake) -> None:
    """After a failure the search can be repeated, and all works."""
    program = f"""
import os
import drmaa_cffi
try:
    drmaa_cffi.Session.initialize()
except drmaa_cffi.LibraryLoadError:
    os.environ["DRMAA_LIBRARY_PATH"] = {str(fake_library.path)!r}
with drmaa_cffi.Session() as s:
    print(s.drmsInfo)
"""
    assert "FAKE 1\n" == run(program, DRMAA_LIBRARY_PATH="/nonexistent").stdout


def test_loaded_once(fake_library: Fake) -> None:
    """The loaded library is given again, and another one is refused by name."""
    path = fake_library.path
    assert drmaa_cffi.load_library() == drmaa_cffi.load_library(path)
    with pytest.raises(drmaa_cffi.IllegalStateException, match="libm.so.6"):
        drmaa_cffi.load_library("libm.so.6")


def test_loaded_by_many_threads(fake_library: Fake) -> None:
    """Threads that need the library first at the same time get the same one."""
    program = """
import threading, drmaa_cffi
found = []
threads = [threading.Thread(target=lambda: found.append(drmaa_cffi.load_library()))
           for _ in range(20)]
[t.start() for t in threads]; [t.join() for t in threads]
print(len(found), len(set(found)))
"""
    assert "20 1\n" == run(program, DRMAA_LIBRARY_PATH=str(fake_library.path)).stdout


def test_first_question_in_threads(fake_library: Fake) -> None:
    """No thread comes before the one that asks for the DRM's name, however slow that one is."""
    program = f"""
import sys, threading, time
from pathlib import Path
from fake import Fake
import drmaa_cffi
fake = Fake(Path({str(fake_library.path)!r}))

def be_slow(frame, event, argument):
    if frame.f_globals["__name__"] == "drmaa_cffi._binding.calls":
        time.sleep(0.1)

def ask():
    sys.setprofile(be_slow)
    drmaa_cffi.Session.contact

first = threading.Thread(target=ask)
first.start()
while not drmaa_cffi.library._loaded:
    time.sleep(0.001)
time.sleep(0.25)
drmaa_cffi.Session.contact
print(fake.calls("drmaa_get_DRM_system"))
first.join()
"""
    done = run(program, DRMAA_LIBRARY_PATH=str(fake_library.path), PYTHONPATH=PROGRAM_PATH)
    assert ("1\n", "") == (done.stdout, done.stderr)


def test_first_question_interrupted(fake_library: Fake) -> None:
    """If it is interrupted, it is asked again: the name's beginning is not lost for good."""
    program = f"""
import signal
from pathlib import Path
from fake import Fake
import drmaa_cffi
drmaa_cffi.load_library()
fake = Fake(Path({str(fake_library.path)!r}))
fake.delays("drmaa_get_DRM_system", 0.5)
signal.signal(signal.SIGALRM, lambda *_: 1 / 0)
signal.setitimer(signal.ITIMER_REAL, 0.1)
try:
    drmaa_cffi.Session.contact
except ZeroDivisionError:
    fake.delays("drmaa_get_DRM_system", 0)
    drmaa_cffi.Session.contact
    fake.says("drmaa_get_DRM_system", b" 1")
    print(drmaa_cffi.Session.drmsInfo)
"""
    done = run(program, DRMAA_LIBRARY_PATH=str(fake_library.path), PYTHONPATH=PROGRAM_PATH)
    assert ("FAKE 1\n", "") == (done.stdout, done.stderr)


@pytest.mark.parametrize("path", [7, 1.5, ["libdrmaa.so"]], ids=str)
def test_path_of_wrong_type(path: object) -> None:
    """What is not a path is refused with what would be."""
    with pytest.raises(drmaa_cffi.InvalidArgumentException, match="pass a str, bytes or"):
        drmaa_cffi.load_library(path)  # type: ignore[arg-type]


def test_main(fake_library: Fake) -> None:
    """``python -m drmaa_cffi`` tells all about the library."""
    done = subprocess.run(
        [sys.executable, "-m", "drmaa_cffi"],
        env={**os.environ, "DRMAA_LIBRARY_PATH": str(fake_library.path)},
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        check=True,
    )
    for said in (
        f"library: {fake_library.path}",
        "found via: DRMAA_LIBRARY_PATH",
        "DRMAA version: 1.0",
        "DRM: FAKE 1",
        "implementation: fake_drmaa",
        "contact: fake",
        "drmaa_wct_hlimit",
        "vector attributes: drmaa_v_argv drmaa_v_email drmaa_v_env",
    ):
        assert said in done.stdout


def test_main_without_library() -> None:
    """``python -m drmaa_cffi`` without a library prints the report and fails."""
    done = subprocess.run(
        [sys.executable, "-m", "drmaa_cffi"],
        env={**os.environ, "DRMAA_LIBRARY_PATH": "/nonexistent"},
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    assert 1 == done.returncode
    assert "Could not load the DRMAA library" in done.stderr
