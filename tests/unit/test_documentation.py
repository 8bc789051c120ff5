"""The documentation keeps up with the source."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob(".github/*.md"), *ROOT.glob("docs/**/*.md")])


def test_variables() -> None:
    """Each environment variable that the package reads is on the page about them."""
    sources = [*ROOT.glob("src/**/*.py"), *ROOT.glob("src/**/*.c")]
    known = (
        r'"(DRMAA_(?:LIBRARY_PATH|LOCAL_(?!VERSION)[A-Z_]+))"|b"(DRMAA_LOCAL_[A-Z_]+)='
        r'|environ\.get\("([A-Z_]+)"'
    )
    text = "".join(path.read_text(encoding="utf-8") for path in sources)
    text = text.replace('ENGINE_PREFIX "', '"DRMAA_LOCAL_')
    read = {name for names in re.findall(known, text) for name in names if name}
    # Those that the engine of each back end has.
    common = re.findall(r'ENGINE_PREFIX "([A-Z_]+)|_prefix\(drm\)\}([A-Z_]+)', text)
    read |= {f"DRMAA_{drm}_{one or other}" for one, other in common for drm in ("LOCAL", "SLURM")}
    assert {"DRMAA_LIBRARY_PATH", "DRMAA_LOCAL_HOME", "DRMAA_LOCAL_SLOTS", "SGE_ROOT"} <= read
    page = ROOT.joinpath("docs", "reference", "environment.md").read_text(encoding="utf-8")
    assert set() == {name for name in read if f"`{name}`" not in page}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links(page: Path) -> None:
    """Each link to a file of the repository leads to one."""
    text = re.sub(r"(?ms)^```.*?^```", "", page.read_text(encoding="utf-8"))
    targets = re.findall(r"\]\((?!https?:|mailto:|#)([^)#\s]+)", text)
    assert [] == [target for target in targets if not (page.parent / target).exists()]
