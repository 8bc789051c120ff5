"""The page of promises names tests, and they exist."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "what-you-can-rely-on.md"


def entries() -> list[str]:
    """Return the page's promises: terms with their definitions."""
    return re.findall(r"^\S[^\n]*\n: (?:.+\n)+", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("entry", entries(), ids=lambda entry: entry.partition("\n")[0])
def test_promise(entry: str) -> None:
    """A promise names at least one test, and each that it names exists."""
    names = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", entry)
    assert names
    assert entry.count("::") == len(names)
    for path, name in names:
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_promises_are_read() -> None:
    """All names on the page stand in the entries that the test above reads."""
    named = PAGE.read_text(encoding="utf-8").count("::")
    assert named == sum(entry.count("::") for entry in entries())
    assert named > 40
