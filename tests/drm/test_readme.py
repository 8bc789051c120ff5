"""The program in the README runs; tests/unit/test_pages.py says that it is this one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from programs import output, start

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "examples" / "hello.py"


def test_readme_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It prints how its three jobs ended, as the README shows, and leaves no file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    printed = output(start([sys.executable, "-W", "error", str(PROGRAM)]))
    readme = ROOT.joinpath("README.md").read_text(encoding="utf-8")
    shown = readme.partition("examples/hello.py\n")[2].partition("```")[0]
    assert 3 == len(shown.splitlines())
    assert sorted(shown.splitlines()) == sorted(printed.splitlines())
    assert [] == list(tmp_path.iterdir())
