"""The queue: which task starts next on the free slots, and whose turn it is."""

from __future__ import annotations

import heapq

from drmaa_cffi.engine.core import model


class Queue:
    """The jobs that have something to start: a line for each session, in the order of submission.

    Jobs of a higher priority go before all others. Of one priority the lines take turns, one task
    each. A job that needs more slots than are free keeps all behind it waiting: it would never
    start otherwise.

    Args:
        slots: how many there are.
        fair: give each session a line; else all jobs stand in one.
    """

    def __init__(self, slots: int, *, fair: bool) -> None:
        self.slots = slots
        self.free: int = slots
        self._fair = fair
        #: By priority, then by session, heaps of jobs' numbers, the next line to have its turn
        #: first. None is empty.
        self._lines: dict[int, dict[int, list[int]]] = {}
        self._jobs: dict[int, model.Job] = {}

    def offer(self, job: model.Job) -> None:
        """Lets a job take part (again): it is new, was released, or may run one more task."""
        if not (job.queued or job.blocked or job.early):
            job.queued = True
            self._jobs[job.number] = job
            lines = self._lines.setdefault(job.spec.native.priority, {})
            line = lines.setdefault(job.session.number if self._fair else 0, [])
            heapq.heappush(line, job.number)

    def next(self) -> model.Task | None:
        """The next task to start, counted as running from now on; None: nothing can start."""
        while self._lines:
            highest = max(self._lines)
            lines = self._lines[highest]
            whose, line = next(iter(lines.items()))
            task = self._first_of(line)
            if task is None:
                del lines[whose]
                if not lines:
                    del self._lines[highest]
                continue
            job = task.job
            if job.spec.native.slots > self.free:
                heapq.heappush(job.released, task.index)
                return None
            if len(lines) > 1:
                lines[whose] = lines.pop(whose)  # to the end: the next has its turn
            task.state = model.RUNNING
            self.count_running(task)
            return task
        return None

    def _first_of(self, line: list[int]) -> model.Task | None:
        """The first task of a line that may start; jobs that have none leave the line."""
        while line:
            job = self._jobs[line[0]]
            most = job.spec.native.max_running
            if not job.blocked and not (most and job.running >= most):
                task = _startable(job)
                if task is not None:
                    return task
            heapq.heappop(line)
            del self._jobs[job.number]
            job.queued = False
        return None

    def count_running(self, task: model.Task) -> None:
        """Counts a running task; after a restart there may be more of them than slots."""
        self.free -= task.job.spec.native.slots
        task.job.running += 1

    def give_back(self, task: model.Task) -> None:
        """A task does not run any more: its slots are free, and its job may have more."""
        job = task.job
        self.free += job.spec.native.slots
        job.running -= 1
        if job.unfinished:
            self.offer(job)

    def put_back(self, task: model.Task) -> None:
        """A queued task the cursor has passed may start: released from hold, or not started."""
        heapq.heappush(task.job.released, task.index)
        self.offer(task.job)


def _startable(job: model.Job) -> model.Task | None:
    while job.released:
        task = job.task(heapq.heappop(job.released))
        if task is not None and task.state == model.QUEUED and not task.held:
            return task
    # What is held, or has ended, and was not touched stays where it is.
    while job.cursor <= job.end and job.rest is None and not job.held:
        index = job.cursor
        job.cursor += job.step or 1
        task = job.task(index)
        if task is not None and task.state == model.QUEUED and not task.held:
            return task
    return None
