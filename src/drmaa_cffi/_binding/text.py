"""Text on its way into C."""

from __future__ import annotations

from typing import Callable, Iterable, cast

from drmaa_cffi.errors import invalid_argument, shown


def encode(value: str | bytes, what: str) -> bytes:
    """Return *value* as C gets it: UTF-8, surrogateescape, no NUL within.

    Args:
        value: The text.
        what: What the text is, for the error.

    Raises:
        InvalidArgumentException: it has a NUL, cannot be encoded or is no text.
    """
    if isinstance(value, str):
        if "\0" not in value:
            try:
                return value.encode()
            except UnicodeEncodeError:
                return _encode_surrogates(value, what)
    elif not isinstance(value, bytes):
        raise invalid_argument(f"{what} must be str or bytes, not {shown(value)}")
    elif b"\0" not in value:
        return value
    raise invalid_argument(f"{what} has a NUL character, which C can't take: {shown(value)}")


def _encode_surrogates(value: str, what: str) -> bytes:
    try:
        return value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise invalid_argument(f"{what} can't be written as UTF-8: {error}") from None


def block(
    values: Iterable[object], count: int, encode_each: Callable[[], Iterable[bytes]]
) -> bytes:
    """Return strings as one block for C, each ended by a NUL.

    Joining all of them and encoding once takes a fraction of the time that a look at each does.

    Args:
        values: The strings, if they are str; they may be anything.
        count: How many they are.
        encode_each: What looks at each of them, where one turns out to be no plain str.
    """
    if not count:
        return b""
    try:
        return ("\0".join(cast("Iterable[str]", values)) + "\0").encode()
    except (TypeError, UnicodeEncodeError):
        return b"\0".join((*encode_each(), b""))
