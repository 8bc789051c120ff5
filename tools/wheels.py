"""Build what a release consists of, the sdist and its wheels, into a folder, and check it.

The wheels are compiled by Zig, which is a package as well and has the headers of every C library
and processor: one machine builds for all, without containers. They are built from the sdist, so
it is complete.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from elftools.elf.elffile import ELFFile

ROOT = Path(__file__).parents[1]
# Flags of a file's dynamic section: all addresses are found at the start.
DF_BIND_NOW, DF_1_NOW = 8, 1
# Zig gives musl the name that its own linker knows; Linux distributions have another.
MUSL = "libc.musl-{}.so.1"


@dataclass(frozen=True)
class Target:
    """A platform with a wheel of its own."""

    tag: str
    machine: str
    zig: str


TARGETS = (
    Target("manylinux_2_17_x86_64", "x86_64", "x86_64-linux-gnu.2.17"),
    Target("manylinux_2_17_aarch64", "aarch64", "aarch64-linux-gnu.2.17"),
    Target("musllinux_1_2_x86_64", "x86_64", "x86_64-linux-musl"),
    Target("musllinux_1_2_aarch64", "aarch64", "aarch64-linux-musl"),
)


def run(*command: str | Path, **environment: str) -> str:
    """Run a module of this Python; return what it prints. It ends the program if it fails."""
    done = subprocess.run(
        [sys.executable, "-m", *map(str, command)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        print(done.stdout, done.stderr)
        sys.exit(f"python -m {' '.join(map(str, command))} failed")
    return done.stdout


def only(folder: Path, pattern: str) -> Path:
    """Return the one file in *folder* with such a name."""
    (found,) = folder.glob(pattern)
    return found


def build(source: Path, target: Target, work: Path) -> Path:
    """Compile the sdist's folder *source* for *target*; return the wheel, not yet checked."""
    zig = f"{sys.executable} -m ziglang cc -target {target.zig} -s"
    run(
        *("pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"),
        *("--wheel-dir", work, source),
        # What it is compiled for, not what it is compiled on, is in the wheel's name.
        _PYTHON_HOST_PLATFORM=f"linux-{target.machine}",
        CC=f"{zig} -Wno-unused-command-line-argument",
        LDSHARED=f"{zig} -shared",
        CFLAGS="-O2 -Wall -Wextra -Werror",
    )
    wheel = only(work, "*.whl")
    return with_musl_of_distributions(wheel, target, work) if "musl" in target.zig else wheel


def with_musl_of_distributions(wheel: Path, target: Target, work: Path) -> Path:
    """Let a wheel's libraries ask for musl by the name that it has where they will run."""
    run("wheel", "unpack", "--dest", work, wheel)
    wheel.unlink()
    folder = only(work, "drmaa_cffi-*")
    patch = [shutil.which("patchelf") or "patchelf", "--replace-needed", "libc.so"]
    libraries = [*folder.rglob("*.so"), *folder.rglob("*.so.*")]
    subprocess.run([*patch, MUSL.format(target.machine), *libraries], check=True)
    run("wheel", "pack", "--dest-dir", work, folder)
    return only(work, "*.whl")


def check(wheel: Path, target: Target, work: Path) -> Path:
    """Return the wheel with its platform's tag, if that and the limited API's are true."""
    # auditwheel must not take this machine's libraries for those of the target.
    elsewhere = ("--ldpaths", work)
    run("auditwheel", "repair", "--plat=auto", *elsewhere, "--wheel-dir", work / "dist", wheel)
    repaired = only(work / "dist", "*.whl")
    print(run("auditwheel", "show", *elsewhere, repaired).strip().partition("\n\n")[0])
    if "-cp39-abi3-" not in repaired.name or target.tag not in repaired.name:
        sys.exit(f"{repaired.name} should be tagged cp39-abi3 and {target.tag}")
    run("abi3audit", "--strict", repaired)
    check_hardened(repaired, work)
    return repaired


def check_hardened(wheel: Path, work: Path) -> None:
    """End the program if a compiled file of the wheel lacks what hardened.py asks for."""
    folder = work / "hardened"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    for path in folder.rglob("*"):
        if not path.is_file() or path.read_bytes()[:4] != b"\x7fELF":
            continue
        with path.open("rb") as file:
            compiled = ELFFile(file)
            dynamic = compiled.get_section_by_name(".dynamic")
            if dynamic is None:
                continue  # Zig links programs for musl statically: there is no table to protect
            tags = {tag.entry.d_tag: tag.entry.d_val for tag in dynamic.iter_tags()}
            symbols = compiled.get_section_by_name(".dynsym").iter_symbols()
            names = {symbol.name for symbol in symbols}
            relro = any(part.header.p_type == "PT_GNU_RELRO" for part in compiled.iter_segments())
        now = tags.get("DT_FLAGS", 0) & DF_BIND_NOW or tags.get("DT_FLAGS_1", 0) & DF_1_NOW
        if not relro or not now or "__stack_chk_fail" not in names:
            sys.exit(f"{path.name} of {wheel.name} is not hardened")


def main() -> None:
    """Fill the folder that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where to; what is there is removed")
    parser.add_argument("tags", nargs="*", help="build these wheels only")
    arguments = parser.parse_args()
    if "multiarch" in Path(sysconfig.get_config_h_filename()).read_text(encoding="utf-8"):
        sys.exit("Debian's Python has headers for its own machine only: use another Python")
    shutil.rmtree(arguments.folder, ignore_errors=True)
    run("build", "--sdist", "--no-isolation", "--outdir", arguments.folder, ROOT)
    sdist = only(arguments.folder, "*.tar.gz")
    for target in TARGETS:
        if arguments.tags and target.tag not in arguments.tags:
            continue
        with tempfile.TemporaryDirectory() as name:
            work = Path(name)
            with tarfile.open(sdist) as archive:
                archive.extractall(work / "sdist")
            source = only(work / "sdist", "*")
            wheel = check(build(source, target, work), target, work)
            shutil.copy2(wheel, arguments.folder)
    files = sorted(arguments.folder.iterdir())
    run("twine", "check", "--strict", *files)
    print(*(f"{file.stat().st_size // 1024:5} KiB  {file.name}" for file in files), sep="\n")


if __name__ == "__main__":
    main()
