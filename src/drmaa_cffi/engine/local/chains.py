"""Which jobs are to follow which: `--after` and `--after-ok`."""

from __future__ import annotations

from typing import Iterator

from drmaa_cffi.engine.core import engine, model


class Chains:
    """Knows who waits for whom, and which jobs have failed.

    Args:
        core: has all jobs.
    """

    def __init__(self, core: engine.Engine) -> None:
        self._core = core
        #: The indices of failed tasks by their jobs' numbers; reaped ones, too.
        self._failed: dict[int, set[int]] = {}
        #: Of bulk jobs whose untouched tasks have failed: the indices of the others.
        self._failed_rests: dict[int, frozenset[int]] = {}
        #: Up to here an earlier engine gave numbers, and of what was reaped then nothing is known.
        self._before = 0

    def load(self) -> None:
        """Takes up what the store knows."""
        self._before = self._core.disk.last_number
        for job in self._core.jobs.values():
            if job.rest is not None:
                self.note_rest(job)
            for task in job.tasks.values():
                if task is not None and task.end is not None:
                    self.note(task, task.end)

    def note(self, task: model.Task, end: model.End) -> bool:
        """A task has ended. Whether it has failed."""
        failed = end.stat != 0
        if failed:
            self._failed.setdefault(task.job.number, set()).add(task.index)
        return failed

    def note_rest(self, job: model.Job) -> None:
        """All tasks of a job that nobody has touched have failed."""
        self._failed_rests[job.number] = frozenset(job.tasks)

    def has_failed(self, text: str) -> bool:
        """Whether a job has failed, or one of its tasks."""
        number, index = model.parse_id(text) or (0, None)
        failed = self._failed.get(number, set())
        others = self._failed_rests.get(number)
        if index is None:
            return bool(failed) or others is not None
        return index in failed or (others is not None and index not in others)

    def is_forgotten(self, text: str) -> bool:
        """Whether nobody knows any more how a job has ended."""
        number, index = model.parse_id(text) or (0, None)
        if number > self._before or self.has_failed(text):
            return False
        job = self._core.jobs.get(number)
        if job is None:
            return True
        tasks = job.tasks.values() if index is None else (job.tasks.get(index, True),)
        return None in tasks

    def failed_before(self, job: model.Job) -> int:
        """The number of a job that has failed, and that this one must not follow; 0 for none."""
        for text in job.spec.native.after_ok:
            if self.has_failed(text):
                return int(text.partition(".")[0])
        return 0

    def block(self, job: model.Job) -> None:
        """Lets a job wait for those that it is to follow."""
        native = job.spec.native
        for text in native.after + native.after_ok:
            number, dot, _ = text.partition(".")
            jobs = self._core.jobs
            other = jobs.find(text) if dot else jobs.get(int(number))
            if other is None or not (
                other.unfinished if isinstance(other, model.Job) else other.state != model.ENDED
            ):
                continue
            if other.dependents is None:
                other.dependents = []
            other.dependents.append(job)
            job.blocked += 1

    def doomed_by(self, task: model.Task) -> Iterator[model.Job]:
        """The jobs that can never run, since this task has failed."""
        for job in (*(task.dependents or ()), *(task.job.dependents or ())):
            if job.unfinished and self.failed_before(job):
                yield job
