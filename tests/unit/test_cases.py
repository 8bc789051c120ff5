"""Each case of the conformance program has a test in Python that is named after it."""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
CASES = re.findall(
    r"^CASE\((\w+)\)$", (TESTS / "conformance" / "cases.h").read_text(), re.MULTILINE
)
FOUND = Counter(
    node.name
    for folder in ("drm", "unit")
    for file in (TESTS / folder).glob("test_*.py")
    for node in ast.parse(file.read_text(encoding="utf-8")).body
    if isinstance(node, ast.FunctionDef)
)


@pytest.mark.parametrize("case", CASES)
def test_case_in_python(case: str) -> None:
    """The case goes through Python, too, in one test."""
    assert 1 == FOUND[f"test_{case.lower()}"]
