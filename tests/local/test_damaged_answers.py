"""The client library, answered by something that is no engine: with damaged and cut frames."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Iterator

import pytest
from fake_engine import FakeEngine
from test_sanitized_client import BINDING, CLIENT, compile_c

SOURCE = Path(__file__).parent / "c" / "answers.c"
FLAGS = ("-fsanitize=address,undefined", "-fno-omit-frame-pointer", "-fno-sanitize-recover")


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeEngine]:
    """An engine that is none."""
    seed = int.from_bytes(os.urandom(4), "little")
    print("seed", seed)  # noqa: T201  for who looks into a failure
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    with FakeEngine(folder, seed, damages=40).serving() as made:
        yield made


@pytest.mark.parametrize("rounds", [15, pytest.param(300, marks=pytest.mark.slow)])
def test_damaged_answers(fake: FakeEngine, tmp_path: Path, rounds: int) -> None:
    """No answer, however damaged, makes the client read or write where it must not, or hang."""
    sources = (SOURCE, *sorted(CLIENT.glob("*.c")))
    program = compile_c(tmp_path / "answers", *FLAGS, f"-I{BINDING}", *sources)
    of_sanitizers = ("LD_PRELOAD", "ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS")
    environment = {name: text for name, text in os.environ.items() if name not in of_sanitizers}
    environment |= {"DRMAA_LOCAL_HOME": str(tmp_path / "home"), "DRMAA_LOCAL_ENGINE": "false"}
    done = subprocess.run(
        ["setarch", "-R", str(program), str(rounds)], env=environment, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert (0, "1\n") == (done.returncode, done.stdout)
    assert fake.damaged > rounds
