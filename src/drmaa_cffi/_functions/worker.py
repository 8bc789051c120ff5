"""The program that a job of a FunctionExecutor runs: one call, whose result it leaves in a file.

It stands alone, so that a job starts without the rest of the package. The executor's side reads
and writes by the same functions.
"""

from __future__ import annotations

import importlib
import marshal
import os
import sys

try:
    # The other half of pickle, in Python, takes as long to import as Python takes to start.
    from _pickle import dumps, load, loads
except ImportError:
    from pickle import dumps, load, loads

# typing itself takes a fifth of what a job takes to start.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, BinaryIO, Callable

#: The exit status of a job whose call raised: the exception is in the file of its result.
RAISED = 70
#: Every Python from 3.8 on reads it, so that one of another version can say so.
_PROTOCOL = 4
_HIGHEST = -1


class Result:
    """What came of a job's calls.

    Args:
        has_returned: Whether the calls returned; else one raised.
        value: The list of what they returned, or the exception, pickled; empty where that can't
            be.
        traceback: The exception's traceback.
    """

    def __init__(self, has_returned: bool, value: bytes, traceback: str = "") -> None:
        self.has_returned = has_returned
        self.value = value
        self.traceback = traceback


def result_file(folder: str, batch: str, index: int) -> str:
    """Return the path of a call's result."""
    return os.path.join(folder, f"{batch}.{index}.result")


def calls_file(folder: str, batch: str) -> str:
    """Return the path of the calls that were submitted together."""
    return os.path.join(folder, f"{batch}.calls")


def open_own(path: str) -> BinaryIO:
    """Open a file for reading if nobody but this user can have written it.

    Raises:
        PermissionError: somebody else can: nothing of it may be unpickled.
        OSError: it can't be opened.
    """
    folder = os.path.dirname(path)
    status = os.lstat(folder)
    if status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise PermissionError(
            f"the folder {folder} belongs to another user, or is open to others: nothing in it is "
            "unpickled"
        )
    file = os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb")
    status = os.fstat(file.fileno())
    if status.st_uid != os.geteuid() or status.st_mode & 0o022:
        file.close()
        raise PermissionError(
            f"{path} belongs to another user, or others can write to it: it is not unpickled"
        )
    return file


def write_whole(path: str, *parts: bytes) -> None:
    """Write a file that is not seen before it is whole."""
    unseen = f"{path}.{os.getpid()}"
    with open(unseen, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.writelines(parts)
    os.replace(unseen, path)


def write_calls(path: str, function: bytes, calls: list[bytes], *, is_plain: bool) -> None:
    """Write the calls of one function, for as many jobs; *is_plain*: it is for function_of()."""
    offsets = [0]
    for call in calls:
        offsets.append(offsets[-1] + len(call))
    head = {"path": sys.path, "function": function, "plain": is_plain, "offsets": offsets}
    write_whole(path, dumps(head, _PROTOCOL), *calls)


def function_of(data: bytes) -> Callable[..., Any]:
    """Return the function of a program's own that plain() has packed."""
    code, names, defaults, named, annotations, values, modules = loads(data)  # noqa: S301
    values["__builtins__"] = __builtins__
    values["__name__"] = "__main__"
    for name, module in modules.items():
        values[name] = importlib.import_module(module)
    make: Any = type(function_of)
    made = make(marshal.loads(code), values, names[0], defaults or None)  # noqa: S302
    made.__qualname__ = names[1]
    made.__kwdefaults__ = named or None
    made.__annotations__ = annotations
    found: Callable[..., Any] = made
    return found


def _pack(result: Result) -> bytes:
    return dumps((result.has_returned, result.value, result.traceback), _PROTOCOL)


def read_result(path: str) -> Result:
    """Read what a job has left.

    Raises:
        OSError: there is nothing, or it is not this user's.
    """
    with open_own(path) as file:
        return Result(*load(file))  # noqa: S301 - it is this user's


def _dumps(value: object) -> bytes:
    """Pickle by the standard's library if that will do: to import the other takes time."""
    try:
        return dumps(value, _HIGHEST)
    except Exception:  # noqa: BLE001 - pickle lets all through that objects raise
        pickled: bytes = importlib.import_module("cloudpickle").dumps(value)
        return pickled


def _run(path: str, index: int) -> list[Any]:
    with open_own(path) as file:
        head = load(file)  # noqa: S301 - it is this user's
        file.seek(file.tell() + head["offsets"][index - 1])
        # Modules are found as where the call was made.
        sys.path[:] = head["path"]
        find = function_of if head["plain"] else loads
        function = find(head["function"])
        calls = load(file)  # noqa: S301
    return [function(*args, **kwargs) for args, kwargs in calls]


def _failed(error: BaseException) -> Result:
    import traceback  # noqa: PLC0415 - most calls return

    # Without this module's own lines.
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    text = "".join(traceback.format_exception(type(error), error, trace))
    try:
        return Result(False, _dumps(error), text)
    except Exception:  # noqa: BLE001 - it can hold anything
        return Result(False, b"", text)


def _index(variable: str) -> int:
    """Return the number of this job among those that were submitted together.

    Raises:
        RuntimeError: the DRM does not tell it.
    """
    if not variable:
        return 1
    text = os.environ.get(variable, "")
    if not text.isdecimal():
        raise RuntimeError(
            f"the DRM has set {variable} to {text!r}: it should be a bulk job's index"
        )
    return int(text)


def main(folder: str, batch: str, variable: str, tag: str) -> int:
    """Run this job's call and leave its result.

    Args:
        folder: The executor's folder.
        batch: The name of the calls in it.
        variable: The environment variable with a bulk job's index; empty for a single job.
        tag: What names the version of the Python that made the call.

    Returns:
        The job's exit status.
    """
    index = _index(variable)
    try:
        if tag != sys.implementation.cache_tag:
            raise RuntimeError(
                f"the call was made by {tag}, but on {os.uname().nodename} {sys.executable} is "
                f"{sys.implementation.cache_tag}: install the same version of Python there"
            )
        result = Result(True, _dumps(_run(calls_file(folder, batch), index)))
    except BaseException as error:  # noqa: BLE001 - whatever a function raises
        result = _failed(error)
    write_whole(result_file(folder, batch, index), _pack(result))
    return 0 if result.has_returned else RAISED


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
