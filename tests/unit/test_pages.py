"""The README and the pages render where a reader is: on GitHub, which knows no Sphinx."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Iterator

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
# GitHub's Markdown is CommonMark with tables.
MARKDOWN = MarkdownIt("commonmark").enable("table")
# The reference comes from docstrings, and index.md only lists the pages.
OF_SPHINX = {DOCS / "index.md", *DOCS.glob("reference/*.md")}
PAGES = sorted({ROOT / "README.md", *DOCS.rglob("*.md")} - OF_SPHINX)
TUTORIAL = DOCS / "tutorial" / "index.md"
EXAMPLES = sorted({*ROOT.glob("examples/*.py"), *ROOT.glob("examples/*.sh")})


def tokens(page: Path) -> Iterator[Token]:
    """Return what a page is made of, the parts of paragraphs included."""
    for token in MARKDOWN.parse(page.read_text(encoding="utf-8")):
        yield token
        yield from token.children or ()


def blocks(page: Path) -> list[tuple[str, str]]:
    """Return the blocks of code on a page, each with its language."""
    return [(token.info, token.content) for token in tokens(page) if token.type == "fence"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_plain_markdown(page: Path) -> None:
    """A page has no directive, no role and no empty block: these show as boxes or as noise."""
    assert [] == [info for info, text in blocks(page) if not text.strip() or info.startswith("{")]
    texts = [token.content for token in tokens(page) if token.type == "text"]
    assert [] == [text for text in texts if re.search(r"\{[a-z:]+\}$|^:::", text)]


def test_pages_that_the_readme_leads_to() -> None:
    """Each page that the README links to is one of those above, or ends in plain text."""
    links = [
        str(token.attrs["href"]).partition("#")[0]
        for token in tokens(ROOT / "README.md")
        if token.type == "link_open"
    ]
    pages = {ROOT / link for link in links if link.startswith("docs/")}
    assert len(pages) > 10
    assert pages <= set(PAGES)


def test_links_of_the_readme() -> None:
    """They are relative, and lead to files; elsewhere they are absolute, and to the same files."""
    readme = runpy.run_path(str(ROOT / "readme.py"))
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    files = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    assert len(files) > 20
    assert all((ROOT / file).exists() for file in files)
    elsewhere = readme["with_links"](text, "https://example.org/project")
    assert [] == re.findall(r"\]\((?!https?:|#)", elsewhere)
    absolute = re.findall(r"\]\(https://example.org/project/(?:blob|raw)/HEAD/([^)#]+)", elsewhere)
    assert files == absolute
    assert re.fullmatch(r"(https://\S+[^/])?", readme["ADDRESS"])


def test_pictures() -> None:
    """Each picture is a file, and has words for those who cannot see it."""
    for page in PAGES:
        for token in tokens(page):
            if token.type == "image":
                assert (page.parent / str(token.attrs["src"])).exists()
                assert len(token.content) > 20


def test_readme_shows_the_first_program() -> None:
    """The program in the README is examples/hello.py."""
    program = (ROOT / "examples" / "hello.py").read_text(encoding="utf-8")
    (shown,) = [text for info, text in blocks(ROOT / "README.md") if info == "python"]
    assert program.endswith('"""\n\n' + shown)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_tutorial_shows_the_examples(path: Path) -> None:
    """The tutorial holds each example, letter by letter; hello.py is the README's."""
    if path.name != "hello.py":
        assert path.read_text(encoding="utf-8") in [text for _, text in blocks(TUTORIAL)]


def test_tutorial_counts_its_programs() -> None:
    """The tutorial says how many programs it has."""
    programs = [text for info, text in blocks(TUTORIAL) if info == "python"]
    assert 12 == len(programs)
    assert "\n\nTwelve small programs " in TUTORIAL.read_text(encoding="utf-8")


def test_report() -> None:
    """The page on Grid Engine shows the report that the reference shows."""
    report = (DOCS / "howto" / "report.txt").read_text(encoding="utf-8")
    assert ("text", report) in blocks(DOCS / "howto" / "gridengine.md")
