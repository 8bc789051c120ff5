"""What pyproject.toml cannot say: the C that is compiled, and the tag of its abi3 wheel."""

import sys
import sysconfig
from pathlib import Path

from setuptools import setup

sys.path.insert(0, str(Path(__file__).parent))
from build_engine import EXTENSIONS, BuildExt  # found by the line above

setup(
    cffi_modules=["build_ffi.py:ffibuilder"],
    ext_modules=EXTENSIONS,
    cmdclass={"build_ext": BuildExt},
    # A free-threaded Python has no limited API: its wheel must not claim one.
    options={}
    if sysconfig.get_config_var("Py_GIL_DISABLED")
    else {"bdist_wheel": {"py_limited_api": "cp39"}},
)
