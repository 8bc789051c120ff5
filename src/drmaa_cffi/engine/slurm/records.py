"""What a wait gives: made of the record that the job left, and of what Slurm says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drmaa_cffi.engine.core import codes, model

from . import causes, native, states

if TYPE_CHECKING:
    from . import accounting, ends, snapshot

_MICRO = 1_000_000


def of_record(
    task: model.Task, record: ends.Record, row: snapshot.Row | accounting.Row | None
) -> model.End:
    """The end of a task that left a record; `row`: what Slurm says where its word counts more."""
    state = "COMPLETED" if record.status == 0 else "FAILED"
    reason = ""
    aborted = record.stage != 0 or task.terminated
    nodes = 1
    if row is not None:
        state, nodes = states.plain(row.state), max(row.nodes, 1)
        reason = getattr(row, "reason", "")
        aborted |= states.judge(state, reason, None).aborted
    stat = record.status | (codes.STAT_ABORTED if aborted else 0)
    if record.stage:
        measured: tuple[str, ...] = ()
    else:
        measured = (
            *_entries(task, record.started, record.ended, record.status),
            f"ru_utime={record.utime / _MICRO:.4f}",
            f"ru_stime={record.stime / _MICRO:.4f}",
            f"cpu={(record.utime + record.stime) / _MICRO:.4f}",
            f"nodes={nodes}.0000",
            f"hosts={record.host}",
        )
    why = causes.entries_of(task, state, reason, stat=stat, record=record)
    return model.End(record.ended, stat, (*measured, *causes.slurms_words(state, reason), *why))


def of_row(
    task: model.Task, row: snapshot.Row | accounting.Row, status: int, now: int
) -> model.End:
    """The end of a task of which only Slurm knows; `now` is in microseconds."""
    state = states.plain(row.state)
    reason = getattr(row, "reason", "")
    verdict = states.judge(state, reason, status)
    aborted = verdict.aborted or task.terminated
    if states.not_started(status):
        status = 0  # it was none of a process
    ran = row.started > 0 and row.ended >= row.started and (row.ended > row.started or status)
    stat = (status & 0xFFFF) | (codes.STAT_ABORTED if aborted else 0)
    ended = row.ended * _MICRO or now
    words = causes.slurms_words(state, reason)
    measured: tuple[str, ...] = ()
    if ran:
        host = getattr(row, "host", "") or getattr(row, "hosts", "")
        measured = (
            *_entries(task, row.started * _MICRO, ended, status),
            f"nodes={max(row.nodes, 1)}.0000",
            *((f"hosts={host}",) if host else ()),
        )
    elif task.terminated:
        # As on other DRMs a job that its owner cancelled before it began has no usage.
        words = ()
    why = causes.entries_of(task, state, reason, stat=stat)
    return model.End(ended, stat, (*measured, *words, *why))


def cancelled(task: model.Task, now: int) -> model.End:
    """The end of a task that was cancelled for its owner, and that Slurm has forgotten since."""
    stat = codes.STAT_ABORTED
    return model.End(now, stat, causes.entries_of(task, "CANCELLED", "", stat=stat))


def lost(now: int, words: str) -> model.End:
    """The end of a task of which nobody can tell how it ended, or whether."""
    return model.End(now, codes.STAT_LOST, (words,))


def _entries(task: model.Task, started: int, ended: int, status: int) -> tuple[str, ...]:
    signal = status & 0x7F
    return (
        f"submission_time={task.job.submitted / _MICRO:.4f}",
        f"start_time={started / _MICRO:.4f}",
        f"end_time={ended / _MICRO:.4f}",
        f"exit_status={128 + signal if signal else status >> 8}.0000",
        f"signal={signal}.0000",
        f"ru_wallclock={(ended - started) / _MICRO:.4f}",
        f"slots={native.size_of(task.job.spec.native)}.0000",
    )
