"""What ``import drmaa`` finds where drmaa-cffi stands for it: the same names, the same classes."""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from pathlib import Path

import drmaa_cffi
from drmaa_cffi import const, errors, helpers, session

# Not what this package imports when it is first used: the package drmaa has no such names.
globals().update(
    {name: vars(drmaa_cffi)[name] for name in drmaa_cffi.__all__ if name in vars(drmaa_cffi)}
)

# Where there is no library the package drmaa fails at import: so here, with nothing done yet.
_library = drmaa_cffi.load_library()

__version__ = "0.7.9"
__all__ = [  # pyright: ignore[reportUnsupportedDunderAll]
    name
    for name in drmaa_cffi.__all__
    if hasattr(const, name)
    or name.endswith("Exception")
    or name in {"JobInfo", "JobTemplate", "Session"}
]

for _module in (const, errors, helpers, session):
    sys.modules[f"{__name__}.{_module.__name__.rpartition('.')[2]}"] = _module

if sys.flags.verbose:
    _here = Path(__file__).parents[1]
    _real = PathFinder.find_spec(__name__, [path for path in sys.path if Path(path) != _here])
    print(
        f"# drmaa: drmaa-cffi {drmaa_cffi.__version__} stands for it, with {_library.path}",
        *([] if _real is None else [f"# drmaa: {_real.origin} is not used"]),
        sep="\n",
        file=sys.stderr,
    )
