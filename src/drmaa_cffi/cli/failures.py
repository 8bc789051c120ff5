"""Why jobs are in their states, as far as the DRM's own commands tell."""

from __future__ import annotations

import json
from typing import Any, NamedTuple, Optional

from drmaa_cffi import explaining

from .engines import ask
from .output import Failure
from .sessions import engine_in_use


class Why(NamedTuple):
    """What there is to tell; the cause as in JobInfo, None for a job that has not ended."""

    cause: Optional[str] = None
    reason: Optional[str] = None


class Failures:
    """Asks once for all jobs."""

    def __init__(self) -> None:
        self._known: dict[str, Why] | None = None

    def why(self, job_id: str) -> Why:
        """Return what there is to tell of a job; nothing where nobody tells."""
        if self._known is None:
            self._known = _ask()
        return self._known.get(job_id) or self._known.get(job_id.partition(".")[0], Why())


def _ask() -> dict[str, Why]:
    try:
        engine = engine_in_use()
        if engine is not None:
            return _of_engine(engine)
        if explaining.is_grid_engine():
            return {job: Why(None, said) for job, said in explaining.unusual_states().items()}
    except (OSError, Failure, ValueError):
        pass
    return {}


def _of_engine(engine: str) -> dict[str, Why]:
    jobs: list[dict[str, Any]] = json.loads(ask(engine, "jobs"))
    return {
        ended["job"]: Why(ended["cause"], ended["reason"])
        for job in jobs
        for ended in job["failed"]
    }
