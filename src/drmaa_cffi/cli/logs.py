"""The subcommand ``logs``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import NamedTuple, Optional

import click

from drmaa_cffi._futures.errorfile import ErrorFile

from .engines import ask
from .ids import STDIN_HELP, ids_argument, read_ids
from .output import PROGRAM, Failure, say
from .sessions import engine_in_use, open_session, session_options
from .tail import plain_path


class _Named(NamedTuple):
    """What the options say of where jobs write to."""

    output: Optional[str]
    error: Optional[str]
    name: str
    folder: Path

    def of(self, job_id: str) -> dict[str, str]:
        """Return the paths of a job."""
        task = job_id.replace("_", ".").partition(".")[2]
        found: dict[str, str] = {}
        for stream, path in (("output", self.output), ("error", self.error)):
            if path is not None:
                file = ErrorFile(
                    plain_path(path),
                    str(self.folder),
                    self.name,
                    stream[0],
                    int(task) if task.isdecimal() else 0,
                )
                found[stream] = str(file.path_of(job_id))
        return found


@click.command(epilog=STDIN_HELP)
@ids_argument
@click.option("--output", metavar="FILE", help="Where the jobs' standard output went.")
@click.option("--error", metavar="FILE", help="Where their standard error went.")
@click.option("--name", default="", help="Their name, if that is a folder.")
@click.option(
    "--wd",
    "directory",
    metavar="DIRECTORY",
    default="",
    help="Where they ran.  [default: the current directory]",
)
@session_options
def logs(
    ids: tuple[str, ...],
    contact: str | None,
    *,
    output: str | None,
    error: str | None,
    name: str,
    directory: str,
    engine: str | None,
    as_json: bool,
) -> None:
    """Show what jobs have written, so far or before they ended.

    Output goes to standard output, errors to standard error. Which files they are the local
    engine and the one on Slurm know, as long as nobody has waited for the job. Else, and on
    other DRMs, name them as for submit: --output, --error, and --wd and --name where they matter.
    The exit status is 1 if a file can't be read.
    """
    if as_json:
        raise click.UsageError("logs has no --json: it writes what the jobs wrote")
    asked = read_ids(ids, contact, engine=engine)
    named = _Named(output, error, name, Path.cwd() / directory)
    if output is None and error is None:
        with open_session(asked.contact, engine=asked.engine, keep=True):
            in_use = engine_in_use()
            found = {job_id: _known(in_use, job_id) for job_id in asked.ids}
    else:
        found = {job_id: named.of(job_id) for job_id in asked.ids}
    missed = [job_id for job_id, files in found.items() if not _show(job_id, files)]
    sys.exit(bool(missed))


def _known(engine: str | None, job_id: str) -> dict[str, str]:
    """Return what an engine knows of a job's files."""
    if engine is None:
        raise Failure(
            f"where job {job_id} writes to, this DRM's library does not tell: name the files by "
            "--output and --error"
        )
    files: dict[str, str] | None = json.loads(ask(engine, "files", job_id))
    if files is None:
        say(
            f"{PROGRAM}: the engine does not know job {job_id}: it was never submitted, or "
            "somebody has waited for it; name its files by --output and --error"
        )
    return files or {}


def _show(job_id: str, files: dict[str, str]) -> bool:
    """Write a job's files; return whether all of them could be read, and there were any."""
    is_well = bool(files)
    for path in dict.fromkeys(files.values()):
        stream = sys.stdout if path == files.get("output") else sys.stderr
        try:
            data = Path(path).read_bytes()
        except OSError as error:
            say(f"{PROGRAM}: job {job_id}: {path} can't be read: {error.strerror}")
            is_well = False
        else:
            stream.flush()
            stream.buffer.write(data)
            stream.buffer.flush()
    return is_well
