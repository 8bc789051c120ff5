"""What each DRM calls the resources of a job: a table, and a site's file over it."""

from __future__ import annotations

import contextlib
import os
import re
from configparser import ConfigParser
from configparser import Error as ConfigError
from pathlib import Path
from typing import Iterable, Mapping, NamedTuple

from drmaa_cffi.errors import UnsupportedAttributeException, invalid_argument

#: The environment variable with the path of the site's file.
VARIABLE = "DRMAA_CFFI_RESOURCES"
_FILE = "drmaa-cffi/resources.ini"
#: The fields of Resources, in the order of their words.
FIELDS = ("slots", "gpus", "memory", "walltime", "queue")


class Drm(NamedTuple):
    """A DRM's words."""

    #: The name of its section in the site's file.
    section: str
    #: The name for people.
    name: str
    #: What is in Session.drmsInfo: a regular expression.
    pattern: str
    #: The words for each field of Resources; what it has none for is absent. Words that begin
    #: with a colon are put behind those for slots.
    words: Mapping[str, str]
    #: What is between words.
    separator: str = " "


DRMS = (
    Drm(
        "local",
        "the local engine",
        r"\bdrmaa-cffi local engine\b",
        {"slots": "--slots {slots}", "memory": "--memory {bytes}", "walltime": "--walltime {hms}"},
    ),
    Drm(
        "gridengine",
        "Grid Engine",
        r"\b(\w|N1)?GE\b|\bGrid ?Engine\b|\b[OG]CS\b",
        {
            # A limit of each slot's.
            "memory": "-l h_vmem={mb_per_slot}M",
            "walltime": "-l h_rt={hms}",
            "queue": "-q {queue}",
        },
    ),
    Drm(
        "slurm",
        "Slurm",
        r"\bSLURM\b",
        {
            "slots": "--cpus-per-task={slots}",
            "memory": "--mem={mb}",
            # slurm-drmaa cuts seconds off; and without them sbatch reads minutes and seconds.
            "walltime": "--time={hm}:00",
            "queue": "--partition={queue}",
            "gpus": "--gres=gpu:{gpus}",
        },
    ),
    Drm(
        "torque",
        "Torque",
        r"\bTorque\b",
        {
            "slots": "-l nodes=1:ppn={slots}",
            "gpus": ":gpus={gpus}",
            "memory": "-l mem={mb}mb",
            "walltime": "-l walltime={hms}",
            "queue": "-q {queue}",
        },
    ),
    Drm(
        "pbspro",
        "PBS Professional",
        r"\b(Open)?PBS\b",
        {
            "slots": "-l select=1:ncpus={slots}",
            "gpus": ":ngpus={gpus}",
            "memory": ":mem={mb}mb",
            "walltime": "-l walltime={hms}",
            "queue": "-q {queue}",
        },
    ),
    Drm(
        "lsf",
        "LSF",
        r"\b(Open)?(LSF|lava)\b",
        {
            "slots": "-n {slots} -R span[hosts=1]",
            "memory": "-M {kb}",
            "walltime": "-W {hm}",
            "queue": "-q {queue}",
        },
    ),
    Drm(
        "condor",
        "HTCondor",
        r"condor",
        {
            "slots": "request_cpus={slots}",
            "memory": "request_memory={mb}",
            "gpus": "request_gpus={gpus}",
        },
        separator="\n",
    ),
)


def find(drm: str) -> Drm:
    """Return the DRM that Session.drmsInfo names.

    Raises:
        UnsupportedAttributeException: it is none of those in the table.
    """
    for entry in DRMS:
        if re.search(entry.pattern, drm, re.IGNORECASE):
            return entry
    known = ", ".join(entry.name for entry in DRMS)
    raise UnsupportedAttributeException(
        f"nothing is known of what {drm!r} calls resources, only of {known}: write them in "
        "nativeSpecification instead"
    )


def site_files() -> list[Path]:
    """Return the paths of the site's file, the one that counts most last.

    It is what ``DRMAA_CFFI_RESOURCES`` names, none if that is empty; else the system's, and the
    user's.
    """
    named = os.environ.get(VARIABLE)
    if named is not None:
        return [Path(named)] if named else []
    files = [Path("/etc", _FILE)]
    with contextlib.suppress(RuntimeError):  # the user may have no home
        files.append(Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config", _FILE))
    return [file for file in files if file.exists()]


def read_site() -> dict[str, dict[str, str]]:
    """Return the site's own words: for each DRM's section its fields, from site_files().

    Raises:
        InvalidArgumentException: a file can't be read, or says what is not known.
    """
    site: dict[str, dict[str, str]] = {}
    for path in site_files():
        parser = ConfigParser(interpolation=None, default_section="")
        try:
            with path.open(encoding="utf-8") as file:
                parser.read_file(file)
        except (OSError, UnicodeError, ConfigError) as error:
            raise invalid_argument(f"the site's resources can't be read: {error}") from None
        for section in parser.sections():
            _check(path, f"[{section}]", [section], [drm.section for drm in DRMS])
            _check(path, f"[{section}]", parser[section], FIELDS)
            site.setdefault(section, {}).update(parser[section])
    return site


def _check(path: Path, where: str, names: Iterable[str], known: Iterable[str]) -> None:
    for name in names:
        if name not in known:
            legal = ", ".join(known)
            raise invalid_argument(f"{path}, {where}: {name!r} is not known; legal are {legal}")
