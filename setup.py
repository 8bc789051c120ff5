"""What pyproject.toml cannot say: the C that is compiled, its abi3 wheel's tag, the README."""

import sys
import sysconfig
from pathlib import Path

from setuptools import setup

sys.path.insert(0, str(Path(__file__).parent))
import readme  # these are found by the line above
from build_engine import EXTENSIONS, BuildExt

setup(
    cffi_modules=["build_ffi.py:ffibuilder"],
    ext_modules=EXTENSIONS,
    cmdclass={"build_ext": BuildExt},
    long_description=readme.description(),
    long_description_content_type="text/markdown",
    project_urls={"Repository": readme.ADDRESS} if readme.ADDRESS else {},
    # A free-threaded Python has no limited API: its wheel must not claim one.
    options={}
    if sysconfig.get_config_var("Py_GIL_DISABLED")
    else {"bdist_wheel": {"py_limited_api": "cp39"}},
)
