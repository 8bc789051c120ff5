"""The local engine is not slow by orders of magnitude, and its benchmark works."""

from __future__ import annotations

import json
import runpy
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest
from engines import Engine, submit, template

from drmaa_cffi import Session

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_large_bulk(engine: Engine, session: Session) -> None:
    """A bulk job of 100,000 tasks is accepted soon, in little memory, and ended soon."""
    begin = time.monotonic()
    held = template(session, "true", jobSubmissionState="drmaa_hold")
    jobs = session.runBulkJobs(held, 1, 100_000, 1)
    assert 100_000 == len(jobs)
    assert time.monotonic() - begin < 20
    assert "user_on_hold" == session.jobStatus(jobs[99_999])
    session.control("DRMAA_JOB_IDS_SESSION_ALL", "terminate")
    session.synchronize(["DRMAA_JOB_IDS_SESSION_ALL"], 60, True)
    peak = Path(f"/proc/{engine.pid}/status").read_text().partition("VmHWM:")[2]
    assert int(peak.split()[0]) < 200 * 1024


def test_end_to_wait(engine: Engine, session: Session, tmp_path: Path) -> None:
    """A wait returns soon after its job has ended: nothing polls."""
    took = []
    for number in range(15):
        ended = tmp_path / str(number)
        job = submit(session, f"sleep 0.05; date +%s.%N > {ended}")
        session.wait(job, 30)
        took.append(time.time() - float(ended.read_text()))
    assert statistics.median(took) < 0.05


@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
def test_benchmark(tmp_path: Path) -> None:
    """It measures, in a process and with an engine of its own, and a page is made of it."""
    figures = tmp_path / "figures.json"
    words = [sys.executable, str(BENCHMARKS / "local_engine.py"), "--jobs", "20", "--rounds", "1"]
    subprocess.run([*words, "--json", str(figures)], check=True, timeout=120)
    found = json.loads(figures.read_text(encoding="utf-8"))
    page = tmp_path / "speed.md"
    page.write_text("<!-- local-engine -->\n<!-- end of local-engine -->\n", encoding="utf-8")
    runpy.run_path(str(BENCHMARKS / "pages.py"))["write"](found, tmp_path)
    table = page.read_text(encoding="utf-8")
    for what, _, _ in found["rows"]:
        assert f"| {what} |" in table
    done = subprocess.run(
        [*words, "--psij", "/no/python"], capture_output=True, text=True, check=False, timeout=60
    )
    assert 2 == done.returncode
    assert "--psij /no/python: there is no such program" in done.stderr
