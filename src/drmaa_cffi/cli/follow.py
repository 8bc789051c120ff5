"""Waiting for jobs in front of a user: display, Ctrl-C, and the end of each."""

from __future__ import annotations

import contextlib
from typing import Callable

from drmaa_cffi.const import JobControlAction
from drmaa_cffi.errors import DrmaaException
from drmaa_cffi.session import Session

from .display import Lines, make_display
from .ids import in_short
from .interrupts import Answer, Interrupts
from .live import Live
from .output import say
from .watch import Ending, Watch, summary

_TICK = 0.25


class Left(SystemExit):
    """The user has left jobs running, or a signal ends the program."""


def follow(
    watch: Watch,
    interrupts: Interrupts,
    end: Callable[[Ending], None],
    live: Live | None = None,
) -> None:
    """Wait for all jobs of *watch*.

    Args:
        watch: The jobs.
        interrupts: What counts Ctrl-C.
        end: Called at each end of a job; it may write.
        live: Shows what the jobs write meanwhile; None for nothing.

    Raises:
        Left: the user has left them running, or a signal ends the program.
        OSError: what there is to tell can't be written.
        DrmaaException: they cannot be waited for.
    """
    interrupts.wake = watch.wake
    watch.start()
    display = make_display(watch)
    try:
        _follow(watch, interrupts, end, display, live)
    except BaseException as error:
        # There may be no terminal any more.
        with contextlib.suppress(OSError):
            display.close()
            if watch.unfinished:
                say(f"left running: {in_short(watch.unfinished)}")
        if interrupts.ended and isinstance(error, OSError):
            raise Left(interrupts.status) from error
        raise
    finally:
        display.close()
        watch.stop()


def _follow(
    watch: Watch,
    interrupts: Interrupts,
    end: Callable[[Ending], None],
    display: Lines,
    live: Live | None,
) -> None:
    while watch.unfinished:
        written = live.look(watch) if live else []
        if live and written:
            with display.aside():
                live.write(written)
        news = watch.news(_TICK)
        if news:
            with display.aside():
                for event in news:
                    if isinstance(event, Ending):
                        end(event)
                    else:
                        say(event)
        if interrupts.pending and watch.unfinished:
            # First: one that comes during what follows must not be lost.
            interrupts.pending = False
            if interrupts.ended or watch.terminated:
                raise Left(interrupts.status)
            with display.aside():
                answer = interrupts.ask(summary(watch), lambda: watch.is_over)
                if answer is Answer.LEAVE:
                    raise Left(interrupts.status)
                if answer is Answer.TERMINATE:
                    _terminate(watch)
        display.update()


def _terminate(watch: Watch) -> None:
    watch.terminated = True
    jobs = watch.unfinished
    say(f"terminating {len(jobs)} job{'s' if len(jobs) > 1 else ''}; Ctrl-C leaves them to it")
    # Some may have ended meanwhile.
    with contextlib.suppress(DrmaaException):
        Session.control(jobs, JobControlAction.TERMINATE)
