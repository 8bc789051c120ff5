"""The native specification, what else reaches C by it, and what libraries would cut or execute."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any, Mapping, Sequence, cast

from drmaa_cffi._binding import calls
from drmaa_cffi.errors import invalid_argument, shown

from .attributes import Attribute, DictAttribute, VectorAttribute
from .converters import IntConverter

if TYPE_CHECKING:
    from drmaa_cffi.resources import Asked, Resources
    from drmaa_cffi.template import JobTemplate


class NativeAttribute(Attribute):
    """The native specification: in C the words for the template's resources, then the program's.

    The program reads back its own, so that it can add to it.

    C: drmaa_set_attribute, drmaa_get_attribute.
    """

    def __get__(self, instance: JobTemplate | None, owner: type) -> Any:
        """Return the program's own value."""
        asked = None if instance is None else asked_of(instance)
        if instance is None or asked is None:
            return super().__get__(instance, owner)
        self._raw(instance._handle)  # which raises if the template is of no use
        if self.converter is None:
            return asked.own
        return self.converter.from_drmaa(asked.own.encode("utf-8", "surrogateescape"))

    def __set__(self, instance: JobTemplate, value: Any) -> None:
        """Set the program's own value."""
        super().__set__(instance, value)
        asked = asked_of(instance)
        if asked is not None:
            self._put(instance, asked._replace(own=self._raw(instance._handle)))

    @staticmethod
    def resources(instance: JobTemplate) -> Resources | None:
        """Return what the template asks for."""
        asked = asked_of(instance)
        return None if asked is None else asked.resources

    def ask(self, instance: JobTemplate, resources: Resources | None) -> None:
        """Put the words for *resources* before the program's own value; None takes them away."""
        from drmaa_cffi.resources import Resources, prefix  # noqa: PLC0415 - few programs need it

        if resources is not None and not isinstance(resources, Resources):
            raise invalid_argument(
                f"resources can't be {shown(resources)}: pass drmaa_cffi.Resources(slots=4, ...)"
            )
        if resources is None:
            self._put(instance, self._now(instance)._replace(resources=None, words=""))
            return
        words = prefix(calls.get_DRM_system(), resources)
        self._put(instance, self._now(instance)._replace(resources=resources, words=words))

    def carry(self, instance: JobTemplate, variables: Mapping[str, str], words: str) -> None:
        """Put the words for environment *variables* before all others; none take them away."""
        now = self._now(instance)
        self._put(instance, now._replace(variables=variables, variable_words=words))

    def _now(self, instance: JobTemplate) -> Asked:
        from drmaa_cffi.resources import Asked  # noqa: PLC0415 - few programs need it

        return asked_of(instance) or Asked(own=self._own(instance))

    def _own(self, instance: JobTemplate) -> str:
        try:
            return self._raw(instance._handle)
        except AttributeError:  # it is not set
            return ""

    def _put(self, instance: JobTemplate, asked: Asked) -> None:
        words = asked.variable_words + asked.words
        self._copy(words + asked.own if asked.own else words.rstrip(), instance._handle)
        if words:
            vars(instance)["_asked"] = asked
        else:
            vars(instance).pop("_asked", None)


class EnvironmentAttribute(DictAttribute):
    """The job's environment. On Grid Engine a value with '=' goes by the native specification.

    C: drmaa_set_vector_attribute, drmaa_get_vector_attribute.
    """

    def __get__(self, instance: JobTemplate | None, owner: type) -> Any:
        """Return the pairs, by whatever road they go."""
        if instance is None:
            return self
        values = super().__get__(instance, owner)
        asked = asked_of(instance)
        return values if asked is None else {**values, **asked.variables}

    def __set__(self, instance: JobTemplate, value: Mapping[Any, Any]) -> None:
        """Set the pairs, replacing all there were."""
        pairs, cut = _with_equals(value)
        native = _native(instance)
        if not (cut and _is_grid_engine()):
            super().__set__(instance, value)
            if asked_of(instance) is not None:
                native.carry(instance, {}, "")
            return
        from . import gridengine  # noqa: PLC0415 - few programs need it

        entries = {name: self._encode_pair(name, pairs[name]) for name in cut}
        parted = gridengine.part(self._attribute, pairs, entries)
        super().__set__(instance, parted.rest)
        native.carry(instance, parted.variables, parted.words)


def _with_equals(value: Any) -> tuple[dict[Any, Any], list[Any]]:
    """Return a job's environment as a dict, and the names of what has a '=' in its value."""
    try:
        pairs = dict(value.items())
        if not _any_holds(list(pairs.values()), "="):
            return pairs, []
        return pairs, [name for name, text in pairs.items() if _holds(text, "=")]
    except Exception:  # noqa: BLE001 - who sets it says what is wrong with it
        return {}, []


class ArgumentsAttribute(VectorAttribute):
    """The command's arguments. Grid Engine's library takes no line breaks, slurm-drmaa no quotes.

    C: drmaa_set_vector_attribute, drmaa_get_vector_attribute.
    """

    def __set__(self, instance: JobTemplate, value: Any) -> None:
        """Set the elements, replacing all there were."""
        given: Any = value
        if not isinstance(value, (str, bytes, bytearray, memoryview, list, tuple, os.PathLike)):
            # An iterator gives its elements once; who sets them says what is wrong with others.
            with contextlib.suppress(TypeError):
                given = tuple(value)
        is_many = isinstance(given, (list, tuple))
        elements = cast("Sequence[object]", given if is_many else (given,))
        if _any_holds(elements, "\n") and _is_grid_engine():
            from . import gridengine  # noqa: PLC0415 - few programs need it

            gridengine.check_arguments(self._attribute, elements)
        if calls.is_slurm_drmaa() and (is_many or isinstance(given, (str, bytes, os.PathLike))):
            from . import slurmdrmaa  # noqa: PLC0415 - few programs need it

            given = [self._encode(index, element) for index, element in enumerate(elements)]
            slurmdrmaa.check_arguments(self._attribute, given)
        super().__set__(instance, given)


class NameAttribute(Attribute):
    """The job's name, or what names it. Grid Engine takes no blanks, and ASCII only.

    C: drmaa_set_attribute, drmaa_get_attribute.
    """

    def __set__(self, instance: JobTemplate, value: Any) -> None:
        """Set the value; an unusual one is looked at when the job is submitted."""
        super().__set__(instance, value)
        text = value if type(value) is str else self._encode(value).decode("utf-8", "replace")
        if " " in text or not (text.isascii() and text.isprintable()):
            vars(instance)["_is_oddly_named"] = True


class CommandAttribute(NameAttribute):
    """The command. slurm-drmaa hands it to a shell, so it must be plain there.

    C: drmaa_set_attribute, drmaa_get_attribute.
    """

    def __set__(self, instance: JobTemplate, value: Any) -> None:
        """Set the value."""
        if calls.is_slurm_drmaa():
            from . import slurmdrmaa  # noqa: PLC0415 - few programs need it

            value = self._encode(value)
            slurmdrmaa.check_command(self._attribute, value)
        super().__set__(instance, value)


class LimitAttribute(Attribute):
    """A time limit. slurm-drmaa counts in minutes and cuts, so it is rounded up before.

    C: drmaa_set_attribute, drmaa_get_attribute.
    """

    def __init__(self, name: str | bytes) -> None:
        super().__init__(name, IntConverter)

    def __set__(self, instance: JobTemplate, value: Any) -> None:
        """Set the value."""
        if calls.is_slurm_drmaa() and value is not None:
            from . import slurmdrmaa  # noqa: PLC0415 - few programs need it

            seconds = IntConverter.from_drmaa(IntConverter.to_drmaa(value))
            value = slurmdrmaa.whole_minutes(seconds)
        super().__set__(instance, value)


def check_name(template: JobTemplate) -> None:
    """Refuse a job that Grid Engine would surely refuse for its name, before it is submitted.

    Raises:
        DeniedByDrmException: it would.
    """
    if not template._is_oddly_named:
        return
    from . import gridengine  # noqa: PLC0415 - few programs need it

    error = gridengine.refusal(template)
    if error is not None:
        raise error


def _any_holds(values: Sequence[object], character: str) -> bool:
    """Whether one of some values has *character* in its text."""
    try:
        # All at once takes a tenth of the time that a look at each does.
        return character in "".join(cast("Sequence[str]", values))
    except TypeError:  # some are no str
        return any(_holds(value, character) for value in values)


def _holds(value: object, character: str) -> bool:
    """Whether a value, of whatever kind, has *character* in its text."""
    if isinstance(value, str):
        return character in value
    if isinstance(value, bytes):
        return character.encode() in value
    try:
        return character in str(value)
    except Exception:  # noqa: BLE001 - who sets it says what is wrong with it
        return False


def _is_grid_engine() -> bool:
    from . import gridengine  # noqa: PLC0415 - few programs need it

    return gridengine.is_meant(calls.get_DRM_system())


def _native(instance: JobTemplate) -> NativeAttribute:
    """Return the descriptor of the template's native specification."""
    return cast("NativeAttribute", type(instance).nativeSpecification)


def asked_of(instance: JobTemplate) -> Asked | None:
    return cast("Asked | None", vars(instance).get("_asked"))
