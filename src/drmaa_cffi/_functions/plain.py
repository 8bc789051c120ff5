"""Functions of the program itself that are simple enough to travel without cloudpickle.

To import cloudpickle takes a job as long as all else that it does. The code of a function that
uses nothing but modules and constants can be sent as Python stores it in its own files.
"""

from __future__ import annotations

import marshal
import pickle
import sys
from types import CodeType, FunctionType, ModuleType
from typing import Iterable

_CONSTANTS = (int, float, complex, bool, str, bytes, type(None))


def plain(function: object) -> bytes | None:
    """Return what worker.function_of() makes the function of; None if it is none of these."""
    if not isinstance(function, FunctionType) or function.__module__ != "__main__":
        return None
    if function.__closure__ or vars(function):
        return None
    constants: dict[str, object] = {}
    modules: dict[str, str] = {}
    for name in set(_names(function.__code__)):
        if name not in function.__globals__:
            continue  # a builtin, or an attribute
        value = function.__globals__[name]
        if type(value) in _CONSTANTS:
            constants[name] = value
        elif isinstance(value, ModuleType) and _is_found_by_name(value):
            modules[name] = value.__name__
        else:
            return None
    defaults, named = function.__defaults__ or (), function.__kwdefaults__ or {}
    annotations = function.__annotations__
    builtin = (value for value in annotations.values() if isinstance(value, type))
    if any(value.__module__ != "builtins" for value in builtin):
        return None
    rest = [value for value in annotations.values() if not isinstance(value, type)]
    if any(type(value) not in _CONSTANTS for value in (*defaults, *named.values(), *rest)):
        return None
    names = function.__name__, function.__qualname__
    code = marshal.dumps(function.__code__)
    parts = code, names, defaults, named, annotations, constants, modules
    return pickle.dumps(parts, pickle.HIGHEST_PROTOCOL)


def _names(code: CodeType) -> Iterable[str]:
    """Give all names that the code, and that inside it, may look up."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _is_found_by_name(module: ModuleType) -> bool:
    # Of a package the program may have imported parts that its name alone does not bring.
    is_package = hasattr(module, "__path__")
    return not is_package and sys.modules.get(module.__name__) is module
