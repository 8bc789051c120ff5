"""The documentation of resources is true: its examples do what they say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from fake import Fake, in_c

from drmaa_cffi import (
    InvalidArgumentException,
    Resources,
    resources,
)
from drmaa_cffi._template import drms

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "resources.md").read_text()


def code_on_the_page(language: str) -> str:
    """Return the code in this language on the page of the documentation."""
    (code,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return str(code)


def test_example_on_the_page(fake: Fake) -> None:
    """The page's example does what the page says."""
    fake.says("drmaa_get_DRM_system", b"SLURM 22.05.8")
    names: dict[str, Any] = {"in_c": in_c}
    # In the block of its session.
    asked = "    native = in_c(template, 'nativeSpecification')\n"
    exec(code_on_the_page("python") + asked, names)
    assert f"`{names['native']}`" in PAGE


def test_file_on_the_page(site: Path) -> None:
    """The page's file is legal, and lets a cluster's resources pass on the local engine."""
    site.write_text(code_on_the_page("ini"))
    words = drms.read_site()
    assert "-pe smp 4 -l gpu=2" == resources.native("SGE 8.1.9", Resources(slots=4, gpus=2), words)
    needs = Resources(slots=2, memory="8G", queue="long")
    assert "--slots 2" == resources.native("drmaa-cffi local engine 0.1", needs, words)


def test_values_on_the_page() -> None:
    """All that words can hold is on the page, and no more."""
    rows = re.findall(r"^\| (`\{.*?) \|", PAGE, re.MULTILINE)
    with pytest.raises(InvalidArgumentException) as caught:
        resources.native("SLURM 22", Resources(slots=2), {"slurm": {"slots": "{none}"}})
    legal = str(caught.value).partition("can hold ")[2].split(", ")
    assert sorted(legal) == sorted(word.strip("`") for row in rows for word in row.split())
