"""Waiting for jobs in front of a user: display, Ctrl-C, and the end of each."""

from __future__ import annotations

import contextlib
from typing import Callable

from drmaa_cffi.const import JobControlAction
from drmaa_cffi.errors import DrmaaException
from drmaa_cffi.session import Session

from .display import Lines, make_display
from .interrupts import Answer, Interrupts
from .output import say
from .watch import Ending, Watch, summary

#: The exit status where jobs are left running at Ctrl-C, as of a program that Ctrl-C ends.
LEFT_RUNNING = 130
_TICK = 0.25


class Left(SystemExit):
    """The user has left jobs running."""


def follow(watch: Watch, interrupts: Interrupts, end: Callable[[Ending], None]) -> None:
    """Wait for all jobs of *watch*.

    Args:
        watch: The jobs.
        interrupts: What counts Ctrl-C.
        end: Called at each end of a job; it may write.

    Raises:
        Left: the user has left them running.
        DrmaaException: they cannot be waited for.
    """
    interrupts.wake = watch.wake
    watch.start()
    display = make_display(watch)
    try:
        _follow(watch, interrupts, end, display)
    except Left:
        display.close()
        say(f"left running: {' '.join(watch.unfinished)}")
        raise
    finally:
        display.close()
        watch.stop()


def _follow(
    watch: Watch, interrupts: Interrupts, end: Callable[[Ending], None], display: Lines
) -> None:
    while watch.unfinished:
        news = watch.news(_TICK)
        if news:
            with display.aside():
                for event in news:
                    if isinstance(event, Ending):
                        end(event)
                    else:
                        say(event)
        if interrupts.pending:
            # First: one that comes during what follows must not be lost.
            interrupts.pending = False
            if watch.terminated:
                raise Left(LEFT_RUNNING)
            with display.aside():
                answer = interrupts.ask(summary(watch))
                if answer is Answer.LEAVE:
                    raise Left(LEFT_RUNNING)
                if answer is Answer.TERMINATE:
                    _terminate(watch)
        display.update()


def _terminate(watch: Watch) -> None:
    watch.terminated = True
    jobs = watch.unfinished
    say(f"terminating {len(jobs)} job{'s' if len(jobs) > 1 else ''}; Ctrl-C leaves them to it")
    for job_id in jobs:
        # Some may have ended meanwhile.
        with contextlib.suppress(DrmaaException):
            Session.control(job_id, JobControlAction.TERMINATE)
