"""Several login nodes with one home: each has its engine, and takes up what another's has left."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import Iterator

import pytest
from cluster import Cluster, Engine

from clusters import Client, client, pids_with, until

HERE = socket.gethostname()
# Making a cluster is a part of the first test.
pytestmark = pytest.mark.timeout(300)


class Nodes:
    """Two login nodes: this one, and "other", which sees the same home by another file system.

    As over NFS, the sockets of one node are nothing to the other.
    """

    def __init__(self, cluster: Cluster, home: Path, seen: Path) -> None:
        self.cluster = cluster
        self.home = home
        enter = 'hostname other; mount --bind "$1" "$2"; shift 2; exec "$@"'
        words = ("unshare", "--uts", "--mount", "sh", "-ec", enter, "sh")
        self._other = (*words, str(seen), str(home))

    def here(self, text: str) -> contextlib.AbstractContextManager[Client]:
        """Run a program on this node."""
        return client(self.cluster, text, HOME=str(self.home))

    def there(self, text: str) -> contextlib.AbstractContextManager[Client]:
        """Run a program on the other one."""
        return client(self.cluster, text, *self._other, HOME=str(self.home))

    @property
    def engine(self) -> Engine:
        """This node's engine."""
        return Engine(self.home / ".local" / "state" / "drmaa-slurm" / HERE, self.cluster)

    def pids(self) -> list[int]:
        """The engines, and what they have started."""
        return pids_with(f"HOME={self.home}", str(Path(sys.executable).resolve()))


@pytest.fixture(params=["locks", "no locks"])
def nodes(
    cluster: Cluster,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Iterator[Nodes]:
    """Two login nodes; the locks of their file system hold on both, or on each alone."""
    if shutil.which("bindfs") is None:
        pytest.skip("no bindfs here")
    for name in ("DRMAA_SLURM_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DRMAA_SLURM_IDLE", "1")
    home, seen = tmp_path / "home", tmp_path / "seen"
    home.mkdir()
    seen.mkdir()
    locks = ["--enable-lock-forwarding", "--multithreaded"] if request.param == "locks" else []
    mount = ["bindfs", *locks, "-o", "attr_timeout=0,entry_timeout=0", str(home), str(seen)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("no mounts here")
    with contextlib.ExitStack() as ending:
        ending.callback(subprocess.run, ["umount", "--lazy", seen], check=True)
        of_test = Nodes(cluster, home, seen)
        yield of_test
        until(lambda: not of_test.pids(), "the engines' leaving")


OPEN = """
Session.exit()
Session.initialize({contact!r})
"""
TWO_JOBS = """
say(Session.contact, submit("sleep 4; exit 4"), submit("exec sleep 600"))
hear()
"""
ENDS = """
say(Session.contact, end_of({ending!r}), Session.jobStatus({running!r}))
Session.control({running!r}, "terminate")
say(Session.wait({running!r}, 60).wasAborted, end_of(submit("exit 6")))
"""


def test_taken_up_after_a_crash(nodes: Nodes) -> None:
    """A session whose engine was killed goes on at another node, by its contact string."""
    with nodes.here(TWO_JOBS) as program:
        contact, ending, running = program.says().split()
        assert contact.endswith(f"@{HERE}")
        nodes.engine.kill()
        program.process.kill()
    text = OPEN.format(contact=contact) + ENDS.format(ending=ending, running=running)
    with nodes.there(text) as program:
        assert f"{contact} exited 4 running" == program.says()
        assert "True exited 6" == program.says()


def test_served_elsewhere(nodes: Nodes) -> None:
    """While one node's engine serves a session, another node gets an error that names the first.

    The same says a command to stop it. When that one has left, the other can have it at once.
    """
    with nodes.here(TWO_JOBS) as first:
        contact, ending, running = first.says().split()
        text = f"""
Session.exit()
def open_session():
    try:
        Session.initialize({contact!r})
    except DrmaaException as error:
        return type(error).__name__ + ": " + str(error)
    return "opened"
say(open_session())
import subprocess
began = time.monotonic()
done = subprocess.run([sys.executable, "-m", "drmaa_cffi.slurm", "stop"], text=True,
    env={{**os.environ, "DRMAA_SLURM_HOME": {str(nodes.engine.home)!r}}}, stderr=subprocess.PIPE)
say(done.returncode, time.monotonic() - began < 15, done.stderr)
hear()
until(lambda: open_session() == "opened")
"""
        with nodes.there(text + ENDS.format(ending=ending, running=running)) as second:
            said = second.says()
            assert said.startswith("DrmsInitException: ")
            assert f" on host {HERE}, process {nodes.engine.status()['pid']}, serves '" in said
            told = second.says()
            assert told.startswith(f"1 True the Slurm engine on host {HERE}, process ")
            assert told.endswith(": run python -m drmaa_cffi.slurm stop there")
            # It was not disturbed.
            first.hears()
            first.process.wait(60)
            assert f"{contact} exited 4 running" == second.answers()
            assert "True exited 6" == second.says()


def test_new_session_elsewhere(nodes: Nodes) -> None:
    """A new session at another node has nothing to do with the first node's, and takes nothing."""
    with nodes.here(TWO_JOBS) as program:
        contact, ending, _ = program.says().split()
        nodes.engine.kill()
        program.process.kill()
    with nodes.there('say(Session.contact, end_of(submit("exit 5")))') as program:
        theirs, *end = program.says().split()
        assert theirs.endswith("@other")
        assert ["exited", "5"] == end
    with nodes.here(OPEN.format(contact=contact) + f"say(end_of({ending!r}))") as program:
        assert "exited 4" == program.says()


def test_no_such_place(nodes: Nodes) -> None:
    """A contact that names no node of the user's is refused, and no folder is made for it."""
    text = """
Session.exit()
for contact in ("session=1@nowhere", "session=1@", "session=1@.", "session=1@../x", "session=9"):
    say(contact, attempt(lambda: Session.initialize(contact)))
"""
    with nodes.here(text) as program:
        for _ in range(5):
            assert program.says().endswith(" InvalidContactStringException")
    assert [HERE] == [path.name for path in nodes.engine.home.parent.iterdir()]
