"""What Grid Engine's library cuts or refuses, and the roads that carry it."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Iterator, Mapping, NamedTuple, Sequence

from drmaa_cffi._binding import calls
from drmaa_cffi.errors import (
    DrmaaException,
    Errno,
    InvalidAttributeValueException,
    from_code,
    invalid_argument,
    shown,
)

from .drms import find

if TYPE_CHECKING:
    from drmaa_cffi.template import JobTemplate

_NAME = re.compile(r"[^\s,'\"=]+")
# What its daemons say of a job's name that they do not take, or cannot even read.
_OF_NAMES = re.compile(r"reading answer list|not a valid object name|not allowed in objectname")
_NOT_IN_NAMES = re.compile(r"[^\x21-\x7e]|[/:@\\*?]")
# Whose master refuses any name with a blank or a letter that is not ASCII: of others, not known.
_MEASURED = "SGE 8."
_UNPRINTABLE = re.compile(r"[^\x21-\x7e]")
# Options that may give the job another name than its attributes do.
_NAMING = re.compile(r"-(N|b|@|jsv)")
# What it says when a request, a job's submission for instance, has reached its master, or not.
_REACHED, _NOT_REACHED = "response", ("unable to contact", "send error", "unable to send")


class Carried(NamedTuple):
    """A job's environment, parted by the roads on which it goes."""

    #: Variables for the native specification, and the words for them.
    variables: Mapping[str, str]
    words: str
    #: Those for the attribute.
    rest: Mapping[Any, Any]


def is_meant(system: str) -> bool:
    """Whether *system*, of drmaa_get_DRM_system, is Grid Engine."""
    with contextlib.suppress(DrmaaException):
        return find(system).section == "gridengine"
    return False


def check_arguments(attribute: str, elements: Sequence[object]) -> None:
    """Refuse what its library would cut.

    Raises:
        InvalidArgumentException: an argument has a line break.
    """
    for index, element in enumerate(elements):
        text = element.decode("utf-8", "replace") if isinstance(element, bytes) else str(element)
        if "\n" in text:
            raise invalid_argument(
                f"{attribute}[{index}] can't be {shown(element)}: Grid Engine's library drops "
                "what follows a line break in an argument. Write it to a file; or put it into "
                "jobEnvironment, which carries line breaks, and have the command take it from "
                "there, as in sh -c 'eval \"$SCRIPT\"'"
            )


def part(attribute: str, pairs: Mapping[Any, Any], entries: Mapping[Any, bytes]) -> Carried:
    """Part a job's environment: its library cuts a value at a '='.

    Args:
        attribute: The attribute's name, for messages.
        pairs: All variables.
        entries: Those with a '=' in the value, as NAME=VALUE in bytes.

    Raises:
        InvalidArgumentException: there is no road for one of them.
    """
    variables: dict[str, str] = {}
    words: list[str] = []
    for entry in entries.values():
        name, _, value = entry.decode("utf-8", "surrogateescape").partition("=")
        quote = "'" if '"' in value else '"'
        if _NAME.fullmatch(name) and "," not in value and quote not in value:
            words.append(f"-v {quote}{name}={value}{quote} ")
        elif _NAME.fullmatch(name) and os.environ.get(name) == value:
            words.append(f"-v {name} ")  # its library takes it from there, whatever it is
        else:
            raise invalid_argument(
                f"{attribute}[{name!r}] can't be {shown(value)}: Grid Engine's library cuts a "
                "value at its '=', and its -v takes none with a comma, or with quotes of both "
                "kinds, beside it. Set it in os.environ, too, from where it is taken as it is, or "
                "write it to a file"
            )
        variables[name] = value
    rest = {name: text for name, text in pairs.items() if name not in entries}
    return Carried(variables, "".join(words), rest)


def refusal(template: JobTemplate) -> DrmaaException | None:
    """Return why its master would refuse a job for its name; None where it may take it."""
    with contextlib.suppress(DrmaaException):
        if not calls.get_DRM_system().startswith(_MEASURED):
            return None
    name = _value(template, "jobName") or _value(template, "remoteCommand").rpartition("/")[2]
    if not _UNPRINTABLE.search(name) or _value(template, "jobCategory"):
        return None
    if any(_NAMING.search(options) for options in _options(template)):
        return None
    return _of_name(template, "", "")


def _options(template: JobTemplate) -> Iterator[str]:
    """Find all that its library takes options from, but for the category."""
    with contextlib.suppress(InvalidAttributeValueException):  # it is not set
        yield calls.get_attribute(template._handle, b"drmaa_native_specification")  # noqa: SLF001
    cell = os.environ.get("SGE_CELL") or "default"
    yield _text(Path(os.environ.get("SGE_ROOT", ""), cell, "common", "sge_request"))
    with contextlib.suppress(KeyError):  # of a user that the system does not know
        yield _text(Path(pwd.getpwuid(os.getuid()).pw_dir, ".sge_request"))
    for folder in ("", _value(template, "workingDirectory")):
        yield _text(Path(folder, ".sge_request"))


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:  # there is none
        return ""


def in_plain_words(error: DrmaaException, template: JobTemplate) -> DrmaaException:
    """Return the error of a submission, said so that one knows what to do, or as it is."""
    if error.code == Errno.DRM_COMMUNICATION_FAILURE:
        return _whether_submitted(error)
    if error.code not in {Errno.INTERNAL_ERROR, Errno.DENIED_BY_DRM}:
        return error
    if not _OF_NAMES.search(error.diagnosis):
        return error
    return _of_name(template, error.routine, error.diagnosis)


def _of_name(template: JobTemplate, routine: str, diagnosis: str) -> DrmaaException:
    name = _value(template, "jobName")
    command = _value(template, "remoteCommand")
    last = command.rpartition("/")[2]
    bad = _NOT_IN_NAMES.search(name or last)
    said = (
        f"jobName can't be {name!r}"
        if name
        else f"remoteCommand {command!r} can't name the job, as it does where no jobName is set"
    )
    what = "it begins with a digit" if bad is None else f"it has {bad[0]!r}"
    advice = "set a jobName of ASCII letters, digits, '_', '-' and '.' that begins with a letter"
    if not name and " " in last:
        advice = (
            f"put what follows the command into args: remoteCommand={command.split()[0]!r}, "
            f"args={command.split()[1:]!r}; or {advice}"
        )
    text = f"{said} on Grid Engine: {what}. Nothing was submitted: {advice}"
    if diagnosis:
        text += f" ({diagnosis})"
    return from_code(Errno.DENIED_BY_DRM, routine, text, diagnosis)


def _whether_submitted(error: DrmaaException) -> DrmaaException:
    if any(words in error.diagnosis for words in _NOT_REACHED):
        may, said = False, "nothing was submitted: try again when the DRM answers"
    elif _REACHED in error.diagnosis:
        may, said = (
            True,
            (
                "the job MAY HAVE BEEN SUBMITTED, and may run: look for it by its name before you "
                "submit it again"
            ),
        )
    else:
        return error
    made = from_code(error.code or 0, error.routine, f"{error.diagnosis}; {said}", error.diagnosis)
    made.jobIds = error.jobIds
    made.mayHaveSubmitted = may
    return made


def _value(template: JobTemplate, name: str) -> str:
    with contextlib.suppress(InvalidAttributeValueException):  # it is not set
        return str(getattr(template, name))
    return ""
