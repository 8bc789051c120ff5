"""Where and how a job runs is its submitter's business, not that of whoever started the engine."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from engines import Engine, root

PROGRAM = """
import drmaa_cffi, os, sys
s = drmaa_cffi.Session(); s.initialize()
t = s.createJobTemplate(); t.remoteCommand = '/bin/sh'
t.args = ['-c', 'nice; taskset -cp $$ | sed s/.*://; ionice']
t.outputPath, t.joinFiles = ':' + sys.argv[1], True
t.nativeSpecification = sys.argv[2]
print(s.wait(s.runJob(t), 30).exitStatus)
s.exit()
"""


def job_of(output: Path, *before: str, native: str = "") -> list[str]:
    """What a job says of itself whose submitter runs under some command."""
    words = [*before, sys.executable, "-c", PROGRAM, str(output), native]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, timeout=60, check=True)
    assert "0\n" == done.stdout
    lines = output.read_text().split("\n")
    output.unlink()
    return [line.strip() for line in lines if line]


@root
def test_of_the_submitter(engine: Engine, tmp_path: Path) -> None:
    """Niceness, CPUs and class of input and output are the submitter's."""
    output = tmp_path / "output"
    under = shlex.split("nice -n 11 taskset -c 0 ionice -c 3")
    first, second = job_of(output, *under), job_of(output)
    assert ["11", "0", "idle"] == first
    assert str(os.nice(0)) == second[0]
    assert len(os.sched_getaffinity(0)) == 1 or "0" != second[1]
    assert "idle" != second[2]
    assert "14" == job_of(output, *under, native="--nice 3")[0]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_umask_without_descriptors(engine: Engine, tmp_path: Path) -> None:
    """A submission leaves the umask alone for other threads, also when no descriptor is left."""
    program = (
        "import drmaa_cffi, os, resource, sys, threading\n"
        "s = drmaa_cffi.Session(); s.initialize(); os.umask(0o022)\n"
        "t = s.createJobTemplate(); t.remoteCommand = '/bin/true'\n"
        "t.outputPath, t.joinFiles = ':/dev/null', True\n"
        "s.runJob(t)\n"
        "over, modes = threading.Event(), []\n"
        "def work():\n"
        "    while not over.is_set():\n"
        "        os.mkdir(sys.argv[1]); modes.append(os.stat(sys.argv[1]).st_mode & 0o777)\n"
        "        os.rmdir(sys.argv[1])\n"
        "other = threading.Thread(target=work); other.start()\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (3, 1000))\n"
        "for number in range(1000):\n"
        "    os.environ['NUMBER'] = str(number); s.runJob(t)\n"
        "over.set(); other.join()\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (1000, 1000))\n"
        "print(len(modes) > 100, sorted(set(modes)) == [0o755])\n"
        "s.control(s.JOB_IDS_SESSION_ALL, 'terminate')\n"
    )
    words = [sys.executable, "-c", program, str(tmp_path / "folder")]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, timeout=120, check=True)
    assert "True True\n" == done.stdout
