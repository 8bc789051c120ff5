"""The compiler's flags that let a memory error end the program, and not run somebody's code."""

from __future__ import annotations

import os
import sys

_SANITIZED = "-fsanitize" in os.environ.get("CFLAGS", "")

#: The checks of _FORTIFY_SOURCE are the sanitizers' own business. It needs optimization.
COMPILED: list[str] = ["-fstack-protector-strong"]
if not _SANITIZED:
    COMPILED += ["-O2", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=3"]

#: All addresses are found at the start, and then cannot be written.
LINKED: list[str] = ["-Wl,-z,relro,-z,now"] if sys.platform.startswith("linux") else []
