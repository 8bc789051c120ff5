"""Submits the jobs that wait in the program: for room, for a retry, for a DRM that is too busy."""

from __future__ import annotations

import heapq
import itertools
import logging
import math
import re
import threading
import time
from collections import deque
from typing import Callable, Deque, List, Optional, Sequence, Union

from drmaa_cffi._binding.indices import Span
from drmaa_cffi.errors import DeniedByDrmException, DrmaaException, TryLaterException
from drmaa_cffi.jobinfo import JobInfo
from drmaa_cffi.template import JobTemplate

from .attempts import AttemptsFuture, Source
from .future import JobFuture

_log = logging.getLogger(__name__)

#: Submits a template for the indices of a span, or a job for each of some templates, and gives the
#: future of each, or why it was refused.
Run = Callable[[Sequence[JobTemplate], Optional[Span]], List[Union[JobFuture, DrmaaException]]]

#: Between two attempts to submit where the DRM takes no more now, in seconds.
_SOONEST, _LATEST = 1.0, 60.0
#: How Grid Engine, Slurm and PBS refuse a job that they would take later.
_TOO_MANY = re.compile(
    r"only \d+ jobs are allowed|too many jobs|job submit limit|MaxSubmitJob|temporarily unable"
    r"|would exceed .{0,80}limit",
    re.IGNORECASE,
)


def is_for_later(error: DrmaaException) -> bool:
    """Whether the DRM would take the job at another time."""
    if isinstance(error, TryLaterException):
        return True
    return isinstance(error, DeniedByDrmException) and bool(_TOO_MANY.search(str(error)))


class Submitter:
    """Keeps a number of jobs submitted, in one thread, which is there while there is work.

    Args:
        run: See Run.
        most: How many jobs may be submitted and not ended; None for any number.
    """

    def __init__(self, run: Run, most: int | None) -> None:
        self._run = run
        self._most = math.inf if most is None else most
        self._changed = threading.Condition()
        self._ready: Deque[AttemptsFuture] = deque()
        self._later: list[tuple[float, int, AttemptsFuture]] = []
        self._numbers = itertools.count()
        self._ended: Deque[tuple[AttemptsFuture, JobFuture]] = deque()
        self._active = 0
        self._not_before = 0.0
        self._delay = _SOONEST
        #: How many may be submitted with one call.
        self._together: float = math.inf
        self._thread: threading.Thread | None = None

    def add(self, futures: list[AttemptsFuture], step: int) -> None:
        """Submit now what there is room for, and the rest later.

        Raises:
            DrmaaException: the first of them can't be submitted.
        """
        for future in futures:
            future.step = step
        with self._changed:
            is_first = not self._ready and time.monotonic() >= self._not_before
            self._ready.extend(futures)
            now = self._take() if is_first else []
        if now:
            try:
                self._submit(now)
            except DrmaaException:
                self.withdraw(*futures)
                raise
        with self._changed:
            self._wake()

    def withdraw(self, *futures: AttemptsFuture) -> None:
        """Forget futures that wait."""
        gone = set(futures)
        with self._changed:
            self._ready = deque(future for future in self._ready if future not in gone)
            self._later = [entry for entry in self._later if entry[2] not in gone]
            heapq.heapify(self._later)

    def _take(self) -> list[AttemptsFuture]:
        """Return what is to be submitted together, counted as submitted."""
        room = min(self._most - self._active, self._together)
        taken: list[AttemptsFuture] = []
        together = list(itertools.takewhile(_follows(self._ready), self._ready))
        # A piece of a bulk job is worth a submission if it has some size.
        piece = min(len(together), max(1, self._most // 4), self._together)
        if together and room >= piece:
            taken = together[: len(together) if room == math.inf else int(room)]
        for _ in taken:
            self._ready.popleft()
        self._active += len(taken)
        return taken

    def _submit(self, futures: list[AttemptsFuture]) -> None:
        """Submit futures of one bulk job, or single ones.

        Raises:
            DrmaaException: they can't be submitted, now or ever.
        """
        first, last = futures[0], futures[-1]
        span = (first.index, last.index, first.step) if first.index else None
        templates = [first.source.template] if span else [f.source.template for f in futures]
        try:
            answers = self._run(templates, span)
        except DrmaaException as error:
            answers = [error] * len(futures)
        except BaseException:
            with self._changed:
                self._active -= len(futures)
            raise
        refused: list[tuple[AttemptsFuture, DrmaaException]] = []
        for future, answer in zip(futures, answers):
            if isinstance(answer, DrmaaException):
                refused.append((future, answer))
            else:
                future.submitted(answer)
                answer.add_done_callback(lambda job, future=future: self._note(future, job))  # type: ignore[misc]
        self._take_back(refused, len(futures))

    def _take_back(self, refused: list[tuple[AttemptsFuture, DrmaaException]], tried: int) -> None:
        """Try later what the DRM would take later; the rest has failed.

        Raises:
            DrmaaException: all that was tried has failed.
        """
        later = [future for future, error in refused if is_for_later(error)]
        failed = [each for each in refused if not is_for_later(each[1])]
        with self._changed:
            self._active -= len(refused)
            self._ready.extendleft(f for f in reversed(later) if not f.done())
            if later:
                self._not_before = time.monotonic() + self._delay
                self._delay = min(2 * self._delay, _LATEST)
                # Of an array a DRM takes all or nothing.
                self._together = max(1, tried // 2)
            elif tried >= self._together:
                self._together = math.inf
            if not later:
                self._delay = _SOONEST
        if later:
            _log.info("the DRM takes no more jobs now: %s", refused[0][1])
        for future, error in failed:
            future.thread = threading.current_thread()
            future.fail(error)
        if len(failed) == tried:
            raise failed[0][1]

    def _note(self, future: AttemptsFuture, job: JobFuture) -> None:
        with self._changed:
            self._ended.append((future, job))
            self._active -= 1
            self._wake()

    def _wake(self) -> None:
        """Let the thread look; with the lock."""
        if self._thread is None and (self._ready or self._later or self._ended):
            self._thread = threading.Thread(
                target=self._work, name="drmaa-cffi submissions", daemon=True
            )
            self._thread.start()
        self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                ended, taken = self._next()
                if not ended and not taken:
                    return
            if ended is not None:
                self._end(*ended)
            elif taken:
                try:
                    self._submit(taken)
                except BaseException as error:  # noqa: BLE001 - it is the futures'
                    for future in taken:
                        future.thread = threading.current_thread()
                        future.fail(error)

    def _next(self) -> tuple[tuple[AttemptsFuture, JobFuture] | None, list[AttemptsFuture]]:
        """Wait for something to do, with the lock; nothing: the thread is to leave."""
        while True:
            if self._ended:
                return self._ended.popleft(), []
            now = time.monotonic()
            while self._later and self._later[0][0] <= now:
                self._ready.append(heapq.heappop(self._later)[2])
            taken = self._take() if now >= self._not_before else []
            if taken:
                return None, taken
            if not self._ready and not self._later:
                self._thread = None
                return None, []
            due = [entry[0] for entry in self._later[:1]]
            if self._ready and now < self._not_before:
                due.append(self._not_before)
            self._changed.wait(max(0, min(due) - now) if due else None)

    def _end(self, future: AttemptsFuture, job: JobFuture) -> None:
        """An attempt has ended: try again, or complete the future."""
        future.thread = threading.current_thread()
        info = future.ended(job)
        if info is None:
            return
        try:
            _change(future, info)
        except BaseException as error:  # noqa: BLE001 - of the program's function
            future.fail(error)
            return
        wait = future.retry.wait if future.retry else 0
        with self._changed:
            if not future.done():
                entry = (time.monotonic() + wait, next(self._numbers), future)
                heapq.heappush(self._later, entry)


def _follows(ready: Deque[AttemptsFuture]) -> Callable[[AttemptsFuture], bool]:
    """Return what is true of the futures that can be one submission with the first."""
    expected = ready[0].index if ready else 0
    source = ready[0].source if ready else None
    if not expected:
        return lambda future: not future.index

    def follows(future: AttemptsFuture) -> bool:
        nonlocal expected
        if future.source is not source or future.index != expected:
            return False
        expected += future.step
        return True

    return follows


def _change(future: AttemptsFuture, info: JobInfo) -> None:
    """Give a future the template of its next attempt."""
    change = future.retry.change if future.retry else None
    if change is None:
        return
    template = future.source.template.copy()
    try:
        changed = change(template, info)
        if changed is not None and changed is not template:
            template.delete()
            template = changed.copy()
    except BaseException:
        template.delete()
        raise
    future.source.release()
    future.source = Source(template)
