"""The client library, called by many threads of a C program, under the compiler's sanitizers."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from engines import Engine, until

PACKAGE = Path(__file__).parents[2] / "src" / "drmaa_cffi"
BINDING, CLIENT = PACKAGE / "_binding" / "_c", PACKAGE / "engine" / "_c"
STRESS = Path(__file__).parents[1] / "unit" / "c" / "stress.c"


def compile_c(target: Path, *words: object) -> Path:
    """Compile with warnings for errors, and without the flags of the environment."""
    fixed = ("-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-g", "-O1")
    libraries = ("-o", target, "-ldl", "-lpthread")
    subprocess.run(["cc", *fixed, *map(str, words), *libraries], check=True, timeout=120)
    return target


@pytest.mark.parametrize("sanitizer", ["thread", "address,undefined"])
def test_client(engine: Engine, tmp_path: Path, sanitizer: str) -> None:
    """Threads that make every call while the session comes and goes: no race, leak or overflow."""
    flags = (f"-fsanitize={sanitizer}", "-fno-omit-frame-pointer", "-fno-sanitize-recover")
    library = compile_c(
        tmp_path / "libdrmaa.so", *flags, "-shared", "-fPIC", *sorted(CLIENT.glob("*.c"))
    )
    binding = [path for path in sorted(BINDING.glob("*.c")) if "python" not in path.parts]
    program = compile_c(tmp_path / "stress", *flags, f"-I{BINDING}", STRESS, *binding)
    of_sanitizers = ("LD_PRELOAD", "ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS")
    environment = {name: text for name, text in os.environ.items() if name not in of_sanitizers}
    done = subprocess.run(
        # With its addresses at random, the sanitizer finds no room on some kernels.
        ["setarch", "-R", str(program), str(library), "8", "8"],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=280, check=False,
    )  # fmt: skip
    assert (0, "") == (done.returncode, done.stdout)
    until(lambda: not engine.counts().get("running"), seconds=60)
