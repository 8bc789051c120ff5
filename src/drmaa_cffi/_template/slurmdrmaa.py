"""What slurm-drmaa would hand to a shell, or cut: it is refused, or rounded up."""

from __future__ import annotations

import re
from typing import Sequence

from drmaa_cffi.errors import invalid_argument, shown

_WAY_OUT = "DRMAA_LIBRARY_PATH=slurm, Slurm by its own commands, takes any text"
# What a shell does not take as it is: anywhere, at the beginning, as the beginning.
_NOT_PLAIN = re.compile(r"""[\s'"\\`$&|;<>()*?\[{]|^[~#]|^\w+=""")
# Which the library replaces before the shell sees them.
_PLACEHOLDERS = re.compile(r"\$drmaa_(hd|wd)_ph\$")


def check_arguments(attribute: str, elements: Sequence[bytes]) -> None:
    """Refuse what ends the quotes that it puts around arguments.

    Raises:
        InvalidArgumentException: an argument has a single quote.
    """
    for index, element in enumerate(elements):
        if b"'" in element:
            raise invalid_argument(
                f"{attribute}[{index}] can't be {shown(_text(element))}: slurm-drmaa puts "
                "arguments between single quotes into a shell script, where what follows a single "
                f"quote is executed. {_WAY_OUT}; else put it into a script, or into "
                "jobEnvironment, and have the command take it from there, as in "
                "sh -c 'eval \"$SCRIPT\"'"
            )


def check_command(attribute: str, value: bytes) -> None:
    """Refuse a command that a shell would take apart, or execute in part.

    Raises:
        InvalidArgumentException: it has a character that a shell does not leave as it is.
    """
    command = _text(value)
    found = _NOT_PLAIN.search(_PLACEHOLDERS.sub("", command))
    if found:
        raise invalid_argument(
            f"{attribute} can't be {shown(command)}: slurm-drmaa puts it into a shell script "
            f"without quotes, and a shell does not take {found[0]!r} as it is. What follows the "
            f"command goes into args. {_WAY_OUT}; else give the file another name, or a link"
        )


def whole_minutes(seconds: int) -> int:
    """Return a time limit in seconds, rounded up to what it does not cut."""
    return -(-seconds // 60) * 60


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")
