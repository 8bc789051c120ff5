"""The command line of the Slurm engine: `python -m drmaa_cffi.slurm`."""

from __future__ import annotations

import sys

from drmaa_cffi.engine.core import command
from drmaa_cffi.engine.slurm.backend import Kind


def engine() -> int:
    """The command `drmaa-slurm-engine`: starts the engine and returns when it is ready."""
    return command.main(Kind(), ["engine", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(command.main(Kind(), sys.argv[1:]))
