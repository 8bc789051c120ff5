"""The job template: what to run and how, in attributes."""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING, Any, Mapping, NoReturn

from . import const
from ._binding import calls
from ._template.attributes import (
    Attribute,
    DictAttribute,
    PathAttribute,
    VectorAttribute,
    warn,
)
from ._template.converters import BoolConverter
from ._template.native import (
    ArgumentsAttribute,
    CommandAttribute,
    EnvironmentAttribute,
    LimitAttribute,
    NameAttribute,
    NativeAttribute,
    asked_of,
)
from ._template.times import TimeConverter
from .errors import IllegalStateException

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from .resources import Resources


class JobTemplate:
    """A description of a job, or of many alike, for Session.runJob() and runBulkJobs().

    Set what is needed as attributes, or as keyword arguments here. Which attributes work is up
    to the DRM: see ``attributeNames``. A template can be run any number of times, with changes
    in between. It lives until delete(), the end of its ``with`` block, or the session's exit.

    Args:
        kwargs: Values of attributes; if one fails the template is deleted.

    Raises:
        NoActiveSessionException: there is no session to make it in.
        InvalidArgumentException: a value is None or cannot be passed to C.
        InvalidAttributeFormatException: a value is not written as its attribute wants it.
        InvalidAttributeValueException: the DRM refuses a value.
        ConflictingAttributeValuesException: values contradict each other.

    C: drmaa_allocate_job_template.
    """

    HOME_DIRECTORY = const.PLACEHOLDER_HD
    """Stands for the home directory at the start of a path."""
    WORKING_DIRECTORY = const.PLACEHOLDER_WD
    """Stands for the job's working directory at the start of a path."""
    PARAMETRIC_INDEX = const.PLACEHOLDER_INCR
    """Stands for the number of a bulk job's task in a path."""

    remoteCommand: Attribute = CommandAttribute(const.REMOTE_COMMAND)
    """The command to run, a path on the execution host."""
    args: VectorAttribute = ArgumentsAttribute(const.V_ARGV)
    """The command's arguments, a list."""
    jobSubmissionState: Attribute = Attribute(const.JS_STATE)
    """JobSubmissionState.HOLD_STATE to hold the job until it is released."""
    jobEnvironment: DictAttribute = EnvironmentAttribute(const.V_ENV)
    """Environment variables for the job, a dict."""
    workingDirectory: Attribute = Attribute(const.WD)
    """The directory the job runs in."""
    jobCategory: Attribute = Attribute(const.JOB_CATEGORY)
    """A name the site has given to a set of native options."""
    nativeSpecification: NativeAttribute = NativeAttribute(const.NATIVE_SPECIFICATION)
    """Options in the DRM's own language, as its submit command takes them; those that stand for
    ``resources`` are not among them."""
    email: VectorAttribute = VectorAttribute(const.V_EMAIL)
    """Addresses to send mail about the job to, a list."""
    blockEmail: Attribute = Attribute(const.BLOCK_EMAIL, BoolConverter(true="1", false="0"))
    """True to send no mail at all."""
    startTime: Attribute = Attribute(const.START_TIME, TimeConverter)
    """The earliest start, as ``[[[[CC]YY/]MM/]DD] hh:mm[:ss] [{-|+}UU:uu]``.

    One with an offset from UTC reaches the library, and reads back, as local time: Grid Engine's
    misreads offsets."""
    jobName: Attribute = NameAttribute(const.JOB_NAME)
    """The job's name."""
    inputPath: PathAttribute = PathAttribute(const.INPUT_PATH)
    """The job's standard input, as ``[host]:path`` text or as a path."""
    outputPath: PathAttribute = PathAttribute(const.OUTPUT_PATH)
    """The job's standard output, as ``[host]:path`` text or as a path."""
    errorPath: PathAttribute = PathAttribute(const.ERROR_PATH)
    """The job's standard error, as ``[host]:path`` text or as a path."""
    joinFiles: Attribute = Attribute(const.JOIN_FILES, BoolConverter())
    """True to write standard error to the output's file."""
    transferFiles: Attribute = Attribute(const.TRANSFER_FILES)
    """Which files to copy between hosts, as the letters i (input), o (output), e (error)."""
    deadlineTime: Attribute = Attribute(const.DEADLINE_TIME)
    """When the job is to be stopped, written as startTime."""
    hardWallclockTimeLimit: Attribute = LimitAttribute(const.WCT_HLIMIT)
    """Seconds from the start until the job is ended, suspension counted."""
    softWallclockTimeLimit: Attribute = LimitAttribute(const.WCT_SLIMIT)
    """Seconds from the start until the job is warned, suspension counted."""
    hardRunDurationLimit: Attribute = LimitAttribute(const.DURATION_HLIMIT)
    """Seconds of running until the job is ended, suspension not counted."""
    softRunDurationLimit: Attribute = LimitAttribute(const.DURATION_SLIMIT)
    """Seconds of running until the job is warned, suspension not counted."""

    _handle: calls.Handle
    # Whether the name or the command was such that Grid Engine may refuse it.
    _is_oddly_named: bool = False

    def __init__(self, **kwargs: Any) -> None:
        object.__setattr__(self, "_handle", calls.allocate_job_template())
        self._set(kwargs)

    def _set(self, values: Mapping[str, Any]) -> None:
        """Set attributes of a new template, which is deleted if one fails."""
        try:
            for name, value in values.items():
                setattr(self, name, value)
        except BaseException:
            self.delete()
            raise

    def __setattr__(self, name: str, value: object) -> None:
        """Set an attribute; one that DRMAA does not know stays on the Python object."""
        if name not in _KNOWN:
            _warn_of_misspelling(type(self), name)
        object.__setattr__(self, name, value)

    @property
    def resources(self) -> Resources | None:
        """What the job needs, whatever the DRM calls it; None for nothing.

        Setting it puts the DRM's words for it before ``nativeSpecification``; where both ask
        for the same, nativeSpecification wins.

        Raises:
            UnsupportedAttributeException: the DRM has no words for one of them.
            InvalidArgumentException: it is not a Resources, or the site's file is not legal.

        C: drmaa_get_DRM_system, drmaa_set_attribute.
        """
        return _NATIVE.resources(self)

    @resources.setter
    def resources(self, value: Resources | None) -> None:
        _NATIVE.ask(self, value)

    @property
    def attributeNames(self) -> list[str]:
        """The names (in C) of the scalar attributes that the library supports.

        C: drmaa_get_attribute_names.
        """
        return calls.get_attribute_names()

    def asdict(self) -> dict[str, Any]:
        """Return the attributes that are set, by name: what JobTemplate() takes as keywords.

        Attributes that are empty are left out, and those at the library's own default.

        Raises:
            InvalidJobTemplateException, NoActiveSessionException: the template is of no use.

        C: drmaa_get_attribute, drmaa_get_vector_attribute.
        """
        values = {name: getattr(self, name) for name in self._raw()}
        asked = asked_of(self)
        if asked is not None:
            if not asked.own:
                values.pop("nativeSpecification", None)
            if asked.variables:
                values["jobEnvironment"] = self.jobEnvironment
            if asked.resources is not None:
                values["resources"] = asked.resources
        return values

    def copy(self, **changes: Any) -> Self:
        """Return a new template with the same attributes, but for *changes*.

        Attributes of the program's own, which DRMAA does not know, go along.

        Args:
            changes: Values of attributes.

        Raises:
            InvalidJobTemplateException, NoActiveSessionException: the template is of no use;
                and those of JobTemplate().

        C: drmaa_allocate_job_template, drmaa_get_attribute, drmaa_set_attribute,
        drmaa_get_vector_attribute, drmaa_set_vector_attribute.
        """
        raw = self._raw()
        handle = calls.allocate_job_template()
        for name, value in raw.items():
            if name not in changes:
                _DESCRIPTORS[name]._copy(value, handle)
        # Not by calling the class: one derived from this may want arguments of its own.
        made = type(self).__new__(type(self))
        vars(made).update(vars(self), _handle=handle)
        made._set(changes)
        return made

    def __copy__(self) -> Self:
        """Return a template of its own, as copy() does."""
        return self.copy()

    def __reduce__(self) -> NoReturn:
        """Refuse to be pickled, or copied deep: a template is the library's, in this process.

        Raises:
            IllegalStateException: always.
        """
        raise IllegalStateException(
            f"a {type(self).__name__} can't be pickled: it lives in this process's DRMAA library; "
            "pass what asdict() returns, or call copy()"
        )

    def _raw(self) -> dict[str, str | list[str]]:
        """Return as C has them the attributes in which this template is not a new one."""
        values = _read(self._handle)
        defaults = _defaults()
        return {n: v for n, v in values.items() if v and v != defaults.get(n)}

    def __repr__(self) -> str:
        """Return what would make it, with long values cut; or why it is of no use."""
        import reprlib  # noqa: PLC0415 - for people, not for programs

        short = reprlib.Repr()
        short.maxstring = short.maxother = 100
        name = type(self).__name__
        try:
            values = [f"{name}={short.repr(value)}" for name, value in self.asdict().items()]
        except Exception as error:  # noqa: BLE001 - debuggers show it in any state
            return f"<{name}: {error}>"
        return f"{name}({', '.join(values)})"

    def delete(self) -> None:
        """Delete the template; jobs made with it go on. A second call does nothing.

        Raises:
            DrmaaException: the library fails to delete it.

        C: drmaa_delete_job_template.
        """
        calls.delete_job_template(self._handle)

    def __enter__(self) -> Self:
        """Return the template itself."""
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Delete the template."""
        self.delete()


_DESCRIPTORS = {
    name: value
    for name, value in vars(JobTemplate).items()
    if isinstance(value, (Attribute, VectorAttribute, DictAttribute))
}
_KNOWN = frozenset(_DESCRIPTORS)
_NATIVE: NativeAttribute = JobTemplate.nativeSpecification


def _read(handle: calls.Handle) -> dict[str, str | list[str]]:
    """Return what a template has, as C has it; without what the library refuses to tell."""
    values: dict[str, str | list[str]] = {}
    for name, attribute in _DESCRIPTORS.items():
        with contextlib.suppress(AttributeError):  # so are the errors that unset ones give
            values[name] = attribute._raw(handle)
    return values


@functools.cache
def _defaults() -> dict[str, str | list[str]]:
    """Return what a new template has; asked once, as a process has one library."""
    handle = calls.allocate_job_template()
    try:
        return _read(handle)
    finally:
        calls.delete_job_template(handle)


#: What other packages, and people, call the attributes.
_OTHER_NAMES = {
    **dict.fromkeys(("command", "cmd", "executable", "program", "script"), "remoteCommand"),
    **dict.fromkeys(("arguments", "argv"), "args"),
    **dict.fromkeys(("name", "jobname"), "jobName"),
    **dict.fromkeys(("environment", "env", "environ"), "jobEnvironment"),
    **dict.fromkeys(("cwd", "wd", "workdir", "workingdir"), "workingDirectory"),
    **dict.fromkeys(("stdout", "output"), "outputPath"),
    **dict.fromkeys(("stderr", "error"), "errorPath"),
    **dict.fromkeys(("stdin", "input"), "inputPath"),
    **dict.fromkeys(("native", "nativespec", "options"), "nativeSpecification"),
    **dict.fromkeys(("slots", "memory", "walltime", "queue", "gpus"), "resources"),
}


def _warn_of_misspelling(cls: type, name: str) -> None:
    """Warn if *name* looks like an attribute of DRMAA's: set so, it goes nowhere."""
    if name.startswith("_") or (hasattr(cls, name) and not name.isupper()):
        return
    import difflib  # noqa: PLC0415 - it takes longer to import than all of this module

    lower = {known.lower(): known for known in _DESCRIPTORS}
    if cls is JobTemplate:  # a class derived from it has attributes of its own
        lower.update(_OTHER_NAMES)
    plain = name.lower().replace("_", "")
    close = [plain] if plain in lower else difflib.get_close_matches(plain, lower, 1, 0.85)
    if close:
        warn(
            f"JobTemplate has no attribute {name!r}: the value is kept on the Python object and "
            f"does not reach the DRM; did you mean {lower[close[0]]!r}?"
        )
