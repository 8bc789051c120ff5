"""What a program can ask a library about itself, and how."""

from __future__ import annotations

from functools import total_ordering
from typing import Callable, Generic, Iterator, TypeVar

from . import calls

_T = TypeVar("_T")


@total_ordering
class Version:
    """A version of the DRMAA standard; its str() is ``major.minor``.

    It is not a tuple, so that ``'%s' % version`` works, but compares, unpacks and is read as one.

    C: drmaa_version.
    """

    __slots__ = ("major", "minor")
    _fields = __slots__

    def __init__(self, major: int, minor: int) -> None:
        self.major: int = major
        self.minor: int = minor

    def __iter__(self) -> Iterator[int]:
        """Iterate over major and minor."""
        return iter((self.major, self.minor))

    def __len__(self) -> int:
        """Return 2."""
        return len(self._fields)

    def __getitem__(self, index: int) -> int:
        """Return major at 0, minor at 1."""
        return (self.major, self.minor)[index]

    def _asdict(self) -> dict[str, int]:
        return dict(zip(self._fields, self))

    def __eq__(self, other: object) -> bool:
        """Compare with another version, or a tuple of major and minor."""
        if isinstance(other, Version):
            return tuple(self) == tuple(other)
        return tuple(self) == other if isinstance(other, tuple) else NotImplemented

    def __lt__(self, other: Version | tuple[int, int]) -> bool:
        """Compare with another version, or a tuple of major and minor."""
        return tuple(self) < tuple(other)

    def __hash__(self) -> int:
        """Hash as the tuple that it equals."""
        return hash(tuple(self))

    def __repr__(self) -> str:
        """Return what makes it."""
        return f"Version(major={self.major}, minor={self.minor})"

    def __str__(self) -> str:
        """Return ``major.minor``."""
        return f"{self.major}.{self.minor}"


class Inquiry(Generic[_T]):
    """An attribute, of the class and of its instances, that asks the library."""

    def __init__(self, ask: Callable[[], _T]) -> None:
        self._ask = ask
        self.__doc__ = ask.__doc__

    def __get__(self, instance: object, owner: type) -> _T:
        return self._ask()


def ask_version() -> Version:
    """Return the version of DRMAA that the library implements. C: drmaa_version."""
    return Version(*calls.version())
