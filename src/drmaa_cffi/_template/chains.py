"""How each DRM is told that a job follows others, and how many tasks of a bulk job run at once."""

from __future__ import annotations

from typing import Sequence

from drmaa_cffi.errors import UnsupportedAttributeException

from .drms import find

#: What the package's own engine on Slurm calls itself; other libraries know fewer options.
_OWN_SLURM = "drmaa-cffi"


def after_words(drm: str, ids: Sequence[str], *, only_if_ok: bool) -> str:
    """Return the native specification of a job that is not to start before others have ended.

    Args:
        drm: The DRM, as Session.drmsInfo names it.
        ids: The others' ids, at least one.
        only_if_ok: Whether it is to run only if all of them exit with 0, and else to end.

    Raises:
        UnsupportedAttributeException: the DRM has no words for it.
    """
    entry = find(drm)
    if entry.section == "local":
        return f"--after{'-ok' if only_if_ok else ''} {','.join(ids)}"
    if entry.section == "gridengine" and not only_if_ok:
        # It knows whole bulk jobs only.
        jobs = dict.fromkeys(job_id.partition(".")[0] for job_id in ids)
        return f"-hold_jid {','.join(jobs)}"
    if entry.section == "slurm" and not only_if_ok:
        return f"--dependency=afterany:{':'.join(ids)}"
    if entry.section == "slurm" and _OWN_SLURM in drm:
        # Without the second it would wait for ever after a failure.
        return f"--dependency=afterok:{':'.join(ids)} --kill-on-invalid-dep=yes"
    what = "only_if_ok" if entry.section in {"gridengine", "slurm"} else "after"
    raise UnsupportedAttributeException(
        f"{entry.name} ({drm!r}) has no known option for {what}: wait in the "
        "program before you submit, or write the option in nativeSpecification"
    )


def throttle_words(drm: str, most: int) -> str:
    """Return the native specification of a bulk job of which so many tasks run at once.

    Raises:
        UnsupportedAttributeException: the DRM has no words for it.
    """
    entry = find(drm)
    if entry.section == "local":
        return f"--max-running {most}"
    if entry.section == "gridengine":
        return f"-tc {most}"
    if entry.section == "slurm" and _OWN_SLURM in drm:
        return f"--array=%{most}"
    raise UnsupportedAttributeException(
        f"{entry.name} ({drm!r}) has no known option for how many tasks of a bulk job run at "
        "once: use JobExecutor(most_at_once=...) in a program"
    )
