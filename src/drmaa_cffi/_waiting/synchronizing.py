"""Waiting for many jobs at once, beside whoever waits for some of them."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING, Sequence

from drmaa_cffi._binding import calls
from drmaa_cffi._binding.jobids import job_id_of
from drmaa_cffi.const import JOB_IDS_SESSION_ALL, JOB_IDS_SESSION_ANY, TIMEOUT_NO_WAIT
from drmaa_cffi.errors import ExitTimeoutException, InvalidJobException

from . import sleeping
from .delivering import refuse_to_wait_here
from .entries import Fetch, id_of
from .fetching import TRANSIT, outcome_of
from .submissions import Newcomers, hold_up, settle, watch
from .timeouts import deadline_of, timed_out, timeout_until

if TYPE_CHECKING:
    from .waiting import Waits

_ALL = (JOB_IDS_SESSION_ALL, JOB_IDS_SESSION_ALL.encode())


def synchronize(waits: Waits, job_ids: Sequence[object], timeout: int, *, dispose: bool) -> None:
    """Wait for all of *job_ids*, as Session.synchronize describes."""
    if dispose and any(job_id in _ALL for job_id in job_ids):
        newcomers = watch()
        _wait(waits, job_ids, timeout, dispose=False)
        sleeping.off_main(lambda: dispose_of_all(waits, newcomers))
    else:
        _wait(waits, job_ids, timeout, dispose=dispose)
        if dispose and waits.ledger.submitted:
            waits.ledger.submitted.difference_update(map(job_id_of, job_ids))


def _wait(waits: Waits, job_ids: Sequence[object], timeout: int, *, dispose: bool) -> None:
    if waits.may_ask_here() and (timeout == TIMEOUT_NO_WAIT or not dispose):
        # With dispose only to ask: a list disposed of by halves can't be asked for again.
        try:
            calls.synchronize(job_ids, TIMEOUT_NO_WAIT, dispose=dispose)
            return
        except ExitTimeoutException:
            if timeout == TIMEOUT_NO_WAIT:
                raise
    if not sleeping.serves_signals():
        _synchronize(waits, job_ids, timeout, dispose=dispose)
        return
    deadline = deadline_of(timeout)

    def wait() -> None:
        _synchronize(waits, job_ids, timeout_until(deadline), dispose=False)

    try:
        waits.call(("drmaa_synchronize", list(job_ids)), deadline, wait)
    except sleeping.NoThreadError:
        wait()  # which takes no record: a signal acts late, but nothing is lost
    if dispose:
        # Only now: a call that was left must not take the records with it.
        sleeping.off_main(lambda: _synchronize(waits, job_ids, TIMEOUT_NO_WAIT, dispose=True))


def _synchronize(waits: Waits, job_ids: Sequence[object], timeout: int, *, dispose: bool) -> None:
    if waits.ledger.is_quiet:
        _block(waits, job_ids, timeout, dispose=dispose)
        return
    deadline = deadline_of(timeout)
    ids = [job_id_of(job_id) for job_id in job_ids]
    if JOB_IDS_SESSION_ALL in ids:
        _block(waits, ids, timeout, dispose=False)
        return
    _synchronize_others(waits, ids, timeout)
    wants = list(filter(None, map(waits.ledger.want_of, ids)))
    if not all(want.is_over for want in wants):
        refuse_to_wait_here()
    if not waits.sleep(lambda: all(want.is_over for want in wants), deadline):
        raise timed_out("drmaa_synchronize")
    left = [want.job_id for want in wants if want.left]
    if left:
        _synchronize(waits, left, timeout_until(deadline), dispose=False)
    if dispose:
        _dispose_of(waits, ids)


def _block(waits: Waits, job_ids: Sequence[object], timeout: int, *, dispose: bool) -> None:
    if timeout == TIMEOUT_NO_WAIT:
        calls.synchronize(job_ids, timeout, dispose=dispose)
    else:
        waits.call(
            object(), math.inf, lambda: calls.synchronize(job_ids, timeout, dispose=dispose)
        )


def _synchronize_others(waits: Waits, ids: list[str], timeout: int) -> None:
    """Wait for those whose record is neither here nor wanted."""
    before: list[str] = []
    while True:
        # The library has given the others away: for it they may be unknown by now.
        with waits.ledger.changed:
            others = [job_id for job_id in ids if not waits.ledger.knows(job_id)]
        try:
            _block(waits, others, timeout, dispose=False)
            return
        except InvalidJobException:
            if others == before:
                raise
            before = others


def _dispose_of(waits: Waits, ids: list[str]) -> None:
    """Drop the records of ended jobs, but for those that are wanted."""
    with waits.ledger.changed:
        others = [job_id for job_id in ids if not waits.ledger.knows(job_id)]
    if others:
        with suppress(InvalidJobException):
            calls.synchronize(others, TIMEOUT_NO_WAIT, dispose=True)
        _await_abandoned(waits, others)
    with waits.ledger.changed:
        for job_id in ids:
            waits.ledger.take(job_id)


def dispose_of_all(waits: Waits, newcomers: Newcomers) -> None:
    """Drop the records of ended jobs, but for those that are wanted, and those of *newcomers*.

    The library does it in one call where there are none of these: it takes them for some of all.
    And Grid Engine's leaves out jobs that had ended before it was asked to wait.
    """
    ledger = waits.ledger
    with hold_up() as is_alone, suppress(ExitTimeoutException, InvalidJobException):
        if is_alone and not (newcomers or ledger.may_be_wanted):
            calls.synchronize([JOB_IDS_SESSION_ALL], TIMEOUT_NO_WAIT, dispose=True)
    fetch = Fetch(JOB_IDS_SESSION_ANY)
    ledger.begin(fetch)
    taken: set[str] = set()
    try:
        with suppress(ExitTimeoutException, InvalidJobException):
            while True:
                outcome = outcome_of(JOB_IDS_SESSION_ANY, TIMEOUT_NO_WAIT)
                job_id = id_of(JOB_IDS_SESSION_ANY, outcome)
                if job_id in taken:
                    break  # what gives a record twice might never end
                taken.add(job_id)
                is_theirs = ledger.put_if_wanted(outcome)
                if not is_theirs and (not settle() or job_id in newcomers):
                    newcomers.add(job_id)
                    ledger.put(JOB_IDS_SESSION_ANY, outcome)
    finally:
        ledger.finish(fetch)
    _await_abandoned(waits, [JOB_IDS_SESSION_ANY])
    with ledger.changed:
        ledger.drop_kept(but=newcomers)


def _await_abandoned(waits: Waits, ids: list[str]) -> None:
    """Let abandoned waits bring what they may have taken of *ids*."""
    ledger = waits.ledger
    with ledger.changed:
        ledger.changed.wait_for(
            lambda: not any(map(ledger.may_come, ids)),
            TRANSIT,
        )
