"""Waiting for many jobs at once, beside whoever waits for some of them."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Sequence

from . import binding, threads
from .const import JOB_IDS_SESSION_ALL, JOB_IDS_SESSION_ANY, TIMEOUT_NO_WAIT
from .errors import ExitTimeoutException, InvalidJobException
from .jobids import job_id_of
from .waiting import deadline_of, outcome_of, timed_out, timeout_until

if TYPE_CHECKING:
    from .waiting import Waits

# How long an abandoned wait may take to bring the record of a job that has ended, in seconds.
_GRACE = 0.1
_ALL = (JOB_IDS_SESSION_ALL, JOB_IDS_SESSION_ALL.encode())


def synchronize(waits: Waits, job_ids: Sequence[object], timeout: int, *, dispose: bool) -> None:
    """Wait for all of *job_ids*, as Session.synchronize describes."""
    submitted = waits.submitted
    _wait(waits, job_ids, timeout, dispose=dispose)
    is_all = dispose and any(job_id in _ALL for job_id in job_ids)
    # Grid Engine's library, asked for all, does not dispose of jobs that had ended before. A job
    # that was submitted meanwhile is not among all: its record would be lost.
    if is_all and submitted == waits.submitted:
        threads.off_main(lambda: _dispose_of_all(waits))


def _wait(waits: Waits, job_ids: Sequence[object], timeout: int, *, dispose: bool) -> None:
    if waits.records.is_quiet and (timeout == TIMEOUT_NO_WAIT or not dispose):
        # With dispose only to ask: a list disposed of by halves can't be asked for again.
        try:
            binding.synchronize(job_ids, TIMEOUT_NO_WAIT, dispose=dispose)
            return
        except ExitTimeoutException:
            if timeout == TIMEOUT_NO_WAIT:
                raise
    if not threads.serves_signals():
        _synchronize(waits, job_ids, timeout, dispose=dispose)
        return
    deadline = deadline_of(timeout)

    def wait() -> None:
        _synchronize(waits, job_ids, timeout_until(deadline), dispose=False)

    waits.run_errand(("drmaa_synchronize", list(job_ids)), "", deadline, wait)
    if dispose:
        # Only now: an errand that was left must not take the records with it.
        threads.off_main(lambda: _synchronize(waits, job_ids, TIMEOUT_NO_WAIT, dispose=True))


def _synchronize(waits: Waits, job_ids: Sequence[object], timeout: int, *, dispose: bool) -> None:
    if waits.records.is_quiet:
        _block(waits, job_ids, timeout, dispose=dispose)
        return
    deadline = deadline_of(timeout)
    ids = [job_id_of(job_id) for job_id in job_ids]
    if JOB_IDS_SESSION_ALL in ids:
        _block(waits, ids, timeout, dispose=False)
        return
    _synchronize_others(waits, ids, timeout)
    claims = list(filter(None, map(waits.records.claim_on, ids)))
    if not waits.sleep(lambda: all(claim.is_over for claim in claims), deadline):
        raise timed_out("drmaa_synchronize")
    withdrawn = [claim.job_id for claim in claims if claim.withdrawn]
    if withdrawn:
        _synchronize(waits, withdrawn, timeout_until(deadline), dispose=False)
    if dispose:
        _dispose_of(waits, ids)


def _block(waits: Waits, job_ids: Sequence[object], timeout: int, *, dispose: bool) -> None:
    if timeout == TIMEOUT_NO_WAIT:
        binding.synchronize(job_ids, timeout, dispose=dispose)
    else:
        waits.block_elsewhere(lambda: binding.synchronize(job_ids, timeout, dispose=dispose))


def _synchronize_others(waits: Waits, ids: list[str], timeout: int) -> None:
    """Wait for those whose record is neither here nor claimed."""
    before: list[str] = []
    while True:
        # The library has given the others away: for it they may be unknown by now.
        with waits.records.changed:
            others = [job_id for job_id in ids if not waits.records.knows(job_id)]
        try:
            _block(waits, others, timeout, dispose=False)
            return
        except InvalidJobException:
            if others == before:
                raise
            before = others


def _dispose_of(waits: Waits, ids: list[str]) -> None:
    """Drop the records of ended jobs, but for those that are claimed."""
    with waits.records.changed:
        others = [job_id for job_id in ids if not waits.records.knows(job_id)]
    if others:
        with suppress(InvalidJobException):
            binding.synchronize(others, TIMEOUT_NO_WAIT, dispose=True)
        _await_abandoned(waits, others)
    with waits.records.changed:
        for job_id in ids:
            waits.records.take(job_id)


def _dispose_of_all(waits: Waits) -> None:
    """Drop the records of all ended jobs, but for those that are claimed."""
    with suppress(ExitTimeoutException, InvalidJobException):
        while True:
            outcome = outcome_of(JOB_IDS_SESSION_ANY, TIMEOUT_NO_WAIT)
            waits.records.divert(JOB_IDS_SESSION_ANY, outcome)
    _await_abandoned(waits, [JOB_IDS_SESSION_ANY])
    with waits.records.changed:
        waits.records.drop_kept()


def _await_abandoned(waits: Waits, ids: list[str]) -> None:
    """Let abandoned waits bring what they may have taken of *ids*."""
    records = waits.records
    with records.changed:
        records.changed.wait_for(
            lambda: not any(map(records.may_come, ids)),
            _GRACE,
        )
