"""Cancels many futures, whose jobs the DRM is told of in one order."""

from __future__ import annotations

from typing import Sequence

from drmaa_cffi._binding import calls
from drmaa_cffi.const import JobControlAction, string_to_control_action
from drmaa_cffi.errors import DrmaaException

from .attempts import AttemptsFuture
from .future import JobFuture

_TERMINATE = string_to_control_action(JobControlAction.TERMINATE)


def cancel_all(futures: Sequence[JobFuture]) -> list[DrmaaException]:
    """Cancel futures of one executor, as their cancel() does.

    Args:
        futures: In the order of their submissions.

    Returns:
        The errors that cancel() would have raised.

    C: drmaa_control.
    """
    waiting = [future for future in futures if isinstance(future, AttemptsFuture)]
    # First: else an end would let the program submit the next one.
    AttemptsFuture._give_up(waiting)  # noqa: SLF001 - they are of one kind
    jobs = [
        future
        for future in futures
        if not isinstance(future, AttemptsFuture) and future._begin_cancel()  # noqa: SLF001
    ]
    try:
        failed = calls.control_jobs([job.job_id for job in jobs], _TERMINATE)
    except DrmaaException as error:
        failed = dict.fromkeys(range(len(jobs)), error)
    errors = [
        job._end_cancel(failed.get(place))  # noqa: SLF001
        for place, job in enumerate(jobs)
    ]
    for future in waiting:
        try:
            future.cancel()
        except DrmaaException as error:
            errors.append(error)
    return [error.with_traceback(None) for error in errors if error is not None]
