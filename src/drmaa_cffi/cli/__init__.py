"""The command ``drmaa-cffi``: run jobs, look after them, and find out why that does not work."""

from __future__ import annotations

import sys

_NEEDED = ("click", "rich")


def main() -> int:
    """Run the command; return its exit status, 1 where what it is made with is missing."""
    try:
        from .app import run_app  # noqa: PLC0415 - only here can it be told what is missing
    except ModuleNotFoundError as error:
        missing = str(error.name).partition(".")[0]
        if missing not in _NEEDED:
            raise
        sys.stderr.write(
            f"drmaa-cffi: the command needs {' and '.join(_NEEDED)}, and there is no "
            f"{missing} for {sys.executable}: install them by\n"
            f"  {sys.executable} -m pip install 'drmaa-cffi[cli]'\n"
        )
        return 1
    return run_app()
