"""The same calls through drmaa 0.7.9 and through drmaa-cffi: the same outcomes, but for a list.

The calls are those of calls.py. Its labels that begin with "better: " are the differences on
purpose; the user's list of them is docs/howto/moving-from-drmaa.md.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from drmaa_cffi import load_library
from drmaa_cffi.shim import FOLDER

CALLS = Path(__file__).parent / "calls.py"
# Errors that are raised before the library is asked, in our words.
OWN_WORDS = {"NoActiveSessionException"}

Outcomes = dict[str, list[Any]]


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcomes, Outcomes]:
    """What the calls give, by drmaa and by drmaa-cffi."""
    programs = []
    for name, path in (("real", None), ("ours", str(FOLDER))):
        folder = tmp_path_factory.mktemp(name)
        environment = {
            **os.environ,
            "DRMAA_LIBRARY_PATH": load_library().path,
            # drmaa does not know the word `local`, nor how to start its engine.
            "DRMAA_LOCAL_ENGINE": f"{sys.executable} -m drmaa_cffi.local engine",
            "PYTHONWARNINGS": "ignore::UserWarning",  # of ours; drmaa has none
        }
        environment.pop("PYTHONPATH", None)
        if path is not None:
            environment["PYTHONPATH"] = path
        with folder.joinpath("said").open("wb") as said:
            command = [sys.executable, str(CALLS), str(folder)]
            program = subprocess.Popen(command, env=environment, stdout=said, stderr=said)
        programs.append((program, folder / "said"))
    found = []
    try:
        for program, said in programs:
            assert 0 == program.wait(240), said.read_text()
            found.append(json.loads(said.read_text()))
    finally:
        for program, _ in programs:
            program.kill()
            program.wait(10)
    real, ours = found
    assert Path(ours["file"]).is_relative_to(FOLDER)
    assert not Path(real["file"]).is_relative_to(FOLDER)
    return real["outcomes"], ours["outcomes"]


def is_same(real: list[Any], ours: list[Any]) -> bool:
    """Whether outcomes are equal; our message may go on where drmaa's ends, or fill its void."""
    if not real[0] == ours[0] == "raises":
        return real == ours
    if real[1] != ours[1]:
        return False
    if ours[1] in OWN_WORDS:
        return str(real[2].split(":")[0]) == ours[2].split(":")[0]
    text = real[2].strip()
    if re.fullmatch(r"code \d+:", text):
        return bool(re.fullmatch(rf"{text} .+", ours[2], re.DOTALL))
    return bool(ours[2] == text or ours[2].startswith(f"{text} ("))


def test_same(outcomes: tuple[Outcomes, Outcomes]) -> None:
    """Every call but those of the list has the same outcome."""
    real, ours = outcomes
    assert list(real) == list(ours)
    labels = [label for label in real if not label.startswith("better: ")]
    assert 350 < len(real) < 400  # the guide to moving says: some 370
    different = [label for label in labels if not is_same(real[label], ours[label])]
    # As one text, of which pytest cuts nothing.
    assert "" == "\n".join(f"{label}: {real[label]} / {ours[label]}" for label in different)


def test_better(outcomes: tuple[Outcomes, Outcomes]) -> None:
    """Every call of the list has another outcome: the list holds nothing that is the same."""
    real, ours = outcomes
    labels = [label for label in real if label.startswith("better: ")]
    assert len(labels) > 15
    assert [] == [label for label in labels if is_same(real[label], ours[label])]
