"""Build the engine's C programs: ``libdrmaa.so`` and ``job-runner``, plain C both."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

import hardened
from setuptools import Extension
from setuptools.command.build_ext import build_ext

PACKAGE = "drmaa_cffi.engine"
ENGINE = Path("src", "drmaa_cffi", "engine")
SONAME = "libdrmaa.so.1.0"
#: What is built, by the names that setuptools knows, which are names of modules.
FILES = {"libdrmaa": "libdrmaa.so", "libdrmaa_soname": SONAME, "job_runner": "job-runner"}
LIBRARY_SOURCES = tuple(map(str, sorted(ENGINE.glob("_c/*.c"))))
#: The two programs write and read messages with the same code.
RUNNER_SOURCES = (*map(str, sorted(ENGINE.glob("local/_c/*.c"))), str(ENGINE / "_c" / "wire.c"))


class BackEnd(NamedTuple):
    """What the C code has to know of a back end: see drm.h."""

    title: str
    system: str
    stays: bool
    copies_files: bool


#: One library for each.
BACK_ENDS = {
    "local": BackEnd("the local engine", "drmaa-cffi local engine", stays=True, copies_files=True),
    "slurm": BackEnd("the Slurm engine", "Slurm by drmaa-cffi", stays=False, copies_files=False),
}


#: What most often stops a build, on a machine on which nothing was compiled before.
ADVICE = """
Compiling drmaa-cffi failed: {error}
It needs a C compiler and the headers of Python. To install them:
  Debian, Ubuntu: apt install gcc python3-dev
  RHEL, Fedora:   dnf install gcc python3-devel
  macOS:          xcode-select --install
"""

LEFT_OUT = f"""
drmaa-cffi is built without its local engine and its Slurm engine: they run on Linux only, and this
is {sys.platform}. What remains binds the libdrmaa of the site.
"""


class PlainC(Extension):
    """Something the engine needs that is not a Python module: it keeps the name of its file."""

    def __init__(self, module: str, sources: tuple[str, ...]) -> None:
        name = module.partition(".")[0]
        of = BACK_ENDS[name]
        words = {
            "NAME": f'"{name}"',
            "PREFIX": f'"DRMAA_{name.upper()}_"',
            "TITLE": f'"{of.title}"',
            "SYSTEM": f'"{of.system}"',
            "STAYS": f"{of.stays:d}",
            "COPIES_FILES": f"{of.copies_files:d}",
        }
        super().__init__(
            f"{PACKAGE}.{module}",
            list(sources),
            depends=[*map(str, ENGINE.rglob("*.h")), "src/drmaa_cffi/_binding/_c/drmaa.h"],
            include_dirs=[str(ENGINE / "_c")],
            define_macros=[(f"ENGINE_{word}", value) for word, value in words.items()],
            extra_compile_args=[
                *("-std=c11", "-D_GNU_SOURCE", "-fvisibility=hidden", "-pthread"),
                *hardened.COMPILED,
            ],
        )
        self.module = module.rpartition(".")[2]


class BuildExt(build_ext):
    """Builds Python's extension modules as ever, and the local engine's C beside them."""

    def get_ext_filename(self, fullname: str) -> str:
        """Return where an extension is put: what is plain C gets no suffix of Python's."""
        # setuptools asks with and without the package before the name.
        *package, module = fullname.split(".")
        if module in FILES:
            return str(Path(*package, FILES[module]))
        return super().get_ext_filename(fullname)

    def run(self) -> None:
        """Build all; say what is left out, and what a build needs if it fails."""
        if not IS_LINUX:
            self.warn(LEFT_OUT)
        try:
            super().run()
        except Exception as error:  # compilers fail by several classes
            raise SystemExit(ADVICE.format(error=error)) from error

    def build_extension(self, ext: Extension) -> None:
        """Compile and link one extension."""
        if not isinstance(ext, PlainC):
            super().build_extension(ext)
            return
        target = Path(self.get_ext_fullpath(ext.name))
        target.parent.mkdir(parents=True, exist_ok=True)
        if ext.module == "libdrmaa_soname":
            # The loader looks for this name, dlopen and -ldrmaa for the other. A wheel has no
            # symbolic links.
            shutil.copy2(target.with_name(FILES["libdrmaa"]), target)
            return
        version = self.distribution.get_version()
        objects = self.compiler.compile(
            ext.sources,
            output_dir=str(Path(self.build_temp, ext.name)),
            include_dirs=ext.include_dirs,
            macros=[*ext.define_macros, ("DRMAA_LOCAL_VERSION", f'"{version}"')],
            extra_postargs=ext.extra_compile_args,
            depends=ext.depends,
        )
        if ext.module == "job_runner":
            # distutils gives CFLAGS to the linker of libraries only; sanitizers need them here.
            flags = shlex.split(os.environ.get("CFLAGS", ""))
            flags += hardened.LINKED
            self.compiler.link_executable(objects, str(target), extra_postargs=flags)
        else:
            flags = ["-pthread", f"-Wl,-soname,{SONAME}", *hardened.LINKED]
            self.compiler.link_shared_object(objects, str(target), extra_postargs=flags)


EXTENSIONS = [
    *(PlainC(f"{name}.libdrmaa", LIBRARY_SOURCES) for name in BACK_ENDS),
    *(PlainC(f"{name}.libdrmaa_soname", ()) for name in BACK_ENDS),
    PlainC("local.job_runner", RUNNER_SOURCES),
]
#: It takes signalfd, eventfd, pidfds, a subreaper, a socket's peer: no other system has them all.
IS_LINUX = sys.platform.startswith("linux")
if not IS_LINUX:
    EXTENSIONS = []
