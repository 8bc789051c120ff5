"""What ``doctor`` makes of what was found: known pitfalls, each with its remedy."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Iterator

from drmaa_cffi import const
from drmaa_cffi._binding.calls import means_slurm_drmaa
from drmaa_cffi.library import LOCAL, PATH_VARIABLE, SLURM, remedy_for

from .diagnosis import Candidate, Diagnosis
from .output import PROGRAM, WITHOUT_LIBRARY
from .slurm_checks import slurm_checks
from .verdicts import Check, Verdict

# Slurm's own places for its configuration.
_SLURM_CONFS = ("/etc/slurm/slurm.conf", "/etc/slurm-llnl/slurm.conf")
# As which libraries refuse a contact: the standard's error, and Grid Engine's.
_CONTACT_ERRORS = frozenset({"InvalidContactStringException", "InvalidArgumentException"})
# Which every library has, says the standard (GFD.133, mandatory attributes).
_MANDATORY = frozenset(
    {
        const.REMOTE_COMMAND,
        const.JS_STATE,
        const.WD,
        const.JOB_CATEGORY,
        const.NATIVE_SPECIFICATION,
        const.BLOCK_EMAIL,
        const.START_TIME,
        const.JOB_NAME,
        const.INPUT_PATH,
        const.OUTPUT_PATH,
        const.ERROR_PATH,
        const.JOIN_FILES,
        const.V_ARGV,
        const.V_ENV,
        const.V_EMAIL,
    }
)


def checks(found: Diagnosis) -> list[Check]:
    """Return all that there is to say; a job can be submitted if none of them is a FAILURE."""
    return [check for look in _LOOKS for check in look(found)]


def _library(found: Diagnosis) -> Iterator[Check]:
    chosen = found.chosen
    if chosen:
        said = f"{chosen.path}, found by {chosen.step}"
        yield Check("library", Verdict.OK, said)
        return
    tried = [each for each in found.searched if each.candidate and each.remedy]
    if tried:
        for each in tried:
            yield Check(
                "library", Verdict.FAILURE, f"{each.candidate}: {each.reason}", each.remedy
            )
        return
    remedy = f"set {PATH_VARIABLE} to the full path of the site's libdrmaa.so"
    if found.searched[-1].decisive:
        remedy += ", or unset it to have it searched"
    remedy += f"; {WITHOUT_LIBRARY}"
    yield Check("library", Verdict.FAILURE, "no libdrmaa can be loaded", remedy)


def _static_tls(found: Diagnosis) -> Iterator[Check]:
    chosen = found.chosen
    if chosen and chosen.needs_room:
        said = "the library needs more static thread-local storage than a running process has"
        remedy = f"{chosen.remedy}; the command drmaa-cffi does it by itself"
        yield Check("static TLS", Verdict.WARNING, said, remedy)
    elif chosen:
        yield Check("static TLS", Verdict.OK, "there is room for it")


def _dependencies(found: Diagnosis) -> Iterator[Check]:
    missing = [each.name for each in found.dependencies if not each.path]
    if missing:
        remedy = (
            "install what holds them, or add their folder to LD_LIBRARY_PATH (before the program "
            "starts) or to ldconfig's"
        )
        verdict = Verdict.WARNING if found.chosen else Verdict.FAILURE
        said = f"{found.file}: not found: {' '.join(missing)}"
        yield Check("dependencies", verdict, said, remedy)
    elif found.dependencies:
        said = f"{found.file}: all {len(found.dependencies)} are found"
        yield Check("dependencies", Verdict.OK, said)


def _others(found: Diagnosis) -> Iterator[Check]:
    """Look for another libdrmaa, which another program or setting might get instead."""
    chosen = found.chosen
    if not chosen:
        return
    taken = Path(chosen.path).resolve()
    files = [Path(each.path) for each in found.search if each.path]
    folders = os.environ.get("LD_LIBRARY_PATH", "").split(":")
    files += [
        file for folder in folders if folder for file in sorted(Path(folder).glob("libdrmaa.so*"))
    ]
    others = {str(file): None for file in files if file.resolve() != taken}
    if not others:
        yield Check("other libraries", Verdict.OK, "there is no second libdrmaa")
        return
    said = f"there is more than one; {chosen.path} comes before {', '.join(others)}"
    remedy = f"set {PATH_VARIABLE} to the one that is meant"
    verdict = Verdict.OK if chosen.decisive else Verdict.WARNING
    yield Check("other libraries", verdict, said, "" if chosen.decisive else remedy)


def _permissions(found: Diagnosis) -> Iterator[Check]:
    files = [each for each in found.searched if os.sep in (each.path or each.candidate)]
    for each in files:
        if each.path and not each.chosen:
            continue
        yield from _permissions_of(each)


def _permissions_of(candidate: Candidate) -> Iterator[Check]:
    path = Path(candidate.path or candidate.candidate)
    for part in (*reversed(path.parents), path):
        needed = os.R_OK if part == path else os.X_OK
        if os.path.lexists(part) and not os.access(part, needed):
            remedy = f"chmod a+{'r' if part == path else 'x'} {part}, by its owner"
            said = f"{part} can't be {'read' if part == path else 'searched'} by this user"
            yield Check("permissions", Verdict.FAILURE, said, remedy)
            return
    if not path.exists():
        return
    if path.stat().st_mode & stat.S_IWOTH:
        said = f"{path} can be written by everybody, so anybody can run code as you"
        yield Check("permissions", Verdict.WARNING, said, f"chmod o-w {path}")
    elif candidate.chosen:
        yield Check("permissions", Verdict.OK, "the library can be read")


def _stub(found: Diagnosis) -> Iterator[Check]:
    """Look for a library that has the routines and does nothing."""
    signs: list[str] = []
    names = found.steps.get("names", {})
    if names and "error" not in names:
        signs += ["it reports no version"] if names["version"] == "0.0" else []
        signs += ["it names no DRM"] if not names["drm"].strip() else []
    attributes = found.steps.get("attributes", {})
    if attributes and "error" not in attributes:
        lacking = _MANDATORY - {*attributes["scalar"], *attributes["vector"]}
        if lacking:
            signs.append(f"it lacks the mandatory attributes {' '.join(sorted(lacking))}")
    template = found.steps.get("template", {})
    if template.get("kept") is False:
        signs.append("its job template does not keep its command")
    if signs:
        remedy = "it has been installed for linking, or is broken: use the DRM's own libdrmaa"
        yield Check("stub library", Verdict.FAILURE, "; ".join(signs), remedy)
    elif template:
        yield Check("stub library", Verdict.OK, "it is a real one")


def _grid_engine(found: Diagnosis) -> Iterator[Check]:
    root = os.environ.get("SGE_ROOT")
    if not (root or "sge" in _hints(found) or "grid" in _hints(found)):
        return
    settings = "source the site's settings.sh, or set SGE_ROOT (and SGE_CELL) as it does"
    if not root:
        yield Check(
            "SGE_ROOT", Verdict.WARNING, "it is not set, and Grid Engine needs it", settings
        )
        return
    cell = os.environ.get("SGE_CELL") or "default"
    master = Path(root, cell, "common", "act_qmaster")
    if not (os.access(root, os.F_OK) and Path(root).is_dir()):
        yield Check("SGE_ROOT", Verdict.WARNING, f"{root} is not a folder", settings)
    elif not os.access(master, os.R_OK):
        yield Check(
            "SGE_ROOT",
            Verdict.WARNING,
            f"{master} can't be read: {cell!r} is not a cell of {root}, or has no master",
            settings,
        )
    else:
        host = master.read_text(errors="replace").strip()
        yield Check("SGE_ROOT", Verdict.OK, f"{root}, cell {cell}, master on {host}")


def _slurm(found: Diagnosis) -> Iterator[Check]:
    if found.engine == SLURM:
        yield from slurm_checks(found.steps.get("test job"))
    if means_slurm_drmaa(found.drm):
        yield Check("slurm-drmaa", Verdict.WARNING, _SLURM_DRMAA, _SLURM_DRMAA_REMEDY)
    conf = os.environ.get("SLURM_CONF")
    if not (conf or "slurm" in _hints(found)):
        return
    remedy = "set SLURM_CONF to the cluster's slurm.conf, readable for this user"
    if conf and not os.access(conf, os.R_OK):
        yield Check("SLURM_CONF", Verdict.WARNING, f"{conf} can't be read", remedy)
    elif not conf and not any(os.access(file, os.R_OK) for file in _SLURM_CONFS):
        said = f"it is not set, and there is no {' and no '.join(_SLURM_CONFS)}"
        yield Check("SLURM_CONF", Verdict.WARNING, said, remedy)
    else:
        yield Check("SLURM_CONF", Verdict.OK, conf or "it is not set, and need not be")


_SLURM_DRMAA = (
    "it calls some jobs that failed or were cancelled a success, of which most are caught here; "
    "and to wait for any job, or by futures, it asks Slurm for every job each time"
)
_SLURM_DRMAA_REMEDY = (
    f"{PATH_VARIABLE}=slurm has Slurm's own commands run the jobs. Else put `pool_delay: 1` into "
    "~/.slurm_drmaa.conf, so that waits end sooner; its `wait_thread: 1` is faster with many "
    "jobs, and forgets ends: synchronize() and then wait() by single ids is as fast, and does not"
)


def _hints(found: Diagnosis) -> str:
    """Return what tells which DRM's the library is."""
    return f"{found.drm} {found.chosen.path if found.chosen else ''}".lower()


def _contact(found: Diagnosis) -> Iterator[Check]:
    step, error = found.failed_step
    contacts = str(found.steps.get("names", {}).get("contacts", ""))
    if _is_refused(found):
        said = f"{found.contact!r} was not accepted: {error}"
        remedy = "give the contact of an earlier session, or none for a new session"
        yield Check("contact", Verdict.FAILURE, said, remedy)
    elif not found.contact and "," in contacts:
        said = f"there is more than one DRM: {contacts}"
        remedy = "choose one by the contact string: initialize(contact), or --contact here"
        yield Check("contact", Verdict.WARNING, said, remedy)
    elif "init" in found.steps and step != "init":
        yield Check("contact", Verdict.OK, found.steps["init"]["contact"] or "the DRM has none")


def _is_refused(found: Diagnosis) -> bool:
    """Whether it is the contact that the library does not accept."""
    return bool(found.contact) and found.steps.get("init", {}).get("kind") in _CONTACT_ERRORS


def _session(found: Diagnosis) -> Iterator[Check]:
    if not found.chosen or _is_refused(found):
        return
    step, error = found.failed_step
    if step == "exit":
        yield Check("session", Verdict.WARNING, f"exit failed: {error}")
    elif error and step != "test job":
        what = step or f"the step after {next(reversed(found.steps), 'loading')}"
        usual = _LOCAL_REMEDY if found.engine == LOCAL else _SESSION_REMEDY
        remedy = remedy_for(error) or remedy_for(found.noise) or usual
        yield Check("session", Verdict.FAILURE, f"{what} failed: {error}", remedy)
    else:
        seconds = found.steps["init"]["seconds"]
        yield Check("session", Verdict.OK, f"it opens, in {seconds:.3f} s")


_SESSION_REMEDY = (
    "see whether the DRM's own commands work here (qstat, squeue, bjobs...): if they don't, this "
    "is not a matter of DRMAA; if they do, the environment that they need may be missing"
)
_LOCAL_REMEDY = (
    f"look at `{PROGRAM} local status` and `{PROGRAM} local log`, and see whether the engine's "
    "folder, DRMAA_LOCAL_HOME if that is set, can be written by this user"
)


def _test_job(found: Diagnosis) -> Iterator[Check]:
    facts = found.steps.get("test job")
    if facts is None:
        return
    if "error" in facts:
        ask = f"{PROGRAM} local log" if found.engine == LOCAL else "qstat -j, scontrol show job..."
        remedy = f"ask the DRM why the job does not run or fails ({ask})"
        yield Check("test job", Verdict.FAILURE, str(facts["error"]), remedy)
    else:
        yield Check("test job", Verdict.OK, f"job {facts['job']} {facts['outcome']}")


def _memory(found: Diagnosis) -> Iterator[Check]:
    if found.engine == LOCAL:
        said = (
            "--memory, -l h_vmem and Resources(memory=...) limit the address space of each of a "
            "job's processes; --mem is accepted and not enforced, since the engine uses no "
            "control groups"
        )
        yield Check("memory limits", Verdict.OK, said)


_LOOKS = (
    _library,
    _static_tls,
    _dependencies,
    _permissions,
    _others,
    _grid_engine,
    _slurm,
    _stub,
    _contact,
    _session,
    _test_job,
    _memory,
)
