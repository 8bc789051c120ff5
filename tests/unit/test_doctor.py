"""``drmaa-cffi doctor`` tells each known pitfall, and its remedy, and survives every library."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from fake import HERE, SOURCES, Fake, compile_library

import programs
from terminal import Terminal, drmaa_cffi

CLEAN: dict[str, str | None] = dict.fromkeys(
    ("SGE_ROOT", "SGE_CELL", "SLURM_CONF", "LD_LIBRARY_PATH", "DRMAA_LIBRARY_PATH")
)
EXPORTED = '__attribute__((visibility("default"))) '


def doctor(works: bool, *words: str, **environment: str | None) -> dict[str, Any]:
    """Return what the doctor tells, in JSON."""
    done = drmaa_cffi("doctor", "--json", *words, **{**CLEAN, **environment})
    assert (0 if works else 1, "") == (done.returncode, done.stderr), done
    told: dict[str, Any] = json.loads(done.stdout)
    assert works == told["ok"]
    return told


def check(told: dict[str, Any], name: str) -> tuple[str, str, str]:
    """Return the verdict, what was said and the remedy of a check."""
    (found,) = [each for each in told["checks"] if each["name"] == name]
    return found["verdict"], found["said"], found["remedy"]


def broken(tmp_path: Path, source: str, flags: str = "") -> str:
    """Compile *source* to a shared library and return its path."""
    code = tmp_path / "broken.c"
    code.write_text(source, encoding="utf-8")
    return str(compile_library(tmp_path / "libbroken.so", code, flags=flags))


@pytest.fixture
def library(fake_library: Fake) -> str:
    """The path of a library that works."""
    return str(fake_library.path)


def test_well(library: str) -> None:
    """Of a library that works all is told: steps, versions, contact, attributes, the time."""
    told = doctor(True, DRMAA_LIBRARY_PATH=library)
    chosen, *others = [each for each in told["search"] if each["chosen"]]
    assert ([], "DRMAA_LIBRARY_PATH", library) == (others, chosen["step"], chosen["path"])
    assert {"DRMAA_LIBRARY_PATH", "ldconfig"} < {each["step"] for each in told["search"]}
    assert ("1.0", "FAKE 1") == (told["steps"]["names"]["version"], told["steps"]["init"]["drm"])
    assert "fake" == told["steps"]["init"]["contact"]
    assert 0 <= told["steps"]["init"]["seconds"] < 60
    assert "drmaa_remote_command" in told["steps"]["attributes"]["scalar"]
    vectors = told["steps"]["attributes"]["vector"]
    assert ["drmaa_v_argv", "drmaa_v_email", "drmaa_v_env"] == vectors
    assert {"ok"} == {each["verdict"] for each in told["checks"]}
    assert {
        "library", "static TLS", "dependencies", "permissions", "other libraries", "stub library",
        "contact", "session",
    } == {each["name"] for each in told["checks"]}  # fmt: skip


def test_search(tmp_path: Path) -> None:
    """Each step of the search tells what it has found, or why nothing."""
    environment = {**CLEAN, "PATH": "/nonexistent", "SGE_ROOT": str(tmp_path)}
    told = json.loads(drmaa_cffi("doctor", "--json", **environment).stdout)
    first, *_, last = told["search"]
    assert ("DRMAA_LIBRARY_PATH", "", "not set") == (
        first["step"], first["candidate"], first["reason"],
    )  # fmt: skip
    assert "Slurm's own commands (sbatch, scontrol)" == last["step"]
    assert "sbatch and scontrol not found on PATH" == last["reason"]
    loader = [each for each in told["search"] if "dynamic loader" in each["step"]]
    names = [each["candidate"] for each in loader]
    assert ["libdrmaa.so.1.0", "libdrmaa.so.1", "libdrmaa.so"] == names
    assert all(each["path"] or each["reason"] for each in told["search"])


def test_wrong_path() -> None:
    """A path that is wrong is told with the loader's reason, and the search ends there."""
    told = doctor(False, DRMAA_LIBRARY_PATH="/nonexistent/libdrmaa.so")
    verdict, said, remedy = check(told, "library")
    assert ("failure", True) == (verdict, "cannot open shared object file" in said)
    assert "check the path" in remedy


def test_no_library_at_all(tmp_path: Path) -> None:
    """Where there is no library, `doctor` and `run` mention the engine that needs none."""
    nothing = (
        "import drmaa_cffi.library as l; l.SONAMES = (); "
        "l._DEBIAN_GRID_ENGINE = '/nonexistent/libdrmaa.so*'; "
        "from drmaa_cffi.cli.app import run_app; run_app()"
    )
    # An ldconfig that knows of none.
    (tmp_path / "ldconfig").write_text("#!/bin/sh\n", encoding="utf-8")
    (tmp_path / "ldconfig").chmod(0o755)
    for words in (["doctor"], ["run", "true"]):
        done = programs.run(nothing, *words, **{**CLEAN, "PATH": str(tmp_path)})
        said = done.stdout + done.stderr
        assert "without a cluster, --local runs jobs on this machine" in said
        assert done.returncode


def test_narrow_terminal() -> None:
    """A path that is wider than the terminal is shown whole, on more lines than one."""
    path = "/nonexistent/" + "folder/" * 20 + "libdrmaa.so"
    shown = Terminal("doctor", DRMAA_LIBRARY_PATH=path)
    assert 1 == shown.status()
    text = "".join(shown.text.split())
    assert f"library:{path}:" in text
    assert "…" not in text


def test_linker_script(tmp_path: Path) -> None:
    """A text file, such as a script for the linker, is told as what it is."""
    path = tmp_path / "libdrmaa.so"
    path.write_text("INPUT(/usr/lib/libdrmaa.so.1.0)\n" * 40)
    verdict, _, remedy = check(doctor(False, DRMAA_LIBRARY_PATH=str(path)), "library")
    assert ("failure", True) == (verdict, "this is not a shared library" in remedy)


def test_behind_the_end(tmp_path: Path, library: str) -> None:
    """What programs don't come to in their search is told, and not looked at."""
    other = tmp_path / "lib" / "lx" / "libdrmaa.so"
    other.parent.mkdir(parents=True)
    other.write_bytes(Path(library).read_bytes())
    told = doctor(False, DRMAA_LIBRARY_PATH="/nonexistent", SGE_ROOT=str(tmp_path))
    assert str(other) in {each["path"] for each in told["search"]}
    assert (("", []), False) == (
        (told["file"], told["dependencies"]),
        "dependencies" in {each["name"] for each in told["checks"]},
    )
    other.write_text("no library")
    other.chmod(0o666)
    told = doctor(True, DRMAA_LIBRARY_PATH=library, SGE_ROOT=str(tmp_path))
    assert "ok" == check(told, "permissions")[0]
    said = f"{library}: all {len(told['dependencies'])} are found"
    assert ("ok", said, "") == check(told, "dependencies")


def test_crash_at_load(tmp_path: Path) -> None:
    """A library that ends the process that loads it does not end the doctor."""
    source = (
        "#include <signal.h>\n__attribute__((constructor)) static void f(void) {raise(SIGKILL);}"
    )
    verdict, said, remedy = check(
        doctor(False, DRMAA_LIBRARY_PATH=broken(tmp_path, source)), "library"
    )
    assert ("failure", True) == (verdict, "ended the process by SIGKILL" in said)
    assert "ask for another build" in remedy


def with_init(tmp_path: Path, statement: str) -> str:
    """Return the path of a library whose drmaa_init begins with *statement*."""
    source = SOURCES[0].read_text(encoding="utf-8")
    assert 1 == source.count("int drmaa_init(")
    before, _, behind = source.partition("int drmaa_init(")
    arguments, _, body = behind.partition("{")
    text = f"#include <stdlib.h>\n{before}int drmaa_init({arguments}{{ {statement} {body}"
    (tmp_path / "fake.c").write_text(text, encoding="utf-8")
    return str(compile_library(tmp_path / "libdrmaa.so", tmp_path / "fake.c", SOURCES[1]))


@pytest.mark.parametrize(
    ("statement", "end"),
    [
        pytest.param("if (1) exit(7);", "it ended the process with status 7", id="exit"),
        pytest.param("for (;;) {}", "it did not return within 3 s", id="hang"),
    ],
)
def test_bad_end_in_session(tmp_path: Path, statement: str, end: str) -> None:
    """A library that ends the process in drmaa_init, or hangs, does not end the doctor."""
    path = with_init(tmp_path, statement)
    told = doctor(False, "--timeout", "3", DRMAA_LIBRARY_PATH=path)
    verdict, said, _ = check(told, "session")
    assert ("failure", f"the step after names failed: {end}") == (verdict, said)


def test_contact(tmp_path: Path) -> None:
    """A contact is blamed if the library blames it, and then for all."""
    for code, name in (("DRMAA_ERRNO_INVALID_CONTACT_STRING", "contact"),
                       ("DRMAA_ERRNO_DRM_COMMUNICATION_FAILURE", "session")):  # fmt: skip
        path = with_init(tmp_path, f"if (1) return {code};")
        told = doctor(False, "--contact", "nobody", DRMAA_LIBRARY_PATH=path)
        failures = [each["name"] for each in told["checks"] if each["verdict"] == "failure"]
        assert [name] == failures


def test_missing_dependency(tmp_path: Path) -> None:
    """A dependency that does not resolve is named."""
    (tmp_path / "libdep.c").write_text(f"{EXPORTED}int dep(void) {{return 1;}}", encoding="utf-8")
    compile_library(tmp_path / "libdep.so", tmp_path / "libdep.c")
    source = "int dep(void); int f(void); int f(void) {return dep();}"
    path = broken(tmp_path, source, f"-L{tmp_path} -ldep")
    (tmp_path / "libdep.so").unlink()
    told = doctor(False, DRMAA_LIBRARY_PATH=path)
    assert {"name": "libdep.so", "path": ""} in told["dependencies"]
    assert ("failure", f"{path}: not found: libdep.so") == check(told, "dependencies")[:2]


def test_stub(tmp_path: Path) -> None:
    """A library that has all routines and does nothing is no libdrmaa to work with."""
    stub = HERE / "c" / "stub_drmaa.c"
    path = compile_library(tmp_path / "libdrmaa.so", stub, flags="-Wno-unused-parameter")
    verdict, said, remedy = check(doctor(False, DRMAA_LIBRARY_PATH=str(path)), "stub library")
    assert "failure" == verdict
    assert "it reports no version; it names no DRM" in said
    assert "use the DRM's own libdrmaa" in remedy


def test_other_library(tmp_path: Path, library: str) -> None:
    """A second libdrmaa behind the first in the path is told, unless one was chosen."""
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        (folder / "libdrmaa.so.1.0").write_bytes(Path(library).read_bytes())
    search = f"{first}:{second}"
    verdict, said, remedy = check(doctor(True, LD_LIBRARY_PATH=search), "other libraries")
    assert "warning" == verdict
    assert f"{first}/libdrmaa.so.1.0 comes before " in said
    assert f"{second}/libdrmaa.so.1.0" in said
    assert "set DRMAA_LIBRARY_PATH to the one that is meant" == remedy
    told = doctor(True, LD_LIBRARY_PATH=search, DRMAA_LIBRARY_PATH=library)
    assert "ok" == check(told, "other libraries")[0]


def test_static_tls(tmp_path: Path) -> None:
    """The trap is told with its remedy; since the command gets round it, jobs can be submitted."""
    hungry = tmp_path / "hungry.c"
    hungry.write_text(
        'static __thread char large[8192] __attribute__((tls_model("initial-exec")));\n'
        "char *hungry(void); char *hungry(void) {return large;}",
        encoding="utf-8",
    )
    path = compile_library(tmp_path / "libdrmaa.so", *SOURCES, hungry)
    verdict, _, remedy = check(doctor(True, DRMAA_LIBRARY_PATH=str(path)), "static TLS")
    assert "warning" == verdict
    assert "GLIBC_TUNABLES=glibc.rtld.optional_static_tls=16384" in remedy


def test_writable_by_all(tmp_path: Path, library: str) -> None:
    """A library that everybody can write is told."""
    path = tmp_path / "libdrmaa.so"
    path.write_bytes(Path(library).read_bytes())
    path.chmod(0o666)
    verdict, _, remedy = check(doctor(True, DRMAA_LIBRARY_PATH=str(path)), "permissions")
    assert ("warning", f"chmod o-w {path}") == (verdict, remedy)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable(tmp_path: Path, library: str) -> None:
    """A folder that this user can't enter is named."""
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "libdrmaa.so").write_bytes(Path(library).read_bytes())
    folder.chmod(0)
    told = doctor(False, DRMAA_LIBRARY_PATH=str(folder / "libdrmaa.so"))
    folder.chmod(0o700)
    verdict, said, remedy = check(told, "permissions")
    assert ("failure", f"{folder} can't be searched by this user") == (verdict, said)
    assert f"chmod a+x {folder}" in remedy


def test_sge_root(tmp_path: Path, library: str) -> None:
    """SGE_ROOT is looked into: the folder, the cell, the master."""
    told = doctor(True, DRMAA_LIBRARY_PATH=library, SGE_ROOT=f"{tmp_path}/missing")
    assert ("warning", f"{tmp_path}/missing is not a folder") == check(told, "SGE_ROOT")[:2]
    told = doctor(True, DRMAA_LIBRARY_PATH=library, SGE_ROOT=str(tmp_path), SGE_CELL="cell")
    verdict, said, remedy = check(told, "SGE_ROOT")
    assert ("warning", True) == (verdict, "'cell' is not a cell of" in said)
    assert "source the site's settings.sh" in remedy
    common = tmp_path / "cell" / "common"
    common.mkdir(parents=True)
    (common / "act_qmaster").write_text("head.cluster\n")
    told = doctor(True, DRMAA_LIBRARY_PATH=library, SGE_ROOT=str(tmp_path), SGE_CELL="cell")
    assert ("ok", f"{tmp_path}, cell cell, master on head.cluster") == check(told, "SGE_ROOT")[:2]


def test_slurm_conf(tmp_path: Path, library: str) -> None:
    """SLURM_CONF must name a file that can be read."""
    conf = tmp_path / "slurm.conf"
    told = doctor(True, DRMAA_LIBRARY_PATH=library, SLURM_CONF=str(conf))
    assert ("warning", f"{conf} can't be read") == check(told, "SLURM_CONF")[:2]
    conf.write_text("")
    told = doctor(True, DRMAA_LIBRARY_PATH=library, SLURM_CONF=str(conf))
    assert ("ok", str(conf), "") == check(told, "SLURM_CONF")


def test_slurm_drmaa(tmp_path: Path, library: str) -> None:
    """With slurm-drmaa its errors are named, and the way out; with another library not."""
    flags = """-DFAKE_SYSTEM='"SLURM 22.05.8"'"""
    path = compile_library(tmp_path / "libdrmaa.so", *SOURCES, flags=flags)
    verdict, said, remedy = check(doctor(True, DRMAA_LIBRARY_PATH=str(path)), "slurm-drmaa")
    assert ("warning", True) == (verdict, "a success" in said)
    assert "DRMAA_LIBRARY_PATH=slurm" in remedy
    assert "pool_delay: 1" in remedy
    told = doctor(True, DRMAA_LIBRARY_PATH=library)
    assert "slurm-drmaa" not in {each["name"] for each in told["checks"]}
