"""What a job needs is said to the DRM, and the DRM keeps to it."""

from __future__ import annotations

from pathlib import Path

import pytest
from drms import Drm
from jobs import Jobs

from drmaa_cffi import JobTemplate, Resources, Session, UnsupportedAttributeException

SITE = "DRMAA_CFFI_RESOURCES"


@pytest.fixture(autouse=True)
def site(drm: Drm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file with this site's words."""
    path = tmp_path / "resources.ini"
    path.write_text(drm.site)
    monkeypatch.setenv(SITE, str(path))
    return path


def test_time(jobs: Jobs) -> None:
    """A job that runs longer than its resources say is ended."""
    info = jobs.run("exec sleep 600", resources=Resources(slots=1, walltime=1))
    assert (False, True) == (info.ok, info.hasSignal)


def test_own_words_win(jobs: Jobs, drm: Drm) -> None:
    """The native specification goes along, and overrides the resources."""
    option, script, printed = drm.native_option
    needs = Resources(slots=1, walltime=600)
    text = jobs.output(script, resources=needs, nativeSpecification=option)
    assert printed in text


def test_copies(drm: Drm, jobs: Jobs, session: Session) -> None:
    """A copy of a template asks for the same, and for another time if it is told to."""
    with jobs.template("exec sleep 600", resources=Resources(walltime=1)) as template:
        assert template.asdict() == JobTemplate(**template.asdict()).asdict()
        short = session.runJob(template.copy())
        enough = session.runJob(template.copy(args=["-c", "sleep 2"], resources=None))
    assert session.wait(short, 60 + drm.shortest_limit).cause in drm.causes_of_limit
    assert session.wait(enough, 60).ok


def test_what_cannot_be_said(jobs: Jobs, drm: Drm, site: Path) -> None:
    """What the DRM has no words for raises, until the site's file gives some or passes it over."""
    if not drm.wordless:
        pytest.skip("this DRM has words for all resources")
    needs = Resources(gpus=1)
    with pytest.raises(UnsupportedAttributeException, match=f"gpus=1: .*{SITE}"):
        jobs.template(resources=needs)
    site.write_text(f"{drm.site or '[local]'}\ngpus =\n")
    assert jobs.run("exit 0", resources=needs).ok
