"""Jobs that follow others: what the DRM is told, and what the program knows already."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Generator, Iterable, Union

from drmaa_cffi._binding import calls
from drmaa_cffi._binding.jobids import job_id_of
from drmaa_cffi._template.chains import after_words
from drmaa_cffi._template.drms import find
from drmaa_cffi.causes import CAUSE, REASON, Cause
from drmaa_cffi.errors import invalid_argument, shown
from drmaa_cffi.jobinfo import JobInfo
from drmaa_cffi.template import JobTemplate

from .attempts import AttemptsFuture
from .future import JobFuture

#: What a job can follow: a future, or an id.
Predecessor = Union[JobFuture, str, bytes, int]


class Chain:
    """Those that a job is to follow.

    Args:
        after: Futures or ids, or one of them.
        only_if_ok: Whether the job is to run only if all of them exit with 0.

    Raises:
        InvalidArgumentException: they are none.
    """

    def __init__(self, after: Iterable[Predecessor] | Predecessor, *, only_if_ok: bool) -> None:
        if isinstance(after, (JobFuture, str, bytes, int)):
            after = (after,)
        try:
            every = list(after)
        except TypeError:
            raise invalid_argument(
                f"after can't be {shown(after)}: pass futures of an executor or job ids, in a list"
            ) from None
        self._futures = [each for each in every if isinstance(each, JobFuture)]
        self._ids = [job_id_of(each) for each in every if not isinstance(each, JobFuture)]
        self._only_if_ok = only_if_ok
        if only_if_ok and not every:
            raise invalid_argument("only_if_ok needs jobs to follow: pass them as after=[...]")

    @classmethod
    def of(cls, after: Iterable[Predecessor] | Predecessor, *, only_if_ok: bool) -> Chain | None:
        """Return the chain, or None if there is nothing to follow."""
        return None if after == () and not only_if_ok else cls(after, only_if_ok=only_if_ok)

    @property
    def waits(self) -> list[AttemptsFuture]:
        """Those that may still get other ids: they are waited for in the program."""
        return [
            future
            for future in self._futures
            if isinstance(future, AttemptsFuture) and not future.done()
        ]

    def failure(self) -> str:
        """Return why a job can never run, as far as this program knows; empty if it can."""
        if self._only_if_ok:
            for future in self._futures:
                if future.done() and not _went_well(future):
                    which = f"job {future.job_id}" if future.job_id else "another job"
                    return f"{which} has failed, and it was to run only after that"
        return ""

    def words(self) -> str:
        """Return what the DRM is to be told; nothing of jobs that have ended.

        Raises:
            UnsupportedAttributeException: the DRM has no words for it.
        """
        open_ids = [
            future.job_id
            for future in self._futures
            if not isinstance(future, AttemptsFuture) and not future.has_record
        ]
        drm = calls.get_DRM_system()
        if self._futures or self._ids:
            # What can't be said is refused, however far the others are.
            after_words(drm, ["1"], only_if_ok=self._only_if_ok)
        ids = open_ids + self._ids
        return after_words(drm, ids, only_if_ok=self._only_if_ok) if ids else ""

    def copy(self, template: JobTemplate) -> JobTemplate:
        """Return a copy of a template, with the words for this."""
        words = self.words()
        if not words:
            return template.copy()
        own = getattr(template, "nativeSpecification", "") or ""
        separator = find(calls.get_DRM_system()).separator if own else ""
        return template.copy(nativeSpecification=f"{own}{separator}{words}")


@contextmanager
def followed(template: JobTemplate, chain: Chain | None) -> Generator[JobTemplate, None, None]:
    """Give the template with what the DRM is to be told of the chain."""
    # What is no template is refused by who submits it.
    if chain is None or not isinstance(template, JobTemplate):
        yield template
        return
    with chain.copy(template) as copy:
        yield copy


def _went_well(future: JobFuture) -> bool:
    return not future.cancelled() and future.exception() is None and future.result().ok


def never_run(reason: str) -> JobInfo:
    """Return the record of a job that was never submitted."""
    usage = {CAUSE: str(Cause.NOT_STARTED), REASON: reason}
    return JobInfo("", False, False, "", False, True, 0, usage)
