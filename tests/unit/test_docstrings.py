"""Public names say which part of the standard is behind them, and which errors they raise."""

from __future__ import annotations

import inspect
import re
from enum import Enum
from typing import Iterator

import pytest

import drmaa_cffi
from drmaa_cffi import DrmaaException, Session, helpers
from drmaa_cffi._template import attributes, times


def documented() -> Iterator[tuple[str, str]]:
    """Yield the name and the docstring of each function, class and method of the standard's."""
    modules = {drmaa_cffi: drmaa_cffi.__all__, helpers: helpers.__all__}
    found = {name: getattr(module, name) for module, names in modules.items() for name in names}
    found.update(Converter=attributes.Converter, TimeConverter=times.TimeConverter)
    for name, value in found.items():
        is_class = inspect.isclass(value) and not issubclass(value, (DrmaaException, Enum))
        if is_class or inspect.isfunction(value):
            yield name, value.__doc__ or ""
    for cls in (Session, drmaa_cffi.JobTemplate):
        for name, value in vars(cls).items():
            function = getattr(value, "__func__", value)
            if inspect.isfunction(function) and not name.startswith("_"):
                yield f"{cls.__name__}.{name}", function.__doc__ or ""


@pytest.mark.parametrize(("name", "text"), list(documented()), ids=lambda text: text[:30])
def test_standard_is_named(name: str, text: str) -> None:
    """The last paragraph names the C routine, or the section of the standard."""
    last = inspect.cleandoc(text).split("\n\n")[-1]
    assert re.match(r"(C|Python): \w", last), f"{name}: {last}"


RAISES = {
    "initialize": "InvalidArgument InvalidContactString AlreadyActiveSession DrmsInit",
    "createJobTemplate": "NoActiveSession",
    "deleteJobTemplate": "InvalidArgument",
    "runJob": "InvalidArgument InvalidJobTemplate NoActiveSession DrmCommunication",
    "runBulkJobs": "InvalidArgument",
    "control": "InvalidArgument InvalidJob NoActiveSession DrmCommunication",
    "synchronize": "InvalidArgument InvalidJob NoActiveSession DrmCommunication ExitTimeout",
    "wait": "InvalidArgument InvalidJob NoActiveSession DrmCommunication ExitTimeout",
    "jobStatus": "InvalidArgument InvalidJob NoActiveSession DrmCommunication",
}


@pytest.mark.parametrize("name", RAISES)
def test_errors_are_named(name: str) -> None:
    """What a call is known to raise, its docstring names."""
    text = inspect.getdoc(getattr(Session, name)) or ""
    raises = text.partition("Raises:")[2]
    missing = [error for error in RAISES[name].split() if f"{error}Exception" not in raises]
    assert [] == missing
