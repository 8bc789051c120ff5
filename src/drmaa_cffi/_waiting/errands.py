"""What helper threads do for one that must be free to serve signals, or other greenlets.

An errand is a call in C on behalf of the main thread, which sleeps meanwhile where handlers act.
If its caller has left, it goes on, and what it takes is kept for others.
"""

from __future__ import annotations

import math
import sys
import time
from typing import Callable

from drmaa_cffi.errors import InvalidJobException

from . import threads
from .records import CallInC, Outcome, Records
from .timeouts import timed_out

_FOREVER = math.inf


class Errands:
    """The helpers of the process's session."""

    def __init__(self) -> None:
        self.records: Records = Records()

    def run_errand(
        self, key: object, job_id: str, deadline: float, target: Callable[[], Outcome | None]
    ) -> None:
        """Let a helper call *target*, or the one that does so already; wait where signals act.

        Args:
            key: What is asked for; None if no call that is under way will do.
            job_id: For which job *target* waits in C; empty for one that takes no record.
            deadline: When *target* ends.
            target: What blocks. The record that it returns is kept.

        Raises:
            ExitTimeoutException: the time is over. And what *target* raises.
            NoThreadError: no helper can be had; *target* has not been called.
        """
        earlier = self._running(key, deadline)
        call = earlier or CallInC(job_id, deadline, key)
        limit = deadline if earlier else _FOREVER
        if earlier is None:
            threads.start_new(self._errand(call, target))
        try:
            call.abandoned = False
            if not self._sleep_on_main(lambda: call.finished, limit):
                raise timed_out()
        except BaseException:
            call.abandoned = True
            if call.finished:
                threads.start(self.records.offer)
            raise
        if earlier and isinstance(call.error, InvalidJobException):
            # It may have heard so before the job was submitted.
            self.run_errand(key, job_id, deadline, target)
        elif call.error is not None:
            raise call.error

    def _errand(self, call: CallInC, target: Callable[[], Outcome | None]) -> Callable[[], None]:
        def run() -> None:
            with self.records.changed:
                self.records.errands.add(call)
            self.records.finish(call, *threads.attempt(target), is_callers=True)

        return run

    def _running(self, key: object, deadline: float) -> CallInC | None:
        """Return the errand that does what is asked for, if it takes long enough."""
        for call in list(self.records.errands):
            fits = key is not None and call.key == key and call.deadline >= deadline
            if fits and not call.finished:
                return call
        return None

    def _sleep_on_main(self, condition: Callable[[], bool], deadline: float) -> bool:
        bell = threads.Bell()
        self.records.bells.add(bell)
        try:
            while not condition():
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                bell.sleep(min(left, threads.LOOK))
        finally:
            self.records.bells.discard(bell)
        return True

    def may_block_here(self) -> bool:
        """Whether nothing but the C call itself has to wake this thread."""
        if sys.is_finalizing():
            return True  # no thread can be started any more
        with self.records.changed:
            quiet = not any(call.abandoned for call in self.records.calls | self.records.errands)
        return quiet and not threads.are_greenlets()

    def start(self, call: CallInC, target: Callable[[], Outcome | None]) -> None:
        """Call *target* in a helper thread."""
        with self.records.changed:
            self.records.calls.add(call)

        def finish(outcome: Outcome | None, error: BaseException | None) -> None:
            self.records.finish(call, outcome, error)

        if threads.are_greenlets():
            threads.start_beside_gevent(target, finish)
        else:
            threads.start(lambda: finish(*threads.attempt(target)))

    def sleep(self, condition: Callable[[], bool], deadline: float) -> bool:
        """Wait, where signals act, until *condition* is true.

        Returns:
            False if it is not by the *deadline*.
        """
        if threads.serves_signals():
            return self._sleep_on_main(condition, deadline)
        with self.records.changed:
            while not condition():
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self.records.changed.wait(None if left == _FOREVER else left)
        return True
