"""Make ``import drmaa`` find this package: within a process, or wherever PYTHONPATH reaches."""

from __future__ import annotations

import importlib
import os
import sys

from drmaa_cffi.errors import IllegalStateException
from drmaa_cffi.session import Session

#: The folder that goes on PYTHONPATH. It holds nothing but ``drmaa`` and its metadata.
FOLDER = os.path.join(os.path.dirname(__file__), "path")


def install_as_drmaa() -> None:
    """Let every ``import drmaa`` of this process, from now on, find this package.

    The library is loaded first, as ``import drmaa`` does. ``drmaa.const``, ``drmaa.errors``,
    ``drmaa.helpers`` and ``drmaa.session`` are this package's own modules, so that the classes
    are the same under both names. ``importlib.metadata`` finds a distribution ``drmaa`` 0.7.9.
    If the call fails nothing is changed and it can be repeated; once it has succeeded another
    call does nothing.

    Raises:
        LibraryNotFoundError: there is no libdrmaa; also a RuntimeError.
        LibraryLoadError: there is one, and it cannot be loaded; also an OSError.
        IllegalStateException: another package ``drmaa`` is imported already: the objects it has
            given away would not be this package's.

    C: dlopen, dlsym.
    """
    sys.path.insert(0, FOLDER)
    try:
        module = importlib.import_module("drmaa")
    finally:
        sys.path.remove(FOLDER)
    if getattr(module, "Session", None) is not Session:
        raise IllegalStateException(
            f"another package drmaa is imported already ({getattr(module, '__file__', None)}): "
            "call install_as_drmaa() before anything imports drmaa"
        )
    if FOLDER not in sys.path:
        # As PYTHONPATH would: behind the program's own folder.
        sys.path.insert(1, FOLDER)
