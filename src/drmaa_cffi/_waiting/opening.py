"""Opens the session where signals act: a DRM that does not answer must not hold up Ctrl-C."""

from __future__ import annotations

import os
import threading

from drmaa_cffi._binding import calls

from . import sleeping

# Held as long as C opens the session, also for a caller that has left.
_opening = threading.Lock()


def _renew() -> None:
    global _opening  # noqa: PLW0603  who held it is not in this process
    _opening = threading.Lock()


os.register_at_fork(after_in_child=_renew)


def open_session(contact: str | bytes | None) -> None:
    """Call drmaa_init; if a signal's handler raises meanwhile, the session is closed again.

    Args:
        contact: As for ``Session.initialize()``.

    Raises:
        DrmaaException: as drmaa_init does.

    C: drmaa_init.
    """
    left: list[bool] = []
    opened: list[bool] = []

    def close_if_left() -> None:
        if left and opened:
            try:
                opened.pop()
            except IndexError:  # the other one who saw both
                return
            sleeping.attempt(calls.exit)

    def work() -> None:
        with _opening:
            calls.init(contact)
            opened.append(True)
            close_if_left()

    try:
        sleeping.off_main(work)
    except BaseException:
        left.append(True)
        sleeping.start(close_if_left)
        raise
