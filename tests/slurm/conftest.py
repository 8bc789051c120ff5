"""What the tests of a Slurm of their own share."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from pathlib import Path
from typing import Iterator

import pytest
from cluster import Cluster, Engine, Wrap, running_cluster


@pytest.fixture(scope="module")
def shared_cluster() -> Iterator[Cluster]:
    """A Slurm of these tests' own."""
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture
def cluster(shared_cluster: Cluster) -> Iterator[Cluster]:
    """The same, with all daemons running, and no jobs left of the test."""
    shared_cluster.up()
    yield shared_cluster
    shared_cluster.up()
    shared_cluster.cancel_all()


@pytest.fixture
def engine(cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """An engine of this test, which its programs start; it ends with the test."""
    home = tmp_path / "engine"
    monkeypatch.setenv("DRMAA_SLURM_HOME", str(home))
    of_test = Engine(home, cluster)
    yield of_test
    cluster.up()
    of_test.command("stop", "--terminate")


@pytest.fixture
def wrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wrap:
    """What puts a script before one of Slurm's commands: ``$real`` is the command itself."""

    def wrapped(name: str, script: str) -> None:
        real = shutil.which(name)
        folder = tmp_path / "path"
        folder.mkdir(exist_ok=True)
        path = folder / name
        path.write_text(f"#!/bin/bash\nreal={real}\n{script}\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    return wrapped


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system of its own, of four megabytes."""
    folder = tmp_path / "small"
    folder.mkdir(mode=0o700)
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m,mode=700", "none", folder]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("no mounts here")
    with contextlib.ExitStack() as ending:
        ending.callback(subprocess.run, ["umount", "--lazy", folder], check=True)
        yield folder
