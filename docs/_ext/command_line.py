"""The reference of the command ``drmaa-cffi``, made from its help when the documentation is built.

Directive: ``command-line``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Iterable

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from drmaa_cffi.cli.app import app
from drmaa_cffi.cli.manpage import option_records, paragraphs, subcommands, usage
from drmaa_cffi.cli.output import PROGRAM

if TYPE_CHECKING:
    import click
    from sphinx.application import Sphinx


def words(text: str) -> list[nodes.Node]:
    """Return a text's nodes: options, and what stands between backquotes, are code."""
    parts = re.split(r"`([^`]+)`|(?<!\S)(--[a-z-]+)", text)
    return [
        nodes.literal(part, part) if number % 3 else nodes.Text(part)
        for number, part in enumerate(parts)
        if part
    ]


def prose(text: str | None) -> list[nodes.Node]:
    """Return a help text's paragraphs."""
    return [
        nodes.literal_block(paragraph, paragraph, language="text")
        if keeps_lines
        else nodes.paragraph("", "", *words(paragraph))
        for paragraph, keeps_lines in paragraphs(text)
    ]


def options(records: Iterable[tuple[str, str]]) -> nodes.definition_list:
    """Return a list of options."""
    return nodes.definition_list(
        "",
        *(
            nodes.definition_list_item(
                "",
                nodes.term("", "", nodes.literal(names, names)),
                nodes.definition("", nodes.paragraph("", "", *words(text))),
            )
            for names, text in records
        ),
    )


class CommandLine(SphinxDirective):
    """A section for each subcommand."""

    def run(self) -> list[nodes.Node]:
        """Return the sections."""
        root = app.make_context(PROGRAM, [], resilient_parsing=True)
        return [
            self._section(command, ctx)
            for ctx, command in subcommands(app, root)
            if ctx is not root
        ]

    @staticmethod
    def _section(command: click.Command, ctx: click.Context) -> nodes.section:
        name = ctx.command_path.partition(" ")[2]
        called = usage(command, ctx)
        return nodes.section(
            "",
            nodes.title("", "", nodes.literal(name, name)),
            nodes.literal_block(called, called, language="text"),
            *prose(command.help),
            options(option_records(command, ctx)),
            *prose(command.epilog),
            ids=[nodes.make_id(f"command-{name}")],
            names=[name],
        )


def setup(sphinx: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    sphinx.add_directive("command-line", CommandLine)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
