"""The subcommands ``completion`` and ``man``: what shells and the manual's reader want."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from .manpage import man_page
from .output import PROGRAM, data

_SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(_SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the shell completion script.

    \b
    bash: source <(drmaa-cffi completion bash)              in ~/.bashrc
    zsh:  source <(drmaa-cffi completion zsh)               in ~/.zshrc
    fish: drmaa-cffi completion fish > ~/.config/fish/completions/drmaa-cffi.fish
    """  # noqa: D301 - \b is click's mark for lines that must not be filled
    made = get_completion_class(shell)
    assert made is not None  # noqa: S101 - click has all of _SHELLS
    variable = f"_{PROGRAM}_COMPLETE".replace("-", "_").upper()
    data(made(ctx.find_root().command, {}, PROGRAM, variable).source())


@click.command()
@click.pass_context
def man(ctx: click.Context) -> None:
    """Print the manual page.

    \b
    drmaa-cffi man | man -l -
    drmaa-cffi man > ~/.local/share/man/man1/drmaa-cffi.1
    """  # noqa: D301 - \b is click's mark for lines that must not be filled
    data(man_page(ctx.find_root().command))
