"""Make the README's links absolute, for pages that show it elsewhere, such as PyPI's."""

from __future__ import annotations

import re
from pathlib import Path

#: Where the repository can be read: "https://github.com/NAME/drmaa-cffi". Set it before the first
#: release, here only; the package's metadata then has it, too.
ADDRESS = ""


def with_links(text: str, address: str) -> str:
    """Return Markdown with its links to files of the repository made absolute."""

    def absolute(link: re.Match[str]) -> str:
        view = "raw" if link[1] else "blob"
        return f"{link[1]}[{link[2]}]({address}/{view}/HEAD/{link[3]})"

    return re.sub(r"(!?)\[([^]]*)\]\((?!https?:|#)([^)]+)\)", absolute, text)


def description() -> str:
    """Return the README as the package's metadata holds it."""
    text = Path(__file__).with_name("README.md").read_text(encoding="utf-8")
    return with_links(text, ADDRESS) if ADDRESS else text
