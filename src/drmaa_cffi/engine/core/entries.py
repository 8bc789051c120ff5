"""Usage entries that say why a task ended: `cause`, `reason` and `error_path`."""

from __future__ import annotations

import os

#: What a program has room for that uses DRMAA's recommended buffer.
_MOST_BYTES = 900


def of_cause(cause: str, reason: str) -> tuple[str, ...]:
    """Why it ended: a word of `drmaa_cffi.Cause`, and a sentence."""
    return f"cause={cause}", f"reason={one_line(reason)}"


def of_error_path(path: bytes) -> tuple[str, ...]:
    """Where its error messages are; nothing if that is too long to tell."""
    return (f"error_path={os.fsdecode(path)}",) if len(path) < _MOST_BYTES else ()


def one_line(text: str) -> str:
    """The text in one line of no great length, as the entries of other DRMs are."""
    text = "".join(c if c.isprintable() or "\udc80" <= c <= "\udcff" else "?" for c in text)
    data = text.encode("utf-8", "surrogateescape")
    if len(data) <= _MOST_BYTES:
        return text
    return data[:_MOST_BYTES].decode("utf-8", "ignore") + "..."
