"""Submits many different jobs with one call, which our own engine on Slurm makes arrays of."""

from __future__ import annotations

from typing import Callable, Sequence

from drmaa_cffi._binding import calls
from drmaa_cffi._template.native import check_name
from drmaa_cffi._waiting import waiting
from drmaa_cffi._waiting.submissions import submit_bulk
from drmaa_cffi.errors import DrmaaException
from drmaa_cffi.session import handle_of, in_plain_words
from drmaa_cffi.template import JobTemplate

#: Of one call, whose answers need room.
_MOST = 10_000


def run_jobs(templates: Sequence[JobTemplate]) -> list[str | DrmaaException]:
    """Submit a job for each template.

    Returns:
        For each the job's id, or why it was refused.

    Raises:
        DrmaaException: no job was submitted, as the first of them was refused.
    """
    given = [handle_of(template) for template in templates]
    refusals = [_refusal(template) for template in templates]
    handles = [handle for handle, error in zip(given, refusals) if error is None]
    answers: list[str | DrmaaException] = []
    for at in range(0, len(handles), _MOST):
        some = handles[at : at + _MOST]
        try:
            answers += _run(some)
        except DrmaaException as error:
            if not at:
                raise
            answers += [error] * len(some)
    taken = iter(answers)
    answers = [next(taken) if error is None else error for error in refusals]
    return _unless_none(
        [
            answer if isinstance(answer, str) else in_plain_words(answer, template)
            for answer, template in zip(answers, templates)
        ]
    )


def _refusal(template: JobTemplate) -> DrmaaException | None:
    try:
        check_name(template)
    except DrmaaException as error:
        return error
    return None


def run_each(
    run_job: Callable[[JobTemplate], str], templates: Sequence[JobTemplate]
) -> list[str | DrmaaException]:
    """Do the same with a program's own function for one job."""
    answers: list[str | DrmaaException] = []
    for template in templates:
        try:
            answers.append(run_job(template))
        except DrmaaException as error:
            answers.append(error)
    return _unless_none(answers)


def _unless_none(answers: list[str | DrmaaException]) -> list[str | DrmaaException]:
    refusals = [answer for answer in answers if isinstance(answer, DrmaaException)]
    if refusals and len(refusals) == len(answers):
        raise refusals[0]
    return answers


def _run(handles: Sequence[calls.Handle]) -> list[str | DrmaaException]:
    answers: list[str | DrmaaException] = []

    def submit() -> list[str]:
        answers.extend(calls.run_jobs(handles))
        return [answer for answer in answers if isinstance(answer, str)]

    job_ids = submit_bulk(submit)
    if waiting.waits.ledger.is_shared:
        for job_id in job_ids:
            waiting.waits.ledger.renew(job_id)
    return answers
