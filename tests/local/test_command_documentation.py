"""The first command of the README does what it shows; tests/drm/test_blocks.py has the others."""

from __future__ import annotations

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
