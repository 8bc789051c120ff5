"""What the pages show runs: commands print what they show, pieces of programs find their names.

Whole programs are run by test_howto.py and test_examples.py.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import Any, Iterator, NamedTuple

import pytest
from drms import Drm
from markdown_it import MarkdownIt

from programs import output, run

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [
        ROOT / "README.md",
        *(page for page in ROOT.glob("docs/**/*.md") if "_build" not in page.parts),
    ]
)
# The pages of a DRM are for that one; all others are for the local engine.
DRM_OF = {"slurm": "slurm", "slurm-administrators": "slurm", "gridengine": "gridengine"}
# Commands that no test can run here, with the reason.
ELSEWHERE = {
    r"\bpip |-m venv": "installs packages, from the network mostly",
    r"^\. \.venv|^try-drmaa/": "follows an installation",
    r"\bnox ": "is what runs the tests",
    r"tests/\w+/start|benchmarks/": "needs a cluster of its own, and hours",
    r"^\./configure|/(lsf|pbs|condor)-|profile\.lsf|^qmgr": "needs PBS, LSF or HTCondor",
    r"export (BSUB|PBS|CONDOR)_": "needs PBS, LSF or HTCondor",
    r"^find / ": "searches the whole disk",
    r"^apptainer ": "needs Apptainer",
    r"^cd .*purelib|drmaa-shim\.pth": "writes into this Python",
    r"snakemake": "is not among what the tests install",
    r"run -- nosuch": "shows what Grid Engine prints; test_cli.py::test_run_says_why runs it",
}
# These fail, which is what they are there for.
# What a block needs of one before it.
FIRST = {"CONTACT=session=1": "drmaa-cffi submit -- /bin/true >/dev/null 2>&1\n"}
FAILING = {"drmaa-cffi run -- /bin/cat input.txt": 1}
TASK = "#!/bin/sh\ntrue\n"
SITE = "[local]\nmemory =\n"
# What the reader of a piece of a program has.
BEFORE = """
import asyncio, drmaa_cffi as drmaa
from drmaa_cffi import *
from drmaa_cffi import aio
from drmaa_cffi.functions import FunctionExecutor
from pathlib import Path

def true():
    return JobTemplate(remoteCommand="/bin/true", outputPath=":/dev/null", joinFiles=True)

samples = ["a", "b"]
session = drmaa.Session()
session.initialize()
contact = session.contact
template, prepare, part, gather = true(), true(), true(), true()
executor = drmaa.JobExecutor(session)
futures = [executor.submit(template)]
job_id = session.runJob(template)
"""
AFTER = "executor.shutdown()\n"


class Block(NamedTuple):
    """A block of code on a page."""

    page: Path
    language: str
    text: str


def blocks(*languages: str) -> Iterator[Block]:
    """Give the blocks of all pages in one of these languages."""
    markdown = MarkdownIt("commonmark")
    for page in PAGES:
        for token in markdown.parse(page.read_text(encoding="utf-8")):
            if token.type == "fence" and token.info in languages:
                yield Block(page, token.info, token.content)


def parameters(found: Iterator[Block]) -> list[Any]:
    """Name each block by its page and its place among these there."""
    seen: list[str] = []
    params = []
    for block in found:
        seen.append(block.page.stem)
        params.append(pytest.param(block, id=f"{block.page.stem}-{seen.count(block.page.stem)}"))
    return params


def commands(block: Block) -> list[tuple[str, str]]:
    """Return the block's commands that can run here, each with what the page shows below it."""
    found = re.findall(r"^[$#] ((?:.*\\\n)*.*)\n((?:(?![$#] ).*\n)*)", block.text, re.MULTILINE)
    return [
        (command, shown)
        for command, shown in found
        if not any(re.search(pattern, command) for pattern in ELSEWHERE)
    ]


def of_commands() -> Iterator[Block]:
    """Give the blocks of which a command can run here."""
    return (block for block in blocks("console") if commands(block))


def plain(text: str, folder: Path) -> str:
    """Return output without figures, and without the progress, which is a matter of time."""
    text = re.sub(r"^(job 1|\d+ jobs): .*\n", "", text, flags=re.MULTILINE)
    text = text.replace(str(folder), "FOLDER").replace("/home/ada", "FOLDER")
    return re.sub(r"\d+(\.\d+)?", "0", text)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Go to a folder with what the commands name; the home beside it is empty, and stays so."""
    home, folder = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    for name in ("task", "analyse"):
        Path(name).write_text(TASK, encoding="ascii")
        Path(name).chmod(0o755)
    Path("align.sh").symlink_to("task")
    Path("pipeline.py").write_text("import drmaa\n", encoding="ascii")
    Path("examples").symlink_to(ROOT / "examples")
    Path("site.ini").write_text(SITE, encoding="ascii")
    monkeypatch.setenv("DRMAA_CFFI_RESOURCES", str(folder / "site.ini"))
    yield folder
    assert [] == list(home.iterdir())


@pytest.mark.parametrize("block", parameters(of_commands()))
def test_commands(block: Block, drm: Drm, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands of a block run one after the other in one shell, and print what is shown."""
    if drm.name != DRM_OF.get(block.page.stem, "local"):
        pytest.skip("these commands are for another DRM")
    engine = tempfile.mkdtemp(prefix="drmaa-blocks-")
    variable = f"DRMAA_{drm.name.upper()}_HOME"
    monkeypatch.setenv(variable, engine)
    missing = [name for name in ("jq", "man") if shutil.which(name) is None]
    script = "".join(line for word, line in FIRST.items() if word in block.text)
    expected = ""
    for written, shown in commands(block):
        command = written.replace("export DRMAA_SLURM_HOME", ": unused")
        if any(f"| {name} " in command for name in missing):
            command = command.rpartition(" | ")[0]
        status = FAILING.get(command, 0)
        script += (
            f"echo '===='\n{command}\nended=$?\n[ $ended = {status} ] || exit $((100 + ended))\n"
        )
        expected += f"====\n{shown}"
    try:
        done = subprocess.run(
            ["/bin/bash", "-c", script],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, timeout=120, check=False,
        )  # fmt: skip
    finally:
        for stop in ("local", "slurm"):
            if drm.name == stop:
                run(f"from drmaa_cffi.{stop}.__main__ import main; main()", "stop", "--terminate")
        shutil.rmtree(engine, ignore_errors=True)
    assert 0 == done.returncode, done.stdout
    printed = plain(done.stdout, place).split("====\n")
    for shown, real in zip(plain(expected, place).split("====\n"), printed):
        # Where a page shows nothing, it leaves out what is printed.
        assert shown in ("", real)


def of_pieces() -> Iterator[Block]:
    """Give the blocks of Python that are no whole programs, nor other tools' recipes."""
    for block in blocks("python"):
        if not block.text.startswith(("from", "import", '"""', "easyblock")):
            yield block


@pytest.mark.parametrize("block", parameters(of_pieces()))
def test_pieces(block: Block, drm: Drm, place: Path) -> None:
    """A piece of a program runs after what its page says before it."""
    if drm.name != DRM_OF.get(block.page.stem, "local"):
        pytest.skip("this piece is for another DRM")
    # It has a session, unless it opens one.
    begin = "session.exit()\n" if re.search(r"initialize\(|FunctionExecutor\(", block.text) else ""
    piece = begin + block.text.replace("    ...\n", "    raise KeyboardInterrupt\n")
    if "await " in piece:
        body = textwrap.indent(f"session = aio.Session()\n{piece}", "    ")
        piece = f"async def main():\n{body}asyncio.run(main())\n"
    done = run(BEFORE + piece + AFTER)
    if "raise KeyboardInterrupt" in piece:
        assert done.stderr.endswith("KeyboardInterrupt\n")
    else:
        output(done)


def test_task(tmp_path: Path) -> None:
    """The script of the page on the command finds its index by each DRM's variable."""
    (task,) = (block for block in blocks("sh") if "SGE_TASK_ID" in block.text)
    file = tmp_path / "task"
    file.write_text(task.text.replace("sleep", ": "), encoding="ascii")
    for variable in ("SGE_TASK_ID", "SLURM_ARRAY_TASK_ID", "TASK_ID"):
        for index, status in (("2", 0), ("3", 1)):
            done = subprocess.run(
                ["/bin/sh", str(file)], env={variable: index}, timeout=10, check=False
            )
            assert status == done.returncode


def test_count() -> None:
    """The blocks are found."""
    assert len(list(of_commands())) > 20
    assert len(list(of_pieces())) > 15
