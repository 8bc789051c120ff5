"""Folds the names of tests on the page of promises: on a phone one reads the promises alone."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from docutils import nodes

if TYPE_CHECKING:
    from sphinx.application import Sphinx

PAGE = "explanation/what-you-can-rely-on"
TEST = re.compile(r"tests/[\w/]+\.py::\w+")


def take_tests(paragraph: nodes.Element) -> list[str]:
    """Remove the tests from a paragraph, with the parentheses around them; return their names."""
    places = [
        place
        for place, node in enumerate(paragraph)
        if isinstance(node, nodes.literal) and TEST.match(node.astext())
    ]
    if not places:
        return []
    first, last = places[0], places[-1]
    names = [paragraph[place].astext() for place in places]
    before = "".join(node.astext() for node in paragraph[:first])
    after = "".join(node.astext() for node in paragraph[last + 1 :])
    if not (before.endswith("(") and after.startswith(")")):
        return []  # they are part of a sentence
    paragraph[last + 1] = nodes.Text(paragraph[last + 1].astext()[1:])
    paragraph[first - 1] = nodes.Text(paragraph[first - 1].astext()[:-1])
    del paragraph[first : last + 1]
    return names


def fold(app: Sphinx, doctree: nodes.document) -> None:
    """Put the tests of each promise into a block that opens on a click."""
    if app.env.docname != PAGE or app.builder.format != "html":
        return
    for definition in list(doctree.findall(nodes.definition)):
        paragraphs = list(definition.findall(nodes.paragraph))
        names = [name for paragraph in paragraphs for name in take_tests(paragraph)]
        if names:
            count = "1 test" if len(names) == 1 else f"{len(names)} tests"
            items = "".join(f"<li><code>{name}</code></li>" for name in names)
            html = f'<details class="tests"><summary>{count}</summary><ul>{items}</ul></details>'
            definition.append(nodes.raw("", html, format="html"))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the change of the page."""
    app.connect("doctree-read", fold)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
