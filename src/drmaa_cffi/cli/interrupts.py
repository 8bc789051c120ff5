"""Ctrl-C during a wait: the first asks what to do, the second ends the jobs."""

from __future__ import annotations

import signal
import sys
from enum import Enum
from typing import TYPE_CHECKING, Callable

import click

from .output import say

if TYPE_CHECKING:
    from types import FrameType, TracebackType

    from typing_extensions import Self

ENOUGH = 2


class Answer(Enum):
    """What is to become of the jobs."""

    TERMINATE = "terminate"
    LEAVE = "leave running"
    WAIT = "wait on"


class Interrupts:
    """Counts Ctrl-C within its block."""

    def __init__(self) -> None:
        #: Called at each, in the signal's handler.
        self.wake: Callable[[], None] = lambda: None
        self._before = signal.getsignal(signal.SIGINT)
        self._asking = False
        self._count = 0
        #: Whether there was one that nobody has dealt with.
        self.pending: bool = False

    def __enter__(self) -> Self:
        """Begin to count."""
        signal.signal(signal.SIGINT, self._handle)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave Ctrl-C to whom it was before."""
        signal.signal(signal.SIGINT, self._before)

    def _handle(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self._count += 1
        if self._asking:
            raise KeyboardInterrupt
        self.pending = True
        self.wake()

    def ask(self, jobs: str) -> Answer:
        """Return what the user wants to become of *jobs*; without a terminal nobody is asked."""
        if self._count >= ENOUGH:
            return Answer.TERMINATE
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            say(f"interrupted: the wait for {jobs} goes on; interrupt again to terminate")
            return Answer.WAIT
        try:
            self._asking = True
            return self._read(jobs)
        except (KeyboardInterrupt, click.Abort):
            self._asking = False
            say("")
            return Answer.TERMINATE if self._count >= ENOUGH else Answer.LEAVE
        finally:
            self._asking = False

    def _read(self, jobs: str) -> Answer:
        say("")
        while True:
            said = click.prompt(
                f"{jobs}: [t]erminate, [l]eave running, or [w]ait on (Ctrl-C terminates)",
                prompt_suffix="? ",
                err=True,
            )
            for answer in Answer:
                if said and answer.value.startswith(said.strip().lower()):
                    if answer is Answer.WAIT:
                        self._count = 0
                    return answer
