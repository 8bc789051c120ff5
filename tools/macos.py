"""See that the binding's C compiles for macOS, by Zig, which has the headers of that system.

Python's headers are this machine's: those of macOS differ in pyconfig.h, of which the limited API
takes the sizes of the C types only, and they are the same. Nothing is linked or run.
"""

from __future__ import annotations

import runpy
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

from cffi import FFI

ROOT = Path(__file__).parents[1]

TARGETS = ("aarch64-macos", "x86_64-macos")
FLAGS = ("-std=gnu11", "-fvisibility=hidden", "-O2", "-Wall", "-Wextra", "-Werror")


def main() -> None:
    """Compile each file of the binding, the generated one among them, for each target."""
    binding = ROOT / "src" / "drmaa_cffi" / "_binding" / "_c"
    builder: FFI = runpy.run_path(str(ROOT / "build_ffi.py"))["ffibuilder"]
    with tempfile.TemporaryDirectory() as folder:
        generated = Path(folder, "_drmaa.c")
        builder.emit_c_code(str(generated))
        includes = (binding, sysconfig.get_paths()["include"])
        sources = (*binding.rglob("*.c"), generated)
        for target in TARGETS:
            compiler = (sys.executable, "-m", "ziglang", "cc", "-target", target, *FLAGS)
            for source in sources:
                command = (*compiler, *(f"-I{path}" for path in includes), "-c", str(source))
                if subprocess.run((*command, "-o", f"{folder}/object"), check=False).returncode:
                    sys.exit(f"{source.name} does not compile for {target}")
            print(f"{target}: {len(sources)} files")


if __name__ == "__main__":
    main()
