"""What a job needs: slots, memory, time, a queue, GPUs; and how that is said to each DRM."""

from __future__ import annotations

import operator
import re
from typing import TYPE_CHECKING, Any, Mapping, NamedTuple

from ._template.converters import IntConverter
from ._template.drms import FIELDS, VARIABLE, Drm, find, read_site
from ._template.times import duration
from .errors import UnsupportedAttributeException, invalid_argument, shown

if TYPE_CHECKING:
    from datetime import timedelta

    from typing_extensions import Self

_UNITS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}
_MEMORY = re.compile(
    r"\s*(\d{1,15}(?:\.\d{1,9})?)\s*(?:([KMGT])(?:i?B)?|B?)\s*", re.IGNORECASE | re.ASCII
)
_MOST = 2**31 - 1


class _Needs(NamedTuple):
    """The fields of Resources, which checks them."""

    slots: int | None = None
    memory: int | None = None
    walltime: int | None = None
    queue: str | None = None
    gpus: int | None = None


class Resources(_Needs):
    """What a job needs, for JobTemplate.resources. It is a tuple, and can't be changed.

    What is None is left to the DRM.

    Args:
        slots: How many processors of one machine, at least 1. One is what each job has anyway.
        memory: The memory of the whole job: bytes, or text with a unit such as ``"8G"`` or
            ``"500M"`` (units of 1024, as for all DRMs).
        walltime: How long it may run: seconds, a timedelta, or text: ``"HH:MM:SS"``, ``"MM:SS"``,
            ``"2h30m"``, ``"3d"``, or Slurm's ``"1-12"`` and ``"1-12:30:00"`` with days. A text
            of digits alone is refused: it is seconds to some DRMs, and minutes to others.
        queue: The queue, or partition, by its name.
        gpus: How many GPUs; 0 for none.

    Raises:
        InvalidArgumentException, InvalidAttributeFormatException: a value is not legal.

    Memory reads back in bytes, walltime in seconds.

    C: the attribute drmaa_native_specification.
    """

    __slots__ = ()

    def __new__(
        cls,
        slots: int | None = None,
        memory: int | str | None = None,
        walltime: float | timedelta | str | bytes | None = None,
        queue: str | None = None,
        gpus: int | None = None,
    ) -> Self:
        """Check the values."""
        return super().__new__(
            cls,
            slots=None if slots is None else _count("slots", slots, 1),
            memory=None if memory is None else _bytes(memory),
            walltime=None if walltime is None else _seconds(walltime),
            queue=None if queue is None else _queue(queue),
            gpus=None if gpus is None else _count("gpus", gpus, 0),
        )

    # The tuple's own would not check.
    def _replace(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, **changes: Any
    ) -> Self:
        """Return the same with *changes*."""
        return type(self)(**{**self._asdict(), **changes})

    def __repr__(self) -> str:
        """Return what makes it, without what is None."""
        values = [
            f"{name}={value!r}" for name, value in self._asdict().items() if value is not None
        ]
        return f"Resources({', '.join(values)})"


class Asked(NamedTuple):
    """What a template has put before the program's own native specification."""

    resources: Resources | None = None
    #: The words for them.
    words: str = ""
    #: The program's own native specification, empty if it has set none.
    own: str = ""
    #: Environment variables that only the native specification carries, and the words for them.
    variables: Mapping[str, str] = {}
    variable_words: str = ""


def _whole(value: object) -> int:
    """Return a whole number, NumPy's too; -1 for what is none."""
    try:
        return -1 if isinstance(value, bool) else operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        return -1


def _count(what: str, value: object, least: int) -> int:
    number = _whole(value)
    if not least <= number <= _MOST:
        raise invalid_argument(
            f"{what} can't be {shown(value)}: it is a whole number, at least {least}"
        )
    return number


def _bytes(value: object) -> int:
    if isinstance(value, str) and re.fullmatch(r"\s*\d+\s*", value, re.ASCII):
        number = value.strip()
        raise invalid_argument(
            f"memory can't be {value!r}: {number} what? '{number}M' are megabytes, '{number}B' "
            "bytes; Slurm and others mean megabytes by a number alone"
        )
    if isinstance(value, str):
        match = _MEMORY.fullmatch(value)
        size = 0.0 if match is None else float(match[1]) * 1024 ** _UNITS[(match[2] or "").upper()]
    else:
        size = _whole(value)
    if not 1 <= size < 2**63:
        raise invalid_argument(
            f"memory can't be {shown(value)}: it is a number of bytes, or text with a unit of K, "
            "M, G or T, such as '8G'"
        )
    return int(size)


def _seconds(value: float | timedelta | str | bytes) -> int:
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    seconds = duration(text) if isinstance(text, str) else None
    if seconds is None:
        if isinstance(text, str) and re.fullmatch(r"\s*\d+\s*", text, re.ASCII):
            number = text.strip()
            raise invalid_argument(
                f"walltime can't be {text!r}: {number} what? '{number}s', '{number}m' and "
                f"'{number}h' are clear; a number alone is seconds to some, minutes to others"
            )
        seconds = IntConverter.from_drmaa(IntConverter.to_drmaa(value))
    if not 1 <= seconds <= _MOST:
        raise invalid_argument(
            f"walltime can't be {shown(value)}: it is a time of at least a second and at most "
            "68 years"
        )
    return seconds


def _queue(value: object) -> str:
    # It becomes a word among the native options, and no more than one.
    if not isinstance(value, str) or not re.fullmatch(r"(?!-)[^\s'\"\\]+", value):
        raise invalid_argument(
            f"queue can't be {shown(value)}: it is a name without white space, quotes or a '-' at "
            "its start"
        )
    return value


def native(
    drm: str, resources: Resources, site: Mapping[str, Mapping[str, str]] | None = None
) -> str:
    """Return the native specification that asks a DRM for *resources*.

    Args:
        drm: The DRM, as Session.drmsInfo names it.
        resources: What the job needs.
        site: The site's own words, as read_site() returns them; None for none.

    Raises:
        UnsupportedAttributeException: the DRM has no words for one of them, or is not known.
        InvalidArgumentException: the site's words name a value that there is not.
    """
    entry = find(drm)
    words = {**entry.words, **(site or {}).get(entry.section, {})}
    wanted = [name for name in FIELDS if _is_wanted(name, getattr(resources, name))]
    for name in wanted:
        if name not in words:
            raise _no_words(entry, drm, name, getattr(resources, name))
    values = _values(resources)
    texts = [_fill(entry, name, words[name], values) for name in wanted]
    behind = [text for text in texts if text.startswith(":")]
    texts = [text for text in texts if not text.startswith(":")]
    if behind:
        if "slots" not in wanted:
            texts.insert(0, _fill(entry, "slots", words.get("slots", ""), values))
        texts[0] += "".join(behind)
    return entry.separator.join(filter(None, texts))


def _is_wanted(name: str, value: object) -> bool:
    """Whether there is something to say: one slot is what every job has, and no GPUs."""
    return value is not None and (name, value) not in {("slots", 1), ("gpus", 0)}


def prefix(drm: str, resources: Resources) -> str:
    """Return what to put before a native specification, so that it asks for *resources*, too.

    Where both ask for the same, the DRMs take the last.

    Raises:
        UnsupportedAttributeException, InvalidArgumentException: as native() and read_site().
    """
    words = native(drm, resources, read_site())
    return words + find(drm).separator if words else ""


def _no_words(entry: Drm, drm: str, name: str, value: object) -> UnsupportedAttributeException:
    examples = {
        "slots": "slots = -pe smp {slots}",
        "gpus": "gpus = -l gpu={gpus}",
    }
    example = examples.get(name) if entry.section == "gridengine" else None
    such_as = f", such as '{example}'," if example else ""
    return UnsupportedAttributeException(
        f"{entry.name} ({drm!r}) has no common option for {name}={value!r}: put "
        f"this site's{such_as} under [{entry.section}] in the file that {VARIABLE} names (nothing "
        f"behind '{name} =' passes over it), or leave {name} unset"
    )


def _values(resources: Resources) -> dict[str, object]:
    """Return all that words can name."""
    slots = resources.slots or 1
    size = resources.memory or 0
    seconds = resources.walltime or 0
    minutes = -(-seconds // 60)
    return {
        "slots": slots,
        "gpus": resources.gpus or 0,
        "queue": resources.queue or "",
        "bytes": size,
        "kb": -(-size // 1024),
        "mb": -(-size // 1024**2),
        "gb": -(-size // 1024**3),
        "mb_per_slot": -(-size // (1024**2 * slots)),
        "seconds": seconds,
        "minutes": minutes,
        "hm": f"{minutes // 60:02}:{minutes % 60:02}",
        "hms": IntConverter.to_drmaa(seconds),
    }


def _fill(entry: Drm, name: str, words: str, values: Mapping[str, object]) -> str:
    try:
        return words.format_map(values)
    except (AttributeError, LookupError, TypeError, ValueError):
        legal = ", ".join(f"{{{value}}}" for value in values)
        raise invalid_argument(
            f"the site's words for {name} of {entry.name}, {words!r}, can't be filled in: they "
            f"can hold {legal}"
        ) from None
