"""``python -m drmaa_cffi.shim`` prints the folder for PYTHONPATH, or runs a program with it."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Sequence

from . import FOLDER

USAGE = f"""\
usage: python -m drmaa_cffi.shim [PROGRAM [ARGUMENT ...]]

Without PROGRAM, print the folder that makes `import drmaa` find drmaa-cffi when it is on
PYTHONPATH: {FOLDER}

With PROGRAM, run it with the folder in front of PYTHONPATH, for it and its subprocesses.
PROGRAM is a Python program's file, or a command: one of those installed beside this Python, one
in PATH, or else a file in the current folder. The exit status is PROGRAM's; 127 if there is none,
126 if it can't be run."""


def main(arguments: Sequence[str]) -> int:
    """Do what USAGE says; return the exit status if no program was started."""
    if not arguments:
        print(FOLDER)
        return 0
    program = arguments[0]
    if program in {"-h", "--help"}:
        print(USAGE)
        return 0
    if program.startswith("-"):
        print(USAGE, file=sys.stderr)
        return 2
    file = Path(program)
    if file.is_file() and (file.suffix == ".py" or not os.access(file, os.X_OK)):
        return _replace_by([sys.executable, *arguments])
    scripts = str(Path(sys.executable).parent)
    command = shutil.which(program, path=os.pathsep.join((scripts, *os.get_exec_path())))
    if command is None and file.is_file():
        command = str(file.absolute())
    if command is None:
        _complain(f"there is no file {program!r}, and no such command in {scripts} or PATH")
        return 127
    return _replace_by([command, *arguments[1:]])


def _replace_by(command: list[str]) -> int:
    """Go on as *command*: signals and exit status are its own."""
    others = os.environ.get("PYTHONPATH")
    path = os.pathsep.join((FOLDER, others)) if others else FOLDER
    for name in ("SIGPIPE", "SIGXFSZ"):  # Python ignores them; what follows may be no Python
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    sys.stdout.flush()
    try:
        os.execve(command[0], command, {**os.environ, "PYTHONPATH": path})  # noqa: S606
    except OSError as error:
        _complain(f"can't run {command[0]!r}: {error.strerror}")
        return 126


def _complain(text: str) -> None:
    print(f"drmaa_cffi.shim: {text}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
