"""Options of Grid Engine's and Slurm's in a native specification, in the engine's own words."""

from __future__ import annotations

import re
import shlex
import struct
from dataclasses import dataclass, field
from typing import Callable

from drmaa_cffi.engine.core import codes, spec

from . import native

_FIELD = struct.Struct("=BI")
_PLACES = {"%j": "$JOB_ID", "%A": "$JOB_ID", "%a": "$TASK_ID", "%x": "$JOB_NAME", "%u": "$USER"}
_TITLES = {"gridengine": "Grid Engine's", "slurm": "Slurm's"}
_OTHER = {
    "gridengine": "DRMAA_LOCAL_AS=slurm takes Slurm's short options in place of those",
    "slurm": "Without DRMAA_LOCAL_AS=slurm Grid Engine's are taken in place of the short ones",
}
_UNITS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: Options with a value that have no meaning on one machine with one queue.
_IGNORED_LONG = _words(
    "--partition --account --qos --nodes --gres --constraint --reservation --mail-type "
    "--mail-user --priority --licenses --clusters --comment --tmp --signal "
    "--nodelist --exclude --hint --gpus --ntasks-per-node --cpu-freq --wckey --distribution"
)
_IGNORED = {
    "gridengine": _IGNORED_LONG
    | _words("-b -q -P -A -S -m -M -r -R -w -shell -t -ac -dl -binding -js -masterq"),
    "slurm": _IGNORED_LONG | _words("-p -A -N -C -q -w -x"),
}
#: Options without one.
_FLAGS_LONG = _words("--exclusive --oversubscribe --requeue --no-requeue --parsable")
_FLAGS = {
    "gridengine": _FLAGS_LONG | _words("-V -cwd -notify -soft -hard -terse -clear -nostdin"),
    "slurm": _FLAGS_LONG | _words("-H -s -Q"),
}


@dataclass
class Reading:
    """What was read: words for `native`, attributes of the job's, what was passed over."""

    words: list[str] = field(default_factory=list[str])
    fields: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    ignored: list[str] = field(default_factory=list[str])
    #: Jobs that are waited for by their names.
    names: list[str] = field(default_factory=list[str])

    def packed(self, given: set[bytes]) -> bytes:
        """The attributes, as a client sends them, without variables that are `given`."""
        data = b""
        scalars = {number: text for number, text in self.fields if number != spec.ENV}
        variables = [
            (number, text)
            for number, text in self.fields
            if number == spec.ENV and text.partition("=")[0].encode() not in given
        ]
        for number, text in [*scalars.items(), *variables]:
            value = text.encode("utf-8", "surrogateescape")
            data += _FIELD.pack(number, len(value)) + value
        return data


def _path(text: str) -> str:
    """A path as an attribute has it: [host]:path."""
    _, colon, behind = text.partition(":")
    path = behind if colon and "/" not in text.partition(":")[0] else text
    for place, name in _PLACES.items():
        path = path.replace(place, name)
    return f":{path}"


def _attribute(number: int, change: Callable[[str], str] = str) -> Callable[..., None]:
    def read(reading: Reading, _option: str, value: str) -> None:
        reading.fields.append((number, change(value)))

    return read


def _join(reading: Reading, option: str, value: str) -> None:
    if value not in ("y", "yes", "n", "no"):
        raise native.refuse(option, value, "y or n")
    reading.fields.append((spec.JOIN, value[0]))


def _variables(reading: Reading, _option: str, value: str) -> None:
    # A name alone stands for what it is in the submitter's environment, which the job has.
    for entry in value.split(","):
        if "=" in entry:
            reading.fields.append((spec.ENV, entry))


def _export(reading: Reading, option: str, value: str) -> None:
    names = value.split(",")
    if not {"ALL", "NONE"} & set(names) and any("=" not in name for name in names):
        raise native.refuse(option, value, "ALL or NONE, and NAME=VALUE behind it")
    reading.words.append("--export=NONE" if "NONE" in names else "--export=ALL")
    _variables(reading, option, value)


def _hold(reading: Reading, _option: str, value: str) -> None:
    for job in value.split(","):
        if re.fullmatch(r"\d+(\.\d+)?", job, re.ASCII):
            reading.words.append(f"--after={job}")
        elif job:
            reading.names.append(job)


def _dependency(reading: Reading, option: str, value: str) -> None:
    for part in value.split(","):
        kind, *jobs = part.split(":")
        after = {"afterany": "--after", "afterok": "--after-ok"}.get(kind)
        if after is None or not jobs:
            raise native.refuse(option, value, "afterany:ID[:ID...] or afterok:ID[:ID...]")
        reading.words += [f"{after}={job.replace('_', '.')}" for job in jobs]


def _slots(reading: Reading, _option: str, value: str) -> None:
    reading.words.append(f"--slots={value}")


def _tasks(reading: Reading, _option: str, value: str) -> None:
    reading.words.append(f"--tasks={value}")


def _resident_memory(reading: Reading, option: str, value: str) -> None:
    """For which Linux has no limit of a process's."""
    if not re.fullmatch(r"\d+([KMGT]B?)?", value, re.ASCII | re.IGNORECASE):
        raise native.refuse(option, value, "megabytes, or a size such as 4G")
    _pass_over(reading, option, value)


def _environment(reading: Reading, option: str, value: str) -> None:
    """-pe NAME N[-M]: the least that it wants."""
    _, _, number = value.partition(" ")
    _slots(reading, option, number.partition("-")[0])


def _wallclock(reading: Reading, option: str, value: str) -> None:
    """Slurm's times: minutes, M:S, H:M:S, D-H, D-H:M, D-H:M:S."""
    match = re.fullmatch(r"(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?", value, re.ASCII)
    if match is None:
        raise native.refuse(option, value, "minutes, M:S, H:M:S, or D-H:M:S")
    days, *rest = match.groups()
    numbers = [int(text) for text in rest if text is not None]
    if days is not None:
        hours, minutes, seconds = [*numbers, 0, 0][:3]
    else:
        hours, minutes, seconds = {1: [0, *numbers, 0], 2: [0, *numbers], 3: numbers}[len(numbers)]
    total = ((int(days or 0) * 24 + hours) * 60 + minutes) * 60 + seconds
    if total:
        reading.words.append(f"--walltime={total}")


def _resources(reading: Reading, option: str, value: str) -> None:
    for entry in value.split(","):
        name, _, amount = entry.partition("=")
        if name == "h_rt":
            reading.words.append(f"--walltime={amount}")
        elif name == "h_vmem":
            match = re.fullmatch(r"(\d+(?:\.\d+)?)([kmgt]?)", amount, re.ASCII | re.IGNORECASE)
            if match is None:
                raise native.refuse(option, entry, "h_vmem=SIZE, such as 4G")
            size = float(match[1]) * 1024 ** _UNITS[match[2].lower()]
            reading.words.append(f"--memory-per-slot={int(size)}")
        else:
            reading.ignored.append(f"{option} {entry}")


def _pass_over(reading: Reading, option: str, value: str) -> None:
    reading.ignored.append(f"{option} {value}")


_Reader = Callable[[Reading, str, str], None]
_LONG: dict[str, _Reader] = {
    "--output": _attribute(spec.OUTPUT, _path),
    "--error": _attribute(spec.ERROR, _path),
    "--input": _attribute(spec.INPUT, _path),
    "--job-name": _attribute(spec.JOB_NAME),
    "--chdir": _attribute(spec.WD),
    "--workdir": _attribute(spec.WD),
    "--export": _export,
    "--dependency": _dependency,
    "--time": _wallclock,
    "--cpus-per-task": _slots,
    "--ntasks": _tasks,
    "--mem": _resident_memory,
    "--mem-per-cpu": _resident_memory,
}
_SHORT: dict[str, dict[str, _Reader]] = {
    "gridengine": {
        "-o": _attribute(spec.OUTPUT, _path),
        "-e": _attribute(spec.ERROR, _path),
        "-i": _attribute(spec.INPUT, _path),
        "-j": _join,
        "-N": _attribute(spec.JOB_NAME),
        "-wd": _attribute(spec.WD),
        "-v": _variables,
        "-hold_jid": _hold,
        "-p": lambda reading, _, value: reading.words.append(f"--priority={value}"),
        "-tc": lambda reading, _, value: reading.words.append(f"--max-running={value}"),
        "-l": _resources,
        "-pe": _environment,
    },
    "slurm": {
        "-o": _LONG["--output"],
        "-e": _LONG["--error"],
        "-i": _LONG["--input"],
        "-J": _LONG["--job-name"],
        "-D": _LONG["--chdir"],
        "-d": _dependency,
        "-t": _wallclock,
        "-c": _slots,
        "-n": _tasks,
    },
}


def read(
    specification: str, kind: str, own: frozenset[str], directory: str, *, ignoring: bool = False
) -> Reading:
    """Reads a native specification.

    Args:
        specification: the text.
        kind: whose short options it has: `gridengine` or `slurm`.
        own: the engine's own options, which are left as they are; they win over others'.
        directory: the submitter's working directory, for -cwd; empty if it is not known.
        ignoring: pass over values that are not legal.

    Raises:
        codes.Refusal: its quotes do not match, or a word is not known, or a value not legal.
    """
    reading = Reading()
    words = native.split(specification, ignoring=ignoring)
    while words:
        word = words.pop()
        name, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
        if name in _FLAGS[kind] and not equals:
            _flag(reading, name, directory)
        elif _is_own(name, value or (words[-1] if words else ""), own):
            reading.words.append(shlex.quote(word))
            if not equals and words:
                reading.words.append(shlex.quote(words.pop()))
        elif _knows(name, kind) and (equals or words):
            value = value if equals else words.pop()
            if name == "-pe" and words:
                value += " " + words.pop()
            _option(reading, kind, name, value, ignoring=ignoring)
        elif ignoring:
            reading.ignored.append(word)
        else:
            raise _unknown(word, name, kind, own)
    return reading


def _unknown(word: str, name: str, kind: str, own: frozenset[str]) -> codes.Refusal:
    if name in own or _knows(name, kind):
        return codes.Refusal(codes.DENIED_BY_DRM, f"native specification: {name} needs a value")
    short = sorted({*_SHORT[kind], *_IGNORED[kind] - _IGNORED_LONG, *_FLAGS[kind] - _FLAGS_LONG})
    # As a shell writes it: the text must fit into the 1024 bytes that C programs have for it.
    long = ",".join(sorted(each[2:] for each in {*_LONG, *_IGNORED_LONG, *_FLAGS_LONG}))
    return codes.Refusal(
        codes.DENIED_BY_DRM,
        f"native specification: '{word}' is not an option of the local engine; legal are "
        f"{native.LEGAL}; {_TITLES[kind]} {' '.join(short)}; and Slurm's --{{{long}}}. "
        f"{_OTHER[kind]}; DRMAA_LOCAL_NATIVE=ignore passes over all others",
    )


def _flag(reading: Reading, name: str, directory: str) -> None:
    if name == "-cwd" and directory:
        reading.fields.append((spec.WD, directory))
    elif name not in ("-V", "-cwd"):
        reading.ignored.append(name)


def _is_own(name: str, value: str, own: frozenset[str]) -> bool:
    """Whether an option is the engine's own: no variables in --export, no --priority=TOP."""
    if name == "--priority" and value.isalpha():
        return False
    return name in own and not (name == "--export" and value not in ("ALL", "NONE"))


def _knows(name: str, kind: str) -> bool:
    return name in _LONG or name in _SHORT[kind] or name in _IGNORED[kind]


def _option(reading: Reading, kind: str, name: str, value: str, *, ignoring: bool) -> None:
    reader = _LONG.get(name) or _SHORT[kind].get(name, _pass_over)
    try:
        reader(reading, name, value)
    except codes.Refusal:
        if not ignoring:
            raise
        _pass_over(reading, name, value)
