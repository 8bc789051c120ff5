"""Each of DRMAA's error codes that Slurm can give rise to, and which ones it cannot."""

from __future__ import annotations

import contextlib
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Callable, Iterator

import pytest
from cluster import Cluster, Engine, Wrap

from clusters import client
from drmaa_cffi import DrmaaException, JobTemplate, Session
from drmaa_cffi.errors import Errno

#: Elsewhere, where Slurm's daemons, or several hosts, are at hand.
ELSEWHERE = {
    Errno.DRM_COMMUNICATION_FAILURE: "test_failures.py::test_controller_away",
    Errno.TRY_LATER: "test_failures.py::test_controller_away",
    Errno.INTERNAL_ERROR: "test_errors.py::test_lost",
    Errno.AUTH_FAILURE: "test_errors.py::test_socket_of_another_user",
}
NEVER = {
    Errno.SUCCESS: "no error",
    Errno.NO_MEMORY: "only where memory runs out",
    Errno.DEFAULT_CONTACT_STRING_ERROR: "the default is a new session",
    Errno.NO_DEFAULT_CONTACT_STRING_SELECTED: "there is always a default",
    Errno.DRMS_EXIT_ERROR: "a session's end needs nothing of Slurm",
    Errno.NO_RUSAGE: "a job that has not run has a record, without usage",
    Errno.NO_MORE_ELEMENTS: "in C only, where it ends each list",
}
Case = Callable[[], object]


@pytest.fixture
def session() -> Iterator[Session]:
    """An open session; its jobs end with it."""
    with Session() as opened:
        yield opened
        opened.control(Session.JOB_IDS_SESSION_ALL, "terminate")
        opened.synchronize([Session.JOB_IDS_SESSION_ALL], 60, dispose=True)


def submit(**attributes: object) -> str:
    """Submit a job that waits for its release."""
    values = {
        "remoteCommand": "/bin/true",
        "outputPath": ":/dev/null",
        "joinFiles": True,
        "jobSubmissionState": "drmaa_hold",
        **attributes,
    }
    with JobTemplate(**values) as template:
        return Session.runJob(template)


@contextlib.contextmanager
def no_session() -> Iterator[None]:
    """Without a session in the block, and with one after it."""
    Session.exit()
    try:
        yield
    finally:
        Session.initialize()


def outside(call: Case) -> Case:
    """A call that is made without a session."""

    def made() -> None:
        with no_session():
            call()

    return made


def initialize_in_open_folder() -> None:
    """Open a session whose engine's folder all users may enter."""
    home = os.environ["DRMAA_SLURM_HOME"]
    folder = Path(f"{home}-open")
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    os.environ["DRMAA_SLURM_HOME"] = str(folder)
    try:
        Session.initialize()
    finally:
        os.environ["DRMAA_SLURM_HOME"] = home
        folder.rmdir()


FROM = {"startTime": "2037/01/02 00:00"}
CASES: dict[Errno, Case] = {
    Errno.INVALID_ARGUMENT: lambda: submit(transferFiles="io"),
    Errno.NO_ACTIVE_SESSION: outside(lambda: Session.jobStatus("1")),
    Errno.INVALID_CONTACT_STRING: outside(lambda: Session.initialize("session=987654")),
    Errno.DRMS_INIT_FAILED: outside(initialize_in_open_folder),
    Errno.ALREADY_ACTIVE_SESSION: Session.initialize,
    Errno.INVALID_ATTRIBUTE_FORMAT: lambda: submit(outputPath="/dev/null"),
    Errno.INVALID_ATTRIBUTE_VALUE: lambda: submit(jobSubmissionState="drmaa_confused"),
    Errno.CONFLICTING_ATTRIBUTE_VALUES: lambda: submit(deadlineTime="2037/01/01 00:00", **FROM),
    Errno.DENIED_BY_DRM: lambda: submit(nativeSpecification="--partition=no-such"),
    Errno.INVALID_JOB: lambda: Session.jobStatus("99999999"),
    Errno.RESUME_INCONSISTENT_STATE: lambda: Session.control(submit(), "resume"),
    Errno.SUSPEND_INCONSISTENT_STATE: lambda: Session.control(submit(), "suspend"),
    Errno.HOLD_INCONSISTENT_STATE: lambda: Session.control(submit(), "hold"),
    Errno.RELEASE_INCONSISTENT_STATE: lambda: Session.control(
        submit(jobSubmissionState="drmaa_active", **FROM), "release"
    ),
    Errno.EXIT_TIMEOUT: lambda: Session.wait(submit(), 0),
}


def test_all_codes() -> None:
    """There is a test for each of the codes, or a reason why there is none."""
    assert sorted(Errno) == sorted([*CASES, *ELSEWHERE, *NEVER])
    for test in ELSEWHERE.values():
        name, _, function = test.partition("::")
        assert f"\ndef {function}(" in Path(__file__).with_name(name).read_text()


@pytest.mark.parametrize("code", CASES, ids=lambda code: code.name)
def test_error(session: Session, code: Errno) -> None:
    """What is wrong is told by its own code and class."""
    with pytest.raises(DrmaaException, match=f"^code {int(code)}: ") as caught:
        CASES[code]()
    assert (int(code), int(code)) == (caught.value.code, type(caught.value).code)


HOLDS_SOCKET = """
import os, socket, sys
os.setgid(65534)
listening = socket.socket(socket.AF_UNIX)
listening.bind(sys.argv[1])
os.setuid(65534)
listening.listen()
print(flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_socket_of_another_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else's engine is talked to: AuthorizationException."""
    home = tmp_path / "engine"
    home.mkdir(mode=0o700)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS_SOCKET, str(home / "engine.sock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        monkeypatch.setenv("DRMAA_SLURM_HOME", str(home))
        with pytest.raises(DrmaaException, match=r"^code 3: .* user 65534, not by you"):
            Session.initialize()
        other.kill()


# squeue knows nothing of one job, as if Slurm had forgotten it.
FORGETFUL = """
set -o pipefail
$real "$@" | { grep -v "^$(cat FILE 2>/dev/null || echo none) " || true; }
"""


# The engine as it is, but for the five minutes.
IMPATIENT = """
import sys
from drmaa_cffi.engine.core import command
from drmaa_cffi.engine.slurm import absent, backend
absent.LOST_SECONDS = 15
sys.exit(command.main(backend.Kind(), sys.argv[1:]))
"""


@pytest.mark.timeout(300)
def test_lost(cluster: Cluster, engine: Engine, wrap: Wrap, tmp_path: Path) -> None:
    """A job of which neither Slurm nor a record can tell is lost after a time, not finished."""
    victim = tmp_path / "victim"
    wrap("squeue", FORGETFUL.replace("FILE", str(victim)))
    with client(
        cluster,
        """
lost, other = submit("exec sleep 600"), submit("exec sleep 600")
until_running(lost)
until_running(other)
say(lost)
hear()
began = time.monotonic()
try:
    Session.wait(lost, 200)
except DrmaaException as error:
    say(error.code, time.monotonic() - began > 14, error)
say(Session.jobStatus(other))
""",
        DRMAA_SLURM_ENGINE=shlex.join([sys.executable, "-c", IMPATIENT, "engine"]),
    ) as program:
        victim.write_text(program.says())
        told = program.answers()
        assert told.startswith("1 True code 1: ")
        assert "cannot be found out" in told
        assert "running" == program.says()
