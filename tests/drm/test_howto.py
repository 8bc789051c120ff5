"""The whole programs of the pages run; what is Python in other ways is at least that."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any, Iterator

import pytest

from programs import output, run

DOCS = Path(__file__).parents[2] / "docs"
# Some DRMs have no words of their own for these.
SITE = "[local]\nmemory =\nqueue =\n[gridengine]\nslots = -pe smp {slots}\n"
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


def whole_programs() -> Iterator[Any]:
    """Give each whole program of the pages, named by its page and its place there.

    Those of the README and of the tutorial are in the folder examples, and tested as such.
    """
    for page in sorted(
        {*DOCS.rglob("*.md")} - {*DOCS.glob("_build/**/*"), *DOCS.glob("tutorial/*")}
    ):
        for number, program in enumerate(programs(page)):
            whole = program.startswith(("from", "import"))
            if whole and not any(word in program for word in ("...", "spack", "pytest")):
                yield pytest.param(program, id=f"{page.stem}-{number}")


@pytest.mark.parametrize("program", list(whole_programs()))
def test_programs(program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each whole program runs to its end, with fewer jobs, and leaves nothing in the home."""
    home, folder = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(home))
    script = folder / "align.sh"
    script.write_text("#!/bin/sh\ntrue\n", encoding="ascii")
    script.chmod(0o755)
    (folder / "site.ini").write_text(SITE, encoding="ascii")
    monkeypatch.setenv("DRMAA_CFFI_RESOURCES", str(folder / "site.ini"))
    for large, small in SMALLER.items():
        program = program.replace(large, small)
    output(run(program))
    assert [] == list(home.iterdir())


def test_count() -> None:
    """The programs are found."""
    assert len(list(whole_programs())) > 10
