"""The manual page, made from the help of all subcommands."""

from __future__ import annotations

import re
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
        rf"\fB{_escape(PROGRAM)}\fR {_escape(' '.join(command.collect_usage_pieces(root)))}",
    ]
    for ctx, each in subcommands(command, root):
        if ctx is root:
            lines += [".SH DESCRIPTION", *_prose(each.help), *_options(each, ctx), ".SH COMMANDS"]
            continue
        usage = " ".join(each.collect_usage_pieces(ctx))
        lines += [
            f'.SS "{_escape(ctx.command_path)} {_escape(usage)}"',
            *_prose(each.help),
            *_options(each, ctx),
            *_prose(each.epilog),
        ]
    return "\n".join(lines)


def _prose(text: str | None) -> list[str]:
    """Return paragraphs; those behind click's mark keep their lines."""
    lines: list[str] = []
    for paragraph in re.split(r"\n\s*\n", text.strip() if text else ""):
        first, _, rest = paragraph.partition("\n")
        if first.strip() == "\b":
            lines += [".PP", ".nf", *map(_escape, rest.splitlines()), ".fi"]
        elif paragraph:
            lines += [".PP", _escape(" ".join(paragraph.split()))]
    return lines


def _options(command: click.Command, ctx: click.Context) -> list[str]:
    lines: list[str] = []
    for parameter in command.get_params(ctx):
        record = parameter.get_help_record(ctx)
        if record is not None and isinstance(parameter, click.Option):
            lines += [".TP", rf"\fB{_escape(record[0])}\fR", _escape(record[1])]
    return lines


def _escape(text: str) -> str:
    """Return *text* as roff takes it; hyphens can be copied, and no line is a request."""
    text = text.replace("\\", r"\e").replace("-", r"\-").replace('"', r"\(dq")
    return rf"\&{text}" if text.startswith((".", "'")) else text
