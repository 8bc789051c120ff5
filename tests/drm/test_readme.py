"""The code in the README runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "examples" / "hello.py"


def test_readme_shows_the_example() -> None:
    """The program in the README is examples/hello.py."""
    text = ROOT.joinpath("README.md").read_text()
    (shown,) = re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert PROGRAM.read_text().endswith('"""\n\n' + shown)


def test_readme_example(tmp_path: Path) -> None:
    """It runs its job and prints the record and the job's output."""
    done = subprocess.run(
        [sys.executable, "-W", "error", str(PROGRAM)],
        cwd=tmp_path,
        capture_output=True,
        timeout=120,
        text=True,
        check=False,
    )
    assert "" == done.stderr
    assert re.fullmatch(r"job \S+ exited with 0 and said: hello from the cluster\n", done.stdout)
