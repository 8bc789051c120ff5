"""A future that a signal's handler can end a wait for, and can't leave locked for others."""

from __future__ import annotations

import concurrent.futures
import math
import os
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Callable, Deque, TypeVar

from drmaa_cffi._waiting import sleeping, waiting
from drmaa_cffi._waiting.delivering import deliver, guard, refuse_to_wait_here
from drmaa_cffi._waiting.timeouts import patience_of
from drmaa_cffi.errors import Errno, from_code
from drmaa_cffi.jobinfo import JobInfo

from . import waiters

if TYPE_CHECKING:
    from typing_extensions import Self


_T = TypeVar("_T")
_CANCELLED = frozenset({"CANCELLED", "CANCELLED_AND_NOTIFIED"})
_OVER = _CANCELLED | {"FINISHED"}


def refuse_in_child(pid: int, whose: str, what: str) -> None:
    """Refuse *what* in a process forked from that with *pid*, where locks may be held for ever.

    Raises:
        NoActiveSessionException: this is one.
    """
    if os.getpid() != pid:
        text = f"{whose}, from which this one was forked: {what} there"
        raise from_code(Errno.NO_ACTIVE_SESSION, "", text)


def _nothing() -> None:
    """Stand for a reference to what there is not."""


class InterruptibleFuture(concurrent.futures.Future[JobInfo]):
    """The future of a job, as far as it is not the DRM's."""

    #: The job's id, as the DRM knows it.
    job_id: str

    def __init__(self) -> None:
        super().__init__()
        self._pid = os.getpid()
        self._guard: object = None
        if not sleeping.are_greenlets():
            self._guard = waiters.Lock()
            self._condition = waiters.condition(self._guard)
        self._waiters: list[Any] = waiters.Waiters()
        self._callbacks: Deque[Callable[[Any], object]] = deque()
        self._is_told = False
        # Held while cancel() ends the job: the record that the job leaves must come too late.
        self._deciding = threading.Lock()
        self._is_to_be_cancelled = False
        # What result() has raised, while somebody has it.
        self._raised: Callable[[], BaseException | None] = _nothing

    def _when_free(self, act: Callable[[_T], object], news: _T) -> None:
        """Call *act* with the news when nobody holds a lock of this future's; hold up nobody."""
        if self._is_free():
            act(news)
            return

        def attempt(seconds: float) -> bool:
            if seconds > waiters.LEFT_BEHIND and isinstance(self._guard, waiters.Lock):
                self._guard.give_way()
            is_free = self._is_free()
            if is_free:
                deliver(act, news, f"job {self.job_id}")
            return is_free

        waiters.late_ones.add(attempt)

    def _is_free(self) -> bool:
        """Whether nobody holds a lock of this future's."""
        for lock in (self._deciding, self._condition):
            if not lock.acquire(False):
                return False
            lock.release()
        return True

    def _invoke_callbacks(self) -> None:
        self._is_told = True
        self._wake()
        self._call_back()

    def _call_back(self) -> None:
        """Call each callback once, whatever another one does; in single steps, without a lock."""
        while self._callbacks:
            try:
                callback = self._callbacks.popleft()
            except IndexError:  # another thread was faster
                return
            guard(callback, self, f"job {self.job_id}")

    def add_done_callback(self, fn: Callable[[Self], object]) -> None:
        """Let *fn* be called with the future when it is done; at once if it is.

        Args:
            fn: It is called in the thread that waits for all jobs, and can't wait itself.
        """
        self._callbacks.append(fn)
        if self._is_told:
            self._call_back()

    @staticmethod
    def _wake() -> None:
        waiting.waits.ledger.ring()

    # Without the lock: who reads on the main thread must leave none locked.

    def done(self) -> bool:
        """Return whether the future has a result, or is cancelled."""
        return self._state in _OVER

    def cancelled(self) -> bool:
        """Return whether the future is cancelled."""
        return self._state in _CANCELLED

    def running(self) -> bool:
        """Return False: a future of this kind is pending until it is done; see status()."""
        return False

    def _await(self, timeout: float | None) -> BaseException | None:
        """Wait where signals act, and leave no lock of the future's behind."""
        seconds = patience_of(timeout)
        if not self.done():
            self._refuse_in_child("wait for it")
            refuse_to_wait_here()
            if sleeping.serves_signals():
                waiting.waits.sleep(self.done, time.monotonic() + seconds)
            else:
                with self._condition:
                    self._condition.wait_for(self.done, None if seconds == math.inf else seconds)
        if not self.done():
            raise concurrent.futures.TimeoutError
        if self.cancelled():
            raise concurrent.futures.CancelledError
        return self._exception

    def _refuse_in_child(self, what: str) -> None:
        whose = f"job {self.job_id} was submitted by process {self._pid}"
        refuse_in_child(self._pid, whose, what)
