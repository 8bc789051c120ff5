"""The command line of the local engine: `python -m drmaa_cffi.local`."""

from __future__ import annotations

import sys

from drmaa_cffi.engine.core import command


def engine() -> int:
    """The command `drmaa-local-engine`: starts the engine and returns when it is ready."""
    return command.main(["engine", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(command.main(sys.argv[1:]))
