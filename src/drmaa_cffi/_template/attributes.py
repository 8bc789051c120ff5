"""The descriptors of job template attributes: text, flag, seconds, list and dict.

A value is checked and brought into C's form here, so that a bad one never reaches the library.
"""

from __future__ import annotations

import os
import sys
import warnings
from typing import (
    TYPE_CHECKING,
    Any,
    Iterable,
    Mapping,
    Sequence,
    cast,
    overload,
)

from drmaa_cffi._binding import calls
from drmaa_cffi._binding.text import encode
from drmaa_cffi._template.converters import BoolConverter, Converter, IntConverter
from drmaa_cffi.errors import invalid_argument, shown

if TYPE_CHECKING:
    from drmaa_cffi.template import JobTemplate


_PACKAGE = __name__.partition(".")[0]


def warn(message: str) -> None:
    """Warn whoever set an attribute: behind all frames of this package."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and _is_ours(frame.f_globals.get("__name__")):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, stacklevel=level)


def _is_ours(module: object) -> bool:
    return isinstance(module, str) and module.partition(".")[0] == _PACKAGE


def _is_buffer(value: object) -> bool:
    """Whether *value* is one whose str() nobody means, and whose elements are numbers."""
    return isinstance(value, (bytearray, memoryview))


def _as_bytes(value: object, what: str) -> bytes:
    """Return *value* as C gets it: text as it is, a path as its text, the rest by str()."""
    if value is None:
        raise invalid_argument(f"{what} can't be None: pass a value, or leave it unset")
    if isinstance(value, (str, bytes)):
        return encode(value, what)
    try:
        if _is_buffer(value):
            raise TypeError
        is_path = hasattr(value, "__fspath__")
        text = os.fsencode(cast("os.PathLike[str]", value)) if is_path else str(value)
    except Exception as error:
        legal = "pass str, bytes, a path, or what str() makes a text of"
        raise invalid_argument(f"{what} can't be {shown(value)}: {legal}") from error
    return encode(text, what)


class _Named:
    """A descriptor that knows its attribute's name in C and in Python."""

    def __init__(self, name: str | bytes) -> None:
        self.name: str = name.decode() if isinstance(name, bytes) else name
        self._c_name = self.name.encode()
        self._attribute = self.name

    def __set_name__(self, owner: type, name: str) -> None:
        """Remember under which name the user knows the attribute."""
        self._attribute = name


class Attribute(_Named):
    """A scalar attribute: text in C, translated by a converter where it has one.

    Setting takes str, bytes, a path, or anything whose str() is meant; reading gives str.

    C: drmaa_set_attribute, drmaa_get_attribute.
    """

    def __init__(self, name: str | bytes, type_converter: Converter | None = None) -> None:
        super().__init__(name)
        self.converter = type_converter

    @overload
    def __get__(self, instance: None, owner: type) -> Attribute: ...

    @overload
    def __get__(self, instance: JobTemplate, owner: type) -> Any: ...

    def __get__(self, instance: JobTemplate | None, owner: type) -> Any:
        """Return the value; whether an unset one is '' or an error, the library decides."""
        if instance is None:
            return self
        text = calls.get_attribute(instance._handle, self._c_name)
        # Slurm's library has '' for what was never set: no time, but no error either.
        if self.converter is None or (self.converter is IntConverter and not text):
            return text
        return self.converter.from_drmaa(text.encode("utf-8", "surrogateescape"))

    def __set__(self, instance: JobTemplate, value: Any) -> None:
        """Set the value."""
        # No value is not a text or a limit; but it is a flag: false.
        converter = self.converter
        if converter is not None and (value is not None or isinstance(converter, BoolConverter)):
            value = converter.to_drmaa(value)
        # What most values are, a step sooner.
        plain = type(value) is str
        data = encode(value, self._attribute) if plain else self._encode(value)
        calls.set_attribute(instance._handle, self._c_name, data)

    def _encode(self, value: object) -> bytes:
        return _as_bytes(value, self._attribute)

    def _raw(self, handle: calls.Handle) -> str:
        """Return the value as C has it."""
        return calls.get_attribute(handle, self._c_name)

    def _copy(self, raw: Any, handle: calls.Handle) -> None:
        """Set the value that _raw() gave."""
        calls.set_attribute(handle, self._c_name, encode(raw, self._attribute))


class PathAttribute(Attribute):
    """The attribute of a file, ``[host]:path`` in C: a path gets its colon, text is as given.

    C: drmaa_set_attribute, drmaa_get_attribute.
    """

    def _encode(self, value: object) -> bytes:
        data = super()._encode(value)
        return b":" + data if isinstance(value, os.PathLike) else data


class _Vector(_Named):
    """An attribute that is a list in C."""

    def _raw(self, handle: calls.Handle) -> list[str]:
        """Return the elements as C has them."""
        return calls.get_vector_attribute(handle, self._c_name)

    def _copy(self, raw: Any, handle: calls.Handle) -> None:
        """Set the elements that _raw() gave."""

        def encode_each() -> list[bytes]:
            return [encode(element, self._attribute) for element in raw]

        calls.set_vector_attribute(handle, self._c_name, raw, len(raw), encode_each)


class VectorAttribute(_Vector):
    """A list attribute: any iterable on the way in, a list of str on the way out.

    Elements are what str() makes of them; a bare text or path is a list of one. None is so, too,
    since programs for the package ``drmaa`` pass it; a warning says that it has become a text.

    C: drmaa_set_vector_attribute, drmaa_get_vector_attribute.
    """

    @overload
    def __get__(self, instance: None, owner: type) -> VectorAttribute: ...

    @overload
    def __get__(self, instance: JobTemplate, owner: type) -> list[str]: ...

    def __get__(self, instance: JobTemplate | None, owner: type) -> VectorAttribute | list[str]:
        """Return the elements."""
        if instance is None:
            return self
        return calls.get_vector_attribute(instance._handle, self._c_name)

    def __set__(self, instance: JobTemplate, value: Iterable[object] | str | bytes) -> None:
        """Set the elements, replacing all there were."""
        if isinstance(value, (str, bytes, os.PathLike)):
            value = (value,)
        try:
            if _is_buffer(value):
                raise TypeError
            elements: Sequence[Any] = value if isinstance(value, (list, tuple)) else tuple(value)
        except TypeError as error:
            raise invalid_argument(
                f"{self._attribute} can't be {shown(value)}: pass a list of values, or one text"
            ) from error

        def encode_each() -> list[bytes]:
            return [self._encode(index, element) for index, element in enumerate(elements)]

        calls.set_vector_attribute(
            instance._handle, self._c_name, elements, len(elements), encode_each
        )

    def _encode(self, index: int, element: object) -> bytes:
        what = f"{self._attribute}[{index}]"
        if element is None:
            warn(f"{what} is None, and goes to the DRM as the text 'None': is it meant?")
            return b"None"
        return _as_bytes(element, what)


class DictAttribute(_Vector):
    """A dict attribute: NAME=VALUE strings in C. Setting takes anything with items().

    C: drmaa_set_vector_attribute, drmaa_get_vector_attribute.
    """

    @overload
    def __get__(self, instance: None, owner: type) -> DictAttribute: ...

    @overload
    def __get__(self, instance: JobTemplate, owner: type) -> dict[str, str]: ...

    def __get__(self, instance: JobTemplate | None, owner: type) -> DictAttribute | dict[str, str]:
        """Return the pairs; an entry without '=' has the value ''."""
        if instance is None:
            return self
        return calls.get_vector_attribute_pairs(instance._handle, self._c_name)

    def __set__(self, instance: JobTemplate, value: Mapping[Any, Any]) -> None:
        """Set the pairs, replacing all there were."""
        try:
            pairs = [(name, text) for name, text in value.items()]
        except (AttributeError, TypeError, ValueError) as error:
            raise invalid_argument(
                f"{self._attribute} can't be {shown(value)}: pass a dict, os.environ, or the like"
            ) from error

        def encode_each() -> list[bytes]:
            return [self._encode_pair(name, text) for name, text in pairs]

        try:
            names = {name for name, _ in pairs}
            sound = "" not in names and "=" not in "".join(names)
        except TypeError:
            sound = False
        entries = map("=".join, pairs) if sound else encode_each()
        calls.set_vector_attribute(
            instance._handle, self._c_name, entries, len(pairs), encode_each
        )

    def _encode_pair(self, name: object, text: object) -> bytes:
        key = _as_bytes(name, f"a name in {self._attribute}")
        if not key or b"=" in key:
            raise invalid_argument(
                f"{self._attribute} can't have the name {shown(name)}: a variable's name has "
                "at least one character and no '='"
            )
        return key + b"=" + _as_bytes(text, f"{self._attribute}[{shown(name)}]")
