"""What the README and the documentation show of the command ``drmaa-cffi`` is what it does."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from engines import Engine

ROOT = Path(__file__).parents[2]


def test_first_command(engine: Engine, tmp_path: Path) -> None:
    """It runs a job on the local engine and shows its output, and leaves no file."""
    text = ROOT.joinpath("README.md").read_text()
    (command, shown) = re.findall(
        r"^```console\n\$ (.*)\n\.\.\.\n((?:.*\n)*?)```$", text, re.MULTILINE
    )[0]
    assert command.startswith("python3 -m venv .venv && .venv/bin/pip install '.[cli]' && ")
    folder = tmp_path / "clone"
    folder.mkdir()
    # As if it had been installed there.
    (folder / ".venv").mkdir()
    (folder / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    done = subprocess.run(
        ["/bin/sh", "-c", command.rpartition(" && ")[2]],
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60,
        check=True,
    )  # fmt: skip
    progress = re.sub(r"^job 1: .*\n", "", done.stdout, flags=re.MULTILINE)
    assert re.sub(r"[\d.]+", "0", shown) == re.sub(r"[\d.]+", "0", progress)
    assert [folder / ".venv"] == list(folder.iterdir())


def test_submit_now_wait_later(engine: Engine, tmp_path: Path) -> None:
    """The commands of the how-to, one after the other, print what it shows."""
    page = ROOT.joinpath("docs", "howto", "run-from-the-shell.md").read_text()
    section = page.partition("## Submit now, wait later\n")[2]
    shown = section.partition("```console\n")[2].partition("```")[0]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    printed = ""
    for command in re.findall(r"^\$ (.*)$", shown, re.MULTILINE):
        done = subprocess.run(
            ["/bin/sh", "-c", f"exec {command}"],
            cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=60, check=True,
        )  # fmt: skip
        printed += f"$ {command}\n{done.stdout}"
    # How often a state is told is a matter of time, and so are the figures of the usage.
    printed = re.sub(r"^job 1: .*\n", "", printed, flags=re.MULTILINE)
    figures = re.compile(r"\d+\.\d+")
    assert figures.sub("0", shown) == figures.sub("0", printed)
