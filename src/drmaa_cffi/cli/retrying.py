"""Trying jobs again: ``run --retries``."""

from __future__ import annotations

import dataclasses
from typing import Callable, Optional, Sequence, TypeVar

import click

from drmaa_cffi.causes import Cause
from drmaa_cffi.errors import DrmaaException
from drmaa_cffi.retry import Retry

from .output import words_of
from .tail import Tail
from .templates import JobOptions
from .watch import Ending

_Function = TypeVar("_Function", bound=Callable[..., object])
_CAUSES = [str(cause) for cause in Cause]


def retry_options(function: _Function) -> _Function:
    """Add the options to a command; retry_of() makes a Retry of them."""
    function = click.option(
        "--retry-on",
        "causes",
        type=click.Choice(_CAUSES),
        multiple=True,
        metavar="CAUSE",
        help="Only after such an end: " + ", ".join(_CAUSES) + ". Can be given more than once.",
    )(function)
    return click.option(
        "--retries",
        type=click.IntRange(min=1),
        metavar="N",
        help="Submit a job that fails again, so many times at most.",
    )(function)


def retry_of(retries: int | None, causes: Sequence[str]) -> Optional[Retry]:
    """Return when jobs are tried again; None for never.

    Raises:
        click.UsageError: the options make no sense together.
    """
    if retries is None:
        if causes:
            raise click.UsageError("--retry-on says after which ends: say how often by --retries")
        return None
    return Retry(times=retries, on=causes or None)


class Again:
    """Submits jobs again that have failed, each with its own index.

    Args:
        options: The jobs' options.
        retry: When.
        ids: Their ids.
        files: What shows their output.
    """

    def __init__(
        self, options: JobOptions, retry: Retry, ids: Sequence[str], files: Optional[Tail]
    ) -> None:
        # Those before it have ended.
        self._options = dataclasses.replace(options, after=(), only_if_ok=False, most_at_once=None)
        self._retry = retry
        self._files = files
        self._indices: dict[str, int] = dict(zip(ids, options.array or (0,)))
        self._left: dict[int, int] = dict.fromkeys(self._indices.values(), retry.times)

    def __call__(self, ending: Ending) -> tuple[str, str]:
        """Submit a job again if it is worth it; return its new id, or "", and what to say."""
        index = self._indices[ending.job_id]
        if ending.info is None or not self._left[index] or not self._retry.wants(ending.info):
            return "", ""
        self._left[index] -= 1
        array = range(index, index + 1) if index else None
        failed = f"job {ending.job_id} {ending.info.describe()}"
        try:
            (job_id,) = dataclasses.replace(self._options, array=array).submit()
        except DrmaaException as error:
            return "", f"{failed}, and can't be submitted again: {words_of(error)}"
        self._indices[job_id] = index
        if self._files:
            self._files.submitted_again(job_id, index)
        return job_id, f"{failed}; it is tried again as job {job_id}"
