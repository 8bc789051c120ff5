"""Ctrl-C during a wait: the first asks what to do, the second ends the jobs.

A signal that ends the program leaves the jobs to themselves, as if that had been the answer.
"""

from __future__ import annotations

import select
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
_ENDING = (signal.SIGTERM, signal.SIGHUP)
_SIGNALLED = 128
# How often to look whether a question has become idle, in seconds.
_LOOK = 0.2


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
        self._before = {number: signal.getsignal(number) for number in (signal.SIGINT, *_ENDING)}
        self._asking = False
        self._count = 0
        #: Whether there was one that nobody has dealt with.
        self.pending: bool = False
        #: The signal that ends the program, if one came.
        self.ended: int = 0

    def __enter__(self) -> Self:
        """Begin to count."""
        signal.signal(signal.SIGINT, self._handle)
        for number in _ENDING:
            # nohup has hang-ups ignored.
            if self._before[number] is not signal.SIG_IGN:
                signal.signal(number, self._end)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave the signals to whom they were before."""
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @property
    def status(self) -> int:
        """The exit status of a program that was interrupted."""
        return _SIGNALLED + (self.ended or signal.SIGINT)

    def _handle(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self._count += 1
        self._call()

    def _end(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self.ended = number
        self._call()

    def _call(self) -> None:
        if self._asking:
            raise KeyboardInterrupt
        self.pending = True
        self.wake()

    def ask(self, jobs: str, are_over: Callable[[], bool]) -> Answer:
        """Return what the user wants to become of *jobs*; without a terminal nobody is asked.

        The question is withdrawn as soon as *are_over* says that there is nothing to decide.
        """
        if self.ended:
            return Answer.LEAVE
        if self._count >= ENOUGH:
            return Answer.TERMINATE
        if not (sys.stdin.isatty() and sys.stderr.isatty()):
            say(f"interrupted: the wait for {jobs} goes on; interrupt again to terminate")
            return Answer.WAIT
        try:
            self._asking = True
            return self._read(jobs, are_over)
        except (KeyboardInterrupt, click.Abort):
            self._asking = False
            say("")
            interrupted_again = self._count >= ENOUGH and not self.ended
            return Answer.TERMINATE if interrupted_again else Answer.LEAVE
        finally:
            self._asking = False

    def _read(self, jobs: str, are_over: Callable[[], bool]) -> Answer:
        say("")
        while True:
            question = "[t]erminate, [l]eave running, or [w]ait on (Ctrl-C terminates)? "
            click.echo(f"{jobs}: {question}", nl=False, err=True)
            while not select.select([sys.stdin], [], [], _LOOK)[0]:
                if are_over():
                    say("\nthey have ended meanwhile" if " jobs" in jobs else "\nit has ended")
                    return Answer.WAIT
            line = sys.stdin.readline()
            if not line:
                raise click.Abort
            said = line.strip().lower()
            for answer in Answer:
                if said and answer.value.startswith(said):
                    if answer is Answer.WAIT:
                        self._count = 0
                    return answer
