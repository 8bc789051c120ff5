"""The manual page, made from the help of all subcommands."""

from __future__ import annotations

import re
import textwrap
from typing import Iterator

import click

from .output import PROGRAM

_DESCRIPTION = "run jobs on a cluster by DRMAA, and find out why that does not work"


def subcommands(
    command: click.Command, ctx: click.Context
) -> Iterator[tuple[click.Context, click.Command]]:
    """Give *command* and all below it, each with its context."""
    yield ctx, command
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            child = command.get_command(ctx, name)
            if child is not None:
                # Not run: this only gives it its settings.
                below = child.make_context(name, [], parent=ctx, resilient_parsing=True)
                yield from subcommands(child, below)


def man_page(command: click.Command) -> str:
    """Return the manual page of *command* and its subcommands, in roff."""
    root = command.make_context(PROGRAM, [], resilient_parsing=True)
    lines = [
        f'.TH "{PROGRAM.upper()}" "1" "" "{PROGRAM}" "User Commands"',
        ".SH NAME",
        rf"{_escape(PROGRAM)} \- {_escape(_DESCRIPTION)}",
        ".SH SYNOPSIS",
        _escape(usage(command, root)),
    ]
    for ctx, each in subcommands(command, root):
        if ctx is root:
            lines += [".SH DESCRIPTION", *_prose(each.help), *_options(each, ctx), ".SH COMMANDS"]
            continue
        lines += [
            f'.SS "{_escape(usage(each, ctx))}"',
            *_prose(each.help),
            *_options(each, ctx),
            *_prose(each.epilog),
        ]
    return "\n".join(lines)


def paragraphs(text: str | None) -> Iterator[tuple[str, bool]]:
    """Give the paragraphs of a help text, and whether each keeps its lines, by click's mark."""
    for paragraph in re.split(r"\n\s*\n", text.strip() if text else ""):
        first, _, rest = paragraph.partition("\n")
        if first.strip() == "\b":
            yield textwrap.dedent(rest), True
        elif paragraph:
            yield " ".join(paragraph.split()), False


def option_records(command: click.Command, ctx: click.Context) -> list[tuple[str, str]]:
    """Return each option of a command, and its help."""
    options = (each for each in command.get_params(ctx) if isinstance(each, click.Option))
    records = (option.get_help_record(ctx) for option in options)
    return [record for record in records if record is not None]


def usage(command: click.Command, ctx: click.Context) -> str:
    """Return how a command is called."""
    return " ".join((ctx.command_path, *command.collect_usage_pieces(ctx)))


def _prose(text: str | None) -> list[str]:
    lines: list[str] = []
    for paragraph, keeps_lines in paragraphs(text):
        if keeps_lines:
            lines += [".PP", ".nf", *map(_escape, paragraph.splitlines()), ".fi"]
        else:
            lines += [".PP", _escape(paragraph)]
    return lines


def _options(command: click.Command, ctx: click.Context) -> list[str]:
    lines: list[str] = []
    for names, words in option_records(command, ctx):
        lines += [".TP", rf"\fB{_escape(names)}\fR", _escape(words)]
    return lines


def _escape(text: str) -> str:
    """Return *text* as roff takes it; hyphens can be copied, and no line is a request."""
    text = text.replace("\\", r"\e").replace("-", r"\-").replace('"', r"\(dq")
    return rf"\&{text}" if text.startswith((".", "'")) else text
