"""The command ``drmaa-cffi`` where it needs no DRM: help, errors, completion, the manual."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from fake import SOURCES, Fake, compile_library

import programs
from drmaa_cffi.cli.ids import in_short
from programs import output
from terminal import COMMAND, drmaa_cffi

SUBCOMMANDS = {
    "run", "submit", "status", "wait", "logs", "hold", "release", "suspend", "resume", "terminate",
    "doctor", "local", "slurm", "completion", "man",
}  # fmt: skip


@pytest.mark.parametrize("missing", ["click", "rich"])
def test_without_extra(missing: str) -> None:
    """Without click or rich the command tells how to get them, and fails."""
    program = f"""
import sys
sys.modules[{missing!r}] = None
from drmaa_cffi.cli import main
sys.exit(main())
"""
    done = programs.run(program)
    assert (1, "") == (done.returncode, done.stdout)
    assert f"there is no {missing} for {sys.executable}" in done.stderr
    assert f"{sys.executable} -m pip install 'drmaa-cffi[cli]'\n" in done.stderr


def test_help() -> None:
    """The help names all subcommands, and needs no library."""
    done = drmaa_cffi("--help", DRMAA_LIBRARY_PATH="/nonexistent")
    commands = output(done).partition("Commands:\n")[2].splitlines()
    assert SUBCOMMANDS == {line.split()[0] for line in commands if line[2] != " "}


def test_light_import() -> None:
    """The binding does not import what the command is made with."""
    program = "import sys, drmaa_cffi; print({'click', 'rich'} & set(sys.modules))"
    assert "set()\n" == output(programs.run(program))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["run"], "Missing argument 'COMMAND", id="no command"),
        pytest.param(["run", "--array", "5-1", "--", "x"], "'5-1' are no indices", id="range"),
        pytest.param(["run", "--array", "0-1", "--", "x"], "'0-1' are no indices", id="zero"),
        pytest.param(["run", "--array", "1-x", "--", "x"], "'1-x' are no indices", id="word"),
        pytest.param(["run", "--array", "1-", "--", "x"], "use 5, 1-100, or 1-100:2", id="no end"),
        pytest.param(["run", "--array", "1-9:", "--", "x"], "'1-9:' are no", id="no step"),
        pytest.param(["run", "--env", "=x", "--", "x"], "'=x' is not set here", id="no name"),
        pytest.param(["run", "--env", "NOT_SET_", "--", "x"], "use NAME=VALUE", id="not set"),
        pytest.param(["run", "--slots", "0", "--", "x"], "0 is not in the range", id="slots"),
        pytest.param(["frobnicate"], "No such command 'frobnicate'", id="no such command"),
        pytest.param(["status"], "no job ids on standard input", id="no ids"),
    ],
)
def test_misuse(words: list[str], said: str) -> None:
    """What is wrong is named on stderr, with status 2, before any library is loaded."""
    done = drmaa_cffi(*words, DRMAA_LIBRARY_PATH="/nonexistent")
    assert (2, "") == (done.returncode, done.stdout)
    assert said in done.stderr


@pytest.mark.parametrize("text", ['{"jobs": 7}', "{", '{"ids": []}', '{"jobs": [{"id": 1}]}'])
def test_rubbish_on_stdin(text: str) -> None:
    """JSON that holds no ids is refused."""
    command = [*COMMAND, "status"]
    done = subprocess.run(
        command, input=text, text=True, capture_output=True, timeout=60, check=False
    )
    assert 2 == done.returncode
    assert 'a JSON object with "jobs"' in done.stderr


def test_no_library() -> None:
    """Where no library loads, the report of the search is the message."""
    done = drmaa_cffi("status", "1", DRMAA_LIBRARY_PATH="/nonexistent")
    assert (1, "") == (done.returncode, done.stdout)
    assert done.stderr.startswith("drmaa-cffi: Could not load the DRMAA library.")
    assert 125 == drmaa_cffi("run", "--", "x", DRMAA_LIBRARY_PATH="/nonexistent").returncode


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str) -> None:
    """Each shell gets a script, which asks the command, which completes."""
    script = output(drmaa_cffi("completion", shell))
    assert f"_DRMAA_CFFI_COMPLETE={shell}_complete" in script
    words = {"COMP_WORDS": "drmaa-cffi do", "COMP_CWORD": "do" if shell == "fish" else "1"}
    asked = drmaa_cffi(_DRMAA_CFFI_COMPLETE=f"{shell}_complete", **words)
    assert "doctor" in output(asked)


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_completion_in_bash() -> None:
    """bash takes the script, and gets an option's name from it."""
    program = (
        f'set -e; PATH="{Path(sys.executable).parent}:$PATH"\n'
        "source <(drmaa-cffi completion bash)\n"
        "COMP_WORDS=(drmaa-cffi run --sl); COMP_CWORD=2\n"
        "_drmaa_cffi_completion drmaa-cffi --sl run\n"
        'echo "${COMPREPLY[@]}"\n'
    )
    assert "--slots --slurm\n" == output(programs.start(["bash", "-c", program]))


@pytest.mark.skipif(shutil.which("groff") is None, reason="needs groff")
def test_man(tmp_path: Path) -> None:
    """The manual page is sound roff, and has each subcommand with its options."""
    page = tmp_path / "drmaa-cffi.1"
    page.write_text(output(drmaa_cffi("man")))
    command = ["groff", "-man", "-ww", "-Tutf8", "-P-cbou", str(page)]
    # Sanitizers have nothing to look for in groff.
    shown = output(programs.start(command, LD_PRELOAD=None))
    for command in SUBCOMMANDS - {"local", "slurm"} | {"local jobs", "slurm jobs"}:
        assert f"drmaa-cffi {command}" in shown
    for said in ("--array BEGIN-END[:STEP]", "--tail", "128 and the signal"):
        assert said in shown.replace("\u2010", "-")


def tls_library(tmp_path: Path) -> Path:
    """Return a libdrmaa that wants more static thread-local storage than is left."""
    hungry = tmp_path / "hungry.c"
    hungry.write_text(
        'static __thread char large[8192] __attribute__((tls_model("initial-exec")));\n'
        "char *hungry(void); char *hungry(void) {return large;}",
        encoding="utf-8",
    )
    return compile_library(tmp_path / "libdrmaa.so", *SOURCES, hungry)


def test_static_tls(tmp_path: Path) -> None:
    """The command starts itself again where that helps, and the environment stays as it was."""
    path = str(tls_library(tmp_path))
    alone = programs.start([sys.executable, "-m", "drmaa_cffi"], DRMAA_LIBRARY_PATH=path)
    assert "cannot allocate memory in static TLS block" in alone.stderr
    environment = {"DRMAA_LIBRARY_PATH": path, "GLIBC_TUNABLES": "glibc.malloc.check=0"}
    done = drmaa_cffi("status", "1", **environment)
    assert (1, "") == (done.returncode, done.stdout)
    assert "job 1: no such job" in done.stderr
    program = """
import os, sys
from drmaa_cffi.cli import restart
sys.argv = ["x"]
restart.settle()
restart.load()
print(os.environ["GLIBC_TUNABLES"], [name for name in os.environ if "RESTARTED" in name])
"""
    assert "glibc.malloc.check=0 []\n" == output(programs.run(program, **environment))


@pytest.mark.parametrize("text", ["7 8", '{"contact": "fake", "jobs": ["7", "8"]}'])
def test_static_tls_and_stdin(tmp_path: Path, text: str) -> None:
    """Ids on standard input are not lost where the command starts itself again."""
    done = subprocess.run(
        [*COMMAND, "status"],
        env={**os.environ, "DRMAA_LIBRARY_PATH": str(tls_library(tmp_path))},
        input=text, text=True, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert (1, "") == (done.returncode, done.stdout)
    assert ["job 7", "job 8"] == re.findall("job .(?=: no such job)", done.stderr)


def test_static_tls_in_vain(tmp_path: Path) -> None:
    """A library that even the second start cannot load is an error, not a loop."""
    hungry = tmp_path / "hungry.c"
    hungry.write_text(
        'static __thread char large[1 << 20] __attribute__((tls_model("initial-exec")));\n'
        "char *f(void); char *f(void) {return large;}",
        encoding="utf-8",
    )
    path = compile_library(tmp_path / "libdrmaa.so", hungry)
    done = drmaa_cffi("status", "1", DRMAA_LIBRARY_PATH=str(path))
    assert 1 == done.returncode
    assert "cannot allocate memory in static TLS block" in done.stderr


def test_broken_pipe(fake_library: Fake) -> None:
    """A reader that leaves early is no error of ours."""
    command = f"{' '.join(COMMAND)} man | head -n 1"
    done = programs.start(["/bin/sh", "-c", command])
    assert done.stdout.startswith(".TH")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", ["man", "run --help", "doctor", "doctor --json", "local status"])
def test_full_disk(words: str, tmp_path: Path) -> None:
    """Output that can't be written is an error, in a line; nothing more is said at the end."""
    done = programs.start(
        ["/bin/sh", "-c", f"{' '.join(COMMAND)} {words} >/dev/full"],
        DRMAA_LIBRARY_PATH=os.devnull,
        DRMAA_LOCAL_HOME=str(tmp_path),
    )
    said = "drmaa-cffi: the output can't be written: No space left on device\n"
    assert (1, said) == (done.returncode, done.stderr)


@pytest.mark.parametrize("words", ["man", "doctor", "status", "local jobs"])
def test_closed_streams(words: str, tmp_path: Path) -> None:
    """Streams that were closed are as good as /dev/null."""
    command = f"{' '.join(COMMAND)} {words}"
    environment = {"DRMAA_LIBRARY_PATH": os.devnull, "DRMAA_LOCAL_HOME": str(tmp_path)}
    status = programs.start(["/bin/sh", "-c", command], **environment).returncode
    done = programs.start(["/bin/sh", "-c", f"{command} <&- >&-"], **environment)
    assert (status, False) == (done.returncode, "Traceback" in done.stderr), done


def test_full_disk_for_messages() -> None:
    """Where nothing at all can be told, that is the status 1 at least."""
    command = f"{' '.join(COMMAND)} status 1 >/dev/full 2>&1"
    done = programs.start(["/bin/sh", "-c", command], DRMAA_LIBRARY_PATH="/nonexistent")
    assert 1 == done.returncode


def test_no_escape_codes_in_pipes() -> None:
    """Not even if colours are asked for by the environment."""
    environment = {"FORCE_COLOR": "1", "CLICOLOR_FORCE": "1", "TERM": "xterm"}
    done = drmaa_cffi("doctor", DRMAA_LIBRARY_PATH=os.devnull, **environment)
    assert "No job can be submitted." in done.stdout
    assert "\x1b" not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("ids", "text"),
    [
        ([], ""),
        (["5"], "5"),
        (["39.7", "39.8", "39.9", "39.11", "40.1"], "39.7-9 39.11 40.1"),
        (["7.2", "8", "7.3", "1.x", "n_1"], "7.2 8 7.3 1.x n_1"),
    ],
)
def test_ids_in_short(ids: list[str], text: str) -> None:
    """Tasks that follow each other are told as a range."""
    assert text == in_short(ids)


def test_reader_that_has_had_enough(fake: Fake) -> None:
    """`python -m drmaa_cffi | head -1` ends quietly."""
    command = f"{sys.executable} -m drmaa_cffi | head -1"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        env={**os.environ, "DRMAA_LIBRARY_PATH": str(fake.path), "PYTHONUNBUFFERED": "1"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (f"library: {fake.path}\n", "") == (done.stdout, done.stderr)
