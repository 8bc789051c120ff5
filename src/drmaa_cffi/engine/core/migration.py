"""Brings a database that an earlier version of the engine has written up to date."""

from __future__ import annotations

import sqlite3
import struct

from . import codes

#: The version that this code writes.
VERSION = 5
#: What each version before lacks.
_COLUMNS = {
    1: ("task ADD COLUMN warned INTEGER DEFAULT 0", "task ADD COLUMN reaped INTEGER"),
    2: ("task ADD COLUMN reaped INTEGER",),
    3: (),
    4: (),
}
_BEFORE_PLACES = (1, 2, 3)
#: Ids were made of the jobs' numbers.
_PLACES = """
UPDATE job SET places = CASE step
    WHEN 0 THEN json_array(json_array(CAST(number AS TEXT), 0, 0, 0))
    ELSE json_array(json_array(number || '.', first, last, step)) END
"""
_OLD_END = struct.Struct("=15q")
_END = struct.Struct("=qI")


def pack_end(ended: int, stat: int, usage: tuple[str, ...]) -> bytes:
    """An end as the column `ending` holds it."""
    return _END.pack(ended, stat) + "\0".join(usage).encode("utf-8", "surrogateescape")


def unpack_end(data: bytes) -> tuple[int, int, tuple[str, ...]]:
    """What `pack_end` was given."""
    ended, stat = _END.unpack_from(data)
    text = data[_END.size :].decode("utf-8", "surrogateescape")
    return ended, stat, tuple(text.split("\0")) if text else ()


def bring_up(db: sqlite3.Connection, path: str, schema: str) -> None:
    """Makes the tables, or changes those of an earlier version, in one transaction.

    Raises:
        sqlite3.DatabaseError: the database is of a version that this one does not know.
    """
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version not in (0, VERSION, *_COLUMNS):
        raise sqlite3.DatabaseError(
            f"{path} was written by another version of the engine ({version}, this one writes "
            f"{VERSION}); let that version finish its jobs, then remove the file"
        )
    changes = [f"ALTER TABLE {column};" for column in _COLUMNS.get(version, ())]
    if version in _BEFORE_PLACES:
        changes.append("ALTER TABLE job ADD COLUMN places BLOB;")
    if version in _COLUMNS:
        changes += [
            f"ALTER TABLE job ADD COLUMN {name};" for name in ("held INTEGER", "ending BLOB")
        ]
    try:
        db.executescript(f"BEGIN; {''.join(changes)} {schema}")
        if version in _BEFORE_PLACES:
            db.execute(_PLACES)
            _convert_ends(db)
        db.execute(f"PRAGMA user_version={VERSION}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _convert_ends(db: sqlite3.Connection) -> None:
    """Ends were fifteen numbers, most of them for usage entries, of which few are kept."""
    rows = db.execute("SELECT ending, aborted, job, position FROM task WHERE ending IS NOT NULL")
    changed: list[tuple[bytes, int, int]] = []
    for ending, aborted, job, position in rows:
        started, ended, ran, status, *_ = _OLD_END.unpack(ending)
        usage: tuple[str, ...] = ()
        if started:
            usage = (
                f"start_time={started / 1e6:.4f}",
                f"end_time={ended / 1e6:.4f}",
                f"ru_wallclock={ran / 1e6:.4f}",
            )
        stat = status | (codes.STAT_ABORTED if aborted else 0)
        changed.append((pack_end(ended, stat, usage), job, position))
    db.executemany("UPDATE task SET ending = ? WHERE job = ? AND position = ?", changed)
