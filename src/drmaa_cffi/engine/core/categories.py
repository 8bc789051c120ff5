"""Job categories: names in a file that stand for native specifications."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import codes

if TYPE_CHECKING:
    from pathlib import Path


class Categories:
    """The job categories in a file: lines of `name: native specification`, `#` for remarks."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def find(self, name: str) -> str:
        """The native specification of a category; the file is read at each question.

        Raises:
            codes.Refusal: there is no such category, or the file cannot be read.
        """
        known = self._read()
        if name not in known:
            listed = ", ".join(sorted(known)) or "none yet"
            raise codes.Refusal(
                codes.DENIED_BY_DRM,
                f"there is no job category '{name}'; known in {self._path}: {listed}. "
                "Add a line 'name: native specification' there",
            )
        return known[name]

    def _read(self) -> dict[str, str]:
        try:
            text = self._path.read_text("utf-8", "surrogateescape")
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise codes.Refusal(
                codes.DENIED_BY_DRM, f"the job categories cannot be read: {error}"
            ) from None
        known: dict[str, str] = {}
        for line in text.splitlines():
            name, colon, specification = line.partition(":")
            if colon and not line.lstrip().startswith("#"):
                known[name.strip()] = specification.strip()
        return known
