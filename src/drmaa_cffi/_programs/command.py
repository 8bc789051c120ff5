"""The command that runs a program of this package, as ``python -m`` does, but from any folder."""

from __future__ import annotations

import os
import sys

# Python looks for modules in the folder that it is started in before all others: a json.py in
# /tmp would run in the engine of whoever is there. The package's own folder comes last, for a
# package that the caller has found by a path of its own.
_RUN = (
    "import sys; sys.path[:1] == [''] and sys.path.pop(0); sys.argv.pop(0); "
    "sys.path.append(sys.argv.pop(0)); import runpy; "
    "runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)"
)


def command_of(module: str, *arguments: str) -> list[str]:
    """Return the words of the command that runs *module*, of this package, by this Python."""
    root = os.path.abspath(__file__)
    for _ in range(3):  # this file, its folder, the package's
        root = os.path.dirname(root)
    return [sys.executable, "-c", _RUN, root, module, *arguments]
