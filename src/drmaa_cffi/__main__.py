"""``python -m drmaa_cffi`` prints which libdrmaa is loaded, how it was found and what it is."""

from __future__ import annotations

import os
import sys

from ._binding import calls
from .errors import DrmaaException
from .library import load_library
from .session import Session


def main() -> int:
    """Print what is known of the library; return the exit status, 0 if a session opened."""
    try:
        library = load_library()
        print(f"library: {library.path}")
        print(f"found via: {library.found_via}")
        print(f"DRMAA version: {Session.version}")
        session = Session()
        session.initialize()
    except DrmaaException as error:
        print(f"drmaa-cffi: {error}", file=sys.stderr)
        return 1
    try:
        print(f"DRM: {session.drmsInfo}")
        print(f"implementation: {session.drmaaImplementation}")
        print(f"contact: {session.contact}")
        print(f"attributes: {' '.join(sorted(calls.get_attribute_names()))}")
        print(f"vector attributes: {' '.join(sorted(calls.get_vector_attribute_names()))}")
    finally:
        session.exit()
    return 0


def run() -> int:
    """Run main(); a reader that has had enough, such as head, ends it quietly."""
    try:
        status = main()
        sys.stdout.flush()
    except BrokenPipeError:
        # Python would try to write the rest at its end, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


if __name__ == "__main__":
    sys.exit(run())
