"""The command line of the local engine, and programs in C that link with its library."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from engines import Engine, submit, template, until

import drmaa_cffi
from drmaa_cffi import Session

HEADERS = Path(drmaa_cffi.__file__).parent / "_binding" / "_c"


def test_library(engine: Engine) -> None:
    """The command library prints the path of a libdrmaa that needs nothing of Python."""
    done = engine.command("library")
    path = Path(done.stdout.strip())
    assert path.is_file()
    assert path.with_name("libdrmaa.so.1.0").is_file()
    needed = subprocess.run(["ldd", str(path)], capture_output=True, text=True, check=True).stdout
    assert "python" not in needed


def test_status(engine: Engine) -> None:
    """The command status counts jobs by state; without an engine the pid is null."""
    status = engine.status()
    assert (None, str(engine.home), 2) == (status["pid"], status["home"], status["slots"])
    session = Session()
    session.initialize()
    running = submit(session, "sleep 600")
    submit(session, "true", jobSubmissionState="drmaa_hold")
    until(lambda: session.jobStatus(running) == "running")
    status = engine.status()
    assert Path(f"/proc/{status['pid']}").exists()
    assert {"running": 1, "user_on_hold": 1} == {
        state: count for state, count in status["jobs"].items() if count
    }


def test_jobs(engine: Engine, session: Session) -> None:
    """The command jobs tells of each job that is left, and of bulk jobs at once."""
    held = submit(session, "true", jobSubmissionState="drmaa_hold", jobName="held-one")
    bulk = session.runBulkJobs(template(session, "sleep 600"), 1, 100, 3)  # type: ignore[arg-type]
    until(lambda: session.jobStatus(bulk[1]) == "running")
    first, second = json.loads(engine.command("jobs").stdout)
    assert (held, "held-one", None) == (first["job"], first["name"], first["tasks"])
    assert ["/bin/sh", "-c", "true"] == first["command"]
    assert {"user_on_hold": 1} == first["states"]
    assert (bulk[0].partition(".")[0], [1, 100, 3]) == (second["job"], second["tasks"])
    assert {"running": 2, "queued": 32} == second["states"]
    assert session.contact == second["contact"]


def test_no_jobs(engine: Engine) -> None:
    """Without an engine there are no jobs."""
    assert "[]\n" == engine.command("jobs").stdout


def test_stop(engine: Engine, session: Session, tmp_path: Path) -> None:
    """The command stop ends the engine only: jobs go on, and the next call finds them."""
    job = submit(session, f"sleep 1; touch {tmp_path}/done; exit 3")
    until(lambda: session.jobStatus(job) == "running")
    before = engine.pid
    assert 0 == engine.command("stop").returncode
    assert 3 == session.wait(job, 30).exitStatus
    assert before != engine.pid


def test_engine_command(engine: Engine, session: Session) -> None:
    """Starting an engine where one runs does nothing, and succeeds."""
    before = engine.pid
    done = engine.command("engine")
    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)
    assert before == engine.pid


def test_same_home(engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The library and the commands find the same folder, however it is named."""
    monkeypatch.chdir(tmp_path)
    for variables in (
        {"DRMAA_LOCAL_HOME": "relative/folder"},
        {"DRMAA_LOCAL_HOME": "", "XDG_STATE_HOME": str(tmp_path / "state")},
        {"DRMAA_LOCAL_HOME": "", "XDG_STATE_HOME": "not/absolute", "HOME": str(tmp_path)},
    ):
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        session = Session()
        session.initialize()
        done = subprocess.run(
            [sys.executable, "-m", "drmaa_cffi.local", "status"],
            capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        assert '"pid": null' not in done.stdout
        session.exit()
        subprocess.run(
            [sys.executable, "-m", "drmaa_cffi.local", "stop", "--terminate"],
            check=True,
            timeout=60,
        )


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_c_program(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A C program linked with the library runs a job; the engine is found on PATH."""
    library = Path(engine.command("library").stdout.strip())
    source = tmp_path / "program.c"
    source.write_text(
        '#include "drmaa.h"\n#include <stdio.h>\n#include <stdlib.h>\n'
        "static void check(int code, const char *words)\n"
        "{ if (code) { puts(words); exit(1); } }\n"
        "int main(void) {\n"
        '    char d[1024] = "", id[64]; drmaa_job_template_t *jt; int stat, status;\n'
        '    const char *args[] = {"-c", "exit 42", NULL};\n'
        "    check(drmaa_init(NULL, d, sizeof d), d);\n"
        "    check(drmaa_allocate_job_template(&jt, d, sizeof d), d);\n"
        '    check(drmaa_set_attribute(jt, DRMAA_REMOTE_COMMAND, "/bin/sh", d, sizeof d), d);\n'
        "    check(drmaa_set_vector_attribute(jt, DRMAA_V_ARGV, args, d, sizeof d), d);\n"
        '    check(drmaa_set_attribute(jt, DRMAA_OUTPUT_PATH, ":/dev/null", d, sizeof d), d);\n'
        '    check(drmaa_set_attribute(jt, DRMAA_JOIN_FILES, "y", d, sizeof d), d);\n'
        "    check(drmaa_run_job(id, sizeof id, jt, d, sizeof d), d);\n"
        "    check(drmaa_wait(id, NULL, 0, &stat, -1, NULL, d, sizeof d), d);\n"
        "    check(drmaa_wexitstatus(&status, stat, d, sizeof d), d);\n"
        "    check(drmaa_delete_job_template(jt, d, sizeof d), d);\n"
        "    check(drmaa_exit(d, sizeof d), d);\n"
        '    printf("%d\\n", status);\n'
        "    return 0;\n}\n"
    )
    program = tmp_path / "program"
    subprocess.run(
        ["cc", "-Wall", "-Werror", f"-I{HEADERS}", "-o", program, source, f"-L{library.parent}",
         "-ldrmaa"], check=True,
    )  # fmt: skip
    monkeypatch.delenv("DRMAA_LOCAL_ENGINE")
    command = tmp_path / "bin" / "drmaa-local-engine"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m drmaa_cffi.local engine\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{command.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("LD_LIBRARY_PATH", str(library.parent))
    done = subprocess.run([program], capture_output=True, text=True, timeout=60, check=False)
    assert "42\n" == done.stdout


def test_engine_that_ends_while_it_is_asked(engine: Engine) -> None:
    """To the command status an engine that ends without an answer is no engine."""
    engine.home.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(engine.home / "engine.sock"))
        listening.listen()

        def hang_up() -> None:
            link, _ = listening.accept()
            until(lambda: link.recv(1, socket.MSG_PEEK) != b"")
            link.close()  # with the question unread, which resets the connection

        thread = threading.Thread(target=hang_up)
        thread.start()
        status = engine.status()
        thread.join(10)
    assert (None, {}) == (status["pid"], status["jobs"])


def test_foreground_failure(engine: Engine) -> None:
    """An engine in the foreground that cannot work says why in a line."""
    engine.home.mkdir(mode=0o700)
    (engine.home / "engine.db").write_bytes(b"no database" * 1000)
    done = engine.command("engine", "--foreground")
    assert 1 == done.returncode
    line = f"the local engine cannot work in '{engine.home}': file is not a database\n"
    assert line == done.stderr
