"""The programs in the guides run, and what is no whole program is at least Python."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from programs import output, run

DOCS = Path(__file__).parents[2] / "docs"
# Smaller numbers than the guides', for a test.
SMALLER = {"10_000": "6", "1000": "4", '"5"': '"0"'}


def programs(page: Path) -> list[str]:
    """Return the blocks of Python on a page."""
    return re.findall(r"^```python\n(.*?)^```$", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.stem)
def test_python(page: Path) -> None:
    """All that is shown as Python is Python, coroutines included."""
    for program in programs(page):
        compile(program, str(page), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


@pytest.mark.parametrize("name", ["many-jobs", "python-functions", "threads-and-asyncio"])
def test_programs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole programs on jobs in great numbers run to their ends, with fewer."""
    monkeypatch.chdir(tmp_path)
    # Where the jobs' files go: the local engine heeds HOME, Grid Engine this file.
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".sge_request").write_text(f"-o {tmp_path} -e {tmp_path}\n", encoding="utf-8")
    script = tmp_path / "align.sh"
    script.write_text("#!/bin/sh\ntrue\n", encoding="ascii")
    script.chmod(0o755)
    whole = [
        text
        for text in programs(DOCS / "howto" / f"{name}.md")
        if text.startswith(("from", "import"))
    ]
    assert whole
    for program in whole:
        for large, small in SMALLER.items():
            program = program.replace(large, small)  # noqa: PLW2901
        printed = output(run(program))
        assert printed.count("\n") in {0, 1, 3, 4, 6}
