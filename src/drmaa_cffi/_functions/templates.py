"""The template of jobs that call functions: the interpreter, as it runs here."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any, Mapping

from drmaa_cffi._template.drms import find
from drmaa_cffi.errors import UnsupportedAttributeException, invalid_argument, shown
from drmaa_cffi.resources import Resources
from drmaa_cffi.session import Session
from drmaa_cffi.template import JobTemplate

#: The environment variable with a bulk job's index, by DRM. HTCondor has none.
_INDEX = {
    "local": "TASK_ID",
    "gridengine": "SGE_TASK_ID",
    "slurm": "SLURM_ARRAY_TASK_ID",
    "torque": "PBS_ARRAYID",
    "pbspro": "PBS_ARRAY_INDEX",
    "lsf": "LSB_JOBINDEX",
}
#: What the interpreter needs to start as it did here, beside all PYTHON...
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "CONDA_PREFIX")


def template_of(
    given: JobTemplate | Mapping[str, Any] | None, resources: Resources | None
) -> JobTemplate:
    """Return a template for all jobs of an executor."""
    if isinstance(given, JobTemplate):
        template = given.copy()
    elif given is None or isinstance(given, Mapping):
        template = JobTemplate(**(given or {}))
    else:
        raise invalid_argument(f"template can't be {shown(given)}: pass a JobTemplate or a dict")
    try:
        template.remoteCommand = sys.executable
        template.joinFiles = True
        template.jobEnvironment = {**_environment(), **(_value(template, "jobEnvironment") or {})}
        if not _value(template, "workingDirectory"):
            template.workingDirectory = Path.cwd()
        if not _value(template, "jobName"):
            template.jobName = "python"
        if resources is not None:
            template.resources = resources
    except BaseException:
        template.delete()
        raise
    return template


def _value(template: JobTemplate, name: str) -> Any:
    # Some libraries answer for what was never set with an error that is an AttributeError.
    return getattr(template, name, None)


def _environment() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if name in _ENVIRONMENT or name.startswith("PYTHON")
    }


def index_variable() -> str:
    """Return the environment variable with a bulk job's index; empty where there is none."""
    try:
        return _INDEX.get(find(Session.drmsInfo).section, "")
    except UnsupportedAttributeException:  # an unknown DRM
        return ""
