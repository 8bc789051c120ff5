"""What a job needs, on a Grid Engine with a parallel environment `smp`, as `start` makes it."""

from __future__ import annotations

from pathlib import Path

import pytest

from drmaa_cffi import DeniedByDrmException, JobTemplate, Resources, Session


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file with the name of the parallel environment."""
    path = tmp_path / "resources.ini"
    path.write_text("[gridengine]\nslots = -pe smp {slots}\n")
    monkeypatch.setenv("DRMAA_CFFI_RESOURCES", str(path))


def test_slots_memory_and_queue(tmp_path: Path) -> None:
    """A job has the slots, the queue and the memory that its resources ask for."""
    output = tmp_path / "output"
    needs = Resources(slots=2, memory="1G", walltime=60, queue="all.q")
    with (
        Session() as session,
        JobTemplate(
            remoteCommand="/bin/sh",
            args=["-c", 'echo "$NSLOTS $QUEUE $(ulimit -v)"'],
            outputPath=output,
            joinFiles=True,
            resources=needs,
        ) as template,
    ):
        info = session.wait(session.runJob(template), 90)
    assert info.ok
    assert f"2 all.q {1024**2}\n" == output.read_text()


def test_no_such_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A parallel environment that the site does not have is refused when the job is submitted."""
    (tmp_path / "resources.ini").write_text("[gridengine]\nslots = -pe no-such {slots}\n")
    with (
        Session() as session,
        JobTemplate(remoteCommand="/bin/true", resources=Resources(slots=2)) as template,
        pytest.raises(DeniedByDrmException, match="no-such"),
    ):
        session.runJob(template)
